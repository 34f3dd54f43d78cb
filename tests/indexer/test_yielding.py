"""Threads beside the encoder's give way to it."""

from __future__ import annotations

import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from indexer.build.yielding import STEPS, give_way


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere only processes have a priority")
def test_a_thread_gives_way_and_the_main_one_keeps_its_priority() -> None:
    before = os.getpriority(os.PRIO_PROCESS, 0)
    with ThreadPoolExecutor(1, initializer=give_way) as pool:
        own = pool.submit(lambda: os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))
        assert own.result() == min(before + STEPS, 19)
    assert os.getpriority(os.PRIO_PROCESS, os.getpid()) == before


def test_a_system_that_refuses_keeps_nobody_from_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread that ended here without a word would be waited for for ever."""

    def refused(*_: int) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "setpriority", refused, raising=False)
    with ThreadPoolExecutor(1, initializer=give_way) as pool:
        assert pool.submit(int, "7").result() == 7
