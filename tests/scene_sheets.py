"""Cue sheets with everything an export has to hold, at every rate."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile

from query import timecode
from query.scene.cues import Clip, Cue, CueSheet, Film, Shot

RATES = [
    pytest.param(Fraction(24000, 1001), False, id="23.976"),
    pytest.param(Fraction(24), False, id="24"),
    pytest.param(Fraction(25), False, id="25"),
    pytest.param(Fraction(30000, 1001), True, id="29.97DF"),
    pytest.param(Fraction(30000, 1001), False, id="29.97NDF"),
    pytest.param(Fraction(50), False, id="50"),
    pytest.param(Fraction(60000, 1001), True, id="59.94DF"),
    pytest.param(Fraction(60000, 1001), False, id="59.94NDF"),
    pytest.param(Fraction(60), False, id="60"),
]
EVERY_RATE = pytest.mark.parametrize(("rate", "drop"), RATES)
AWKWARD = 'it\'s a  "b" & <c> 50% #1 grün 犬.wav'


def clip(path: Path, seconds: float, channels: int = 2, **facts: object) -> Clip:
    """A clip of 48 kHz that need not be there."""
    known = {
        "title": path.stem, "identity": f"id-{path.stem}", "licence": "CC0-1.0",
        "author": "someone", "score": 0.42, "strength": "strong",
    } | facts  # fmt: skip
    return Clip(
        str(path), duration=seconds, sample_rate=48000, channels=channels,
        **known,  # type: ignore[arg-type]
    )  # fmt: skip


def sheet(folder: Path, rate: Fraction = Fraction(24), drop: bool = False) -> CueSheet:
    """A film of six shots that begins at 01:00:00:00, in `folder`.

    A loop of ambience that a second one follows, spots that overlap, alternates, awkward names,
    gains, fades, times between frames, and a shot for which there is nothing.
    """
    start = timecode.parse("01:00:00:00", rate, drop)
    cuts = [0, 61, 150, 151, 290, 444, 600]
    questions = ["a meadow", 'a "dog" barks', "", "a train", "rain\non a roof", "a river"]
    shots = tuple(
        Shot(n, first, last, n // 3, questions[n], "nothing in the library" if n == 5 else "")
        for n, (first, last) in enumerate(pairwise(cuts))
    )
    meadow = clip(folder / "meadow.wav", 4.0, licence="CC-BY-4.0", author="=Ann")
    rain = clip(folder / "rain.flac", 12.0, 1, licence="CC-BY-NC-3.0")
    dog = clip(folder / AWKWARD, 2.5, 1, title='dog "barks"', score=0.31)
    train = clip(folder / "train.mp3", 6.0, preview=True, licence="", strength="weak")
    second = (clip(folder / "cat.wav", 3.0, 1), 0.25), (clip(folder / "fox.ogg", 3.0), 0.0)
    cues = (
        Cue("a1", "ambience", 0, 0, 290, meadow, gain=-6.0, fade_in=0.5, fade_out=0.5, loop=True),
        Cue("a2", "ambience", 4, 290, 154, rain, 3.2104, -3.5, 0.25, 2.0, question="rain"),
        Cue("s1", "spot", 1, 63, 40, dog, 0.0123, 2.0, 0.01, 0.3, alternates=second),
        Cue("s2", "spot", 1, 80, 50, train, 1.0, question="a train"),
        Cue("s3", "spot", 3, 200, 31, dog, 0.5, fade_out=0.1, locked=True),
    )
    film = Film(str(folder / "a film.mp4"), rate, 600, start, drop, 1920, 1080, True)
    return CueSheet(film, shots, cues, "starter", "CC-BY-NC-SA-4.0")


def lay_down(made: CueSheet) -> None:
    """The sheet's WAV and FLAC files, of faint noise that says its clip and channel."""
    clips = {cue.clip for cue in made.cues} | {
        clip for cue in made.cues for clip, _ in cue.alternates
    }
    for number, each in enumerate(sorted(clips, key=lambda one: one.path), 1):
        path = Path(each.path)
        noise = np.random.default_rng(number).uniform(-0.1, 0.1, (int(each.duration * 48000), 1))
        samples = noise * np.arange(1, each.channels + 1) / each.channels
        if path.suffix in (".wav", ".flac"):
            soundfile.write(path, samples, each.sample_rate, "PCM_24")
        else:
            soundfile.write(path, samples, each.sample_rate)
