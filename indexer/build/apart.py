"""Files read in processes of their own: they use other cores, and a file that ends its process, or
never lets it go on, costs that file alone."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from threading import Timer
from typing import TYPE_CHECKING, Any

from indexer.build.child import READY, Asked, Raised
from indexer.build.hearing import Broken
from indexer.errors import SonorizeError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from indexer.build.hearing import Event, Job, Wanted

# Ctrl-C is for the process that records what was heard
_APART: dict[str, Any] = (
    {"creationflags": getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)}
    if os.name == "nt"
    else {"start_new_session": True}
)
_GONE = (EOFError, OSError, pickle.UnpicklingError)
_CRASHES = ("SIGSEGV", "SIGABRT", "SIGBUS", "SIGFPE", "SIGILL")
_CRASHES_THERE = 0xC0000000  # exit codes of Windows from here on
SOON = 5.0  # seconds in which a process whose pipe is closed has ended
STUCK = 1_800.0  # seconds without a word of a file; one of 10 GB is hashed in them at 6 MB/s


@contextmanager
def readers(count: int) -> Iterator[list[Reader]]:
    """So many processes that hear files; they end with the `with` block."""
    with ExitStack() as stack:
        yield [stack.enter_context(closing(Reader())) for _ in range(count)]


class Reader:
    """A process that hears files, one at a time; it starts now, and again when a file ended it."""

    def __init__(self) -> None:
        self._process, self._ready = _started(), False
        self._stuck = False

    @property
    def pid(self) -> int:
        return self._process.pid

    def __call__(
        self,
        job: Job,
        wanted: Wanted,
        find: Callable[[str], int | None],
        stopped: Callable[[], bool] = lambda: False,
    ) -> Iterator[Event]:
        """As `hearing.hear`; a file that ends the process, or of which it says nothing for long, is
        broken.

        Raises SonorizeError if no process can be started.
        """
        if self._process.poll() is not None and self._ready:
            self._process, self._ready = _started(), False
        self._await()
        whole, self._stuck = False, False
        try:
            self._say((job, wanted))
            while not stopped() and (event := self._next(find)) is not None:
                yield event
            whole = not stopped()
        except _GONE:
            try:
                code = self._process.wait(SOON)
            except subprocess.TimeoutExpired:
                code = None
            if code is None:  # it is of the catalog that `find` asks, or of the file's own reading
                raise
            yield _stuck(job) if self._stuck else _broken(job, code)
        finally:
            if not whole:
                self.close()

    def end(self) -> None:
        """Ends the process, whatever it does, while another thread waits for it."""
        self._process.kill()

    def close(self) -> None:
        """Ends the process and its pipes."""
        self._process.kill()
        self._process.communicate()

    def _await(self) -> None:
        """Whatever ends a process before it asks for a file is the fault of none."""
        if self._ready:
            return
        try:
            self._ready = self._read() == READY
        except _GONE as error:
            raise SonorizeError(
                "A process that reads files does not start "
                f"(code {self._process.wait()}): see what it says above, and build again."
            ) from error

    def _next(self, find: Callable[[str], int | None]) -> Event | None:
        while isinstance(said := self._read_soon(), Asked):
            self._say(find(said.content_hash))
        if isinstance(said, Raised):
            raise said.error
        event: Event | None = said
        return event

    def _read_soon(self) -> Any:
        """What is said next; a process that says nothing for long is ended."""
        timer = Timer(STUCK, self._give_up)
        timer.daemon = True
        timer.start()
        try:
            return self._read()
        finally:
            timer.cancel()

    def _give_up(self) -> None:
        self._stuck = True
        self._process.kill()

    def _read(self) -> Any:
        assert self._process.stdout is not None
        return pickle.load(self._process.stdout)

    def _say(self, what: object) -> None:
        assert self._process.stdin is not None
        pickle.dump(what, self._process.stdin)
        self._process.stdin.flush()


# what this process imports from, wherever it was started
_BEGIN = """import sys
sys.path[:] = sys.argv[1:]
from indexer.build.child import main
main()"""


def _started() -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-P", "-c", _BEGIN, *(str(Path(place).absolute()) for place in sys.path)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, **_APART,
    )  # fmt: skip


def _stuck(job: Job) -> Broken:
    return Broken(
        job,
        f"nothing more could be read of it for {STUCK / 60:.0f} minutes: its decoder goes in "
        "circles, or its drive does not answer",
    )


def _broken(job: Job, code: int) -> Broken:
    """A crash tells of the file. Who is ended from outside, by the system for want of memory or as
    it shuts down, says nothing of it: it is tried again."""
    how = f"code {code}"
    with suppress(ValueError):
        how = signal.Signals(-code).name
    crashed = how in _CRASHES or code >= _CRASHES_THERE
    return Broken(job, f"it ends the process that reads it ({how})", vanished=not crashed)
