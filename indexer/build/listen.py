"""Decoding ahead of the encoder: threads read files, a bounded queue hands over their windows."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from indexer.build.hearing import Event, Job, Wanted, Windows

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
class Jobs:
    """Files to be heard, made as they are come to, and how many seconds they are in all."""

    each: Iterable[Job]
    seconds: float


@dataclass(frozen=True, slots=True)
class Crash:
    """Something went wrong that is no fault of a file; it ends the build."""

    error: BaseException


class _Ahead(queue.Queue[Event | Crash | None]):
    """Full by its windows, so that as much is read ahead of short files as of long ones.

    What holds no window counts as one.
    """

    def _init(self, maxsize: int) -> None:
        super()._init(maxsize)
        self._held = 0

    def _qsize(self) -> int:
        return self._held

    def _put(self, item: Event | Crash | None) -> None:
        super()._put(item)
        self._held += _weight(item)

    def _get(self) -> Event | Crash | None:
        item = super()._get()
        self._held -= _weight(item)
        return item


def _weight(event: Event | Crash | None) -> int:
    return max(1, len(event.windows)) if isinstance(event, Windows) else 1


class Listener:
    """Hears jobs in a thread for each of `hears`; iterate over it for what happens, then close it.

    `hears`: `hearing.hear`, or what does it elsewhere. `find(content_hash)` gives the id of a sound
    already known. Without `measure` there is no analysis. `ahead`: windows that are read ahead.
    `seconds` adds up the threads' time. What goes wrong in a thread and is no fault of a file is
    raised by the iteration.
    """

    def __init__(
        self,
        jobs: Iterable[Job],
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
        self._lock = threading.Lock()
        self._queue = _Ahead(ahead)
        self._stop = threading.Event()
        self._threads = {
            threading.Thread(target=self._run, args=[each], daemon=True): each for each in hears
        }

    def __iter__(self) -> Iterator[Event]:
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
        for thread, hear in self._threads.items():
            if thread.ident is not None:
                thread.join(PATIENCE if isinstance(hear, Ended) else None)
                if thread.is_alive() and isinstance(hear, Ended):
                    hear.end()
                    thread.join()

    def _run(self, hear: Hears) -> None:
        try:
            self._hear_all(hear)
        except BaseException as error:
            self._put(Crash(error))
        else:
            self._put(None)

    def _hear_all(self, hear: Hears) -> None:
        while not self._stop.is_set():
            with self._lock:
                job = next(self._jobs, None)
            if job is None:
                break
            start = perf_counter()
            heard = hear(job, self._wanted, self._find, self._stop.is_set)
            waited = sum(self._put(event) for event in heard)
            with self._lock:
                self.seconds += perf_counter() - start - waited

    def _put(self, event: Event | Crash | None) -> float:
        """Hands an event over; returns the seconds it had to wait for room."""
        start = perf_counter()
        while not self._stop.is_set():
            try:
                self._queue.put(event, timeout=0.2)
                break
            except queue.Full:
                continue
        return perf_counter() - start
