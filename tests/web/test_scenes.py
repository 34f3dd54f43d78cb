"""A video's sounds, made and changed over HTTP, and written as the command writes them."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest
from libraries import copied, run
from web_server import Page, film, serving

from indexer.errors import SceneError
from indexer.progress import Progress
from query.web import scenes


class Scene:
    """A server, the id of a film that it may open, and the project folder."""

    def __init__(self, page: Page, video: str, project: Path, library: Path) -> None:
        self.page, self.video, self.project, self.library = page, video, project, library

    def post(self, path: str, **body: Any) -> Any:
        return self.page.client.post(f"/api/scene{path}", json=body)

    def done(self) -> str:
        until = time.monotonic() + 120
        while (state := self.page.json("/api/scene/state"))["running"]:
            assert time.monotonic() < until, state
            time.sleep(0.05)
        return str(state["said"])

    def make(self, *, anew: bool = False) -> Any:
        assert self.post("", video=self.video, anew=anew).status_code == 202
        self.done()
        return self.page.json("/api/scene")


@pytest.fixture(scope="module")
def scene(web_library: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    home = tmp_path_factory.mktemp("scenes")
    (home / "project").mkdir()
    film(home / "plain.mp4", "libx264", "yuv420p")
    copied(web_library, home / "library")
    with serving(home / "library", roots=[home]) as page:
        page.ready()
        [root] = page.json("/api/places")["folders"]
        inside = page.json("/api/places", place=root["id"])
        [video] = [each["id"] for each in inside["videos"]]
        made = Scene(page, video, home / "project", home / "library")
        assert "project first" in made.post("", video=video).json()["error"]
        [project] = [each["id"] for each in inside["folders"] if each["name"] == "project"]
        page.client.post("/api/project", json={"place": project})
        yield made


def test_a_scene_is_what_the_command_makes_and_is_kept(scene: Scene) -> None:
    found = scene.make(anew=True)
    assert (found["name"], found["seconds"], len(found["shots"])) == ("plain.mp4", 2.0, 2)
    assert found["cues"]
    kept = json.loads((scene.project / "plain.sonorize.json").read_text())
    out = scene.project.parent / "told.sonorize.json"
    done = run("video", scene.project.parent / "plain.mp4", "-o", out, "--library", scene.library)
    assert done.code == 0, done.err
    told = json.loads(out.read_text())
    assert [cue["id"] for cue in kept["cues"]] == [cue["id"] for cue in told["cues"]]
    assert {each["clip"]["title"] for each in found["cues"]} == {
        cue["clip"]["title"] for cue in told["cues"]
    }


def test_cues_are_swapped_moved_locked_and_taken_away(scene: Scene) -> None:
    first = scene.make(anew=True)["cues"][0]

    def now(found: Any) -> Any:
        return next((cue for cue in found["cues"] if cue["id"] == first["id"]), None)

    moved = now(scene.post(f"/cues/{first['id']}", nudge=5).json())
    assert (moved["start"], moved["locked"]) == (pytest.approx(first["start"] + 0.2), True)
    if first["alternates"]:
        other = first["alternates"][0]["title"]
        swapped = now(scene.post(f"/cues/{first['id']}", alternate=0).json())
        assert swapped["clip"]["title"] == other
        back = now(scene.post(f"/cues/{first['id']}", alternate=0).json())
        assert back["clip"]["title"] == first["clip"]["title"]
    assert now(scene.make())["start"] == moved["start"]  # from the project file
    assert now(scene.make(anew=True))["start"] == moved["start"]  # since it is locked
    assert now(scene.post(f"/cues/{first['id']}", locked=False).json())["locked"] is False
    assert now(scene.post(f"/cues/{first['id']}", remove=True).json()) is None
    assert scene.post(f"/cues/{first['id']}", nudge=1).status_code == 400
    assert scene.post("/cues/nobody", alternate=99).status_code == 400


def test_what_is_meant_for_another_video_changes_nothing(scene: Scene) -> None:
    found = scene.make(anew=True)
    cue, another = found["cues"][0]["id"], "0" * 32
    for answer in (
        scene.post(f"/cues/{cue}", remove=True, video=another),
        scene.post("/write", formats=[".csv"], video=another),
    ):
        assert "Another video was opened since" in answer.json()["error"]
    assert scene.page.json("/api/scene") == found
    assert scene.post(f"/cues/{cue}", locked=True, video=found["video"]).status_code == 200


def test_a_film_that_was_moved_is_known_and_another_of_its_name_is_not(
    web_library: Path, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    for folder in ("project", "first", "second"):
        (home / folder).mkdir(parents=True)
    film(home / "first/take.mp4", "libx264", "yuv420p")
    shutil.copy(home / "first/take.mp4", home / "second/take.mp4")
    with serving(web_library, roots=[home]) as page:
        page.ready()
        searcher = page.desk.searcher()
        first, second = (
            scenes.Scene("", home / name / "take.mp4", home / "project")
            for name in ("first", "second")
        )
        first.make(searcher, Progress(), anew=False)
        for anew in (False, True):
            with pytest.raises(SceneError, match=r"is of another video, .*take\.mp4"):
                second.make(searcher, Progress(), anew=anew)
        first.path.unlink()
        second.make(searcher, Progress(), anew=False)
        assert second.sheet.film == replace(first.sheet.film, path=str(second.path))
        assert second.sheet.cues == first.sheet.cues


def test_any_sound_of_the_library_can_take_the_place_of_a_cues(scene: Scene) -> None:
    first = scene.make(anew=True)["cues"][0]

    def put(**body: Any) -> Any:
        found = scene.post(f"/cues/{first['id']}", **body)
        assert found.status_code == 200, found.text
        return next(cue for cue in found.json()["cues"] if cue["id"] == first["id"])

    titles = {hit["title"]: hit["id"] for hit in scene.page.json("/api/sounds")["hits"]}
    other = next(name for name in ("bell", "bird") if name != first["clip"]["title"])
    replaced = put(sound=titles[other])
    assert (replaced["clip"]["title"], replaced["locked"]) == (other, True)
    assert replaced["alternates"][0]["title"] == first["clip"]["title"]
    assert replaced["start"] == first["start"]
    assert replaced["end"] <= first["end"] + 1.0
    back = put(alternate=0)
    for name in ("start", "end", "gain", "offset", "loop"):
        assert back[name] == pytest.approx(first[name]), name
    again = put(sound=titles[first["clip"]["title"]])  # itself: nothing is added
    assert len(again["alternates"]) == len(back["alternates"])
    assert scene.post(f"/cues/{first['id']}", sound=9999).status_code == 404
    kept = json.loads((scene.project / "plain.sonorize.json").read_text())
    assert first["clip"]["title"] in [cue["clip"]["title"] for cue in kept["cues"]]


def test_films_and_sessions_are_written_beside_the_project(scene: Scene) -> None:
    scene.make(anew=True)
    assert scene.post("/write", formats=[".exe"]).status_code == 422
    assert scene.post("/write", formats=[".mp4", ".rpp", ".wav"]).status_code == 202
    assert scene.done().startswith("plain_sonorize.mp4, plain_sonorize.rpp")
    with av.open(str(scene.project / "plain_sonorize.mp4")) as container:
        assert [len(container.streams.video), len(container.streams.audio)] == [1, 1]
    assert "<REAPER_PROJECT" in (scene.project / "plain_sonorize.rpp").read_text()
    assert (scene.project / "plain_sonorize.wav").stat().st_size > 100_000


def test_what_one_format_cannot_hold_the_others_still_get(scene: Scene) -> None:
    scene.make(anew=True)
    shown = scene.page.desk.scene
    assert shown is not None
    shown._sheet = replace(shown.sheet, film=replace(shown.sheet.film, rate=Fraction(374, 25)))
    said = shown.write([".edl", ".csv"], Progress())
    assert said.startswith("plain_sonorize.csv in project. plain_sonorize.edl was not written: ")
    assert (scene.project / "plain_sonorize.csv").exists()
    with pytest.raises(SceneError, match=r"^plain_sonorize\.edl was not written: "):
        shown.write([".edl"], Progress())
