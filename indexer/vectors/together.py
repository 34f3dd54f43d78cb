"""Several who ask at once are answered by one search.

One question reads every row, and sixteen read it once too: who had to wait while a search ran is
answered together with all who waited. Who asks alone waits for nobody.
"""

from __future__ import annotations

from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from indexer.vectors.rows import Rows

    Found = list[NDArray[np.intp]]  # of each query


@dataclass(eq=False)
class _Asked:
    queries: Rows
    k: int
    found: Found | BaseException | None = None


class Together:
    """`search(queries, k)`, one at a time under `turn`; its answers for one query must not depend
    on the others."""

    def __init__(self, search: Callable[[Rows, int], Found], turn: Lock) -> None:
        self._search, self._turn = search, turn
        self._waiting: list[_Asked] = []
        self._list = Lock()

    def __call__(self, queries: Rows, k: int) -> Found:
        mine = _Asked(queries, k)
        with self._list:
            self._waiting.append(mine)
        with self._turn:
            if mine.found is None:
                self._answer(self._taken(mine))
        if isinstance(mine.found, BaseException):
            raise mine.found
        assert mine.found is not None
        return mine.found

    def _taken(self, mine: _Asked) -> list[_Asked]:
        """All who wait for so many results: more for one would cost all."""
        with self._list:
            taken = [each for each in self._waiting if each.k == mine.k]
            self._waiting = [each for each in self._waiting if each not in taken]
        return taken

    def _answer(self, asked: list[_Asked]) -> None:
        try:
            queries = [each.queries for each in asked]
            found = self._search(
                np.concatenate(queries) if len(queries) > 1 else queries[0], asked[0].k
            )
        except BaseException as error:  # all of them asked for it
            for each in asked:
                each.found = error
            return
        end = 0
        for each in asked:
            begin, end = end, end + len(each.queries)
            each.found = found[begin:end]
