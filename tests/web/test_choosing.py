"""What is chosen on the page: kept, collected, written into a project, taken along."""

from __future__ import annotations

import io
import json
import os
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import soundfile
from libraries import copied
from web_server import Page, serving

from query.web.zips import pack


class Chosen:
    """A server of its own, that may write into `project` and shows files to `revealed`."""

    def __init__(self, page: Page, library: Path, home: Path, revealed: list[Path]) -> None:
        self.page, self.library, self.home, self.revealed = page, library, home, revealed

    def id(self, words: str) -> int:
        [hit] = self.page.json("/api/query-by-text", words=words, only="exact")["hits"]
        return int(hit["id"])

    def post(self, path: str, **body: Any) -> Any:
        return self.page.client.post(f"/api/{path}", json=body)

    def choose_project(self) -> None:
        [root] = self.page.json("/api/places")["folders"]
        inside = self.page.json("/api/places", place=root["id"])
        [project] = [each for each in inside["folders"] if each["name"] == "project"]
        assert self.post("project", place=project["id"]).status_code == 200


@pytest.fixture
def chosen(web_library: Path, tmp_path: Path) -> Iterator[Chosen]:
    copied(web_library, tmp_path / "library")
    (tmp_path / "home/project").mkdir(parents=True)
    (tmp_path / "home/.hidden").mkdir()
    (tmp_path / "secret").mkdir()
    (tmp_path / "home/link").symlink_to(tmp_path / "secret")
    revealed: list[Path] = []
    with serving(tmp_path / "library", roots=[tmp_path / "home"], reveal=revealed.append) as page:
        yield Chosen(page, tmp_path / "library", tmp_path / "home", revealed)


def test_marks_and_collections_outlive_the_server(chosen: Chosen) -> None:
    dog, cat = chosen.id("dog"), chosen.id("cat")
    assert chosen.post(f"sounds/{dog}/mark", mark="kept").status_code == 204
    assert chosen.post(f"sounds/{cat}/mark", mark="rejected").status_code == 204
    assert chosen.post("collections", name=" scene  4 ", sounds=[cat, dog]).status_code == 204
    with serving(chosen.library, roots=[]) as page:
        assert page.json(f"/api/sounds/{cat}")["mark"] == "rejected"
        assert page.json("/api/collections") == [
            {"name": "", "count": 1}, {"name": "scene 4", "count": 2},
        ]  # fmt: skip
        held = page.json("/api/sounds", collection="scene 4")
        assert [hit["title"] for hit in held["hits"]] == ["cat", "dog"]
        assert page.json("/api/sounds", collection="")["total"] == 1
    chosen.post("collections", name="scene 4", sounds=[cat, dog], remove=True)
    assert len(chosen.page.json("/api/collections")) == 1
    assert chosen.post("collections", name="  ", sounds=[cat]).status_code == 400


def test_a_region_is_spotted_exactly_with_its_handles(chosen: Chosen) -> None:
    bird = chosen.id("bird")
    assert "project first" in chosen.post(f"sounds/{bird}/spot").json()["error"]
    chosen.choose_project()
    said = chosen.post(
        f"sounds/{bird}/spot", start=5.0, end=7.5, handles=1.0, rate=16_000, bits=16,
        names="{title}_x",
    ).json()  # fmt: skip
    assert said == {"name": "bird_x.wav", "head": 1.0, "project": "project"}
    written, rate = soundfile.read(chosen.home / "project/bird_x.wav", dtype="float32")
    original, _ = soundfile.read(_source(chosen, bird), dtype="float32")
    assert rate == 16_000
    assert written.shape == (4.5 * 16_000,)
    assert abs(written - original[4 * 16_000 : int(8.5 * 16_000)]).max() < 1e-4
    whole = chosen.post(f"sounds/{bird}/spot", handles=0, rate=16_000, names="{title}_x").json()
    assert whole["name"] == "bird_x_2.wav"
    listed = (chosen.home / "project/sonorize-spotted.txt").read_text().splitlines()
    assert listed == ["bird_x.wav", "bird_x_2.wav"]


