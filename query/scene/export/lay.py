"""Cues on tracks and shots as markers: what every session is made of."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from indexer.credits.texts import one_line
from indexer.sources.freesound.sessions import MARK
from query.scene.cueing import MOST_GAIN, PEAK
from query.scene.cues import Clip, Cue, CueSheet, Film, Layer, Piece, Shot, pieces

NAMES: dict[Layer, str] = {"ambience": "Ambience", "spot": "Spot"}
_EXACT = 1e-6  # frames; what floats leave of a whole number


@dataclass(frozen=True, slots=True)
class Item:
    """A piece of a cue, exact and in whole frames.

    start, frames     the frames that lie wholly within the piece, at least one
    offset            seconds of the clip before the first of them
    fade_in, fade_out seconds within them
    """

    cue: Cue
    piece: Piece
    number: int
    start: int
    frames: int
    offset: float
    fade_in: float
    fade_out: float

    @property
    def end(self) -> int:
        return self.start + self.frames

    @property
    def clip(self) -> Clip:
        return self.cue.clip


@dataclass(frozen=True, slots=True)
class Track:
    """Items that follow each other. `channels`: of each of them, where tracks were made so."""

    name: str
    layer: Layer
    channels: int
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class Marker:
    """What is said of a shot, at its first frame."""

    frame: int
    text: str
    shot: Shot


def tracks(sheet: CueSheet, *, whole: bool, by_channels: bool = False) -> list[Track]:
    """Ambience, then spots, on as few tracks as they need.

    whole         the pieces of a cue stay on one track, neighbours overlapping; else no two items
                  of a track overlap
    by_channels   clips of one number of channels to a track
    """
    found: list[Track] = []
    for layer in NAMES:
        groups: dict[int, list[list[Item]]] = {}
        for cue in sheet.layer(layer):
            laid = items(cue, sheet.film)
            group = groups.setdefault(cue.clip.channels if by_channels else 0, [])
            group.extend([laid] if whole and laid else [[item] for item in laid])
        lanes = [(key, lane) for key in sorted(groups) for lane in _lanes(groups[key])]
        for number, (channels, lane) in enumerate(lanes, 1):
            name = f"{NAMES[layer]} {number}" if len(lanes) > 1 else NAMES[layer]
            found.append(Track(name, layer, channels, tuple(lane)))
    return found


def items(cue: Cue, film: Film) -> list[Item]:
    """The pieces of a cue."""
    return [_item(cue, film, number, piece) for number, piece in enumerate(pieces(cue, film))]


def markers(sheet: CueSheet) -> Iterator[Marker]:
    """One for each shot: its question, and the sounds that answer it, or why none does."""
    for shot in sheet.shots:
        said = [f"Shot {shot.index + 1}"]
        question = one_line(shot.question)
        answer = "; ".join(fit(cue) for cue in heard(sheet, shot)) or one_line(shot.note)
        yield Marker(shot.start, ": ".join(filter(None, [*said, question, answer])), shot)


def heard(sheet: CueSheet, shot: Shot) -> list[Cue]:
    """The cues of a shot, and the ambience that runs on into it."""
    return [
        cue
        for cue in sheet.cues
        if cue.shot == shot.index
        or (cue.layer == "ambience" and cue.start < shot.end and cue.end > shot.start)
    ]


def fit(cue: Cue) -> str:
    """A sound and how well it fits: "dog bark (.42, strong)"."""
    return f"{title(cue.clip)} ({score(cue.clip)}, {cue.clip.strength})"


def score(clip: Clip) -> str:
    return f"{clip.score:.2f}".replace("0.", ".", 1) if abs(clip.score) < 1 else f"{clip.score:.2f}"


def title(clip: Clip) -> str:
    """What a clip is called: its title, else the name of its file."""
    return one_line(clip.title) or one_line(Path(clip.path).stem)


def name(clip: Clip) -> str:
    """What a clip is called in a session, where a lossy stand-in is marked."""
    return title(clip) + MARK if clip.preview else title(clip)


def film_name(sheet: CueSheet) -> str:
    return one_line(Path(sheet.film.path).stem)


def gain(cue: Cue, clip: Clip) -> float:
    """dB at which an alternate of the cue sounds as loud as the cue does, as far as it bears that.

    Loudness as in cueing: a spot's loudest moment, an ambience on the whole.
    """
    spot = cue.layer == "spot"
    chosen, other = (each.loudest if spot else each.loudness for each in (cue.clip, clip))
    if clip == cue.clip or chosen is None or other is None:
        return cue.gain
    room = MOST_GAIN if clip.peak is None else min(MOST_GAIN, PEAK - clip.peak)
    return round(min(cue.gain + chosen - other, max(room, cue.gain)), 2)


def amplitude(decibels: float) -> float:
    return math.pow(10, decibels / 20)


def _item(cue: Cue, film: Film, number: int, piece: Piece) -> Item:
    begin, end = piece.start * float(film.rate), piece.end * float(film.rate)
    start = math.ceil(begin - _EXACT)
    frames = max(1, math.floor(end + _EXACT) - start)
    late = max(0.0, start - begin) / float(film.rate)
    early = max(0.0, end - start - frames) / float(film.rate)
    return Item(
        cue, piece, number, start, frames, piece.offset + late,
        max(0.0, piece.fade_in - late), max(0.0, piece.fade_out - early),
    )  # fmt: skip


def _lanes(groups: Iterable[list[Item]]) -> list[list[Item]]:
    """Groups in lanes: each in the first one that is free."""
    lanes: list[list[Item]] = []
    for group in sorted(groups, key=lambda group: (group[0].start, group[0].cue.id)):
        free = (lane for lane in lanes if lane[-1].end <= group[0].start)
        lane = next(free, None)
        if lane is None:
            lane = []
            lanes.append(lane)
        lane.extend(group)
    return lanes
