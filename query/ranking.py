"""From scores to a ranked list: takes collapsed, lists fused. No input or output."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

FUSION = 60  # Cormack, Clarke & Buettcher 2009: reciprocal rank fusion, k = 60


@dataclass(frozen=True, slots=True)
class Hit:
    """A ranked sound.

    score   (1 - w) cos_audio + w cos_metadata; for words fused with exact search, in 0..1
    parts   cosines of what is heard and written; None for a part that this sound does not have
            or that was not asked (exact words alone)
    start, end   its best moment, seconds
    takes   how many other takes of it the library holds
    state   present, missing or offline
    """

    rank: int
    score: float
    parts: Mapping[str, float | None]
    id: int
    title: str
    path: str
    url: str
    license: str
    author: str
    duration: float
    start: float
    end: float
    source: str
    pack: str
    tags: Sequence[str] = field(default_factory=list)
    takes: int = 0
    state: str = "present"


def collapse(ids: Sequence[int], groups: Mapping[int, str], k: int) -> list[int]:
    """The first of each take group, in order, at most k; a sound without a group stands alone."""
    seen: set[str] = set()
    kept: list[int] = []
    for sound_id in ids:
        group = groups.get(sound_id) or f"#{sound_id}"
        if group not in seen and len(kept) < k:
            seen.add(group)
            kept.append(sound_id)
    return kept


def fuse_ranks(lists: Sequence[Sequence[int]]) -> dict[int, float]:
    """Reciprocal rank fusion, scaled to 0..1: 1 is first in every list. Best first, ties by id."""
    scores: dict[int, float] = {}
    for ranked in lists:
        for rank, sound_id in enumerate(ranked, start=1):
            scores[sound_id] = scores.get(sound_id, 0.0) + (FUSION + 1) / (FUSION + rank)
    scaled = {sound_id: score / len(lists) for sound_id, score in scores.items()}
    return dict(sorted(scaled.items(), key=lambda pair: (-pair[1], pair[0])))
