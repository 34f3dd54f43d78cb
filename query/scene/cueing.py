"""A chosen clip as a cue: where it begins, how long it is, how loud, with which fades."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

from query.scene.align import offset_for, placed
from query.scene.cues import Clip, Cue, Film

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from query.scene.candidates import Candidate

ALTERNATES = 3

SPOT_LEVEL = -20.0
"""LUFS, maximum momentary. A programme at -23 LUFS (EBU R 128) is carried by what happens in it,
whose loudest moments lie some LU above the mean; and a spot is judged by its loudest moment, since
the silence around it would pass for softness in an integrated measure."""

AMBIENCE_LEVEL = -32.0
"""LUFS, integrated: 12 LU under the spots. A bed is to be missed when it is gone, not noticed."""

MOST_GAIN = 24.0  # dB: beyond it a soft recording's own noise comes up
PEAK = -1.0  # dBTP that no clip is lifted above; EBU R 128, section on true peak
AMBIENCE_FADE = 0.5  # s, at most a quarter of the cue: out of silence and back
JOIN = 0.05  # s, where one ambience follows another: with longer fades the cut would be a hole
SPOT_FADE_IN = 0.005  # s: no click, and the attack stays
SPOT_FADE_OUT = 0.15  # s, of a sound that is cut off by the end of the shot
ENDING = 0.02  # s, of one that ends by itself


def ambience(
    film: Film, span: tuple[int, int], beds: Sequence[Candidate], whole: float, left: float | None
) -> Cue:
    """The first of the beds under these frames, repeated if it is shorter.

    `whole`: seconds of all the spans of this place, for which there is to be enough if it can be.
    `left`: seconds at which the bed was left in the span before, to go on there.
    """
    first, *others = beds
    seconds = float((span[1] - span[0]) / film.rate)
    offset = _bed_offset(first, seconds, whole)
    if left is not None and left + seconds <= first.clip.duration + 1e-6:
        offset = left
    fade = min(AMBIENCE_FADE, seconds / 4)
    return Cue(
        id="",
        layer="ambience",
        shot=0,
        start=span[0],
        frames=span[1] - span[0],
        clip=first.clip,
        offset=offset,
        gain=_gain(first.clip, first.clip.loudness, AMBIENCE_LEVEL),
        fade_in=fade,
        fade_out=fade,
        loop=first.clip.duration - offset < seconds - 1e-6,
        alternates=_alternates(others, [_bed_offset(each, seconds, whole) for each in others]),
    )


def joined(cues: Sequence[Cue]) -> list[Cue]:
    """The cues; ambiences that follow each other at once change with the picture's cut."""
    beds = [cue for cue in cues if cue.layer == "ambience"]
    starts, ends = {cue.start for cue in beds}, {cue.end for cue in beds}

    def met(cue: Cue) -> Cue:
        if cue.layer != "ambience" or cue.locked:
            return cue
        fade_in = min(cue.fade_in, JOIN) if cue.start in ends else cue.fade_in
        fade_out = min(cue.fade_out, JOIN) if cue.end in starts else cue.fade_out
        return replace(cue, fade_in=fade_in, fade_out=fade_out)

    return [met(cue) for cue in cues]


def left_at(cue: Cue, film: Film) -> float | None:
    """Seconds of the clip at which the cue ends; None if it is repeated."""
    return None if cue.loop else cue.offset + float(film.at(cue.frames))


def spot(
    film: Film,
    shot: tuple[int, int],
    spots: Sequence[Candidate],
    changes: NDArray[np.floating] | None,
) -> Cue:
    """The first of the spots in this shot, its onset where the picture changes (see align)."""
    first, *others = spots
    after = first.clip.duration - first.onset
    at = placed(first.onset, shot, film.rate, changes, after)
    meets = film.at(at.start) + Fraction(first.onset) - Fraction(at.offset)
    lasts = first.clip.duration - at.offset
    whole = math.ceil(lasts * film.rate)
    frames = max(1, min(shot[1] - at.start, whole))
    seconds = float(film.at(frames))
    fade_out = ENDING if whole <= frames else SPOT_FADE_OUT
    return Cue(
        id="",
        layer="spot",
        shot=0,
        start=at.start,
        frames=frames,
        clip=first.clip,
        offset=at.offset,
        gain=_gain(first.clip, first.clip.loudest, SPOT_LEVEL),
        fade_in=min(SPOT_FADE_IN, seconds / 4, max(0.0, first.onset - at.offset)),
        fade_out=min(fade_out, seconds / 4),
        alternates=_alternates(
            others, [offset_for(each.onset, at.start, meets, film.rate) for each in others]
        ),
    )


def with_clip(cue: Cue, film: Film, end: int, clip: Clip, offset: float) -> Cue:
    """The cue with another clip at the level of its layer; a spot lasts until frame `end` at most,
    or until the cue did."""
    left = clip.duration - offset
    if cue.layer == "ambience":
        gain = _gain(clip, clip.loudness, AMBIENCE_LEVEL)
        loop = left < float(film.at(cue.frames)) - 1e-6
        return replace(cue, clip=clip, offset=offset, gain=gain, loop=loop)
    whole = math.ceil(left * film.rate)
    frames = max(1, min(max(end, cue.end) - cue.start, whole))
    fade_out = ENDING if whole <= frames else SPOT_FADE_OUT
    return replace(
        cue, clip=clip, offset=offset, gain=_gain(clip, clip.loudest, SPOT_LEVEL), frames=frames,
        fade_out=min(fade_out, float(film.at(frames)) / 4),
    )  # fmt: skip


def offset_in(cue: Cue, film: Film, chosen: Candidate, former: Candidate | None) -> float:
    """Seconds of a clip before what is heard of it in a cue: its onset is where the former's was,
    or at the cue's beginning if that is not known."""
    if cue.layer == "ambience":
        seconds = float(film.at(cue.frames))
        return _bed_offset(chosen, seconds, seconds)
    before = 0.0 if former is None else max(0.0, former.onset - cue.offset)
    meets = film.at(cue.start) + Fraction(before)
    return offset_for(chosen.onset, cue.start, meets, film.rate)


def _bed_offset(bed: Candidate, seconds: float, whole: float) -> float:
    """Its best moment, as far as enough is left from there; else its beginning."""
    lasts = bed.clip.duration - bed.heard
    if lasts < seconds:
        return bed.heard
    needed = whole if whole <= lasts else seconds
    return max(bed.heard, min(bed.moment, bed.clip.duration - needed))


def _alternates(
    others: Sequence[Candidate], offsets: Sequence[float]
) -> tuple[tuple[Clip, float], ...]:
    both = zip(others, offsets, strict=True)
    return tuple((each.clip, offset) for each, offset in both)[:ALTERNATES]


def _gain(clip: Clip, measured: float | None, level: float) -> float:
    """dB that bring what was measured (LUFS) to the level, within what the clip bears."""
    if measured is None:
        return 0.0
    room = MOST_GAIN if clip.peak is None else min(MOST_GAIN, PEAK - clip.peak)
    return round(min(level - measured, room), 2)
