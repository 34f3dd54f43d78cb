"""What a sound is like, measured while it is decoded for other ends."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from indexer.audio.meter import Meter
from indexer.audio.onsets import Rise, hop_size

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from indexer.audio.waveform import Waveform

VERSION = 2
"""Changes when any of the figures below is measured in another way."""

MOST_PEAKS = 1024
_SILENT = 1e-3
"""-60 dBFS."""


@dataclass(frozen=True, slots=True)
class Analysis:
    """Figures of one sound.

    duration         seconds
    loudness         integrated LUFS (EBU R 128); for sounds under 0.4 s, which the standard
                     cannot measure, the K-weighted loudness of the whole clip without gates;
                     None for silence (nothing above -70 LUFS)
    max_momentary    LUFS, the loudest 0.4 s (a shorter sound counted as if silence followed)
    true_peak        dBTP, told to 0.001 of full scale; None if every sample is 0
    peaks            int8 pairs (lowest, highest) over all channels, 127 = full scale, of
                     equal stretches (the last may be shorter); at most 1,024 pairs, no fewer
                     than 512 unless the sound has fewer samples
    silence          share, 0 to 1, of the time spent in hops of 10 ms that stay below -60 dBFS
    onsets           seconds at which something begins, ascending, at most 200
    invalid_samples  samples that were no numbers or absurd, and were heard as 0
    """

    version: int
    duration: float
    loudness: float | None
    max_momentary: float | None
    true_peak: float | None
    peaks: bytes
    silence: float
    onsets: tuple[float, ...]
    invalid_samples: int


class Analyzer:
    """Fed the blocks of one sound in order: finite samples, one rate, one channel count.

    Memory does not grow with the sound.
    """

    def __init__(self) -> None:
        self._stream: _Stream | None = None

    def feed(self, waveform: Waveform) -> None:
        if self._stream is None:
            self._stream = _Stream(waveform.sample_rate, waveform.channels)
        self._stream.feed(waveform.samples)

    def finish(self, *, invalid_samples: int = 0) -> Analysis:
        """The figures; `invalid_samples` is `Blocks.invalid_samples`.

        Raises ValueError if nothing was fed.
        """
        if self._stream is None:
            raise ValueError("no sound was fed to the analysis")
        return self._stream.finish(invalid_samples)


class _Stream:
    def __init__(self, rate: int, channels: int) -> None:
        self.rate, self.samples, self.silent = rate, 0, 0
        self.meter = Meter(rate, channels)
        self.rise = Rise(rate)
        self.peaks = Peaks()
        self.mixed = _Hops(hop_size(rate))
        self.loudest = _Hops(hop_size(rate))

    def feed(self, samples: NDArray[np.float32]) -> None:
        self.samples += samples.shape[1]
        self.meter.feed(samples)
        low, high = samples.min(axis=0), samples.max(axis=0)
        self.peaks.feed(low, high)
        self.rise.feed(self.mixed.take(samples.mean(axis=0)))
        quiet = self.loudest.take(np.maximum(-low, high)).max(axis=1) < _SILENT
        self.silent += self.loudest.size * int(np.count_nonzero(quiet))

    def finish(self, invalid_samples: int) -> Analysis:
        rest = self.mixed.rest
        if self.samples == len(rest):
            # Elsewhere the cut at the end of the file would pass for an onset.
            self.rise.feed(np.pad(rest, (0, self.mixed.size - len(rest)))[None])
        if len(rest) and self.loudest.rest.max() < _SILENT:
            self.silent += len(rest)
        loudness = self.meter.finish()
        return Analysis(
            version=VERSION,
            duration=self.samples / self.rate,
            loudness=loudness.integrated,
            max_momentary=loudness.max_momentary,
            true_peak=loudness.true_peak,
            peaks=self.peaks.pairs(),
            silence=self.silent / self.samples,
            onsets=tuple(self.rise.onsets()),
            invalid_samples=invalid_samples,
        )


class _Hops:
    """A stream cut into whole hops; `rest` is what is left over so far."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.rest = np.zeros(0, np.float32)

    def take(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        held = np.concatenate([self.rest, samples])
        whole = len(held) - len(held) % self.size
        self.rest = held[whole:].copy()
        return held[:whole].reshape(-1, self.size)


class Peaks:
    """Lowest and highest sample of equal stretches, folded by two whenever they grow too many."""

    def __init__(self) -> None:
        self._low = np.zeros(0, np.float32)
        self._high = np.zeros(0, np.float32)
        self._step = 1
        self._samples = 0

    def feed(self, low: NDArray[np.float32], high: NDArray[np.float32]) -> None:
        """The next samples' lowest and highest over the channels, (n,) each."""
        if not len(low):
            return
        while -(-(self._samples + len(low)) // self._step) > MOST_PEAKS:
            self._low, self._high = _folded(np.minimum, self._low), _folded(np.maximum, self._high)
            self._step *= 2
        room = -self._samples % self._step
        self._low = self._joined(np.minimum, self._low, low, room)
        self._high = self._joined(np.maximum, self._high, high, room)
        self._samples += len(low)

    def pairs(self) -> bytes:
        both = np.stack([self._low, self._high], axis=1)
        return np.clip(np.rint(both * 127), -127, 127).astype(np.int8).tobytes()

    def _joined(
        self, fold: np.ufunc, held: NDArray[np.float32], samples: NDArray[np.float32], room: int
    ) -> NDArray[np.float32]:
        """`room` samples go into the last stretch held, the others into new ones."""
        if room:
            held[-1] = fold(held[-1], fold.reduce(samples[:room]))
        rest = samples[room:]
        starts = np.arange(0, len(rest), self._step)
        return np.concatenate([held, fold.reduceat(rest, starts)]) if len(rest) else held


def _folded(fold: np.ufunc, values: NDArray[np.float32]) -> NDArray[np.float32]:
    return fold.reduceat(values, np.arange(0, len(values), 2)) if len(values) else values
