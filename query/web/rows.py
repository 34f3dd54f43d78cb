"""A sound as the page shows it: what a hit says, what was measured, its waveform."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Literal

import numpy as np

from query.ranking import Hit, hit

if TYPE_CHECKING:
    from indexer.catalog.answers import Measured, SoundInfo
    from indexer.library import Library
    from query.web.choices import Choices

COLUMNS = 160  # of a waveform in a list

Strength = Literal["strong", "likely", "weak", ""]


class NotThere(Exception):
    """Nothing has this id."""


def sound_of(library: Library, key: int) -> SoundInfo:
    """Raises NotThere."""
    found = library.catalog.sounds([key]).get(key)
    if found is None:
        raise NotThere(f"There is no sound {key} in this library.")
    return found


@dataclass(frozen=True, slots=True)
class Row(Hit):
    """A hit, and what a list shows beside it.

    strength   how far it stands out, for pictures; "" where that is not known
    loudness, true_peak   LUFS and dBTP, None where nothing was measured
    mark       kept, rejected or ""
    wave       base64 of int8 pairs (lowest, highest), 127 = full scale, of equal stretches
    """

    strength: Strength = ""
    loudness: float | None = None
    true_peak: float | None = None
    channels: int = 0
    sample_rate: int = 0
    bit_depth: int | None = None
    category: str = ""
    wave: str = ""
    mark: str = ""


@dataclass(frozen=True, slots=True)
class Detail(Row):
    """All that is known of a sound. `onsets` in seconds; `credit` as it is to be given."""

    description: str = ""
    subcategory: str = ""
    notes: str = ""
    microphone: str = ""
    recorded: str = ""
    licence_url: str = ""
    credit: str = ""
    status: str = ""
    reason: str = ""
    onsets: Sequence[float] = field(default_factory=list)


def rows(
    library: Library, hits: Sequence[Hit], strengths: Sequence[Strength], choices: Choices
) -> list[Row]:
    """The hits, in their order, with what is known beside them."""
    ids = [each.id for each in hits]
    sounds, measured = library.catalog.sounds(ids), library.catalog.measured(ids)
    named = list(strengths) or [""] * len(hits)
    return [
        _row(found, sounds[found.id], measured.get(found.id), strength, choices)
        for found, strength in zip(hits, named, strict=True)
        if found.id in sounds
    ]


def plain_hits(library: Library, ids: Sequence[int]) -> list[Hit]:
    """Sounds that no question ranked, as hits without a score."""
    sounds = library.catalog.sounds(ids)
    there = [(key, sounds[key]) for key in ids if key in sounds]
    return [
        hit(place, 0.0, {}, sound, (0.0, sound.columns["duration"]), 0, str(library.folder))
        for place, (_, sound) in enumerate(there, start=1)
    ]


def detail(library: Library, sound: SoundInfo, choices: Choices) -> Detail:
    from indexer.credits.texts import credit, text

    columns = sound.columns
    key = columns["id"]
    [found] = plain_hits(library, [key])
    measured = library.catalog.measured([key]).get(key)
    row = _row(found, sound, measured, "", choices, full=True)
    said = credit(
        key, found.title, found.author, columns["url"], columns["licence"],
        columns["licence_url"], columns["raw"].get("freesound"),
        columns["raw"].get("generated", {}).get("sources"),
    )  # fmt: skip
    named = "description subcategory notes microphone recorded status reason".split()
    return Detail(
        **{name: getattr(row, name) for name in row.__dataclass_fields__},
        **{name: columns[name] for name in named},
        licence_url=said.licence_url,
        credit=text(said),
        onsets=list(measured.onsets) if measured else [],
    )


def _row(
    found: Hit,
    sound: SoundInfo,
    measured: Measured | None,
    strength: Strength,
    choices: Choices,
    full: bool = False,
) -> Row:
    columns = sound.columns
    said = {each.name: getattr(found, each.name) for each in fields(found)}
    for name in ("title", "path", "pack", "author", "library"):
        said[name] = sendable(said[name])
    return Row(
        **said,
        strength=strength,
        loudness=measured.loudness if measured else None,
        true_peak=measured.true_peak if measured else None,
        channels=columns["channels"],
        sample_rate=columns["sample_rate"],
        bit_depth=columns["bit_depth"],
        category=columns["category"],
        wave=_wave(measured.peaks, full) if measured else "",
        mark=choices.mark(columns["content_hash"] or ""),
    )


def sendable(text: str) -> str:
    """Undecodable bytes of a path as escapes: JSON cannot hold them."""
    return text.encode(errors="backslashreplace").decode()


def _wave(peaks: bytes, full: bool) -> str:
    pairs = np.frombuffer(peaks, np.int8).reshape(-1, 2)
    if len(pairs) > COLUMNS and not full:
        starts = np.linspace(0, len(pairs), COLUMNS, endpoint=False).astype(int)
        low = np.minimum.reduceat(pairs[:, 0], starts)
        high = np.maximum.reduceat(pairs[:, 1], starts)
        pairs = np.stack([low, high], axis=1)
    return base64.b64encode(pairs.tobytes()).decode()
