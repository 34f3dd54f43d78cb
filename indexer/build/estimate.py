"""What a build will have to do, said before it starts."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING

from indexer.build.scan import Scan
from indexer.counting import counted
from indexer.errors import AudioError

if TYPE_CHECKING:
    from indexer.catalog.store import Catalog
    from indexer.encoders.protocol import Encoder
    from indexer.sources.protocol import Item

SAMPLE = 48  # files whose length is read
TRIAL = 1  # windows the encoder is timed with, after another that loads it
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


def estimate(catalog: Catalog, found: Sequence[Scan], encoder: Encoder) -> Plan:
    """From a sample of the lengths of what is new, and a trial of the encoder."""
    work = [(each, item) for each in found for item in _wanted(each)]
    left = catalog.todo([each.root_id for each in found], ["named", "partial"])
    seconds, exact = _seconds(work)
    seconds += float(left.durations.sum())
    files = len(work) + len(left)
    minutes, size = cost(encoder, files, seconds)
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


def cost(encoder: Encoder, files: int, seconds: float) -> tuple[float, int]:
    """Minutes of work for the encoder, and bytes its vectors take; files and their sum length."""
    rule = encoder.window
    windows = rule.spread * files if rule.spread else int(seconds / rule.hop) + files
    size = windows * (2 * encoder.dims["audio"] + ROW) + 2 * files * sum(encoder.dims.values())
    return (windows * _pace(encoder) / 60 if windows else 0.0), size


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


def _pace(encoder: Encoder) -> float:
    """Seconds the encoder takes for a window on this machine."""
    import numpy as np

    from indexer.audio.waveform import Waveform

    samples = np.zeros((1, round(encoder.window.seconds * encoder.sample_rate)), dtype=np.float32)
    windows = [Waveform(samples, encoder.sample_rate)] * TRIAL
    encoder.embed_audio(windows[:1])  # loads it
    start = perf_counter()
    encoder.embed_audio(windows)
    return (perf_counter() - start) / TRIAL


def length(minutes: float) -> str:
    if minutes < 1.5:
        return f"{max(1, round(minutes * 60))} s"
    if minutes < 90:
        return f"{minutes:.0f} min"
    return f"{minutes / 60:.1f} h"
