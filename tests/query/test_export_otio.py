"""OpenTimelineIO timelines, as its own library reads them."""

from __future__ import annotations

import itertools
import json
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import opentimelineio as otio
import pytest
import sounds
from scene_sheets import AWKWARD, EVERY_RATE, clip, sheet

from indexer.errors import SceneError
from query import timecode
from query.scene import export
from query.scene.cues import CueSheet


def read(made: CueSheet, out: Path, base: Path | None = None) -> Any:
    export.writer(out)(made, out, base)
    return otio.adapters.read_from_file(str(out))


def clips(track: Any) -> list[tuple[int, int, Any]]:
    """(first frame, frame after the last, clip), which must be whole."""
    found = []
    for each in track.find_clips():
        lies = each.range_in_parent()
        first, after = lies.start_time.value, lies.end_time_exclusive().value
        assert (first, after) == (round(first), round(after))
        found.append((round(first), round(after), each))
    return found


@EVERY_RATE
def test_the_cues_lie_where_they_did(tmp_path: Path, rate: Fraction, drop: bool) -> None:
    made = sheet(tmp_path, rate, drop)
    timeline = read(made, tmp_path / "film.otio")
    assert timeline.global_start_time.value == made.film.start
    assert timeline.global_start_time.rate == float(rate)
    assert timeline.global_start_time.to_timecode(float(rate), drop) == timecode.spell(
        made.film.start, rate, drop
    )
    [(first, after, picture)] = clips(timeline.video_tracks()[0])
    assert (first, after) == (0, made.film.frames)
    assert picture.source_range.start_time.value == made.film.start

    found: dict[str, list[tuple[int, int, Any]]] = {}
    for track in timeline.audio_tracks():
        for each in clips(track):
            found.setdefault(each[2].metadata["sonorize"]["cue"], []).append(each)
    assert set(found) == {cue.id for cue in made.cues}
    for cue in made.cues:
        laid = sorted(found[cue.id], key=lambda each: each[0])
        assert laid[0][0] == cue.start
        ends = cue.start + int((cue.clip.duration - cue.offset) * rate)
        assert laid[-1][1] == (cue.end if cue.loop else min(cue.end, ends))
        begins = laid[0][2].source_range.start_time
        assert begins.to_seconds() == pytest.approx(cue.offset, abs=1e-9)
        for (_, after, _), (first, _, _) in itertools.pairwise(laid):
            assert first < after  # pieces of a loop overlap


def test_nothing_is_asked_of_a_clip_that_it_does_not_have(tmp_path: Path) -> None:
    timeline = read(sheet(tmp_path, Fraction(30000, 1001)), tmp_path / "film.otio")
    for each in timeline.find_clips():
        available, used = each.media_reference.available_range, each.source_range
        assert used.start_time >= available.start_time
        assert used.end_time_exclusive().to_seconds() <= (
            available.end_time_exclusive().to_seconds() + 1e-9
        )


def test_tracks_do_not_overlap_and_names_and_choices_are_kept(tmp_path: Path) -> None:
    made = sheet(tmp_path)
    timeline = read(made, tmp_path / "film.otio")
    names = [track.name for track in timeline.tracks]
    assert names == ["Picture", "Ambience 1", "Ambience 2", "Spot 1", "Spot 2"]
    dog = timeline.tracks[3].find_clips()[0]
    assert unquote(urlsplit(dog.media_reference.target_url).path) == str(tmp_path / AWKWARD)
    said = dog.metadata["sonorize"]
    assert (said["gain_db"], said["fade_out"], said["score"]) == (2.0, 0.3, 0.31)
    assert [other["title"] for other in said["alternates"]] == ["cat", "fox"]
    markers = timeline.tracks.markers
    assert [marker.marked_range.start_time.value for marker in markers] == [
        shot.start for shot in made.shots
    ]
    assert markers[5].name == "Shot 6: a river: nothing in the library"
    assert [marker.color for marker in markers] == ["GREEN"] * 5 + ["RED"]


def test_media_that_travels_along_is_named_relative(tmp_path: Path) -> None:
    (tmp_path / "audio").mkdir()
    timeline = read(sheet(tmp_path / "audio"), tmp_path / "film.otio", tmp_path)
    urls = {each.media_reference.target_url for each in timeline.find_clips()}
    assert "audio/meadow.wav" in urls
    assert "audio/a%20film.mp4" in urls


def test_a_stamped_file_is_counted_from_its_stamp(tmp_path: Path) -> None:
    made = sheet(tmp_path)
    body = sounds.bext(time_reference=48000 * 3600)
    (tmp_path / "stamped.wav").write_bytes(sounds.wav(before=[(b"bext", body)]))
    stamped = replace(made.cues[1], clip=clip(tmp_path / "stamped.wav", 9.0), offset=0.5)
    timeline = read(replace(made, cues=(stamped,)), tmp_path / "film.otio")
    [each] = timeline.audio_tracks()[0].find_clips()
    assert each.media_reference.available_range.start_time.to_seconds() == 3600
    assert each.source_range.start_time.to_seconds() == 3600.5


def test_a_path_of_windows_becomes_a_url(tmp_path: Path) -> None:
    made = sheet(tmp_path)
    there = replace(clip(Path("x"), 9.0), path=r"D:\Sound FX\dog.wav")
    out = tmp_path / "film.otio"
    export.writer(out)(replace(made, cues=(replace(made.cues[1], clip=there),)), out, None)
    assert "file:///D:/Sound%20FX/dog.wav" in json.dumps(json.loads(out.read_text("utf-8")))


def test_without_the_extra_one_sentence_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "opentimelineio", None)
    with pytest.raises(SceneError, match=r"pip install 'sonorize\[timeline\]'"):
        export.writer(Path("x.otio"))(sheet(tmp_path), tmp_path / "film.otio", None)
    assert not list(tmp_path.iterdir())
