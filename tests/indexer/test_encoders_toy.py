"""The toy encoder's answers, written by hand from its docstring."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from indexer.audio.waveform import Waveform
from indexer.encoders import registry

TOY = registry.load("toy", models_dir=Path("nowhere"))


def row(**axes: float) -> NDArray[np.float32]:
    expected = np.zeros(8, dtype=np.float32)
    for axis, value in axes.items():
        expected[int(axis.removeprefix("axis"))] = value
    return expected


def tone(*hertz: float) -> Waveform:
    time = np.arange(32000) / 16000
    waves = [np.sin(2 * np.pi * h * time) for h in hertz]
    return Waveform(np.array([sum(waves)], dtype=np.float32) * np.float32(0.3), 16000)


@pytest.mark.parametrize(
    ("hertz", "axis"),
    [(30, 0), (62.5, 1), (100, 1), (200, 2), (440, 3), (700, 4), (1500, 5), (3000, 6), (7000, 7)],
)
def test_a_tone_is_the_axis_of_its_octave(hertz: float, axis: int) -> None:
    np.testing.assert_allclose(
        TOY.embed_audio([tone(hertz)])["audio"][0], row(**{f"axis{axis}": 1.0}), atol=1e-6
    )


def test_two_tones_share_by_energy() -> None:
    [heard] = TOY.embed_audio([tone(100, 1500)])["audio"]
    np.testing.assert_allclose(heard, row(axis1=0.5**0.5, axis5=0.5**0.5), atol=1e-4)


def test_silence_is_absent() -> None:
    assert not TOY.embed_audio([Waveform(np.zeros((1, 99), np.float32), 16000)])["audio"].any()


def test_a_picture_shares_by_pixels() -> None:
    picture = Image.new("RGB", (4, 4), "red")
    picture.paste("blue", (0, 0, 4, 2))
    for rows in TOY.embed_images([picture]).values():
        np.testing.assert_allclose(rows[0], row(axis0=0.5**0.5, axis5=0.5**0.5), atol=1e-6)


def test_black_says_nothing() -> None:
    assert not TOY.embed_images([Image.new("RGB", (4, 4), (31, 31, 31))])["metadata"].any()


def test_words_share_by_count() -> None:
    for rows in TOY.embed_texts(["Dog and dog, and a cat2!"]).values():
        np.testing.assert_allclose(rows[0], row(axis3=0.8165, axis4=0.5774), atol=1e-4)


def test_sound_picture_and_word_meet() -> None:
    rows = [
        TOY.embed_audio([tone(1500)])["audio"],
        TOY.embed_images([Image.new("RGB", (2, 2), "blue")])["audio"],
        TOY.embed_texts(["whistle"])["audio"],
    ]
    np.testing.assert_allclose(np.concatenate(rows), [row(axis5=1.0)] * 3, atol=1e-6)


def test_the_batch_changes_no_bit() -> None:
    odd = [tone(h) for h in (100, 441.7, 1234.5)]
    together = TOY.embed_audio(odd)["audio"]
    alone = np.concatenate([TOY.embed_audio([w])["audio"] for w in odd])
    np.testing.assert_array_equal(together, alone)
