"""Exact search by FAISS's flat inner-product index."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import faiss
import numpy as np

from indexer.vectors.rows import SortedRows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from indexer.vectors.rows import Rows

SPARE = 16  # results fetched beyond the k-th: ties and near-ties seldom reach further
FEWEST_FOR_BLAS = 5  # queries; FAISS's own limit, 128,000 / dim queries, is several times slower

# The threads of torch and numpy spin for a while after their work. A FAISS team that shares the
# cores with them waits at each of its barriers: 16 queries then took up to 20 times as long. One
# thread is steady, and reads rows at memory speed; only long batches gain from a team.
FEWEST_FOR_TEAM = 128  # queries
TEAM: int = faiss.omp_get_max_threads()

_one_search = threading.Lock()  # one at a time, so that teams never exceed the cores


class FaissIndex(SortedRows):
    """An IndexFlatIP whose labels are positions in the ascending ids."""

    def __init__(self, dim: int) -> None:
        super().__init__(dim)
        # Any: the stubs describe the C++ calls, not the Python ones laid over them.
        self._flat: Any = faiss.IndexFlatIP(dim)

    def _matrix(self) -> Rows:
        n = self._flat.ntotal
        if n == 0:
            return np.empty((0, self._dim), np.float32)
        view: Rows = faiss.rev_swig_ptr(self._flat.get_xb(), n * self._dim)
        return view.reshape(n, self._dim)

    def _insert(self, at: NDArray[np.intp], vectors: Rows) -> None:
        n = self._flat.ntotal
        if n and at[0] < n:
            vectors = np.insert(self._matrix(), at, vectors, axis=0)
            self._flat.reset()
        self._flat.add(vectors)

    def _delete(self, at: NDArray[np.intp]) -> None:
        # A flat index closes the gaps, so the order of the others stays.
        self._flat.remove_ids(at)

    def _candidates(
        self, queries: Rows, m: int, margins: NDArray[np.float64], at: NDArray[np.intp] | None
    ) -> Iterator[NDArray[np.intp]]:
        total = len(self) if at is None else len(at)
        fetched = min(m + SPARE, total)
        products, labels = self._nearest(queries, fetched, at)
        least = products[:, m - 1] - margins
        for i, limit in enumerate(least):
            if fetched == total or products[i, -1] < limit:
                yield labels[i][products[i] >= limit]
            else:
                near = np.flatnonzero(self._matrix() @ queries[i] >= limit)
                yield near if at is None else np.intersect1d(near, at, assume_unique=True)

    def _nearest(
        self, queries: Rows, k: int, at: NDArray[np.intp] | None
    ) -> tuple[Rows, NDArray[np.intp]]:
        """(nq, k) float32 products, best first, and positions; k rows at least are allowed."""
        with _one_search:
            faiss.omp_set_num_threads(TEAM if len(queries) >= FEWEST_FOR_TEAM else 1)
            faiss.cvar.distance_compute_blas_threshold = FEWEST_FOR_BLAS * self._dim
            if at is None or len(queries) < FEWEST_FOR_BLAS:
                params = None if at is None else _only(at, len(self))
                products, labels = self._flat.search(queries, k, params=params)
                return products, labels
            # A selector keeps FAISS from BLAS: a batch is faster over a copy of the rows.
            products, labels = faiss.knn(
                queries, self._matrix()[at], k, metric=faiss.METRIC_INNER_PRODUCT
            )
            return products, at[labels]


def _only(at: NDArray[np.intp], n: int) -> Any:
    held = np.zeros(n, bool)
    held[at] = True
    bits = np.packbits(held, bitorder="little")
    python: Any = faiss
    return python.SearchParameters(sel=python.IDSelectorBitmap(bits))
