"""The library as a whole, its problems, its map; and builds that are started from the page."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from libraries import COLOURS, copied, tone
from web_server import Page, picture, serving

from indexer.encoders import registry
from query.web.aside import GONE


def test_sounds_are_listed_in_any_order(page: Page) -> None:
    def titles(**given: object) -> list[str]:
        return [hit["title"] for hit in page.json("/api/sounds", **given)["hits"]]

    by_title = titles()
    assert by_title == sorted(by_title, key=str.lower)
    assert titles(sort="duration", descending=True)[0] == "bird"
    assert titles(sort="title", k=3, offset=2) == by_title[2:5]
    assert titles(max_duration=1.0) == ["bell", "six"]
    loud = [hit["loudness"] for hit in page.json("/api/sounds", sort="loudness")["hits"]]
    assert loud == sorted(loud)
    assert page.json("/api/sounds")["total"] == len(by_title) == 11
    assert page.get("/api/sounds", sort="1; drop table sound").status_code == 422


def test_the_overview_names_what_cannot_be_read(page: Page) -> None:
    said = page.json("/api/overview")
    [problem] = said["problems"]
    assert (problem["name"], problem["status"]) == ("torn.wav", "failed")
    assert problem["reason"]
    assert [root["present"] for root in said["roots"]] == [12]
    packs = {pack["name"]: pack["licences"] for pack in said["packs"]}
    assert packs == {"": {"": 9}, "odd": {"": 2}}


def test_the_map_places_every_sound_and_like_ones_together(page: Page) -> None:
    said = page.json("/api/map")
    ids = np.frombuffer(base64.b64decode(said["ids"]), "<u4").tolist()
    points = np.frombuffer(base64.b64decode(said["points"]), "<u2").reshape(-1, 2)
    assert len(ids) == len(points) == 11
    named = {hit["title"]: hit["id"] for hit in page.json("/api/sounds")["hits"]}
    place = {name: points[ids.index(key)].astype(int) for name, key in named.items()}
    near = np.abs(place["horn"] - place["six"]).max()
    assert near < np.abs(place["horn"] - place["rain"]).max()


@pytest.fixture
def first_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Page, Path]]:
    monkeypatch.setattr(registry, "default", "toy")
    tone(tmp_path / "home/sounds/dog.wav", 3)
    with serving(tmp_path / "library", roots=[tmp_path / "home"]) as page:
        yield page, tmp_path


def test_a_library_is_made_and_built_from_the_page(first_run: tuple[Page, Path]) -> None:
    page, folder = first_run
    said = page.json("/api/status")
    assert (said["model"]["state"], said["counts"]) == ("none", {})
    assert page.get("/api/query-by-text", words="dog").status_code == 404
    assert page.client.post("/api/build", json={}).status_code == 400
    [home] = page.json("/api/places")["folders"]
    [sounds] = page.json("/api/places", place=home["id"])["folders"]
    _built(page, sounds["id"], "1 added")
    page.ready()
    assert page.titles("query-by-text", words="dog") == ["dog"]
    tone(folder / "home/sounds/cat.wav", 4)
    _built(page, "", "1 added, 1 unchanged")
    assert set(page.titles("query-by-text", words="cat")) >= {"cat"}


def test_a_library_whose_drive_goes_away_is_waited_for_and_none_is_made_there(
    web_library: Path, tmp_path: Path
) -> None:
    here = tmp_path / "drive/library"
    copied(web_library, here)
    with serving(here, roots=[tmp_path]) as page:
        page.ready()
        [place] = page.json("/api/places")["folders"]
        shown = picture(tmp_path / "dog.png", COLOURS[3]).read_bytes()
        here.parent.rename(tmp_path / "away")
        for answer in (
            page.get("/api/sounds"),
            page.get("/api/query-by-text", words="dog"),
            page.client.post("/api/pictures", content=shown),
            page.client.post("/api/build", json={"place": place["id"]}),
        ):
            assert (answer.status_code, answer.json()) == (404, {"error": GONE})
        assert page.json("/api/status")["counts"] == {}
        assert not here.parent.exists()
        (tmp_path / "away").rename(here.parent)
        assert page.titles("query-by-text", words="dog")[0] == "dog"
        assert page.json("/api/status")["counts"]["ready"]


def _built(page: Page, place: str, said: str) -> None:
    assert page.client.post("/api/build", json={"place": place}).status_code == 202
    until = time.monotonic() + 60
    while (state := page.json("/api/build"))["running"]:
        assert time.monotonic() < until
        time.sleep(0.05)
    assert state["said"].startswith(said)
