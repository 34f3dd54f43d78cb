"""Takes that are the same recording to the ear, whatever their names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from indexer.catalog.store import Catalog
    from indexer.encoders.protocol import Part

ALIKE = 0.995  # cosine of clip vectors, at equal length
CROWD = 5_000  # where so many sounds share a length, equal length says nothing


def join_similar(catalog: Catalog, spaces: Mapping[Part, int]) -> None:
    """Puts sounds of equal length (to 1 ms) and nearly equal sound into one take group."""
    space = spaces.get("likeness", spaces["audio"])
    for sound_ids in catalog.durations(since=catalog.last_built()).values():
        if len(sound_ids) <= CROWD:
            catalog.join_takes(_pairs(catalog, space, sound_ids))


def _pairs(catalog: Catalog, space: int, sound_ids: list[int]) -> Iterator[tuple[int, int]]:
    ids, rows = catalog.embeddings.clips(space, sound_ids)
    first, second = np.nonzero(np.triu(rows @ rows.T >= ALIKE, k=1))
    yield from zip(ids[first].tolist(), ids[second].tolist(), strict=True)
