"""What a build will have to do, said before it starts."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from indexer.audio.waveform import Waveform
from indexer.audio.window import Window
from indexer.build.heads import HEAD, Heads
from indexer.build.hearing import Job, Wanted, Windows, hear
from indexer.build.scan import Scan
from indexer.counting import counted
from indexer.errors import AudioError

if TYPE_CHECKING:
    from indexer.catalog.store import Catalog
    from indexer.encoders.protocol import Encoder
    from indexer.sources.protocol import Item

SAMPLE = 48  # files whose length is read
TRIED = 3  # files of which the beginning is heard
TRIAL = 2  # windows of them that the encoder is tried with, the first of which loads it
ROW = 400  # bytes a window takes besides its vector
SOUND = 6_000  # bytes a sound takes: its words, measurements, waveform


@dataclass(frozen=True, slots=True)
class Plan:
    """files to read, hours of sound, minutes of work, bytes the library grows by; gone
    files; unseen ones, gone or moved; what should be thought of before they are forgotten."""

    files: int
    hours: float
    minutes: float
    size: int
    unchanged: int
    gone: int
    unseen: int
    exact: bool
    doubts: tuple[str, ...] = ()

    def sentence(self) -> str:
        gone = f" {counted(self.gone, 'file', 'is/are')} gone." if self.gone else ""
        gone += "".join(f" {doubt}" for doubt in self.doubts)
        if not self.files and not self.unchanged:
            return f"There are no sound files here.{gone}"
        if not self.files:
            return f"{counted(self.unchanged, 'file')} unchanged, nothing new to read.{gone}"
        about = "" if self.exact else "about "
        return (
            f"{counted(self.files, 'file')} to read, {about}{length(self.hours * 60)} of sound: "
            f"some {length(self.minutes)} of work, {max(1, round(self.size / 1e6)):,} MB of library"
            + (f"; {counted(self.unchanged, 'file')} unchanged." if self.unchanged else ".")
            + gone
        )


class Pace(NamedTuple):
    """Seconds that the encoder takes for a window, and reading for a second of sound."""

    window: float
    second: float


def estimate(catalog: Catalog, found: Sequence[Scan], encoder: Encoder, heads: Heads) -> Plan:
    """From a sample of the lengths of what is new, and a trial, of which `heads` keeps the rows."""
    work = [(each, item) for each in found for item in _wanted(each)]
    sources = {each.root_id: each.source for each in found}
    left = catalog.todo(list(sources), ["named", "partial"])
    seconds, exact = _seconds(work)
    paths = itertools.chain(
        (each.source.path(item.relative_path) for each, item in work),
        (sources[todo.root_id].path(todo.relative_path) for todo in left),
    )
    seconds += float(left.durations.sum())
    files = len(work) + len(left)
    speed = pace(encoder, paths, catalog.with_hash, heads) if files else Pace(0.0, 0.0)
    minutes, size = cost(encoder, files, seconds, speed)
    return Plan(
        files=files,
        hours=seconds / 3600,
        minutes=minutes,
        size=size + files * SOUND,
        unchanged=sum(each.skipped for each in found),
        gone=sum(each.gone for each in found if not each.offline),
        unseen=sum(len(each.unseen) for each in found if not each.offline),
        exact=exact,
        doubts=tuple(
            f"{each.source.location} lacks {each.lost:,} of {counted(each.known, 'file')}: a "
            "failed drive looks like this."
            for each in found
            if each.lacks_much and not each.offline
        ),
    )


def cost(encoder: Encoder, files: int, seconds: float, speed: Pace) -> tuple[float, int]:
    """Minutes of work, and bytes the vectors take; of so many files, and their sum length.

    Files are read beside the encoder: whichever takes longer counts.
    """
    rule = encoder.window
    windows = rule.spread * files if rule.spread else int(seconds / rule.hop) + files
    size = windows * (2 * encoder.dims["audio"] + ROW) + 2 * files * sum(encoder.dims.values())
    return max(windows * speed.window, seconds * speed.second) / 60, size


def _wanted(found: Scan) -> list[Item]:
    return [*found.new, *(item for _, item in found.changed)]


def _seconds(work: Sequence[tuple[Scan, Item]]) -> tuple[float, bool]:
    """Length of all files from a sample's seconds a byte; True if every file was looked at."""
    from indexer.audio.decode import probe

    sample = random.Random(0).sample(work, min(SAMPLE, len(work)))
    length, size = 0.0, 0
    for found, item in sample:
        try:
            length += probe(found.source.path(item.relative_path)).duration
        except (AudioError, OSError):
            continue
        size += item.size
    total = sum(item.size for _, item in work)
    return (length * total / size if size else 0.0), len(sample) == len(work)


def pace(
    encoder: Encoder,
    paths: Iterable[Path],
    find: Callable[[str], int | None] = lambda _: None,
    heads: Heads | None = None,
) -> Pace:
    """Of this machine, with the first windows of some of these files; their rows go to `heads`.

    `find(content_hash)` gives the id of a sound already known: its file is no help.
    """
    tried, took = _tried(encoder, paths, find), []
    some = [(path, waveform) for path, waveforms, _ in tried for waveform in waveforms]
    rule, rate = encoder.window, encoder.sample_rate
    silence = Waveform(np.zeros((1, round(rule.seconds * rate)), dtype=np.float32), rate)
    for path, waveform in [*some, *[(None, silence)] * TRIAL][:TRIAL]:  # the first one loads it
        start = perf_counter()
        rows = encoder.embed_audio([waveform])
        took.append(perf_counter() - start)
        if path is not None and heads is not None:
            heads.keep(path, waveform, {part: matrix[0].copy() for part, matrix in rows.items()})
    read = [speed for *_, speed in tried[1:] or tried]
    return Pace(took[-1], sum(read) / len(read) if read else 0.0)


def _tried(
    encoder: Encoder, paths: Iterable[Path], find: Callable[[str], int | None]
) -> list[tuple[Path, list[Waveform], float]]:
    """Files with their first windows, and how long a second of them takes to read.

    None where windows are spread over a file, which may be long.
    """
    wanted = Wanted(encoder.sample_rate, encoder.resampler, encoder.window)
    tried = []
    for path in islice(paths, 0 if encoder.window.spread else TRIED):
        start, windows = perf_counter(), list[Window]()
        for event in hear(Job(0, path), wanted, find):
            if isinstance(event, Windows):
                windows = event.windows
                break
        if windows:
            speed = (perf_counter() - start) / windows[-1].end
            tried.append((path, [window.waveform for window in windows[:HEAD]], speed))
    return tried


def length(minutes: float) -> str:
    if minutes < 1.5:
        return f"{max(1, round(minutes * 60))} s"
    if minutes < 90:
        return f"{minutes:.0f} min"
    return f"{minutes / 60:.1f} h"
