"""Every cue as a broadcast WAV of its own, stamped with its place on the timeline.

Channels and level stay as recorded: gain and fades belong to the session. A cue that repeats its
clip is written as long as it sounds, with the crossfades within it.
"""

from __future__ import annotations

import itertools
import math
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from indexer.audio import decode
from indexer.audio.write import Bext, Bits, wav_writer
from indexer.errors import AudioError, SceneError
from indexer.progress import Progress
from query.scene.cues import Cue, CueSheet, Film, pieces
from query.scene.export.names import PATTERN, name_of, parsed
from query.scene.voice import Span, Voice, sample_at, span_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

HANDLES = 2.0  # s
RATES = (8_000, 192_000)
MOST_HANDLES = 60.0


@dataclass(frozen=True, slots=True)
class CollectOptions:
    """handles: seconds before and after each cue, as far as its clip has them. rate: Hz. bits: 16,
    24 or 32 (float). names: a pattern of `names.PLACEHOLDERS`. Raises SceneError for anything else.
    """

    handles: float = HANDLES
    rate: int = 48_000
    bits: Bits = 24
    names: str = PATTERN

    def __post_init__(self) -> None:
        parsed(self.names)
        if not 0 <= self.handles <= MOST_HANDLES:
            raise SceneError(f"Handles cannot be {self.handles} s long: choose 0 to 60.")
        if not RATES[0] <= self.rate <= RATES[1]:
            raise SceneError(f"A WAV cannot be collected at {self.rate} Hz: choose 8000 to 192000.")
        if self.bits not in (16, 24, 32):
            raise SceneError(
                f"A WAV cannot be collected with {self.bits} bits: choose 16, 24 or 32."
            )


@dataclass(frozen=True, slots=True)
class Collected:
    """A file that was written. head, tail: seconds of handle; between them lies the cue."""

    cue: str
    path: Path
    head: float
    tail: float


@dataclass(frozen=True, slots=True)
class Collection:
    """`files` in the order of the sheet; `notes`: what was left out, a sentence each."""

    files: tuple[Collected, ...]
    notes: tuple[str, ...]


def collect(
    sheet: CueSheet,
    folder: Path,
    options: CollectOptions | None = None,
    progress: Progress | None = None,
) -> Collection:
    """Write every cue into `folder`, which is made if need be.

    A time reference counts from midnight to the file's first sample: the cue's timecode less its
    handle. No file is written over: a name that is taken gets a number. A clip that cannot be read
    is left out, with a note. Raises SceneError.
    """
    options, progress = options or CollectOptions(), progress or Progress()
    progress.stage("Collecting", len(sheet.cues), "cues")
    files: list[Collected] = []
    notes: dict[str, None] = {}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for cue in sheet.cues:
            spans = [
                span_of(cue, piece, sheet.film, options.rate) for piece in pieces(cue, sheet.film)
            ]
            if spans:
                try:
                    files.append(_collected(cue, spans, sheet.film, folder, options, notes))
                except AudioError as error:
                    notes[f"Left out: {error}."] = None
            progress.advance()
    except OSError as error:
        raise SceneError(
            f"{folder} cannot be written to ({error.strerror or error}): name a folder that has "
            "room and may be written to."
        ) from error
    return Collection(tuple(files), tuple(notes))


def using(sheet: CueSheet, collection: Collection, rate: int) -> CueSheet:
    """The sheet with the collected files in place of the clips; alternates stay where they are.

    A cue that could not be collected is left out of it too.
    """
    files = {file.cue: file for file in collection.files}

    def with_file(cue: Cue) -> Cue:
        file = files[cue.id]
        facts = decode.probe(file.path)
        clip = replace(
            cue.clip, path=str(file.path.absolute()), duration=facts.duration, sample_rate=rate
        )
        return replace(cue, clip=clip, offset=file.head, loop=False)

    return replace(sheet, cues=tuple(with_file(cue) for cue in sheet.cues if cue.id in files))


def _collected(
    cue: Cue,
    spans: list[Span],
    film: Film,
    folder: Path,
    options: CollectOptions,
    notes: dict[str, None],
) -> Collected:
    start = sample_at(film.at(film.start), options.rate)
    spans, head, tail = _with_handles(spans, cue, start, options)
    channels, layout = _channels(Path(cue.clip.path))
    bext = Bext(start + spans[0].begin, _described(cue), reference=cue.id, recorded=datetime.now())
    path = _free(folder, name_of(cue, film, parsed(options.names)))
    voices = [Voice(span, partial(_as_they_are, channels), options.rate) for span in spans]
    try:
        with wav_writer(
            path, options.rate, channels, options.bits, layout=layout, bext=bext
        ) as file:
            for at in range(spans[0].begin, spans[-1].end, options.rate):
                size = min(options.rate, spans[-1].end - at)
                file.write(_sounding(voices, at, np.zeros((channels, size), np.float32)))
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    finally:
        for voice in voices:
            voice.close()
    notes.update({f"{voice.note}.": None for voice in voices if voice.note})
    return Collected(cue.id, path, head / options.rate, tail / options.rate)


def _with_handles(
    spans: list[Span], cue: Cue, start: int, options: CollectOptions
) -> tuple[list[Span], int, int]:
    """As recorded, but for crossfades; and the samples before and after that there are more."""
    spans = [replace(span, gain=1.0) for span in spans]
    first, last, rate = spans[0], spans[-1], options.rate
    most = round(options.handles * rate)
    sounding = last.offset + (last.end - last.begin) / rate
    # Midnight is where a time reference begins.
    head = max(0, min(most, math.floor(first.offset * rate), start + first.begin))
    tail = max(0, min(most, math.floor((cue.clip.duration - sounding) * rate)))
    spans[0] = replace(
        first, begin=first.begin - head, offset=first.offset - head / rate, fade_in=0
    )
    spans[-1] = replace(spans[-1], end=last.end + tail, fade_out=0)
    return spans, head, tail


def _channels(path: Path) -> tuple[int, str]:
    """How many there are, and FFmpeg's name of their layout. Raises AudioError."""
    found = decode.blocks(path)
    try:
        channels = next(found).channels
    finally:
        found.close()
    facts = decode.probe(path)
    return channels, facts.channel_layout if facts.channels == channels else ""


def _as_they_are(outputs: int, channels: int) -> NDArray[np.float32]:
    return np.eye(outputs, channels, dtype=np.float32)


def _sounding(voices: list[Voice], at: int, bus: NDArray[np.float32]) -> NDArray[np.float32]:
    for voice in voices:
        voice.add_to(bus, at)
        if voice.span.end <= at + bus.shape[1]:
            voice.close()
    return bus


def _described(cue: Cue) -> str:
    said = [cue.clip.title, cue.clip.author and f"by {cue.clip.author}", cue.clip.licence]
    return ", ".join(part for part in said if part)


def _free(folder: Path, name: str) -> Path:
    """A file that nobody had, made empty; numbered if its name is taken."""
    for number in itertools.count(1):
        path = folder / (f"{name}.wav" if number == 1 else f"{name}_{number}.wav")
        with suppress(FileExistsError):
            path.open("xb").close()
            return path
    raise AssertionError