def test_a_sound_is_linked_and_its_region_told(chosen: Chosen) -> None:
    bird, horn = chosen.id("bird"), chosen.id("horn")
    chosen.choose_project()
    said = chosen.post(f"sounds/{bird}/spot", linked=True, start=5.0, end=7.5, names="{title}")
    assert said.json() == {"name": "bird.wav", "head": 5.0, "project": "project"}
    chosen.post(f"sounds/{bird}/spot", linked=True, names="{title}")
    chosen.post(f"sounds/{horn}/spot", linked=True, names="{title}", reveal=True)
    project = chosen.home / "project"
    for name, key in (("bird.wav", bird), ("bird_2.wav", bird), ("horn.aiff", horn)):
        assert (project / name).is_symlink()
        assert (project / name).resolve() == _source(chosen, key)
    assert (project / "sonorize-spotted.txt").read_text("utf-8").split("\n") == [
        "bird.wav\t5.000000\t2.500000", "bird_2.wav", "horn.aiff", "",
    ]  # fmt: skip
    assert chosen.revealed == [project / "horn.aiff"]


@pytest.mark.parametrize("linked", [False, True])
def test_a_project_that_cannot_be_written_to_is_said(chosen: Chosen, linked: bool) -> None:
    """Whatever is in the way, in a sentence; and no file lies there of which no session hears."""
    bird = chosen.id("bird")
    chosen.choose_project()
    project = chosen.home / "project"
    (project / "sonorize-spotted.txt").mkdir()
    response = chosen.post(f"sounds/{bird}/spot", linked=linked)
    assert response.status_code == 400
    assert "sonorize-spotted.txt in project cannot be written to" in response.json()["error"]
    assert [path.name for path in project.iterdir()] == ["sonorize-spotted.txt"]


def _source(chosen: Chosen, key: int) -> Path:
    return Path(chosen.page.json(f"/api/sounds/{key}")["path"])


def test_a_wrong_region_or_pattern_is_said(chosen: Chosen) -> None:
    bird = chosen.id("bird")
    chosen.choose_project()
    for body in ({"start": 30.0}, {"start": 3.0, "end": 2.0}, {"names": "{nobody}"}):
        response = chosen.post(f"sounds/{bird}/spot", **body)
        assert response.status_code == 400, body
    assert list((chosen.home / "project").iterdir()) == []


def test_only_allowed_folders_are_shown(chosen: Chosen) -> None:
    [root] = chosen.page.json("/api/places")["folders"]
    inside = chosen.page.json("/api/places", place=root["id"])
    assert [each["name"] for each in inside["folders"]] == ["project"]
    for place in ("..", str(chosen.home), "0" * 32, "../../etc"):
        assert chosen.page.get("/api/places", place=place).status_code in (400, 422)
        assert chosen.post("project", place=place).status_code in (400, 422)


def test_files_are_zipped_with_their_credits(chosen: Chosen) -> None:
    dog, horn = chosen.id("dog"), chosen.id("horn")
    response = chosen.page.get("/api/zip", sound=[dog, horn])
    archive = zipfile.ZipFile(io.BytesIO(response.content))
    assert sorted(archive.namelist()) == ["CREDITS.txt", "dog.wav", "horn.aiff"]
    assert archive.read("dog.wav") == _source(chosen, dog).read_bytes()
    assert "dog by unknown author" in archive.read("CREDITS.txt").decode()
    assert chosen.page.get("/api/zip", sound=[9999]).status_code == 400
    assert chosen.page.get("/api/zip").status_code == 400
    chosen.post("collections", name="scene 4", sounds=[horn])
    whole = chosen.page.get("/api/zip", collection="scene 4")
    assert "horn.aiff" in zipfile.ZipFile(io.BytesIO(whole.content)).namelist()


