"""The very moment at which a sound strikes, which the catalog knows to some hundredths of a second.

An onset there is where a spectrum begins to rise. What is seen with a flash or a blow is the moment
at which the sound is there; in a bark that takes 10 to 50 ms more, which is a frame or two.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np

from indexer.audio import decode
from indexer.audio.waveform import Waveform
from indexer.errors import AudioError
from query.scene.candidates import ATTACK, STRONG, Candidate

BEFORE = 0.02  # s before an onset as the catalog has it: it is exact to a window of two hops


def exactly(candidate: Candidate) -> Candidate:
    """The same, its clear onset where it first comes within 12 dB of the clip's highest level."""
    if not candidate.clear:
        return candidate
    return replace(candidate, onset=struck(candidate))


def struck(candidate: Candidate) -> float:
    """Seconds; what the catalog says where the file cannot be read."""
    first = max(0.0, candidate.onset - BEFORE)
    try:
        near = _read(Path(candidate.clip.path), first, candidate.onset + ATTACK - first)
    except AudioError:
        return candidate.onset
    level = np.abs(near.samples).max(axis=0)
    if not level.size or not level.max():
        return candidate.onset
    peak = level.max() if candidate.clip.peak is None else 10 ** (candidate.clip.peak / 20)
    enough = min(float(level.max()), STRONG * float(peak))
    return first + int((level >= enough).argmax()) / near.sample_rate


def _read(path: Path, start: float, seconds: float) -> Waveform:
    """This stretch, or what there is of it. Raises AudioError."""
    parts: list[Waveform] = []
    with closing(decode.blocks(path, start=start)) as found:
        while sum(part.duration for part in parts) < seconds and (part := next(found, None)):
            parts.append(part)
    if not parts:
        return Waveform(np.zeros((1, 0), np.float32), 1)
    samples = np.concatenate([part.samples for part in parts], axis=1)
    rate = parts[0].sample_rate
    return Waveform(samples[:, : round(seconds * rate)], rate)
