"""From a flash in a film to a blow in the sound that is written: within a frame, at every rate."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import sounds
from libraries import HERTZ, build, tone
from numpy.typing import NDArray
from scene_films import video
from scene_sheets import EVERY_RATE

from indexer.encoders.toy import ToyEncoder
from indexer.library import Library
from query.scene.attack import BEFORE, exactly, struck
from query.scene.candidates import Candidate
from query.scene.cues import Clip
from query.scene.export.film import render_film
from query.scene.floor import Floor
from query.scene.make import film_of, make
from query.scene.mix import MixOptions
from query.scene.plan import Options
from query.search import Searcher

pytestmark = pytest.mark.slow

HEARD = 16_000
AXIS, GREEN = 3, (0, 255, 0)
ATTACK = 0.09  # s


def blow(path: Path, at: float = 0.4, seconds: float = 1.2) -> Path:
    """Faint, then loud: it takes ATTACK from the one to the other."""
    time = np.arange(round(seconds * HEARD)) / HEARD
    level = np.interp(time, [at, at + ATTACK, seconds], [0.004, 0.5, 0.2])
    return sounds.write(path, (level * np.sin(2 * np.pi * HERTZ[AXIS] * time))[None], HEARD)


@pytest.fixture(scope="module")
def searcher(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Searcher]:
    folder = tmp_path_factory.mktemp("sync")
    (folder / "in").mkdir()
    blow(folder / "in" / "blow.wav")
    for number, axis in enumerate((0, 1, 2, 4, 5) * 3):
        tone(folder / "in" / f"other{number}.wav", axis, 0.2 + 0.01 * number)
    build(folder / "library", folder / "in")
    with Library.open(folder / "library") as library:
        yield Searcher(library, ToyEncoder())


def played(path: Path) -> NDArray[np.float64]:
    """What a player makes of the first sound track: its samples at 48 kHz where their times say."""
    found = np.zeros(0)
    with av.open(path) as container:
        for frame in container.decode(audio=0):
            assert frame.time is not None
            assert frame.sample_rate == 48_000
            first, samples = round(frame.time * 48_000), frame.to_ndarray().mean(axis=0)
            found = np.pad(found, (0, max(0, first + len(samples) - len(found))))
            found[max(0, first) : first + len(samples)] = samples[max(0, -first) :]
    return found


def strikes(samples: NDArray[np.float64]) -> float:
    """Seconds at which the mean power of 5 ms first comes within 12 dB of the highest."""
    power = np.convolve(np.square(samples), np.ones(240) / 240, "same")
    return float((power >= power.max() / 16).argmax()) / 48_000


@EVERY_RATE
def test_a_blow_meets_a_flash(
    searcher: Searcher, tmp_path: Path, rate: Fraction, drop: bool
) -> None:
    flash = round(3 * rate) + 1  # far from the start of the shot
    named = {"timecode": "01:00:00;00" if drop else "01:00:00:00"}
    path = video(tmp_path / "film.mp4", round(5 * rate), rate, flash=flash, colour=GREEN, **named)
    sheet = make(film_of(path), searcher, Options(floor=Floor(0.0, 4.3, 8.6)))
    assert [cue.layer for cue in sheet.cues] == ["spot"]
    assert (sheet.film.rate, sheet.film.drop) == (rate, drop)
    render_film(sheet, tmp_path / "out.mp4", MixOptions(loudness="off"))
    assert strikes(played(tmp_path / "out.mp4")) * rate == pytest.approx(flash, abs=1)


def candidate(path: Path, **more: Any) -> Candidate:
    clip = Clip(str(path), "id", "blow", 1.2, HEARD, 1, peak=20 * np.log10(0.5))
    known = {"onset": 0.4 - BEFORE / 2, "clear": True, **more}
    return Candidate(clip, 10.0, 0.0, 0.0, steady=0.0, **known)


def test_a_sound_strikes_where_it_is_loud(tmp_path: Path) -> None:
    blow(tmp_path / "blow.wav")
    found = exactly(candidate(tmp_path / "blow.wav")).onset
    assert found == pytest.approx(0.4 + ATTACK / 4, abs=0.003)  # a quarter is -12 dB
    assert found == pytest.approx(strikes(played_at_48(tmp_path / "blow.wav")), abs=0.003)
    unclear = candidate(tmp_path / "blow.wav", clear=False)
    assert exactly(unclear) == unclear


def played_at_48(path: Path) -> NDArray[np.float64]:
    import soundfile
    from scipy.signal import resample_poly

    samples, rate = soundfile.read(path)
    return np.asarray(resample_poly(samples, 48_000, rate))


def test_what_cannot_be_read_strikes_where_the_catalog_says(tmp_path: Path) -> None:
    gone = candidate(tmp_path / "gone.wav")
    assert struck(gone) == gone.onset
    sounds.write(tmp_path / "silent.wav", np.zeros((1, HEARD), np.float32), HEARD)
    silent = candidate(tmp_path / "silent.wav")
    assert struck(silent) == silent.onset
    short = replace(silent, onset=5.0)
    assert struck(short) == 5.0