def test_filters_hold_for_a_collection_and_its_zip(chosen: Chosen) -> None:
    dog, horn = chosen.id("dog"), chosen.id("horn")
    chosen.post("collections", name="scene 4", sounds=[dog, horn])
    some: dict[str, Any] = {"collection": "scene 4", "min_duration": 3.0}
    held = chosen.page.json("/api/sounds", **some)
    assert ([hit["id"] for hit in held["hits"]], held["total"]) == ([dog], 1)
    archive = zipfile.ZipFile(io.BytesIO(chosen.page.get("/api/zip", **some).content))
    assert sorted(archive.namelist()) == ["CREDITS.txt", "dog.wav"]
    assert "horn" not in archive.read("CREDITS.txt").decode()
    none = {**some, "license": "cc0"}  # nobody said what they are under
    assert chosen.page.json("/api/sounds", **none)["total"] == 0


def test_names_in_a_zip_lead_nowhere_and_nothing_is_left_of_it(chosen: Chosen) -> None:
    desk = chosen.page.desk
    dog = chosen.id("dog")
    source = _source(chosen, dog)
    odd = source.with_name("..\\..\\evil.wav")  # a path, where it is unpacked on Windows
    shutil.copy(source, odd)
    os.utime(odd, (0, 0))  # 1970, as archives leave it; ZIP begins in 1980
    file = io.BytesIO()
    pack(file, [odd, odd], [])
    assert zipfile.ZipFile(file).namelist() == ["-..-evil.wav", "-..-evil_2.wav", "CREDITS.txt"]
    for asked in ("lines=0-3", "bytes=0-3"):
        whole = chosen.page.get("/api/zip", sound=[dog], headers={"range": asked})
        assert whole.status_code == 200
    assert not [*desk.aside.iterdir()]


def test_only_so_many_zips_are_held_at_a_time(chosen: Chosen) -> None:
    desk, dog = chosen.page.desk, chosen.id("dog")
    held = [desk.zips.opened(desk.aside) for _ in range(2)]
    busy = chosen.page.get("/api/zip", sound=[dog])
    assert (busy.status_code, "wait for one" in busy.json()["error"]) == (503, True)
    held.pop().close()
    for _ in range(3):  # each of which makes room again
        assert chosen.page.get("/api/zip", sound=[dog]).status_code == 200
    held.pop().close()


def test_a_file_is_revealed_to_who_sits_at_the_machine(chosen: Chosen) -> None:
    dog = chosen.id("dog")
    assert chosen.post(f"sounds/{dog}/reveal").status_code == 204
    assert [path.name for path in chosen.revealed] == ["dog.wav"]
    with serving(chosen.library, roots=[]) as elsewhere:
        assert elsewhere.client.post(f"/api/sounds/{dog}/reveal").status_code == 400


def test_two_servers_of_a_library_keep_what_each_is_told(chosen: Chosen) -> None:
    dog, cat, rain = map(chosen.id, ("dog", "cat", "rain"))
    chosen.post(f"sounds/{dog}/mark", mark="kept")
    with serving(chosen.library, roots=[]) as other:
        other.client.post(f"/api/sounds/{cat}/mark", json={"mark": "kept"})
        chosen.post(f"sounds/{rain}/mark", mark="kept")
        for page in (chosen.page, other):
            held = page.json("/api/sounds", collection="")["hits"]
            assert [hit["title"] for hit in held] == ["rain", "cat", "dog"]


def test_choices_that_cannot_be_read_are_not_written_over(chosen: Chosen) -> None:
    (chosen.library / "choices.json").write_text("{half")
    with serving(chosen.library, roots=[]) as page:
        response = page.get("/api/collections")
        assert (response.status_code, "mend it" in response.text) == (400, True)
    assert (chosen.library / "choices.json").read_text() == "{half"
    (chosen.library / "choices.json").write_text(json.dumps({"marks": {}}))
