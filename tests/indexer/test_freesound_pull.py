"""Fetching two at a time, and stopping."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from freesound_server import FreesoundServer, corpus

from indexer.errors import FetchFailed, SourceError
from indexer.sources.freesound.files import Previews
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


def test_one_that_fails_is_not_waited_for_once_all_is_stopped(tmp_path: Path) -> None:
    with FreesoundServer(*corpus(["rain"], each=1)) as server, Previews() as previews:
        server.fail("preview", "500", 9)
        previews.stop()
        with pytest.raises(FetchFailed, match="run the same again to go on"):
            previews.fetch(next(iter(server.sounds.values())), "hq", tmp_path)
        assert len(server.seen) == 1
