"""Fetching two at a time."""

from __future__ import annotations

import threading

import pytest

from indexer.errors import SourceError
from indexer.sources.freesound.pull import _two_at_a_time


def test_what_ends_one_lets_the_other_wait_no_longer() -> None:
    stopped, began = threading.Event(), threading.Event()
    waited: list[bool] = []

    def work(key: int) -> None:
        if key == 1:
            began.set()
            waited.append(stopped.wait(10))
        else:
            assert began.wait(10)
            raise SourceError("offline")

    with pytest.raises(SourceError, match="offline"):
        list(_two_at_a_time(work, stopped.set, [1, 2, 3]))
    assert waited == [True]
