"""Sound quality of a library's recordings, beside what they are of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from indexer.errors import AudioError
from indexer.progress import Progress

if TYPE_CHECKING:
    from indexer.library import Library

COLUMNS = (
    "id", "path", "faults", "clipping", "noise_floor", "bandwidth", "offset", "loudness",
    "true_peak", "silence",
)  # fmt: skip
BATCH = 50  # sounds recorded at once


def measure(library: Library, progress: Progress | None = None) -> list[str]:
    """What was not measured yet; can be stopped, and goes on there. What could not be read."""
    from indexer.audio import quality

    progress = progress or Progress()
    kept, failed = library.catalog.quality, []
    lacking = kept.lacking()
    progress.stage("Measuring", len(lacking))
    for at in range(0, len(lacking), BATCH):
        found = []
        for sound in lacking[at : at + BATCH]:
            try:
                found.append((sound, quality.measure(sound.path)))
            except AudioError as error:
                failed.append(str(error))
            progress.advance()
        kept.record(found)
    return failed


def rows(library: Library) -> list[dict[str, Any]]:
    """Those with faults first, then in the order of their paths."""
    told = sorted(library.catalog.quality.told(), key=lambda each: not each.faults)
    return [{**each._asdict(), "id": each.sound_id} for each in told]


def counted(found: list[dict[str, Any]]) -> Mapping[str, int]:
    """How many sounds have each fault; "none" those that have none."""
    counts = Counter(fault for row in found for fault in row["faults"].split() or ["none"])
    return dict(sorted(counts.items()))
