"""Rows in cells, one bit a number: what may be near, found without reading every row.

faiss's IVF with RaBitQ (Gao & Long, SIGMOD 2024): the rows are sorted into cells by the nearest of
some thousand centres, and of each the signs are kept of what it differs by from its centre, turned.
That is a 32nd of the rows. A question is answered from the cells nearest to it; the caller scores
what is found again by the rows themselves.
"""

from __future__ import annotations

import os
import zlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import faiss
import numpy as np

from indexer.errors import IndexDamaged
from indexer.vectors.known import Known, read, write

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from indexer.vectors.rows import Ids, Rows

_faiss: Any = faiss  # its stubs describe the C++ calls, not the Python ones laid over them
SEED = 1
ROUNDS = 8  # of k-means
TAUGHT = 32  # rows for each centre that k-means sees: it takes as long for any library of a size
SPARSE = 256  # times as many bits as ids, beyond which a set of them is smaller
BITS = 8  # of each number of a question

# How long a question is made. Cells are taken by distance to their centres, which lie the nearer to
# zero the more their rows differ. With length 1 those come too early for a question that is far
# from all rows, with a great length too late for one that is near; 2 serves both (docs/speed.md).
LENGTH_OF_QUESTION = 2.0


class Cells:
    """Ids of rows by what they are near to. `ids` and rows are those of the index beside it."""

    def __init__(self, found: Any, known: Known, frozen: NDArray[np.uint8] | None = None) -> None:
        self._found = found  # a faiss.IndexIVFRaBitQ
        self._frozen = frozen  # its bytes, where it lies in a file: it must not change then
        self.known = known

    @classmethod
    def of(cls, ids: Ids, rows: Rows) -> Cells:
        """New ones of all these rows; the same for the same rows. What is known is still empty."""
        n, dim = rows.shape
        count = max(1, int(2 * n**0.5))
        some = np.random.default_rng(SEED).choice(n, min(n, TAUGHT * count), replace=False)
        some.sort()
        centres = faiss.Kmeans(
            dim, count, niter=ROUNDS, seed=SEED, min_points_per_centroid=1,
            max_points_per_centroid=TAUGHT,
        )  # fmt: skip
        centres.train(rows[some])
        by_distance: Any = faiss.IndexFlatL2(dim)
        by_distance.add(centres.centroids)
        found: Any = faiss.IndexIVFRaBitQ(by_distance, dim, count, faiss.METRIC_INNER_PRODUCT)
        found.train(rows[some])
        found.add_with_ids(rows, ids)
        return cls(found, Known(n, count, 0, count, {}))

    def __len__(self) -> int:
        return int(self._found.ntotal)

    def search(
        self, queries: Rows, k: int, probed: int, allowed: Ids | None = None
    ) -> NDArray[np.int64]:
        """(nq, k) ids, roughly the best first; -1 where the cells looked at hold fewer."""
        lengths = np.linalg.norm(queries, axis=1, keepdims=True)
        asked = LENGTH_OF_QUESTION * queries / np.where(lengths > 0, lengths, 1)
        chosen = {} if allowed is None else {"sel": _selector(allowed)}
        how = _faiss.IVFRaBitQSearchParameters(nprobe=probed, qb=BITS, **chosen)
        return np.asarray(self._found.search(asked.astype(np.float32), k, params=how)[1])

    def drop(self) -> None:
        """Holds no rows from now on: what is known of them stays."""
        self._found.reset()

    def put(self, ids: Ids, rows: Rows) -> None:
        """Adds rows, in place of those of the same ids."""
        self.known = replace(self.known, put=self.known.put + len(ids))
        if self.known.probed:
            self.take(ids)
            self._own().add_with_ids(rows, ids)

    def take(self, ids: Ids) -> None:
        if self.known.probed:
            self._own().remove_ids(faiss.IDSelectorBatch(ids))

    def write(self, path: Path, ids: Ids) -> None:
        found = self._frozen if self._frozen is not None else faiss.serialize_index(self._found)
        write(path, found, self.known, _sum(ids))

    @classmethod
    def read(cls, path: Path, ids: Ids) -> Cells:
        """What was written with these ids, mapped. Raises IndexDamaged."""
        found, known, about = read(path)
        if about != _sum(ids):
            raise IndexDamaged(f"the cells of {path} are of other rows; they are made again")
        try:
            return cls(_mapped(path), known, found)
        except RuntimeError as error:  # of another version, or replaced meanwhile
            raise IndexDamaged(f"the cells of {path} cannot be read: {error}") from error

    def _own(self) -> Any:
        """The index, in memory of its own from the first change on."""
        if self._frozen is not None:
            self._found = faiss.deserialize_index(self._frozen)
            self._frozen = None
        return self._found


def _mapped(path: Path) -> Any:
    if os.name == "nt":  # Windows replaces no file that is mapped
        return faiss.read_index(str(path))
    mapped: Any = faiss.read_index(str(path), faiss.IO_FLAG_MMAP)
    # Else up to 32 threads begin for each question, to read ahead.
    _faiss.downcast_InvertedLists(mapped.invlists).prefetch_nthread = 0
    return mapped


def _selector(allowed: Ids) -> Any:
    most = int(allowed.max(initial=0))
    if most > SPARSE * len(allowed):
        return _faiss.IDSelectorBatch(allowed)
    bits = np.zeros(most + 1, bool)
    bits[allowed] = True
    return _faiss.IDSelectorBitmap(np.packbits(bits, bitorder="little"))


def _sum(ids: Ids) -> int:
    return zlib.crc32(np.ascontiguousarray(ids, "<i8").data)
