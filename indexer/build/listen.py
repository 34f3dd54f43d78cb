"""Decoding ahead of the encoder: threads read files, a bounded queue hands over their windows."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from indexer.build.hearing import Event, Job, Wanted, Windows
from indexer.build.yielding import give_way

if TYPE_CHECKING:
    from indexer.encoders.protocol import Encoder

    Hears = Callable[
        [Job, Wanted, Callable[[str], int | None], Callable[[], bool]], Iterator[Event]
    ]

PATIENCE = 3.0  # seconds after which what hears a file is not waited for, if it can be ended


@runtime_checkable
class Ended(Protocol):
    """What hears files and can be ended while it does."""

    def end(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Stage:
    """Among jobs: a stage begins, or, named as the one before, goes on, of so many seconds.

    It is come to when all files before it were read. `grows`: it will go on.
    """

    name: str
    seconds: float
    grows: bool = False


@dataclass(frozen=True, slots=True)
class Crash:
    """Something went wrong that is no fault of a file; it ends the build."""

    error: BaseException


class _Ahead(queue.Queue[Event | Stage | Crash | None]):
    """Full by its windows, so that as much is read ahead of short files as of long ones.

    What holds no window counts as one.
    """

    def _init(self, maxsize: int) -> None:
        super()._init(maxsize)
        self._held = 0

    def _qsize(self) -> int:
        return self._held

    def _put(self, item: Event | Stage | Crash | None) -> None:
        super()._put(item)
        self._held += _weight(item)

    def _get(self) -> Event | Stage | Crash | None:
        item = super()._get()
        self._held -= _weight(item)
        return item


def _weight(event: Event | Stage | Crash | None) -> int:
    return max(1, len(event.windows)) if isinstance(event, Windows) else 1


class Listener:
    """Hears jobs in a thread for each of `hears`; iterate over it for what happens, then close it.

    `jobs` are made in these threads, and may wait for what is to be heard. `hears`: `hearing.hear`,
    or what does it elsewhere. `find(content_hash)` gives the id of a sound already known. Without
    `measure` there is no analysis. `ahead`: windows that are read ahead. `seconds` adds up the
    threads' time. What goes wrong in a thread and is no fault of a file is raised by the iteration.
    """

    def __init__(
        self,
        jobs: Iterable[Job | Stage],
        encoder: Encoder,
        find: Callable[[str], int | None],
        hears: Sequence[Hears],
        *,
        measure: bool = True,
        ahead: int = 96,
    ) -> None:
        self.seconds = 0.0
        self._wanted = Wanted(encoder.sample_rate, encoder.resampler, encoder.window, measure)
        self._find = find
        self._jobs = iter(jobs)
        self._turn = threading.Lock()  # to take a job
        self._read = threading.Condition()  # a file was
        self._reading = 0
        self._queue = _Ahead(ahead)
        self._stop = threading.Event()
        self._threads = {
            threading.Thread(target=self._run, args=[each], daemon=True): each for each in hears
        }

    @property
    def is_behind(self) -> bool:
        """Whether who asked for the next event would wait for it now."""
        return self._queue.empty()

    def __iter__(self) -> Iterator[Event | Stage]:
        for thread in self._threads:
            thread.start()
        running = len(self._threads)
        while running:
            event = self._queue.get()
            if event is None:
                running -= 1
            elif isinstance(event, Crash):
                raise event.error
            else:
                yield event

    def close(self) -> None:
        """Stops the threads; what they had read and not handed over is dropped."""
        self._stop.set()
        with self._read:
            self._read.notify_all()
        for thread, hear in self._threads.items():
            if thread.ident is not None:
                thread.join(PATIENCE if isinstance(hear, Ended) else None)
                if thread.is_alive() and isinstance(hear, Ended):
                    hear.end()
                    thread.join()

    def _run(self, hear: Hears) -> None:
        try:
            give_way()
            self._hear_all(hear)
        except BaseException as error:
            self._put(Crash(error))
        else:
            self._put(None)

    def _hear_all(self, hear: Hears) -> None:
        while not self._stop.is_set() and (job := self._next()) is not None:
            start, waited = perf_counter(), 0.0
            try:
                for event in hear(job, self._wanted, self._find, self._stop.is_set):
                    waited += self._put(event)
            finally:
                with self._read:
                    self.seconds += perf_counter() - start - waited
                    self._reading -= 1
                    self._read.notify_all()

    def _next(self) -> Job | None:
        """The next file, for this thread alone, after the stages that begin with it."""
        with self._turn:
            while isinstance(job := next(self._jobs, None), Stage):
                with self._read:
                    self._read.wait_for(lambda: not self._reading or self._stop.is_set())
                self._put(job)
            if job is not None:
                with self._read:
                    self._reading += 1
            return job

    def _put(self, event: Event | Stage | Crash | None) -> float:
        """Hands an event over; returns the seconds it had to wait for room."""
        start = perf_counter()
        while not self._stop.is_set():
            try:
                self._queue.put(event, timeout=0.2)
                break
            except queue.Full:
                continue
        return perf_counter() - start
