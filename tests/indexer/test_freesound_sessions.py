"""Copies of sessions that use originals."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from indexer.sources.freesound.sessions import MARK, Original, copy_of, used_in, with_originals

REAPER = f"""<ITEM
  NAME "Dog{MARK} (.71, likely)"
  <SOURCE VORBIS
    FILE "lib/sounds/freesound/previews/9__ann__dog-bark.ogg" 1
  >
  NAME Rain{MARK}
  <SOURCE VORBIS
    FILE "lib\\sounds\\freesound\\previews\\12__bo__rain.lq.ogg"
  >
>
"""


def test_ids_are_read_however_a_path_is_spelt() -> None:
    assert used_in(REAPER.encode()) == [9, 12]
    assert used_in(b"file:///a/previews%2F7__x__y.ogg previews/7__x__y.ogg") == [7]


@pytest.mark.parametrize(
    ("file", "source"),
    [("9__ann__dog.wav", "WAVE"), ("9__ann__dog.flac", "FLAC"), ("9__ann__dog.m4a", "VIDEO")],
)
def test_reaper_reads_each_file_with_what_reads_it(file: str, source: str) -> None:
    copy = with_originals(REAPER.encode(), {9: Original(file, "")}).decode()
    assert f'<SOURCE {source}\n    FILE "lib/sounds/freesound/originals/{file}" 1' in copy
    assert (
        '<SOURCE VORBIS\n    FILE "lib\\sounds\\freesound\\previews\\12__bo__rain.lq.ogg"' in copy
    )


def test_the_mark_goes_when_no_preview_is_left() -> None:
    one, both = (
        {9: Original("9__a.wav", "")},
        {9: Original("9__a.wav", ""), 12: Original("12__b.wav", "")},
    )
    assert MARK.encode() in with_originals(REAPER.encode(), one)
    assert MARK.encode() not in with_originals(REAPER.encode(), both)


def test_a_project_says_of_the_clip_what_is_true_now() -> None:
    clip = {"path": "lib/previews/9__ann__dog.ogg", "identity": "old", "preview": True}
    other = {"path": "lib/previews/12__bo__rain.ogg", "identity": "rain", "preview": True}
    project = {"format": 1, "film": {}, "cues": [{"clip": clip, "alternates": [[other, 0.0]]}]}
    made = with_originals(json.dumps(project).encode(), {9: Original("9__ann__dog.wav", "new")})
    cue = json.loads(made)["cues"][0]
    assert cue["clip"] == {
        "path": "lib/originals/9__ann__dog.wav", "identity": "new", "preview": False
    }  # fmt: skip
    assert cue["alternates"] == [[other, 0.0]]


@pytest.mark.parametrize(
    ("name", "copy"),
    [
        ("film.rpp", "film (originals).rpp"),
        ("film.sonorize.json", "film (originals).sonorize.json"),
        ("reel.1.edl", "reel.1 (originals).edl"),
    ],
)
def test_a_copy_keeps_the_ending(name: str, copy: str) -> None:
    assert copy_of(Path("x") / name) == Path("x") / copy
