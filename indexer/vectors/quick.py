"""Exact search, and sooner for those who ask much.

For many questions, few at a time, rows are read in int8 first (`rounded.py`); who asks while a
search runs is answered together with the others who wait.
"""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

import numpy as np

from indexer.vectors.exact import ExactIndex, by_products
from indexer.vectors.rounded import LARGEST, Rounded, possible
from indexer.vectors.rows import margins
from indexer.vectors.together import Together

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from indexer.vectors.rows import Ids, Rows

# Few questions read a quarter in int8, and lose nothing to BLAS, which is made for many. The copy
# is made for whoever asks much: few rows are read in no time, and of many it would take memory that
# others need.
ROUNDED_AFTER = 5  # questions
ROUNDED_PAY = 5_000_000  # numbers in all rows
ROUNDED_FIT = 1 / 8  # of the memory
ROUNDED_MOST = 200  # results
ROUNDED_FEW = 32  # questions at a time; of more, BLAS loses little

one_search = threading.Lock()  # one at a time, so that teams never exceed the cores


class QuickIndex(ExactIndex):
    """The judge, who need not read all rows in float32."""

    def __init__(self, dim: int) -> None:
        super().__init__(dim)
        self._rounded: Rounded | None = None
        self._asked = 0  # questions, few at a time, since the rows changed
        self._together = Together(self._near_of_all, one_search)

    def add(self, ids: Ids, vectors: Rows) -> None:
        self._drop_copy()
        super().add(ids, vectors)

    def remove(self, ids: Ids) -> int:
        self._drop_copy()
        return super().remove(ids)

    def _candidates(
        self, queries: Rows, m: int, margin: NDArray[np.float64], at: NDArray[np.intp] | None
    ) -> Iterator[NDArray[np.intp]]:
        if at is None:
            yield from self._together(queries, m)
            return
        with one_search:
            near = self._near_of_some(queries, m, at)
        if near is not None:
            yield from near
        else:
            yield from by_products(self._matrix(), queries, m, margin, at)

    def _near_of_all(self, queries: Rows, m: int) -> list[NDArray[np.intp]]:
        if (near := self._near_by_rounded(queries, m)) is not None:
            return near
        margin = margins(queries, self._dim, self._longest)
        return list(by_products(self._matrix(), queries, m, margin, None))

    def _near_of_some(
        self, queries: Rows, m: int, at: NDArray[np.intp]
    ) -> list[NDArray[np.intp]] | None:
        """None where products with all rows are cheaper."""
        return self._near_by_rounded(queries, m, at)

    def _near_by_rounded(
        self, queries: Rows, m: int, at: NDArray[np.intp] | None = None
    ) -> list[NDArray[np.intp]] | None:
        """None where there is no copy in int8, or it cannot tell."""
        if len(queries) > ROUNDED_FEW or m > ROUNDED_MOST:
            return None
        self._asked += len(queries)
        if self._rounded is None and self._asked >= ROUNDED_AFTER and self._rounding_pays():
            self._rounded = Rounded(self._matrix(), self._longest)
        ready = self._rounded is not None and self._rounded.ready
        return self._rounded.near(queries, m, at) if self._rounded and ready else None

    def _rounding_pays(self) -> bool:
        numbers = self._matrix().size
        fit = numbers * np.dtype(np.int8).itemsize <= ROUNDED_FIT * memory()
        return numbers >= ROUNDED_PAY and fit and self._longest <= LARGEST and possible()

    def _drop_copy(self) -> None:
        if self._rounded is not None:
            self._rounded.drop()
        self._rounded, self._asked = None, 0


def memory() -> int:
    """Bytes that this machine has; where it does not say, eight thousand million."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):  # Windows
        return 8 * 10**9
