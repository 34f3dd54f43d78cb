"""What a build will have to do, said before it starts."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

from indexer.build.scan import Scan
from indexer.build.trial import Pace
from indexer.counting import counted
from indexer.errors import AudioError

if TYPE_CHECKING:
    from indexer.catalog.store import Catalog
    from indexer.encoders.protocol import Encoder
    from indexer.sources.protocol import Item

SAMPLE = 48  # files whose length is read
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


@dataclass(frozen=True, slots=True)
class Work:
    """files to read, where they lie, and how many seconds they are in all, exact or by a sample."""

    files: int
    paths: Iterable[Path]
    seconds: float
    exact: bool

    @classmethod
    def of(cls, catalog: Catalog, found: Sequence[Scan]) -> Self:
        """What is new, or still to be heard."""
        work = [(each, item) for each in found for item in _wanted(each)]
        sources = {each.root_id: each.source for each in found}
        left = catalog.todo(list(sources), ["named", "partial"])
        seconds, exact = _seconds(work)
        paths = itertools.chain(
            (each.source.path(item.relative_path) for each, item in work),
            (sources[todo.root_id].path(todo.relative_path) for todo in left),
        )
        return cls(len(work) + len(left), paths, seconds + float(left.durations.sum()), exact)


def estimate(work: Work, found: Sequence[Scan], encoder: Encoder, speed: Pace) -> Plan:
    """What a build has to do at this speed."""
    minutes, size = cost(encoder, work.files, work.seconds, speed)
    return Plan(
        files=work.files,
        hours=work.seconds / 3600,
        minutes=minutes,
        size=size + work.files * SOUND,
        unchanged=sum(each.skipped for each in found),
        gone=sum(each.gone for each in found if not each.offline),
        unseen=sum(len(each.unseen) for each in found if not each.offline),
        exact=work.exact,
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


def length(minutes: float) -> str:
    if minutes < 1.5:
        return f"{max(1, round(minutes * 60))} s"
    if minutes < 90:
        return f"{minutes:.0f} min"
    return f"{minutes / 60:.1f} h"
