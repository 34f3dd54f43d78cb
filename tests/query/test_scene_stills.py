"""Stills of a film: kept once, read again, gone with their object."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import scene_films
from PIL import Image

from indexer.errors import SceneError
from query.scene.make import Look, _pictures, asking, film_of
from query.scene.stills import Stills


def shade(of: int) -> Image.Image:
    return Image.new("RGB", (32, 18), (of, of // 2, 0))


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_a_still_is_the_picture_it_was_to_a_shade() -> None:
    stills = Stills()
    shown = np.stack(np.meshgrid(np.arange(32) * 8, np.arange(18) * 14), axis=2)
    shown = np.dstack([shown, shown[..., :1] // 2]).astype(np.uint8)
    stills.add(3, Image.fromarray(shown))
    stills.add(7, shade(200))
    assert np.abs(np.asarray(stills[3], int) - shown).mean() < 1.5
    assert stills[7].getpixel((4, 4)) == pytest.approx((200, 100, 0), abs=2)
    stills.add(9, shade(50))  # after some were read
    assert stills[9].size == (32, 18)


def test_stills_of_a_shot_are_those_from_its_first_frame_to_its_last() -> None:
    stills = Stills()
    for frame in (0, 5, 9, 10):
        stills.add(frame, shade(frame))
    assert list(stills.within(5, 10)) == [5, 9]
    assert list(stills.within(11, 20)) == []
    with pytest.raises(KeyError):
        stills[6]


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="lists open files on Linux")
def test_its_file_goes_with_it() -> None:
    before = open_files()
    stills = Stills()
    stills.add(0, shade(9))
    assert open_files() == before + 1
    del stills
    assert open_files() == before


def test_a_damaged_shot_asks_with_the_last_picture_that_was_seen(tmp_path: Path) -> None:
    film = film_of(scene_films.video(tmp_path / "film.mp4", rate=Fraction(25)))
    stills = Stills()
    for frame in range(10, 20):
        stills.add(frame, shade(10 * frame))
    stills.add(45, shade(0))
    seen = Look(film, [(0, 10), (10, 20), (20, 40), (40, 50)], None, stills)
    assert asking(seen, 1) == [11, 13, 15, 17, 19]
    reds = [[picture.getpixel((4, 4))[0] for picture in shot] for shot in _pictures(seen)]
    assert [len(shot) for shot in reds] == [1, 5, 1, 1]
    assert [shot[-1] for shot in reds] == pytest.approx([110, 190, 190, 0], abs=3)


def test_a_full_disk_is_said() -> None:
    resource = pytest.importorskip("resource", reason="a system with limits of a process")
    stills = Stills()
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
    try:
        with pytest.raises(SceneError, match="make room there, or name another folder in TMPDIR"):
            stills.add(0, shade(9))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
