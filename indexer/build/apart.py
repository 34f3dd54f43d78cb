"""Files read in processes of their own: they use other cores, and one that a file ends costs that
file alone."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
from contextlib import ExitStack, closing, contextmanager, suppress
from typing import TYPE_CHECKING, Any

from indexer.build.child import Asked, Raised
from indexer.build.hearing import Broken

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from indexer.build.hearing import Event, Job, Wanted
    from indexer.build.listen import Hears

# Ctrl-C is for the process that records what was heard
_APART: dict[str, Any] = (
    {"creationflags": getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)}
    if os.name == "nt"
    else {"start_new_session": True}
)
_GONE = (EOFError, OSError, pickle.UnpicklingError)


@contextmanager
def readers(count: int) -> Iterator[list[Hears]]:
    """So many processes that hear files; they end with the `with` block."""
    with ExitStack() as stack:
        made = [stack.enter_context(closing(Reader())) for _ in range(count)]
        yield [each.hear for each in made]


class Reader:
    """A process that hears files, one at a time; it starts now, and again when a file ended it."""

    def __init__(self) -> None:
        self._process = _started()

    @property
    def pid(self) -> int:
        return self._process.pid

    def hear(
        self,
        job: Job,
        wanted: Wanted,
        find: Callable[[str], int | None],
        stopped: Callable[[], bool] = lambda: False,
    ) -> Iterator[Event]:
        """As `hearing.hear`; a file that ends the process is broken."""
        if self._process.poll() is not None:
            self._process = _started()
        whole = False
        try:
            self._say((job, wanted))
            while not stopped() and (event := self._next(find)) is not None:
                yield event
            whole = not stopped()
        except _GONE:
            yield _broken(job, self._process.wait())
        finally:
            if not whole:
                self.close()

    def close(self) -> None:
        """Ends the process, whatever it does."""
        self._process.kill()
        self._process.communicate()

    def _next(self, find: Callable[[str], int | None]) -> Event | None:
        while isinstance(said := self._read(), Asked):
            self._say(find(said.content_hash))
        if isinstance(said, Raised):
            raise said.error
        event: Event | None = said
        return event

    def _read(self) -> Any:
        assert self._process.stdout is not None
        return pickle.load(self._process.stdout)

    def _say(self, what: object) -> None:
        assert self._process.stdin is not None
        pickle.dump(what, self._process.stdin)
        self._process.stdin.flush()


def _started() -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-P", "-c", "from indexer.build.child import main; main()"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, **_APART,
    )  # fmt: skip


def _broken(job: Job, code: int) -> Broken:
    """Who is killed from outside, by the system for want of memory, says nothing of the file."""
    how = f"code {code}"
    with suppress(ValueError):
        how = signal.Signals(-code).name
    return Broken(job, f"it ends the process that reads it ({how})", vanished=how == "SIGKILL")
