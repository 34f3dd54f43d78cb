"""Exact search by FAISS, on a GPU where faiss was built for one.

The rows lie in memory, or in a file that is mapped there. From the second search of the same rows
on, candidates come from a copy on the first GPU: one question would wait longer for the copy than
for its answer. A filtered search stays on the CPU (on a GPU, faiss passes over a selector without
a word), and so does one for which a GPU has not enough memory.
"""

from __future__ import annotations

import logging
import os
from functools import cache
from typing import TYPE_CHECKING, Any

import faiss
import numpy as np

from indexer.vectors.quick import QuickIndex
from indexer.vectors.rows import margins

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from indexer.vectors.rows import Rows

    Found = tuple[Rows, NDArray[np.intp]]  # (nq, k) products, best first, and positions

log = logging.getLogger(__name__)

SPARE = 16  # results fetched beyond the k-th: ties and near-ties seldom reach further
FEWEST_FOR_BLAS = 5  # queries; FAISS's own limit, 128,000 / dim queries, is several times slower

# Allowed rows are copied, so many at a time that they stay in the cache. For few queries that costs
# more than a mask over all, from this share on.
BLOCK = 2048
COPIED = 1 / 4

# The threads of torch and numpy spin for a while after their work. A FAISS team that shares the
# cores with them waits at each of its barriers: 16 queries then took up to 20 times as long. One
# thread is steady, and reads rows at memory speed; only long batches gain from a team.
FEWEST_FOR_TEAM = 128  # queries
TEAM: int = faiss.omp_get_max_threads()

GPU_MOST = 2048  # results for each query that faiss finds on a GPU
GPU_ROOM = 1 << 28  # bytes faiss works in, besides the rows: the model needs the rest
LESS_THAN_FLOAT32 = ("NVIDIA_TF32_OVERRIDE", "CUBLAS_EMULATE_SINGLE_PRECISION")


class FaissIndex(QuickIndex):
    """The rows are searched where they lie; labels are positions in the ascending ids."""

    def __init__(self, dim: int) -> None:
        super().__init__(dim)
        # Any: the stubs describe the C++ calls, not the Python ones laid over them.
        self._copy: Any = None  # on a GPU
        self._searches = 0  # since the rows changed

    def _near_of_all(self, queries: Rows, m: int) -> list[NDArray[np.intp]]:
        fetched = min(m + SPARE, len(self))
        found = self._nearest_on_gpu(queries, fetched)
        if found is None and (near := self._near_by_rounded(queries, m)) is not None:
            return near
        found = found or knn(queries, self._matrix(), fetched)
        return list(self._within(queries, m, found))

    def _near_of_some(
        self, queries: Rows, m: int, at: NDArray[np.intp]
    ) -> list[NDArray[np.intp]] | None:
        """None where products with all rows are cheaper."""
        if len(at) > COPIED * len(self):
            near = self._near_by_rounded(queries, m, at)
            if near is not None or len(queries) < FEWEST_FOR_BLAS:
                return near
        found = knn_among(queries, self._matrix(), at, min(m + SPARE, len(at)))
        return list(self._within(queries, m, found, at))

    def _within(
        self, queries: Rows, m: int, found: Found, at: NDArray[np.intp] | None = None
    ) -> Iterator[NDArray[np.intp]]:
        """Per query the positions within its margin of the m-th product that was found."""
        products, labels = found
        total = len(self) if at is None else len(at)
        least = products[:, m - 1] - margins(queries, self._dim, self._longest)
        for i, limit in enumerate(least):
            if products.shape[1] == total or products[i, -1] < limit:
                yield labels[i][products[i] >= limit]
            else:
                near = np.flatnonzero(self._matrix() @ queries[i] >= limit)
                yield near if at is None else np.intersect1d(near, at, assume_unique=True)

    def _nearest_on_gpu(self, queries: Rows, k: int) -> Found | None:
        if k > GPU_MOST:
            return None
        self._searches += 1
        try:
            if self._searches == 2 and gpus():
                self._copy = _copied(self._matrix())
            if self._copy is not None:
                products, labels = self._copy.search(queries, k)
                return products, labels
        except RuntimeError as error:
            log.info("searched on the CPU, since the GPU has no room: %s", error)
            self._copy = None
        return None

    def on_gpu(self, m: int) -> bool:
        """Whether unfiltered searches for m results come from a GPU, from the second on."""
        fits = self._copy is not None or self._searches < 2
        return fits and m + SPARE <= GPU_MOST and gpus() > 0

    def _drop_copy(self) -> None:
        super()._drop_copy()
        self._copy, self._searches = None, 0


def set_team(queries: int) -> None:
    """Lets faiss use as many threads, in this one, as pay for so many queries."""
    faiss.omp_set_num_threads(TEAM if queries >= FEWEST_FOR_TEAM else 1)


def knn(queries: Rows, rows: Rows, k: int) -> Found:
    set_team(len(queries))
    faiss.cvar.distance_compute_blas_threshold = FEWEST_FOR_BLAS * rows.shape[1]
    products, labels = faiss.knn(queries, rows, k, metric=faiss.METRIC_INNER_PRODUCT)
    return products, labels


def knn_among(queries: Rows, rows: Rows, at: NDArray[np.intp], k: int) -> Found:
    """The k nearest of the rows at these positions; so many there are at least."""
    copy = np.empty((min(BLOCK, len(at)), rows.shape[1]), np.float32)
    found = []
    for start in range(0, len(at), BLOCK):
        some = at[start : start + BLOCK]
        # Without a mode, numpy fills a buffer of its own first.
        np.take(rows, some, axis=0, out=copy[: len(some)], mode="clip")
        products, labels = knn(queries, copy[: len(some)], min(k, len(some)))
        found.append((products, some[labels]))
    products, places = (np.concatenate(parts, axis=1) for parts in zip(*found, strict=True))
    order = np.argsort(-products, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(products, order, 1), np.take_along_axis(places, order, 1)


def gpus() -> int:
    """How many GPUs faiss can search on; 0 for a CPU build.

    Also 0 where cuBLAS is told to compute float32 in less: the margin for rounding would not hold.
    faiss itself leaves TF32 off.
    """
    if any(os.environ.get(name, "0") != "0" for name in LESS_THAN_FLOAT32):
        return 0
    return int(faiss.get_num_gpus()) if built_for_gpu() else 0


def built_for_gpu() -> bool:
    return hasattr(faiss, "StandardGpuResources")


def _copied(rows: Rows) -> Any:
    """The rows on the first GPU. Raises RuntimeError without room for them."""
    config: Any = faiss.GpuIndexFlatConfig()
    config.useFloat16 = False
    config.use_cuvs = False  # its kernels make no promise of rounding
    copy: Any = faiss.GpuIndexFlatIP(_gpu_resources(), rows.shape[1], config)
    copy.add(rows)
    return copy


@cache
def _gpu_resources() -> Any:
    resources = faiss.StandardGpuResources()
    resources.setTempMemory(GPU_ROOM)
    return resources
