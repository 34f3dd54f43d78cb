"""Samples and their rate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Waveform:
    """A stretch of sound.

    `samples` is (channels, n) float32, nominally within [-1, 1] (recordings may
    exceed it); `sample_rate` in Hz.
    """

    samples: NDArray[np.float32]
    sample_rate: int

    @property
    def channels(self) -> int:
        return int(self.samples.shape[0])

    @property
    def duration(self) -> float:
        """Length in seconds."""
        return float(self.samples.shape[1] / self.sample_rate)


def mono(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """(channels, n) to (n,): the mean of the channels; where they cancel each other, the loudest.

    They do where the peak of the mean is under a tenth of the highest.
    """
    import numpy as np

    if samples.size == 0:
        return np.zeros(0, dtype=np.float32)
    mean = samples.mean(axis=0, dtype=np.float32)
    peaks = np.abs(samples).max(axis=1)
    chosen = mean if np.abs(mean).max() >= 0.1 * peaks.max() else samples[int(peaks.argmax())]
    return np.asarray(chosen, dtype=np.float32)
