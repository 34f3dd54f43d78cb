"""Which shots show one place."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from indexer.geometry import normalize

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from indexer.encoders.protocol import Part, Vectors

SAME = 0.7  # mean cosine of the shots of one place, at least


def places(rows: NDArray[np.floating], same: float = SAME) -> list[int]:
    """(n, d) directions of shots to the number of each one's place, in order of appearance.

    Agglomerative, average linkage: two groups become one while the mean cosine between their
    shots is at least `same`. A row of zeros (black) is a place of its own.
    """
    there = np.flatnonzero(np.any(rows, axis=1))
    groups = np.arange(len(rows)) + len(rows)
    if len(there) > 1:
        from scipy.cluster.hierarchy import fcluster, linkage

        unit = normalize(rows[there]).astype(np.float64)
        apart = np.maximum(0.0, 1.0 - unit @ unit.T)
        tree = linkage(apart[np.triu_indices(len(there), 1)], "average")
        groups[there] = fcluster(tree, 1.0 - same + 1e-9, "distance")
    numbers: dict[int, int] = {}
    return [numbers.setdefault(int(group), len(numbers)) for group in groups]


def rows_of(shots: Sequence[Vectors], weights: Mapping[Part, float]) -> NDArray[np.float32]:
    """(1, dim) rows of each shot side by side, so that their product is like a score."""
    parts = [
        np.sqrt(weight) * np.concatenate([shot[part] for shot in shots])
        for part, weight in weights.items()
    ]
    return normalize(np.concatenate(parts, axis=1))
