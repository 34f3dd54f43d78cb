"""Videos of this machine: listed, played, and asked at a time, by ids alone."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import pytest
from PIL import Image
from web_server import Page, film, serving


@pytest.fixture(scope="module")
def videos(
    web_library: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Page, dict[str, str]]]:
    folder = tmp_path_factory.mktemp("films")
    film(folder / "plain.mp4", "libx264", "yuv420p")
    film(folder / "master.mov", "prores_ks", "yuv422p10le")
    (folder / "torn.mov").write_bytes(b"no film")
    (folder / "notes.txt").write_text("no video")
    with serving(web_library, roots=[folder]) as page:
        page.ready()
        [root] = page.json("/api/places")["folders"]
        found = page.json("/api/places", place=root["id"])["videos"]
        yield page, {each["name"]: each["id"] for each in found}


def test_videos_are_listed_and_nothing_else_is_opened(videos: Any) -> None:
    page, ids = videos
    assert sorted(ids) == ["master.mov", "plain.mp4", "torn.mov"]
    [root] = page.json("/api/places")["folders"]
    for other in (root["id"], "0" * 32):
        assert page.get(f"/api/videos/{other}/film").status_code == 400
    assert page.get(f"/api/videos/{ids['torn.mov']}").status_code == 400


def test_what_browsers_play_comes_as_it_is_and_the_rest_as_a_proxy(videos: Any) -> None:
    page, ids = videos
    facts = page.json(f"/api/videos/{ids['plain.mp4']}")
    assert (facts["seconds"], facts["plays"], facts["name"]) == (2.0, True, "plain.mp4")
    part = page.get(f"/api/videos/{ids['plain.mp4']}/film", headers={"range": "bytes=0-9"})
    assert (part.status_code, len(part.content)) == (206, 10)
    assert page.json(f"/api/videos/{ids['master.mov']}")["plays"] is False
    made = page.get(f"/api/videos/{ids['master.mov']}/film")
    with av.open(io.BytesIO(made.content)) as container:
        [stream] = container.streams.video
        assert stream.codec_context.name == "h264"
        frames = list(container.decode(stream))
    assert len(frames) == 50
    assert [round(frame.time * 25) for frame in frames] == list(range(50))


@pytest.mark.parametrize("name", ["plain.mp4", "master.mov"])
def test_a_time_of_a_video_asks(videos: Any, name: str) -> None:
    page, ids = videos
    for at, title in ((0.5, "dog"), (1.5, "bird")):
        response = page.client.post(f"/api/videos/{ids[name]}/frame", json={"at": at})
        frame = response.json()["frame"]
        shown = Image.open(io.BytesIO(page.get(f"/api/pictures/{frame}").content))
        assert shown.size == (64, 48)
        assert page.titles("query-by-frame", frame=frame, metadata_weight=0)[0] == title
    late = page.client.post(f"/api/videos/{ids[name]}/frame", json={"at": 99})
    assert late.status_code == 400
