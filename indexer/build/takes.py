"""Takes that are the same recording to the ear, whatever their names."""

from __future__ import annotations

from collections.abc import Mapping
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
            catalog.join_takes(_alike(catalog, space, sound_ids))


def _alike(catalog: Catalog, space: int, sound_ids: list[int]) -> list[list[int]]:
    """Sounds that are linked by pairs of nearly equal ones.

    (SciPy's connected components take .3 s to import, which every build would wait for.)
    """
    ids, rows = catalog.embeddings.clips(space, sound_ids)
    one, other = np.nonzero(rows @ rows.T >= ALIKE)
    group, grows = np.arange(len(ids)), True
    while grows:
        before = group.copy()
        np.minimum.at(group, one, before[other])
        grows = not np.array_equal(group, before)
    members: dict[int, list[int]] = {}
    for sound_id, number in zip(ids.tolist(), group.tolist(), strict=True):
        members.setdefault(number, []).append(sound_id)
    return [together for together in members.values() if len(together) > 1]
