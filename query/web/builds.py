"""Builds that are started from the page, one at a time, and how they go."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from threading import Lock, Thread
from typing import TYPE_CHECKING

from indexer.build.report import Progress
from indexer.errors import LibraryBusy, SonorizeError

if TYPE_CHECKING:
    from indexer.build.report import BuildReport

SHOWN = 50


@dataclass(frozen=True, slots=True)
class BuildState:
    """How a build goes. stage, done, total, unit: as they are shown. said: how it ended."""

    running: bool = False
    stage: str = ""
    done: float = 0.0
    total: float = 0.0
    unit: str = ""
    said: str = ""
    failures: list[tuple[str, str]] = field(default_factory=list)


class Builds(Progress):
    """Runs a build in a thread, and tells of it."""

    def __init__(self) -> None:
        self.state = BuildState()
        self._lock = Lock()

    def start(self, work: Callable[[Progress], BuildReport]) -> BuildState:
        """Raises LibraryBusy while one runs."""
        with self._lock:
            if self.state.running:
                raise LibraryBusy("A build runs already: wait for it.")
            self.state = BuildState(running=True)
        Thread(target=self._run, args=(work,), daemon=True, name="build").start()
        return self.state

    def stage(self, name: str, total: float, unit: str = "files") -> None:
        self.state = replace(self.state, stage=name, done=0.0, total=float(total), unit=unit)

    def advance(self, count: float = 1) -> None:
        self.state = replace(self.state, done=self.state.done + count)

    def _run(self, work: Callable[[Progress], BuildReport]) -> None:
        try:
            report = work(self)
        except SonorizeError as error:
            self.state = BuildState(said=str(error))
            return
        said = (
            f"{report.added:,} added, {report.skipped:,} unchanged, {report.failed:,} failed; "
            f"the library holds {report.sounds:,} sounds."
        )
        self.state = BuildState(
            said=" ".join([said, *report.notes]), failures=list(report.failures[:SHOWN])
        )
