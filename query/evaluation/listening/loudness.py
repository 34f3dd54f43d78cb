"""Equal loudness: the gain of each sound, so that none is judged by its level."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

TARGET = -23.0  # LUFS, EBU R 128
PEAK = -1.0  # dBTP that no sound may pass


@dataclass(frozen=True, slots=True)
class Level:
    """Seconds; LUFS and dBTP, None where a sound is silent."""

    duration: float
    loudness: float | None
    true_peak: float | None


def listen(path: Path) -> Level:
    """Decodes the whole file. Raises AudioError."""
    from indexer.audio.analysis import Analyzer
    from indexer.audio.decode import blocks

    analyzer, stream = Analyzer(), blocks(path)
    for block in stream:
        analyzer.feed(block)
    found = analyzer.finish()
    return Level(found.duration, found.loudness, found.true_peak)


def gains(levels: Mapping[str, Level]) -> tuple[float, dict[str, float]]:
    """The loudness that all sounds get, LUFS, and the gain of each, dB; 0 for silence.

    -23 LUFS, or the loudest that every sound can have without a true peak over -1 dBTP: none is
    limited or compressed.
    """
    heard = {name: level for name, level in levels.items() if level.loudness is not None}
    common = min([TARGET, *_reach(heard.values())])
    made = {
        name: common - level.loudness if level.loudness is not None else 0.0
        for name, level in levels.items()
    }
    return common, made


def _reach(levels: Iterable[Level]) -> Iterable[float]:
    for level in levels:
        if level.loudness is not None and level.true_peak is not None:
            yield level.loudness + PEAK - level.true_peak
