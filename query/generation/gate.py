"""Whether a sound that a model made is fit to be used."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from indexer.audio.waveform import Waveform

SILENT = 0.98  # share of a sound below -60 dBFS
FULL, CLIPPED = 0.999, 1e-3  # of the highest level, and the share of samples up there
OFF = 0.05  # of full scale that a sound may lie off zero, if it is no louder than that
CEILING = 10 ** (-1 / 20)  # -1 dBFS


@dataclass(frozen=True, slots=True)
class Passed:
    """The sound centred on zero and no higher than -1 dBFS; `gain` in dB, 0 or below."""

    waveform: Waveform
    gain: float


def judge(made: Waveform) -> Passed | str:
    """The sound, or in a few words why it is refused.

    It is where samples are no numbers, where nearly all of it is silent, where its top is cut flat
    (more than .1 % of the samples at the highest level, of full scale at least), and where it lies
    further off zero than it moves. A smaller offset is taken out.
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
    centred_waveform = Waveform(centred, made.sample_rate)
    if _is_silent(centred_waveform):
        return "silent"
    peak = float(np.abs(centred).max())
    scale = min(1.0, CEILING / peak)
    gain = float(20 * np.log10(scale))
    return Passed(Waveform(centred * np.float32(scale), made.sample_rate), round(gain, 2))


def _is_silent(waveform: Waveform) -> bool:
    from indexer.audio.analysis import Analyzer

    analyzer = Analyzer()
    analyzer.feed(waveform)
    found = analyzer.finish()
    return found.loudness is None or found.silence > SILENT
