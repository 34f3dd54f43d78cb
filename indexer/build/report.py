"""What a build is asked, what it says on the way, and what it answers."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock
from time import perf_counter
from typing import TYPE_CHECKING, Any

from indexer import progress

if TYPE_CHECKING:
    from collections.abc import Iterator

    from indexer.build.estimate import Plan


@dataclass(frozen=True, slots=True)
class Options:
    """prune: forget files that are gone. retry_failed: try unreadable files again.

    whole: what a root lacks is gone, even if it lacks much. ray: the address of a Ray cluster that
    hears in place of this process, or "".
    """

    prune: bool = False
    retry_failed: bool = False
    whole: bool = False
    ray: str = ""


STAGES = ("scan", "names", "words", "decode", "embed", "record", "index")
"""What takes time: listing the sources; reading names and tags and embedding them, mostly beside
what follows; decoding, summed over threads; embedding what is heard; recording, beside these; index
files."""


@dataclass(slots=True)
class BuildReport:
    """added, skipped (unchanged), failed, removed: files of this run. passed_over: no sounds.

    sounds, windows: in the library now; copies: files of a
    recording that another file holds too. seconds: see STAGES.
    failures: (path, reason) of this run. notes: what the user should know, a sentence each.
    """

    added: int = 0
    skipped: int = 0
    removed: int = 0
    sounds: int = 0
    windows: int = 0
    copies: int = 0
    passed_over: int = 0
    seconds: dict[str, float] = field(default_factory=lambda: dict.fromkeys(STAGES, 0.0))
    failures: list[tuple[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    _lock: Lock = field(default_factory=Lock, repr=False, compare=False)

    @property
    def failed(self) -> int:
        return len(self.failures)

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        start = perf_counter()
        try:
            yield
        finally:
            took = perf_counter() - start
            with self._lock:
                self.seconds[stage] += took

    def fail(self, path: str, reason: str) -> None:
        self.failures.append((path, reason))

    def figures(self) -> dict[str, Any]:
        """The numbers that scripts may rely on."""
        seconds = {stage: round(value, 3) for stage, value in self.seconds.items()}
        return {
            "added": self.added,
            "skipped": self.skipped,
            "failed": self.failed,
            "removed": self.removed,
            "sounds": self.sounds,
            "windows": self.windows,
            "copies": self.copies,
            "passed_over": self.passed_over,
            "seconds": seconds,
        }


class Progress(progress.Progress):
    """Hears how a build goes; this one is silent."""

    def planned(self, plan: Plan) -> None:
        """The work ahead; raising here stops the build before anything is written."""
