"""Decoding ahead of the encoder: threads read files, a bounded queue hands over their windows."""

from __future__ import annotations

import itertools
import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

from indexer.build.failures import VANISHED, is_of_the_drive, is_there
from indexer.errors import AudioError

if TYPE_CHECKING:
    from indexer.audio.waveform import Waveform
    from indexer.audio.window import Window
    from indexer.encoders.protocol import Encoder

HANDFUL = 4  # windows per queue entry


@dataclass(frozen=True, slots=True)
class Job:
    """A file to be heard: whole, or (`head`) its first so many windows only.

    `seconds`: how much of it will be heard, as far as its header says.
    """

    sound_id: int
    path: Path
    head: int | None = None
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Jobs:
    """Files to be heard, made as they are come to, and how many seconds they are in all."""

    each: Iterable[Job]
    seconds: float


@dataclass(frozen=True, slots=True)
class Windows:
    """The next windows of a file."""

    job: Job
    windows: list[Window]


@dataclass(frozen=True, slots=True)
class End:
    """A file was heard; `content_hash` and `analysis` are there if it was heard whole.

    `note`: what is wrong with a file that could be heard all the same, or "".
    """

    job: Job
    columns: dict[str, Any]
    content_hash: str | None = None
    analysis: dict[str, Any] | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Duplicate:
    """The file's sound is in the catalog already."""

    job: Job
    original_id: int


@dataclass(frozen=True, slots=True)
class Broken:
    """The file cannot be read; `vanished` if it is simply not there any more."""

    job: Job
    reason: str
    vanished: bool = False


@dataclass(frozen=True, slots=True)
class Crash:
    """Something went wrong that is no fault of a file; it ends the build."""

    error: BaseException


Event = Windows | End | Duplicate | Broken


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
    """Hears the jobs in `threads` threads; iterate over it for what happens, then close it.

    `find(content_hash)` gives the id of a sound already known. Without `measure` there is no
    analysis, which takes longer than decoding and resampling together. `ahead`: windows that
    are read ahead. `seconds` adds up the threads' time in all three. What goes wrong in a thread
    and is no fault of a file is raised by the iteration.
    """

    def __init__(
        self,
        jobs: Iterable[Job],
        encoder: Encoder,
        find: Callable[[str], int | None],
        threads: int = 2,
        *,
        measure: bool = True,
        ahead: int = 96,
    ) -> None:
        self.seconds = 0.0
        self._encoder = encoder
        self._find = find
        self._measure = measure
        self._jobs = iter(jobs)
        self._lock = threading.Lock()
        self._queue = _Ahead(ahead)
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(threads)]

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
        for thread in self._threads:
            if thread.ident is not None:
                thread.join()

    def _run(self) -> None:
        try:
            self._hear_all()
        except BaseException as error:
            self._put(Crash(error))
        else:
            self._put(None)

    def _hear_all(self) -> None:
        while not self._stop.is_set():
            with self._lock:
                job = next(self._jobs, None)
            if job is None:
                break
            start = perf_counter()
            waited = sum(self._put(event) for event in self._hear(job))
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

    def _hear(self, job: Job) -> Iterator[Event]:
        try:
            yield from _hear(job, self._encoder, self._find, self._stop, measure=self._measure)
        except FileNotFoundError:
            yield Broken(job, VANISHED, vanished=True)
        except (AudioError, OSError, MemoryError) as error:
            if not is_there(job.path):
                yield Broken(job, VANISHED, vanished=True)
            else:
                reason = str(error) or type(error).__name__
                yield Broken(job, reason, vanished=is_of_the_drive(error))


def _hear(
    job: Job,
    encoder: Encoder,
    find: Callable[[str], int | None],
    stop: threading.Event,
    *,
    measure: bool,
) -> Iterator[Event]:
    from itertools import islice

    from indexer.audio.decode import blocks, probe
    from indexer.audio.payload import identify
    from indexer.audio.resample import resample
    from indexer.audio.window import windows
    from indexer.build.words import facts_columns

    if job.head is not None:
        facts = probe(job.path)
        heard = windows(
            resample(blocks(job.path), encoder.sample_rate, encoder.resampler), encoder.window
        )
        yield Windows(job, list(islice(heard, job.head)))
        yield End(job, facts_columns(facts))
        return
    facts, content_hash = identify(job.path)
    original_id = find(content_hash)
    if original_id is not None and original_id != job.sound_id:
        yield Duplicate(job, original_id)
        return
    tap = Tap(job.path) if measure else None
    yield from _handfuls(job, tap or blocks(job.path), encoder, stop)
    if stop.is_set():
        return
    columns = facts_columns(facts)
    if tap is None:
        yield End(job, columns, content_hash)
        return
    duration, analysis = tap.finish()
    yield End(job, {**columns, "duration": duration}, content_hash, analysis, tap.note)


def _handfuls(
    job: Job, sound: Iterable[Waveform], encoder: Encoder, stop: threading.Event
) -> Iterator[Windows]:
    from indexer.audio.resample import resample
    from indexer.audio.window import batched, windows

    whole = itertools.takewhile(lambda _: not stop.is_set(), sound)
    stream = resample(whole, encoder.sample_rate, encoder.resampler)
    for handful in batched(windows(stream, encoder.window), HANDFUL):
        if stop.is_set():
            return
        yield Windows(job, handful)


class Tap:
    """Passes decoded blocks on and measures them on the way: one decode serves both."""

    def __init__(self, path: Path) -> None:
        from indexer.audio.analysis import Analyzer
        from indexer.audio.decode import blocks

        self.blocks = blocks(path)
        self._analyzer = Analyzer()

    def __iter__(self) -> Iterator[Waveform]:
        for block in self.blocks:
            self._analyzer.feed(block)
            yield block

    @property
    def note(self) -> str:
        """What is wrong with the file, or ""; complete at its end."""
        invalid = self.blocks.invalid_samples
        numbers = f"{invalid:,} samples were no numbers and are heard as silence"
        return "; ".join(filter(None, [self.blocks.note, numbers if invalid else ""]))

    def finish(self) -> tuple[float, dict[str, Any]]:
        """The true duration in seconds, and the columns of Analysis."""
        from dataclasses import asdict

        invalid = self.blocks.invalid_samples
        measured = asdict(self._analyzer.finish(invalid_samples=invalid))
        return measured.pop("duration"), measured
