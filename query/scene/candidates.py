"""Hits as clips for a timeline: what they are like, and which layer they are for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from indexer.credits.texts import credit, made_from
from query.ranking import hit
from query.scene.cues import Clip
from query.scene.floor import standing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from indexer.catalog.answers import Measured, SoundInfo
    from indexer.library import Library
    from query.ranking import Hit
    from query.scene.cues import Strength
    from query.scene.floor import Floor
    from query.search import Searcher

STEADY = 0.2
"""Steadiness from which on a sound can lie under a scene. By trial on 513 game and nature sounds:
above it are rain, wind, rivers, a passing train, below it barks, thunder, single birds, typing."""

LONG = 8.0  # s from which on more length makes no steadier
STRONG = 0.25  # of the clip's highest level: -12 dB
ATTACK = 0.1  # s after an onset in which it reaches its level
_MOST_PEAKS = 1024


@dataclass(frozen=True, slots=True)
class Candidate:
    """A clip that could be used.

    stands   its score as a standing, see floor
    moment   seconds at which its best window begins
    heard    seconds before anything is heard
    onset    seconds of its first strong onset; `clear`: there is one
    steady   0..1: how well it can lie under a scene
    """

    clip: Clip
    stands: float
    moment: float
    heard: float
    onset: float
    clear: bool
    steady: float


def candidates(
    searcher: Searcher, hits: Sequence[Hit], floor: Floor, background: tuple[float, float]
) -> list[Candidate]:
    """The hits that can be used, in their order: above the floor, here, heard to their end, and
    not silent. `background`: of the question, see Searcher."""
    stands = {id(hit): standing(hit.score, background) for hit in hits}
    kept = [
        hit for hit in hits if hit.state == "present" and floor.strength(stands[id(hit)]) != "weak"
    ]
    found: dict[tuple[str, int], tuple[SoundInfo, Measured]] = {}
    for library in searcher.libraries:
        folder = str(library.folder)
        ids = [hit.id for hit in kept if hit.library == folder]
        measured = library.catalog.measured(ids)
        for key, sound in library.catalog.sounds(list(measured)).items():
            if measured[key].loudness is not None and sound.columns["content_hash"]:
                found[folder, key] = sound, measured[key]
    return [
        _candidate(hit, *found[place], floor.strength(stands[id(hit)]), stands[id(hit)])
        for hit in kept
        if (place := (hit.library, hit.id)) in found
    ]


def own_choice(library: Library, sound_id: int) -> Candidate | None:
    """A sound that its user chose, whatever it scores; None if it was not heard, or is silent."""
    sound = library.catalog.sounds([sound_id]).get(sound_id)
    measured = library.catalog.measured([sound_id]).get(sound_id)
    if sound is None or measured is None or measured.loudness is None:
        return None
    whole = 0.0, sound.columns["duration"]
    chosen = hit(1, 0.0, {}, sound, whole, 0, str(library.folder))
    return _candidate(chosen, sound, measured, "likely", 0.0)


def steadiness(measured: Measured, seconds: float) -> float:
    """0..1: long, little silence, few onsets, and never much louder than on the whole."""
    if measured.loudness is None or measured.max_momentary is None or not seconds:
        return 0.0
    louder = max(0.0, measured.max_momentary - measured.loudness - 2.0)
    length = min(1.0, seconds / LONG)
    onsets = len(measured.onsets) / seconds
    return length * (1 - measured.silence) ** 2 / (1 + onsets) / (1 + louder / 4)


def strong_onset(measured: Measured, seconds: float, rate: int) -> float | None:
    """Seconds of the first onset that nearly reaches the clip's highest level."""
    levels, step = _levels(measured, seconds, rate)
    for onset in measured.onsets:
        after = levels[int(onset / step) : int((onset + ATTACK) / step) + 1]
        if len(after) and after.max() >= STRONG * levels.max():
            return onset
    return None


def _candidate(
    hit: Hit, sound: SoundInfo, measured: Measured, strength: Strength, stands: float
) -> Candidate:
    columns = sound.columns
    seconds, rate = columns["duration"], columns["sample_rate"]
    levels, step = _levels(measured, seconds, rate)
    heard = float(np.flatnonzero(levels)[0] * step) if levels.any() else 0.0
    onset = strong_onset(measured, seconds, rate)
    return Candidate(
        clip=_clip(hit, sound, measured, strength),
        stands=stands,
        moment=hit.start,
        heard=heard,
        onset=heard if onset is None else onset,
        clear=onset is not None,
        steady=steadiness(measured, seconds),
    )


def _levels(measured: Measured, seconds: float, rate: int) -> tuple[NDArray[np.int64], float]:
    """Highest sample of equal stretches, 127 = full scale, and seconds of a stretch."""
    pairs = np.frombuffer(measured.peaks, np.int8).astype(np.int64).reshape(-1, 2)
    samples, step = round(seconds * rate), 1
    while -(-samples // step) > _MOST_PEAKS:
        step *= 2
    return np.abs(pairs).max(axis=1), step / rate


def _clip(hit: Hit, sound: SoundInfo, measured: Measured, strength: Strength) -> Clip:
    columns = sound.columns
    freesound, made = columns["raw"].get("freesound"), columns["raw"].get("generated", {})
    author = columns["author"] or columns["designer"] or columns["manufacturer"]
    said = credit(
        hit.id, hit.title, author, columns["url"], columns["licence"], columns["licence_url"],
        freesound, made.get("sources"),
    )  # fmt: skip
    own = freesound if isinstance(freesound, dict) else {}
    return Clip(
        path=hit.path,
        identity=columns["content_hash"],
        title=hit.title,
        duration=columns["duration"],
        sample_rate=columns["sample_rate"],
        channels=columns["channels"],
        author=author,
        url=said.url,
        licence=said.licence,
        licence_url=said.licence_url,
        category=columns["category"],
        pack=columns["pack"],
        source=sound.root_kind,
        loudness=measured.loudness,
        loudest=measured.max_momentary,
        peak=measured.true_peak,
        score=hit.score,
        strength=strength,
        preview=sound.is_preview,
        remix=said.remix,
        gen_ai=str(own.get("gen_ai_preference") or ""),
        made_from=made_from(said),
    )
