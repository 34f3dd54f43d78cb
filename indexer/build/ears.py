"""The audio part: windows from the listener through the encoder into the catalog."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import numpy as np

from indexer.build.heads import HEAD, Heads
from indexer.build.hearing import Broken, Duplicate, End, Job, Windows
from indexer.build.hearing import hear as hear_here
from indexer.build.listen import Listener, Stage
from indexer.build.writer import Writer
from indexer.catalog.entries import Entry, Failed, Heard, Same
from indexer.geometry import mean_direction

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from indexer.audio.waveform import Waveform
    from indexer.audio.window import Window
    from indexer.build.listen import Hears
    from indexer.build.report import BuildReport, Progress
    from indexer.catalog.store import Catalog
    from indexer.encoders.protocol import Encoder, Part
    from indexer.library import Library

BATCH = 8  # windows through the encoder at a time, and per transaction: more are no faster on a CPU
LARGE = 128  # the same where a GPU must be kept busy
AHEAD = 96  # windows that are read ahead of the encoder: up to 80 MB of stereo at 44.1 kHz


@dataclass(slots=True)
class Heap:
    """What was heard so far of one file."""

    spans: list[tuple[float, float]] = field(default_factory=list)
    rows: dict[Part, dict[int, NDArray[np.float32]]] = field(default_factory=dict)

    def put(self, place: int, rows: Mapping[Part, NDArray[np.float32]]) -> None:
        """What was heard of the window at this place."""
        for part, row in rows.items():
            self.rows.setdefault(part, {})[place] = row

    @property
    def end(self) -> float:
        """Seconds; the last window overlaps the one before."""
        return self.spans[-1][1] if self.spans else 0.0


class Recorder(Protocol):
    """Takes what is to be recorded, in this order."""

    def record(self, entries: Sequence[Entry]) -> None: ...


class Ears:
    """Collects windows into batches, embeds them, and records files that are complete."""

    measures = True  # loudness, peaks and onsets, beside what the encoder hears

    def __init__(
        self,
        spaces: Mapping[Part, int],
        encoder: Encoder,
        report: BuildReport,
        progress: Progress,
        writer: Recorder,
        heads: Heads,
    ) -> None:
        self.added = 0
        self._spaces = spaces
        self._encoder = encoder
        self._report = report
        self._progress = progress
        self._writer = writer
        self._heads = heads
        self._batch = batch(encoder)
        self._heaps: dict[int, Heap] = {}
        self._pending: list[tuple[Job, int, Waveform]] = []
        self._taken = 0  # windows since the last flush
        self._done: list[End | Duplicate | Broken] = []
        self._stage = ""
        self._lost: set[int] = set()  # sounds whose file could not be read

    @staticmethod
    def find(catalog: Catalog) -> Callable[[str], int | None]:
        """Which sound a recording is, by its hash, if that is known before it is heard."""
        return catalog.with_hash

    @property
    def waiting(self) -> int:
        """Windows that were read and not embedded yet."""
        return len(self._pending)

    def hear(self, listener: Listener, begin: Callable[[Stage], object] = lambda _: None) -> None:
        """`begin` is called where a stage begins, all before it being recorded, or goes on."""
        for event in listener:
            match event:
                case Stage():
                    self._begin(event, begin)
                case Windows(job, windows):
                    self._take(job, windows)
                case _:
                    self._done.append(event)
            if max(self._taken, len(self._done)) >= self._batch:
                self.flush()
            elif listener.is_behind:  # rather than wait with it
                self._embed()
        self.flush()

    def flush(self) -> None:
        """Embeds what is pending and records every file that has ended, in one transaction."""
        self._embed()
        self._taken = 0
        ended, self._done = self._done, []
        self._writer.record([entry for event in ended for entry in self._entries(event)])

    def _begin(self, stage: Stage, begin: Callable[[Stage], object]) -> None:
        if stage.name != self._stage:
            self.flush()
            self._writer.record([])  # waits for what was flushed
        self._stage = stage.name
        begin(stage)

    def _take(self, job: Job, windows: Sequence[Window]) -> None:
        heap = self._heaps.setdefault(job.sound_id, Heap())
        before = max(job.since, heap.end)
        for place, window in enumerate(windows, len(heap.spans)):
            heap.spans.append((window.start, window.end))
            known = self._heads.find(job.path, window.waveform) if place < HEAD else None
            if known is None:
                self._pending.append((job, place, window.waveform))
                self._taken += 1
            else:
                heap.put(place, known)
        self._progress.advance(max(job.since, heap.end) - before)

    def _embed(self) -> None:
        if not self._pending:
            return
        waveforms = [waveform for *_, waveform in self._pending]
        with self._report.timed("embed"):
            vectors = self._encoder.embed_audio(waveforms)
        for row, (job, place, waveform) in enumerate(self._pending):
            rows = {part: matrix[row].copy() for part, matrix in vectors.items()}
            self._heaps[job.sound_id].put(place, rows)
            if job.head is not None:
                self._heads.keep(job.path, waveform, rows)
        self._pending.clear()  # interrupted before this, they are embedded again

    def _entries(self, event: End | Duplicate | Broken) -> list[Entry]:
        heap, job = self._heaps.pop(event.job.sound_id, Heap()), event.job
        # what the header promised and the file did not hold, or the catalog had already
        self._progress.advance(job.since + job.seconds - max(job.since, heap.end))
        return self.ended(event, heap)

    def ended(self, event: End | Duplicate | Broken, heap: Heap) -> list[Entry]:
        """What is to be recorded of a file that came to its end."""
        match event:
            case End():
                self.added += event.content_hash is not None
                if event.note:
                    self._report.notes.append(f"{event.job.path}: {event.note}")
                return [self.heard(event, heap)]
            case Duplicate():
                self.added += 1
                return [Same(event.job.sound_id, event.original_id)]
            case Broken():
                if event.job.sound_id in self._lost:  # so was its first part, and that was said
                    return []
                self._lost.add(event.job.sound_id)
                self._report.fail(str(event.job.path), event.reason)
                return [] if event.vanished else [Failed(event.job.sound_id, event.reason)]

    def heard(self, event: End, heap: Heap) -> Heard:
        rows = {
            self._spaces[part]: np.array([row[place] for place in range(len(heap.spans))])
            for part, row in heap.rows.items()
        }
        # a sound too short to be heard has its parts too: absent ones
        absent = {
            self._spaces[part]: np.zeros((1, dim), dtype=np.float32)
            for part, dim in self._encoder.dims.items()
            if part != "metadata"
        }
        return Heard(
            event.job.sound_id,
            complete=event.content_hash is not None,
            columns={**event.columns, "reason": event.note},
            windows=heap.spans,
            clips={space: mean_direction(matrix) for space, matrix in {**absent, **rows}.items()},
            # the other heard part only compares whole clips
            window_vectors={
                space: matrix for space, matrix in rows.items() if space == self._spaces["audio"]
            },
            content_hash=event.content_hash,
            analysis=event.analysis,
        )


def batch(encoder: Encoder) -> int:
    """Windows that go through it at a time."""
    return BATCH if encoder.device == "cpu" else LARGE


def ahead(encoder: Encoder) -> int:
    """Windows that are read ahead of it."""
    return max(AHEAD, 3 * batch(encoder))


def threads(encoder: Encoder) -> int:
    """That decode; a model on the CPU uses all cores itself."""
    return 2 if encoder.device == "cpu" else min(8, os.cpu_count() or 2)


def hear(
    library: Library,
    encoder: Encoder,
    jobs: Iterable[Job | Stage],
    report: BuildReport,
    progress: Progress,
    kind: type[Ears] = Ears,
    heads: Heads | None = None,
    hears: Sequence[Hears] = (),
    before: Callable[[Stage], object] = lambda _: None,
) -> int:
    """Hears the jobs with ears of this kind; returns how many files are complete now.

    `heads`: those heard in this build before, and what they are added to. `hears`: what hears
    files, or none for threads of this process. `before`: called here before a stage begins or goes
    on.

    On Ctrl-C, files that were heard and not yet recorded are recorded before it goes on up.
    """

    def begin(stage: Stage) -> None:
        before(stage)
        if stage.grows and stage.seconds:
            progress.grows(stage.name)
        progress.stage(stage.name, stage.seconds, "s of sound")

    with Writer(library.catalog, report) as writer:
        heads = Heads() if heads is None else heads
        ears = kind(library.spaces(encoder), encoder, report, progress, writer, heads)
        find = kind.find(library.catalog)
        listener = Listener(
            jobs, encoder, find, hears or [hear_here] * threads(encoder),
            measure=ears.measures, ahead=ahead(encoder),
        )  # fmt: skip
        try:
            ears.hear(listener, begin)
        except KeyboardInterrupt:
            progress.stage("Stopping: recording what was heard", ears.waiting, "windows")
            ears.flush()
            raise
        finally:
            listener.close()
            report.seconds["decode"] += listener.seconds
    return ears.added
