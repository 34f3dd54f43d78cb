"""Whether a sound that a model made is fit to be used."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from indexer.audio.waveform import Waveform

if TYPE_CHECKING:
    from numpy.typing import NDArray

QUIET, HOP = 1e-3, 0.01  # -60 dBFS, below which a stretch of so many seconds is silent
HEARD = 0.05  # s above that: less is a click of the model's
BEFORE, AFTER = 0.05, 0.25  # s that are kept of the silence around a sound
FULL, CLIPPED = 0.999, 1e-3  # of the highest level, and the share of samples up there
OFF = 0.05  # of full scale that a sound may lie off zero, if it is no louder than that
CEILING = 10 ** (-1 / 20)  # -1 dBFS


@dataclass(frozen=True, slots=True)
class Passed:
    """The sound centred on zero, no higher than -1 dBFS and without the silence around it; `gain`
    in dB, 0 or below; `cut`: seconds of silence that were taken off."""

    waveform: Waveform
    gain: float
    cut: float


def judge(made: Waveform) -> Passed | str:
    """The sound, or in a few words why it is refused.

    It is where samples are no numbers, where nothing is heard, where its top is cut flat (more than
    .1 % of the samples at the highest level, of full scale at least), and where it lies further off
    zero than it moves. A smaller offset is taken out. A short sound in long silence is none to be
    refused, and the silence would count in its vector: it is cut off.
    """
    samples = made.samples
    if not samples.size or not np.isfinite(samples).all():
        return "samples that are no numbers" if samples.size else "no samples"
    offset = samples.mean(axis=1, dtype=np.float64)[:, None]
    centred = (samples - offset).astype(np.float32)
    if np.abs(offset).max() > max(OFF, float(np.sqrt((centred**2).mean()))):
        return f"off zero by {np.abs(offset).max():.2f}"
    level = np.abs(samples)
    if (level >= FULL * max(1.0, float(level.max()))).mean() > CLIPPED:
        return "clipped"
    heard = _heard(centred, made.sample_rate)
    if heard is None or _is_silent(Waveform(centred[:, heard], made.sample_rate)):
        return "silent"
    peak = float(np.abs(centred).max())
    scale = min(1.0, CEILING / peak)
    gain = float(20 * np.log10(scale))
    kept = centred[:, heard] * np.float32(scale)
    cut = (centred.shape[1] - kept.shape[1]) / made.sample_rate
    return Passed(Waveform(kept, made.sample_rate), round(gain, 2), round(cut, 3))


def _heard(samples: NDArray[np.float32], rate: int) -> slice | None:
    """Where (channels, n) samples sound, with some silence around; None if they hardly do."""
    hop = max(1, round(HOP * rate))
    starts = np.arange(0, samples.shape[1], hop)
    levels = np.maximum.reduceat(np.abs(samples).max(axis=0), starts)
    [loud] = np.nonzero(levels >= QUIET)
    if len(loud) * hop < HEARD * rate:
        return None
    first, last = int(starts[loud[0]]), int(starts[loud[-1]]) + hop
    return slice(max(0, first - round(BEFORE * rate)), last + round(AFTER * rate))


def _is_silent(waveform: Waveform) -> bool:
    """For what measures it when it is indexed, and would then leave it out."""
    from indexer.audio.analysis import Analyzer

    analyzer = Analyzer()
    analyzer.feed(waveform)
    return analyzer.finish().loudness is None
