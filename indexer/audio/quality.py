"""How good a recording is, whatever it is of: clipping, noise floor, bandwidth, offset.

Loudness, true peak and silence are measured at every build; see `analysis`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from indexer.audio.decode import blocks

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Samples = NDArray[np.float32]

VERSION = 2
"""Changes when any of the figures below is measured in another way."""

TOP = 1e-3  # of the peak: where flat tops pile up
PILE = 4.0  # times as many samples as just below; a sine has 2.4
STEPS = (1 / 128, 1 / 32_768)  # of 8 bits and of 16, of full scale; finer ones do not matter
FRAME = 0.05  # s
DIGITAL_SILENCE = 1e-5  # -100 dBFS
SPECTRUM = 4096  # samples
DOWN = 70.0  # dB under the strongest band, what is left counts as nothing

CLIPPED, OFFSET, NARROW, EMPTY = ("clipped", "offset", "narrow", "empty")
MOST_CLIPPED, MOST_OFFSET, LEAST_BANDWIDTH = 1e-4, 0.01, 4_000.0


@dataclass(frozen=True, slots=True)
class Quality:
    """Figures of one sound.

    clipping     share of samples, 0 to 1, that stand at the peak as if cut off there: those in
                 the highest thousandth of the range (or two steps of the samples, where these are
                 coarser), where they are four times as many as in the next (a distortion meter's
                 pile, not a proof: square waves have it too)
    noise_floor  dBFS, the 10th percentile of the level of frames of 50 ms; of a sound that never
                 pauses it is its own level. None where all is digital silence
    bandwidth    Hz, the highest frequency within 70 dB of the strongest, in the mean spectrum
    offset       mean of the samples, the largest of the channels, 0 to 1 of full scale
    """

    version: int
    clipping: float
    noise_floor: float | None
    bandwidth: float
    offset: float

    @property
    def faults(self) -> tuple[str, ...]:
        """clipped: over .01 % of the samples. offset: over 1 % of full scale. narrow: nothing
        above 4 kHz. empty: digital silence."""
        if self.noise_floor is None:
            return (EMPTY,)
        found = (
            (CLIPPED, self.clipping > MOST_CLIPPED),
            (OFFSET, self.offset > MOST_OFFSET),
            (NARROW, self.bandwidth < LEAST_BANDWIDTH),
        )
        return tuple(name for name, is_so in found if is_so)


def measure(path: Path) -> Quality:
    """Decodes the file twice, in bounded memory. Raises AudioError."""
    meter = _Meter()
    for block in blocks(path):
        meter.feed(block.samples, block.sample_rate)
    return meter.finish(_clipping(path, meter.peak, meter.step))


class _Meter:
    def __init__(self) -> None:
        self.peak = 0.0
        self._steps = list(STEPS)
        self._rate = self._count = 0
        self._sums: NDArray[np.float64] = np.zeros(0)
        self._levels: list[NDArray[np.float64]] = []
        self._power = np.zeros(SPECTRUM // 2 + 1)
        self._rest: Samples = np.zeros((1, 0), np.float32)

    @property
    def step(self) -> float:
        """The coarsest of which all samples are multiples; 0 if none."""
        return next(iter(self._steps), 0.0)

    def feed(self, samples: Samples, rate: int) -> None:
        self._rate = rate
        self.peak = max(self.peak, float(np.abs(samples).max(initial=0)))
        self._steps = [step for step in self._steps if not (samples % np.float32(step)).any()]
        sums = samples.sum(axis=1, dtype=np.float64)
        self._sums = self._sums + sums if len(self._sums) else sums
        self._count += samples.shape[1]
        waiting = self._rest if self._rest.size else samples[:, :0]
        self._hear(np.concatenate([waiting, samples], axis=1))

    def _hear(self, samples: Samples) -> None:
        """Levels and spectra of whole stretches; what is left over waits."""
        step = max(SPECTRUM, round(FRAME * self._rate))
        whole = samples.shape[1] - samples.shape[1] % step
        self._rest = samples[:, whole:]
        if whole:
            self._add(samples[:, :whole].reshape(len(samples), -1, step))

    def _add(self, stretches: Samples) -> None:
        """(channels, stretches, samples). Powers are averaged, not waves: a sound in antiphase is
        not silent."""
        channels, _, length = stretches.shape
        size = min(length, round(FRAME * self._rate))
        frames = stretches[..., : length // size * size].reshape(channels, -1, size)
        self._levels.append(np.sqrt((frames.astype(np.float64) ** 2).mean(axis=(0, 2))))
        for channel in stretches:
            cut = channel[:, :SPECTRUM] * np.hanning(SPECTRUM)
            self._power += (np.abs(np.fft.rfft(cut, axis=1)) ** 2).sum(axis=0)

    def finish(self, clipping: float) -> Quality:
        if (left := self._rest.shape[1]) and not self._levels:  # shorter than one stretch
            padded = np.pad(self._rest, ((0, 0), (0, max(SPECTRUM, left) - left)))
            self._add(padded[:, None])
        levels = np.concatenate(self._levels)
        heard = levels[levels > DIGITAL_SILENCE]
        floor = float(20 * np.log10(np.percentile(heard, 10))) if len(heard) else None
        offset = float(np.abs(self._sums / self._count).max())
        return Quality(VERSION, clipping, floor, self._bandwidth(), offset)

    def _bandwidth(self) -> float:
        # A window spreads a tone over neighbours: three bins are taken together.
        power = np.convolve(self._power, np.ones(3) / 3, mode="same")
        if not power.any():
            return 0.0
        loud = np.flatnonzero(power >= power.max() * 10 ** (-DOWN / 10))
        return float(loud[-1] * self._rate / SPECTRUM)


def _clipping(path: Path, peak: float, step: float) -> float:
    """Share of samples that pile up at the peak."""
    if peak < DIGITAL_SILENCE:
        return 0.0
    # In fewer than two steps there may be no level at all for a sample to stand just below.
    height = max(TOP * peak, 2 * step)
    top = below = total = 0
    for block in blocks(path):
        size = np.abs(block.samples)
        top += int(np.count_nonzero(size >= peak - height))
        below += int(np.count_nonzero((size >= peak - 2 * height) & (size < peak - height)))
        total += size.size
    return top / total if top > PILE * max(below, 2) else 0.0
