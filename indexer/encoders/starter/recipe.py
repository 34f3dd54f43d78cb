"""Makes `statistics.json`: python -m indexer.encoders.starter.recipe > statistics.json

mean   of E(words) over every UCS CatID and E(description) over every category: a list of what
       sounds are called, spread over the whole trade and over no one's library.
prior  the mean of p(category | sound) over made-up sounds that are nothing in particular: seven
       sources (noise of three colours, a band of noise, a harmonic tone, a glide, clicks) under
       four envelopes (steady, dying away, swelling, pulsing), eight of each with a fixed seed.
       A category's share is at least a tenth of an even one.

Run again only when a network, the sound network's input or the text tower changes: another
mean or prior is another encoder, and libraries must be embedded anew.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import numpy as np

from indexer import settings, ucs
from indexer.audio.waveform import Waveform
from indexer.encoders import device
from indexer.encoders.starter.audio import AudioTower
from indexer.encoders.starter.block import BLOCK, SAMPLE_RATE
from indexer.encoders.starter.text import TextTower

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

_EACH = 8
_SEED = 82
_TIME = np.arange(BLOCK) / SAMPLE_RATE


def mean(tower: TextTower) -> NDArray[np.float64]:
    """(384,) mean text vector."""
    texts = [catid.words for catid in ucs.catids().values()]
    texts += [category.description for category in ucs.categories()]
    return np.asarray(tower.embed(texts).astype(np.float64).mean(axis=0))


def prior(tower: AudioTower) -> NDArray[np.float64]:
    """(82,) shares that add up to 1."""
    sounds = [Waveform(s[None].astype(np.float32), SAMPLE_RATE) for s in neutral_sounds()]
    _, categories = tower.hear(sounds)
    share = categories.astype(np.float64).mean(axis=0)
    share = np.maximum(share, 0.1 / len(share))
    return np.asarray(share / share.sum())


def neutral_sounds() -> Iterator[NDArray[np.float64]]:
    """Every source under every envelope, `_EACH` times, in one order."""
    random = np.random.default_rng(_SEED)
    for _ in range(_EACH):
        for source in _sources(random):
            for envelope in _envelopes(random):
                sound = source * envelope
                yield sound / np.abs(sound).max()


def _sources(random: np.random.Generator) -> Iterator[NDArray[np.float64]]:
    for slope in (0.0, 0.5, 1.0):
        yield _noise(random, slope)
    yield _noise(random, 0.0, around=_frequency(random))
    yield _harmonics(random, np.full(BLOCK, _frequency(random) / 4))
    yield _harmonics(random, np.geomspace(_frequency(random), _frequency(random), BLOCK) / 4)
    yield _clicks(random)


def _envelopes(random: np.random.Generator) -> Iterator[NDArray[np.float64]]:
    yield np.ones(BLOCK)
    yield np.exp(-_TIME * random.uniform(1.0, 20.0))
    yield np.minimum(1.0, _TIME / _TIME[-1]) ** random.uniform(0.5, 3.0)
    yield np.sin(np.pi * _TIME * random.uniform(1.0, 10.0)) ** 2


def _frequency(random: np.random.Generator) -> float:
    """80 to 8,000 Hz, even in octaves."""
    return float(80.0 * 100.0 ** random.uniform())


def _noise(
    random: np.random.Generator, slope: float, around: float | None = None
) -> NDArray[np.float64]:
    frequency = np.fft.rfftfreq(BLOCK, 1.0 / SAMPLE_RATE)
    spectrum = np.fft.rfft(random.standard_normal(BLOCK))
    spectrum[1:] /= frequency[1:] ** slope
    if around is not None:
        spectrum *= np.exp(-(np.log2(np.maximum(frequency, 1.0) / around) ** 2) * 4)
    return np.fft.irfft(spectrum, BLOCK)


def _harmonics(random: np.random.Generator, frequency: NDArray[np.float64]) -> NDArray[np.float64]:
    phase = 2 * np.pi * np.cumsum(frequency) / SAMPLE_RATE
    brightness = random.uniform(0.5, 2.0)
    tones = [np.sin(n * phase) / n**brightness for n in range(1, 9)]
    return np.asarray(np.sum(tones, axis=0))


def _clicks(random: np.random.Generator) -> NDArray[np.float64]:
    clicks = np.zeros(BLOCK)
    clicks[random.integers(0, BLOCK, size=int(random.integers(2, 200)))] = 1.0
    ring = np.exp(-_TIME[:2048] * 400) * np.sin(2 * np.pi * _frequency(random) * _TIME[:2048])
    return np.fft.irfft(np.fft.rfft(clicks, 2 * BLOCK) * np.fft.rfft(ring, 2 * BLOCK))[:BLOCK]


def compute(folder: Path) -> dict[str, list[float]]:
    """Both, rounded to six digits, from the model files in `folder`."""
    cpu = device.choose("cpu")
    both = {"mean": mean(TextTower(folder, cpu)), "prior": prior(AudioTower(folder, cpu))}
    return {name: [float(f"{x:.6g}") for x in values] for name, values in both.items()}


if __name__ == "__main__":
    json.dump(compute(settings.load().models / "starter"), sys.stdout, indent=0)
