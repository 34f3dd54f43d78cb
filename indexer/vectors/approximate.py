"""Approximate search of large libraries, beside the same rows that the exact one reads.

Cells name candidates, and the rows themselves score them, so a score is always true; what may
happen is that one of the best is not found. How often is measured on the library's own rows when
the cells are made, and enough of them are looked at to find .99. Where a search cannot be so, it
is exact: few rows, few of them allowed, many results wanted, or rows of which too little is found.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING, Self

import numpy as np

from indexer.errors import IndexDamaged
from indexer.vectors import faiss_index
from indexer.vectors.cells import SEED, Cells
from indexer.vectors.faiss_index import FaissIndex
from indexer.vectors.files import BESIDE
from indexer.vectors.quick import one_search
from indexer.vectors.rows import best, checked

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from indexer.vectors.known import Known
    from indexer.vectors.rows import Ids, Rows

log = logging.getLogger(__name__)

FEWEST = 1_000  # rows of which cells can be made
PAYS = 200_000_000  # numbers in all rows: an exact question takes 28 to 120 ms (docs/speed.md)
CHANGED = 1 / 2  # share of the rows that came, or became others: cells are made anew then
LEFT = 2 / 3  # and share that is left where rows went

WANTED = 0.99  # recall@10
EACH = 100  # questions of a kind, and as many again to tell how good the choice is
HALVINGS = 6  # of all cells: the fewest that are looked at
FAR = 0.3  # cosine of a far question to a row: pictures and words lie so far from what is heard

# Rows scored again by what they are, since signs alone give a rough order: a question, as many as
# are needed, and a result.
SCORED, SCORED_EACH = (600, 2_400), 8
SHORT = 100  # results that are found in the cells that find ten

FEW = 1 / 32  # share of the rows up to which those allowed are read faster than any cells
DEEP = 1 / 20  # share of the rows from which candidates are no fewer than an exact search reads


class ApproximateIndex(FaissIndex):
    """Exact until `prepare` has made cells. Saved as a FaissIndex, with the cells beside it."""

    _least = 0  # numbers in all rows from which on cells are made

    def __init__(self, dim: int) -> None:
        super().__init__(dim)
        self._cells: Cells | None = None

    @property
    def known(self) -> Known | None:
        """Of the cells, if there are any."""
        return self._cells.known if self._cells is not None else None

    @property
    def unprepared(self) -> bool:
        if not self._large():
            return self._cells is not None
        if self._cells is None:
            return True
        known = self._cells.known
        return known.put >= CHANGED * known.rows or len(self) <= LEFT * known.rows

    def prepare(self, parts: Sequence[int]) -> None:
        if not self.unprepared:
            return
        self._cells = None
        if self._large():
            faiss_index.set_team(len(self))
            self._measure(Cells.of(self._ids, self._matrix()), parts)

    def note(self) -> str:
        if self.known is None:
            return ""
        return f"Search of {len(self):,} sounds is {self.known.said()}."

    def add(self, ids: Ids, vectors: Rows) -> None:
        super().add(ids, vectors)
        if self._cells is not None:
            self._cells.put(*checked(ids, vectors, self._dim))

    def remove(self, ids: Ids) -> int:
        gone = super().remove(ids)
        if gone and self._cells is not None:
            self._cells.take(np.asarray(ids, np.int64))
        return gone

    def save(self, path: Path) -> None:
        super().save(path)
        self.save_beside(path)

    def save_beside(self, path: Path) -> None:
        beside = path.with_name(path.name + BESIDE)
        if self._cells is None:
            beside.unlink(missing_ok=True)
        else:
            self._cells.write(beside, self._ids)

    @classmethod
    def load(cls, path: Path) -> Self:
        index = super().load(path)
        beside = path.with_name(path.name + BESIDE)
        try:
            index._cells = Cells.read(beside, index._ids)
        except IndexDamaged as error:
            if beside.exists():
                log.warning("%s; until then search is exact", error)
        return index

    def _candidates(
        self, queries: Rows, m: int, margins: NDArray[np.float64], at: NDArray[np.intp] | None
    ) -> Iterator[NDArray[np.intp]]:
        if self._cells is not None and self._approximate(self._cells, m, at):
            yield from self._by_cells(self._cells, queries, m, margins, at)
        else:
            yield from super()._candidates(queries, m, margins, at)

    def _by_cells(
        self,
        cells: Cells,
        queries: Rows,
        m: int,
        margins: NDArray[np.float64],
        at: NDArray[np.intp] | None,
    ) -> Iterator[NDArray[np.intp]]:
        known = cells.known
        # What is allowed cuts across cells, and so does a long list: all of them are looked at.
        probed = known.probed if at is None and m <= SHORT else known.cells
        for i, near in enumerate(self._near(cells, queries, m, probed, at)):
            if len(near) < m:
                one = slice(i, i + 1)
                yield from super()._candidates(queries[one], m, margins[one], at)
            else:
                self._check(near)
                # No BLAS: its team would wait for a core that others have (see faiss_index).
                products = np.einsum("ij,j->i", self._matrix()[near], queries[i])
                yield near[products >= np.partition(products, -m)[-m] - margins[i]]

    def _large(self) -> bool:
        return len(self) >= FEWEST and len(self) * self._dim >= self._least

    def _approximate(self, cells: Cells, m: int, at: NDArray[np.intp] | None) -> bool:
        if not cells.known.probed or (at is None and self.on_gpu(m)):  # exact there, and as fast
            return False
        total = len(self) if at is None else len(at)
        few = at is not None and total <= FEW * len(self)
        return not few and self._scored(cells, m) <= DEEP * total

    def _scored(self, cells: Cells, m: int) -> int:
        return cells.known.scored + SCORED_EACH * m

    def _near(
        self, cells: Cells, queries: Rows, m: int, probed: int, at: NDArray[np.intp] | None
    ) -> Iterator[NDArray[np.intp]]:
        """Positions of rows that may be among the m best of each query."""
        allowed = None if at is None else self._ids[at]
        with one_search:
            faiss_index.set_team(len(queries))
            found = cells.search(queries, self._scored(cells, m), probed, allowed)
        for ids in found:
            places = np.searchsorted(self._ids, ids)
            yield places[self._present(ids, places)]

    def _measure(self, cells: Cells, parts: Sequence[int]) -> None:
        """Takes the cells over, which look at as few as find WANTED of questions of each kind."""
        asked = questions(self._matrix(), parts)
        tenth = {kind: self.search(rows, 10).scores[:, -1:] for kind, rows in asked.items()}
        self._cells = cells

        def found(queries: Rows) -> Rows:
            near = self._by_cells(cells, queries, 10, np.zeros(len(queries)), None)
            pairs = zip(near, queries, strict=True)
            return np.array([best(self._matrix(), each, q, 10)[0] for each, q in pairs])

        def recall(half: slice) -> dict[str, float]:
            # By score: of rows that are equal it does not matter which is found.
            return {
                kind: float((found(rows[half]) >= tenth[kind][half]).mean())
                for kind, rows in asked.items()
            }

        for scored, halvings in product(SCORED, range(HALVINGS, -1, -1)):
            probed = -(-cells.known.cells // 2**halvings)
            cells.known = replace(cells.known, scored=scored, probed=probed)
            if min(recall(slice(0, None, 2)).values()) < WANTED:
                continue
            cells.known = replace(cells.known, recall=recall(slice(1, None, 2)))
            if min(cells.known.recall.values()) >= WANTED:
                return
        cells.known = replace(cells.known, probed=0, recall=recall(slice(1, None, 2)))
        cells.drop()


class AutoIndex(ApproximateIndex):
    """Approximate where that pays."""

    _least = PAYS


def questions(rows: Rows, parts: Sequence[int]) -> dict[str, Rows]:
    """(2 · EACH, dim) questions of each kind, made from rows whose parts are so wide; seeded.

    A library has no others, and a row alone asks what is easily found: the cells are made of rows.
    """
    random = np.random.default_rng(SEED)
    some = rows[random.choice(len(rows), 2 * EACH, replace=len(rows) < 2 * EACH)]
    noise = unit(random.standard_normal(some.shape, dtype=np.float32))
    asked = {
        "like a sound": some,
        "between two sounds": unit(some) + unit(some[::-1]),
        "far from all": FAR * unit(some) + (1 - FAR**2) ** 0.5 * noise,
    }
    ends = np.cumsum(parts)
    for name, end, width in zip(("heard", "written"), ends, parts, strict=False):
        if width < rows.shape[1]:  # as words ask what is written, whatever is heard
            alone = np.zeros_like(some)
            alone[:, end - width : end] = some[:, end - width : end]
            if len(alone := alone[alone.any(axis=1)]) >= EACH:
                asked[f"{name} alone"] = alone
    return asked


def unit(rows: Rows) -> Rows:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.where(lengths > 0, lengths, 1), np.float32)
