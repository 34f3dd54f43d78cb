"""Work that goes on while the page is used, one piece at a time, and how it goes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from threading import Lock, Thread

from indexer.build.report import Progress
from indexer.errors import LibraryBusy, SonorizeError


@dataclass(frozen=True, slots=True)
class JobState:
    """How a piece of work goes. stage, done, total, unit: as they are shown. said: how it ended."""

    running: bool = False
    stage: str = ""
    done: float = 0.0
    total: float = 0.0
    unit: str = ""
    said: str = ""


class Job(Progress):
    """Runs one piece of work after the other in a thread, and tells of it."""

    def __init__(self) -> None:
        self.state = JobState()
        self._lock = Lock()

    def start(self, work: Callable[[Progress], str]) -> JobState:
        """`work` answers with what is said at its end. Raises LibraryBusy while another runs."""
        with self._lock:
            if self.state.running:
                raise LibraryBusy("This is being done already: wait for it.")
            self.state = JobState(running=True)
        Thread(target=self._run, args=(work,), daemon=True, name="job").start()
        return self.state

    def stage(self, name: str, total: float, unit: str = "files") -> None:
        goes_on = name == self.state.stage
        done, before = (self.state.done, self.state.total) if goes_on else (0.0, 0.0)
        self.state = replace(self.state, stage=name, done=done, total=before + total, unit=unit)

    def advance(self, count: float = 1) -> None:
        self.state = replace(self.state, done=self.state.done + count)

    def _run(self, work: Callable[[Progress], str]) -> None:
        try:
            self.state = JobState(said=work(self))
        except SonorizeError as error:
            self.state = JobState(said=str(error))
        except BaseException as error:
            self.state = JobState(said=f"It ended with an error of sonorize itself: {error!r}")
            raise
