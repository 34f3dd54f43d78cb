"""Who waits while a search runs is answered together with the others who wait."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event, Lock
from typing import TYPE_CHECKING

import numpy as np
import pytest

from indexer.vectors.together import Together

if TYPE_CHECKING:
    from indexer.vectors.together import Found

ASKERS = 6


class Search:
    """Answers a question with itself; the first waits until it may."""

    def __init__(self, fault: Exception | None = None) -> None:
        self.begun, self.may = Event(), Event()
        self.asked: list[tuple[int, int]] = []  # questions, k
        self._fault = fault

    def __call__(self, queries: np.ndarray, k: int) -> Found:
        self.asked.append((len(queries), k))
        self.begun.set()
        assert self.may.wait(10)
        if self._fault and len(queries) > 1:
            raise self._fault
        return list(np.repeat(queries[:, :1].astype(int), k, axis=1))


def all_at_once(search: Search, ks: list[int]) -> list[Future[Found]]:
    """One asks; while its search runs, all others do, two questions each."""
    together = Together(search, Lock())
    with ThreadPoolExecutor(len(ks) + 1) as pool:
        first = pool.submit(together, np.full((1, 3), 99.0, np.float32), 4)
        assert search.begun.wait(10)
        others = [
            pool.submit(together, np.full((2, 3), number, np.float32), k)
            for number, k in enumerate(ks)
        ]
        while len(together._waiting) < len(ks):
            assert not any(other.done() for other in others)
        search.may.set()
        return [first, *others]


def test_those_who_waited_are_answered_by_one_search() -> None:
    search = Search()
    first, *others = all_at_once(search, [4] * ASKERS)
    assert search.asked == [(1, 4), (2 * ASKERS, 4)]
    assert np.array(first.result()).tolist() == [[99] * 4]
    for number, other in enumerate(others):
        assert np.array(other.result()).tolist() == [[number] * 4] * 2


def test_who_wants_more_results_makes_nobody_wait_for_them() -> None:
    search = Search()
    _, *others = all_at_once(search, [4, 900, 4])
    assert sorted(search.asked) == [(1, 4), (2, 900), (4, 4)]
    assert [np.shape(other.result()) for other in others] == [(2, 4), (2, 900), (2, 4)]


def test_all_hear_of_what_went_wrong_and_the_next_is_answered() -> None:
    search = Search(MemoryError("no room"))
    first, *others = all_at_once(search, [4] * ASKERS)
    assert first.exception() is None
    for other in others:
        with pytest.raises(MemoryError, match="no room"):
            other.result()
    answer = Together(search, Lock())(np.ones((1, 3), np.float32), 2)
    assert np.array(answer).tolist() == [[1, 1]]
