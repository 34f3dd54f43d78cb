"""What the exact and the FAISS index share: rows kept by ascending id, exact ranking, one file.

A float32 product of the same two vectors differs in its last bits with the library, the batch and
the row's place in it. So a search is done in two steps: float32 products name the candidates, with
a margin for their rounding, and the candidates are scored again in float64. Scores and order are
then the same for every kind of index and every batch.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Self

import numpy as np

from indexer.vectors.files import read_rows, write_rows
from indexer.vectors.protocol import Neighbors

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from indexer.vectors.files import Sums

    Ids = NDArray[np.int64]
    Rows = NDArray[np.float32]

CHUNK = 4096  # rows scored in float64 at a time: 32 MB at 1,024 dimensions


class SortedRows(ABC):
    """A VectorIndex whose row i belongs to the i-th smallest id, so position order is id order."""

    def __init__(self, dim: int) -> None:
        self._dim = dim
        self._ids: Ids = np.empty(0, np.int64)
        self._longest = 0.0  # no row is longer
        self._sums: Sums | None = None  # of rows as they lie in a file, not all of them compared

    @property
    def dim(self) -> int:
        return self._dim

    def __len__(self) -> int:
        return len(self._ids)

    def ids(self) -> Ids:
        return self._ids.copy()

    def add(self, ids: Ids, vectors: Rows) -> None:
        ids, vectors = checked(ids, vectors, self._dim)
        if len(ids):
            self._check_all()
        at = np.searchsorted(self._ids, ids)
        present = self._present(ids, at)
        self._matrix()[at[present]] = vectors[present]
        new = ~present
        if new.any():
            self._insert(at[new], vectors[new])
            self._ids = np.insert(self._ids, at[new], ids[new])
        self._longest = max(self._longest, longest(vectors))

    def remove(self, ids: Ids) -> int:
        at = self._positions(ids)
        if len(at):
            self._check_all()
            self._delete(at)
            self._ids = np.delete(self._ids, at)
        return len(at)

    def search(self, queries: Rows, k: int, allowed: Ids | None = None) -> Neighbors:
        """Raises IndexDamaged where a row that would be found is not as its file was written."""
        queries = matrix(queries, self._dim, "queries")
        if k < 0:
            raise ValueError(f"k is {k}; it must not be negative")
        at = None if allowed is None else self._positions(allowed)
        m = min(k, len(self) if at is None else len(at))
        scores = np.empty((len(queries), m), np.float32)
        found = np.empty((len(queries), m), np.int64)
        if m and len(queries):
            margin = margins(queries, self._dim, self._longest)
            for i, near in enumerate(self._candidates(queries, m, margin, at)):
                self._check(near, m)
                scores[i], places = best(self._matrix(), near, queries[i], m)
                found[i] = self._ids[places]
        return Neighbors(scores, found)

    @property
    def unprepared(self) -> bool:
        """Whether `prepare` would do something."""
        return False

    def prepare(self, parts: Sequence[int]) -> None:  # noqa: B027 - most have nothing to make
        """Makes what answers sooner, if the rows are many; takes minutes for a million.

        parts   how many numbers each part of a row has; they stand side by side
        """

    def save_beside(self, path: Path) -> None:  # noqa: B027
        """Writes what `prepare` made, beside the rows that were saved at `path`."""

    def note(self) -> str:
        return ""

    def save(self, path: Path) -> None:
        self._check_all()
        write_rows(path, self._ids, self._matrix(), self._longest)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Reads what `save` of any SortedRows wrote; raises IndexDamaged for anything else."""
        ids, vectors, longest, sums = read_rows(path)
        index = cls(vectors.shape[1])
        if len(ids):
            index._insert(np.zeros(len(ids), np.int64), vectors)
        index._ids, index._longest, index._sums = ids, longest, sums
        return index

    def _check(self, near: NDArray[np.intp], m: int = 0) -> None:
        """Compares rows with their sums; all where fewer than m are near, as a NaN makes it."""
        if self._sums is None:
            return
        self._sums.check(near)
        if len(near) < m or near.min(initial=0) < 0:
            self._sums.check_all()

    def _check_all(self) -> None:
        """Before rows change, or are written with sums of their own."""
        if self._sums is not None:
            self._sums.check_all()
            self._sums = None

    def _present(self, ids: Ids, at: NDArray[np.intp]) -> NDArray[np.bool_]:
        inside = at < len(self._ids)
        present = np.zeros(len(ids), bool)
        present[inside] = self._ids[at[inside]] == ids[inside]
        return present

    def _positions(self, ids: Ids) -> NDArray[np.intp]:
        """Ascending positions of these ids, in any order and however often given."""
        ids = np.asarray(ids, np.int64)
        at = np.searchsorted(self._ids, ids)
        held = np.zeros(len(self._ids), bool)
        held[at[self._present(ids, at)]] = True
        return np.flatnonzero(held)

    @abstractmethod
    def _matrix(self) -> Rows:
        """(n, dim) a view of the rows."""

    @abstractmethod
    def _insert(self, at: NDArray[np.intp], vectors: Rows) -> None:
        """Puts `vectors[i]` before the row now at `at[i]` (ascending), as numpy.insert does."""

    @abstractmethod
    def _delete(self, at: NDArray[np.intp]) -> None:
        """Takes these rows out (ascending positions), keeping the order of the others."""

    @abstractmethod
    def _candidates(
        self, queries: Rows, m: int, margins: NDArray[np.float64], at: NDArray[np.intp] | None
    ) -> Iterator[NDArray[np.intp]]:
        """Per query the positions, among `at`, within its margin of the m-th best product."""


