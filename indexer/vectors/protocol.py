"""What every vector index promises."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Neighbors:
    """(nq, m) inner products, best first, and the ids of their rows; m = min(k, rows searched)."""

    scores: NDArray[np.float32]
    ids: NDArray[np.int64]


class VectorIndex(Protocol):
    """Inner-product search over (n, dim) float32 rows, each under a positive int64 id.

    A score is the float64 inner product rounded to float32; of equal scores the smaller id
    comes first. An exact index therefore gives the same bits in every batch and every kind; an
    approximate one may pass over rows, and whatever else is promised here holds for it too.
    Vectors and queries that are not (n, dim), or hold NaN or infinity, raise ValueError.
    """

    @property
    def dim(self) -> int: ...

    def __len__(self) -> int: ...

    def ids(self) -> NDArray[np.int64]:
        """All ids, ascending."""
        ...

    def add(self, ids: NDArray[np.int64], vectors: NDArray[np.float32]) -> None:
        """Adds rows; a row whose id is present is replaced.

        Raises ValueError, leaving the index as it was, for unequal lengths, ids below 1 and
        ids given twice.
        """
        ...

    def remove(self, ids: NDArray[np.int64]) -> int:
        """Removes these ids, passing over absent and repeated ones; returns how many went."""
        ...

    def search(
        self,
        queries: NDArray[np.float32],
        k: int,
        allowed: NDArray[np.int64] | None = None,
    ) -> Neighbors:
        """The k rows of largest inner product per query, best first.

        `queries` (nq, dim). `allowed`: the search sees only these ids, in any order; absent
        and repeated ones do not count. Exactly min(k, number of allowed rows present) results
        per query, never a filler id. Raises ValueError for a negative k.
        """
        ...

    def note(self) -> str:
        """What the user should know of its answers, a sentence; "" where they are exact."""
        ...

    def save(self, path: Path) -> None:
        """Writes the index aside, flushes it to disk, then renames it to `path`.

        The folder must exist. Killed at any moment, the old file or the new one is whole.
        """
        ...
