"""The cue sheet: which sound lies where under a picture, and why.

Positions on the timeline are whole frames of the film, from its first one: every editor keeps
these exactly. Where a cue begins within its file is a time in seconds, so that a sound can meet
the picture more exactly than by a frame.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Literal

Layer = Literal["ambience", "spot"]
Strength = Literal["strong", "likely", "weak"]
CROSSFADE = 1.0  # s, between the pieces of a sound that is repeated


@dataclass(frozen=True, slots=True)
class Film:
    """The picture.

    path    of the video
    rate    frames a second, exact (24000/1001)
    frames  how many there are
    start   the timecode of the first one, in frames since 00:00:00:00
    drop    its timecode leaves out numbers (29.97 and 59.94 only)
    sound   it has a sound of its own
    """

    path: str
    rate: Fraction
    frames: int
    start: int = 0
    drop: bool = False
    width: int = 0
    height: int = 0
    sound: bool = False

    @property
    def seconds(self) -> Fraction:
        return self.frames / self.rate

    def at(self, frame: int) -> Fraction:
        """Seconds from the first frame to this one."""
        return frame / self.rate


@dataclass(frozen=True, slots=True)
class Clip:
    """A sound of a library, as it was when it was chosen.

    identity          hash of its audio payload: by it the file is found again elsewhere
    licence           SPDX id, "" if unknown
    duration          seconds
    loudness          integrated, LUFS; `loudest`: its maximum momentary loudness; None for silence
    peak              dBTP
    score, strength   how well it fits, and what that means in its library
    preview           a lossy stand-in for an original that can be fetched
    gen_ai            what its author allows generative models, in Freesound's words
    made_from         of a sound that a model made from others: these, as credits
    """

    path: str
    identity: str
    title: str
    duration: float
    sample_rate: int
    channels: int
    author: str = ""
    url: str = ""
    licence: str = ""
    licence_url: str = ""
    category: str = ""
    pack: str = ""
    source: str = ""
    loudness: float | None = None
    loudest: float | None = None
    peak: float | None = None
    score: float = 0.0
    strength: Strength = "likely"
    preview: bool = False
    remix: bool = False
    gen_ai: str = ""
    made_from: str = ""


@dataclass(frozen=True, slots=True)
class Cue:
    """A sound on the timeline.

    id            stays the same when the sheet is made again
    start, frames where it begins, and how long it is
    offset        seconds of the clip before what is heard first
    gain          dB, of the clip in the session
    fade_in, fade_out   seconds
    loop          the clip is repeated to fill the cue, with crossfades
    shot          index of the first shot it belongs to
    question      what was asked, in words
    alternates    (clip, its offset): next best
    locked        the user's own choice: never replaced
    """

    id: str
    layer: Layer
    shot: int
    start: int
    frames: int
    clip: Clip
    offset: float = 0.0
    gain: float = 0.0
    fade_in: float = 0.0
    fade_out: float = 0.0
    loop: bool = False
    question: str = ""
    alternates: tuple[tuple[Clip, float], ...] = ()
    locked: bool = False

    @property
    def end(self) -> int:
        """The frame after its last one."""
        return self.start + self.frames


@dataclass(frozen=True, slots=True)
class Shot:
    """Frames start to end (excluded) between two cuts. place: shots that share it look alike.

    note: why there is no sound, if there is none.
    """

    index: int
    start: int
    end: int
    place: int = 0
    question: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class CueSheet:
    """A film's shots and cues, and what they were chosen with.

    encoder, model_licence: of the model that ranked. settings: what was asked, to ask it again.
    """

    film: Film
    shots: tuple[Shot, ...]
    cues: tuple[Cue, ...]
    encoder: str = ""
    model_licence: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)

    def layer(self, name: Layer) -> tuple[Cue, ...]:
        return tuple(cue for cue in self.cues if cue.layer == name)


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a clip as one item on a track: start in seconds from the first frame."""

    start: float
    seconds: float
    offset: float
    fade_in: float
    fade_out: float

    @property
    def end(self) -> float:
        return self.start + self.seconds


def pieces(cue: Cue, film: Film) -> Iterator[Piece]:
    """The items that a cue consists of: one, or as many as a loop needs.

    Neighbours overlap by CROSSFADE (or a quarter of a short clip), with equal power. A cue that is
    no loop ends with its clip.
    """
    start, wanted = float(film.at(cue.start)), float(film.at(cue.frames))
    left = cue.clip.duration - cue.offset
    if left <= 0:
        return
    if not cue.loop or left >= wanted:
        seconds = min(wanted, left)
        yield Piece(start, seconds, cue.offset, *_fitted(cue.fade_in, cue.fade_out, seconds))
        return
    cross = min(CROSSFADE, left / 4)
    count = max(2, math.ceil((wanted - cross) / (left - cross)))
    seconds = (wanted + (count - 1) * cross) / count  # alike, so that no last one is tiny
    for number in range(count):
        fade_in = cross if number else min(cue.fade_in, seconds - cross)
        fade_out = cross if number < count - 1 else min(cue.fade_out, seconds - cross)
        yield Piece(start + number * (seconds - cross), seconds, cue.offset, fade_in, fade_out)


def _fitted(fade_in: float, fade_out: float, seconds: float) -> tuple[float, float]:
    """Fades that do not overlap each other."""
    share = min(1.0, seconds / (fade_in + fade_out)) if fade_in + fade_out else 1.0
    return fade_in * share, fade_out * share
