"""A stage that is named again goes on, on the page as in a terminal."""

from __future__ import annotations

import io
import sys

import pytest

from indexer.cli.common import Bars
from query.web.jobs import Job


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_on_the_page() -> None:
    job = Job()
    for seconds in (10, 30):
        job.stage("Listening", seconds, "s of sound")
        job.advance(10)
    assert (job.state.done, job.state.total) == (20, 40)
    job.stage("Recording", 5)
    assert (job.state.done, job.state.total) == (0, 5)


def test_in_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", Terminal())
    bars = Bars()
    for seconds in (10, 30):
        bars.stage("Listening", seconds, "s of sound")
        bars.advance(10)
    [task] = bars._bar.tasks
    assert (task.completed, task.total) == (20, 40)
    bars.stage("Recording", 5)
    [task] = bars._bar.tasks
    assert (task.completed, task.total) == (0, 5)
    bars.close()
