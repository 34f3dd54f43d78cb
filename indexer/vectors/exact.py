"""The judge: exact search by numpy's matrix product alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from indexer.vectors.rows import SortedRows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from indexer.vectors.rows import Rows

BLOCK = 1 << 24  # products held at a time: 64 MB


class ExactIndex(SortedRows):
    """Inner products of every query with every row."""

    def __init__(self, dim: int) -> None:
        super().__init__(dim)
        self._room: Rows = np.empty((0, dim), np.float32)

    def _matrix(self) -> Rows:
        return self._room[: len(self._ids)]

    def _insert(self, at: NDArray[np.intp], vectors: Rows) -> None:
        n, end = len(self._ids), len(self._ids) + len(vectors)
        if n == 0:
            self._room = vectors
        elif at[0] < n:
            self._room = np.insert(self._matrix(), at, vectors, axis=0)
        else:
            if end > len(self._room):
                room = np.empty((end + end // 2, self._dim), np.float32)
                room[:n] = self._matrix()
                self._room = room
            self._room[n:end] = vectors

    def _delete(self, at: NDArray[np.intp]) -> None:
        self._room = np.delete(self._matrix(), at, axis=0)

    def _candidates(
        self, queries: Rows, m: int, margins: NDArray[np.float64], at: NDArray[np.intp] | None
    ) -> Iterator[NDArray[np.intp]]:
        return by_products(self._matrix(), queries, m, margins, at)


def by_products(
    matrix: Rows,
    queries: Rows,
    m: int,
    margins: NDArray[np.float64],
    at: NDArray[np.intp] | None,
) -> Iterator[NDArray[np.intp]]:
    """Candidates as `SortedRows._candidates` promises them, by matrix products."""
    block = max(1, BLOCK // len(matrix))
    for start in range(0, len(queries), block):
        products = queries[start : start + block] @ matrix.T
        # Taking columns afterwards costs less than copying the allowed rows before.
        products = products if at is None else products[:, at]
        least = np.partition(products, -m, axis=1)[:, -m] - margins[start : start + block]
        for row, limit in zip(products, least, strict=True):
            near = np.flatnonzero(row >= limit)
            yield near if at is None else at[near]
