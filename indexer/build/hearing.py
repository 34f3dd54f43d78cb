"""One file heard: its windows, what it is, and what is measured of it, as events."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from indexer.build.failures import VANISHED, is_of_the_drive, is_there
from indexer.counting import counted
from indexer.errors import AudioError

if TYPE_CHECKING:
    from indexer.audio.waveform import Waveform
    from indexer.audio.window import Window, WindowRule

HANDFUL = 4  # windows of an event


@dataclass(frozen=True, slots=True)
class Job:
    """A file to be heard: whole, or (`head`) its first so many windows only.

    `since`: how far, in seconds, it was heard before; `seconds`: how much of it will be heard
    then, as far as its header says.
    """

    sound_id: int
    path: Path
    head: int | None = None
    seconds: float = 0.0
    since: float = 0.0


@dataclass(frozen=True, slots=True)
class Wanted:
    """How files are heard: as the encoder wants it; without `measure` there is no analysis, which
    takes longer than decoding and resampling together."""

    sample_rate: int
    resampler: Literal["soxr", "sinc"]
    window: WindowRule
    measure: bool = True


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


Event = Windows | End | Duplicate | Broken


def hear(
    job: Job,
    wanted: Wanted,
    find: Callable[[str], int | None],
    stopped: Callable[[], bool] = lambda: False,
) -> Iterator[Event]:
    """What happens while a file is heard, its end last; nothing more once it is `stopped`.

    `find(content_hash)` gives the id of a sound already known.
    """
    try:
        yield from _hear(job, wanted, find, stopped)
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
    wanted: Wanted,
    find: Callable[[str], int | None],
    stopped: Callable[[], bool],
) -> Iterator[Event]:
    from indexer.audio.decode import blocks, probe
    from indexer.audio.payload import identify
    from indexer.audio.resample import resample
    from indexer.audio.window import windows

    if job.head is not None:
        facts = probe(job.path)
        heard = windows(
            resample(blocks(job.path), wanted.sample_rate, wanted.resampler), wanted.window
        )
        yield Windows(job, list(itertools.islice(heard, job.head)))
        yield End(job, facts_columns(facts))
        return
    facts, content_hash = identify(job.path)
    original_id = find(content_hash)
    if original_id is not None and original_id != job.sound_id:
        yield Duplicate(job, original_id)
        return
    tap = Tap(job.path) if wanted.measure else None
    yield from _handfuls(job, tap or blocks(job.path), wanted, stopped)
    if stopped():
        return
    columns = facts_columns(facts)
    if tap is None:
        yield End(job, columns, content_hash)
        return
    duration, analysis = tap.finish()
    yield End(job, {**columns, "duration": duration}, content_hash, analysis, tap.note)


def _handfuls(
    job: Job, sound: Iterable[Waveform], wanted: Wanted, stopped: Callable[[], bool]
) -> Iterator[Windows]:
    from indexer.audio.resample import resample
    from indexer.audio.window import batched, windows

    whole = itertools.takewhile(lambda _: not stopped(), sound)
    stream = resample(whole, wanted.sample_rate, wanted.resampler)
    for handful in batched(windows(stream, wanted.window), HANDFUL):
        if stopped():
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
        numbers = f"{counted(invalid, 'sample')} without a number, heard as silence"
        return "; ".join(filter(None, [self.blocks.note, numbers if invalid else ""]))

    def finish(self) -> tuple[float, dict[str, Any]]:
        """The true duration in seconds, and the columns of Analysis."""
        from dataclasses import asdict

        invalid = self.blocks.invalid_samples
        measured = asdict(self._analyzer.finish(invalid_samples=invalid))
        return measured.pop("duration"), measured


def facts_columns(facts: Any) -> dict[str, Any]:
    """Columns of Sound from AudioFacts."""
    return {
        "duration": facts.duration,
        "sample_rate": facts.sample_rate,
        "bit_depth": facts.bit_depth,
        "channels": facts.channels,
        "channel_layout": facts.channel_layout,
    }