def checked(ids: Ids, vectors: Rows, dim: int) -> tuple[Ids, Rows]:
    ids, vectors = np.asarray(ids, np.int64), matrix(vectors, dim, "vectors")
    if ids.shape != (len(vectors),):
        raise ValueError(f"{ids.shape} ids for {len(vectors)} vectors")
    order = np.argsort(ids)
    ids = ids[order]
    if len(ids) and ids[0] < 1:
        raise ValueError(f"{ids[0]} is no id; ids are positive")
    if (ids[1:] == ids[:-1]).any():
        raise ValueError("an id is given twice")
    return ids, vectors[order]


def matrix(vectors: Rows, dim: int, what: str) -> Rows:
    vectors = np.ascontiguousarray(vectors, np.float32)
    if vectors.ndim != 2 or vectors.shape[1] != dim:
        raise ValueError(f"{what} of shape {vectors.shape}; this index holds (n, {dim})")
    if not np.isfinite(vectors).all():
        raise ValueError(f"{what} hold NaN or infinity")
    return vectors


def margins(queries: Rows, dim: int, longest: float) -> NDArray[np.float64]:
    """(nq,) by how much a candidate's float32 product may fall short of the k-th's.

    No row is longer than `longest`.
    |float32(q·x) - q·x| <= d u / (1 - d u) |q| |x| in any order of summation, u = 2^-24
    (Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed., section 3.1). Twice
    that, since the k-th is as uncertain; 8 u more cover the rounding of the score itself. What
    is too small for float32 loses half of its least number with each product besides.
    """
    loss = (dim + 8) * 2.0**-24
    least = (dim + 8) * 2.0**-149
    return np.asarray(2 * loss / (1 - loss) * lengths(queries) * longest + least)


def longest(vectors: Rows) -> float:
    return float(lengths(vectors).max(initial=0.0))


def lengths(vectors: Rows) -> NDArray[np.float64]:
    return np.asarray(np.sqrt(np.einsum("ij,ij->i", vectors, vectors, dtype=np.float64)))


def best(rows: Rows, near: NDArray[np.intp], query: Rows, m: int) -> tuple[Rows, NDArray[np.intp]]:
    """The m best of these positions with their scores, the smaller position first among equals."""
    near = np.sort(near)
    scores = np.concatenate(
        [score(rows[near[i : i + CHUNK]], query) for i in range(0, len(near), CHUNK)]
    )
    order = np.argsort(-scores, kind="stable")[:m]
    return scores[order], near[order]


def score(rows: Rows, query: Rows) -> Rows:
    # A sum along each row adds in the same order wherever the row stands; BLAS does not.
    products = np.multiply(rows, query, dtype=np.float64)
    return np.asarray(products.sum(axis=1), np.float32)
