"""Whether a film may be used as it is meant to be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from indexer.credits.licences import condition, label, non_commercial
from indexer.credits.texts import one_line
from indexer.errors import SceneError
from query.scene.cues import Clip, CueSheet

Use = Literal["commercial"]
NAMED = 5  # sounds that a sentence names


@dataclass(frozen=True, slots=True)
class Misuse:
    """What stands in the way. model: the licence of what ranked, "" if that allows it."""

    non_commercial: tuple[Clip, ...]
    unknown: tuple[Clip, ...]
    model: str

    def __bool__(self) -> bool:
        return bool(self.non_commercial or self.unknown or self.model)


def misuse(sheet: CueSheet, alternates: bool = False) -> Misuse:
    """What forbids commercial use, or may.

    A licence that is not known does not allow it. `alternates`: those too, which a session holds.
    """
    found = _clips(sheet, alternates)
    return Misuse(
        tuple(clip for clip in found if non_commercial(clip.licence)),
        tuple(clip for clip in found if not clip.licence),
        sheet.model_licence if non_commercial(sheet.model_licence) else "",
    )


def check_use(sheet: CueSheet, use: Use, alternates: bool = False) -> list[str]:
    """On what this use depends: a sentence for each licence that allows it to some.

    Raises SceneError, naming what forbids it.
    """
    found = misuse(sheet, alternates)
    if not found:
        return _conditions(sheet, alternates)
    said = [
        _said("not for commercial use", found.non_commercial),
        _said("of unknown licence", found.unknown),
        f"ranked by {sheet.encoder}, whose licence is {label(found.model)}" if found.model else "",
    ]
    raise SceneError(
        f"This is not fit for --use {use}: {'; '.join(filter(None, said))}. Choose others with "
        "--license, and a library of another encoder, or leave out --use."
    )


def _conditions(sheet: CueSheet, alternates: bool) -> list[str]:
    under: dict[str, list[Clip]] = {}
    for clip in _clips(sheet, alternates):
        if condition(clip.licence):
            under.setdefault(clip.licence, []).append(clip)
    return [
        f"Under {one_line(licence)} commercial use {condition(licence)}: {_named(clips)}."
        for licence, clips in under.items()
    ]


def _clips(sheet: CueSheet, alternates: bool) -> list[Clip]:
    clips = {cue.clip.path: cue.clip for cue in sheet.cues}
    if alternates:
        held = (clip for cue in sheet.cues for clip, _ in cue.alternates)
        clips = {**{clip.path: clip for clip in held}, **clips}
    return sorted(clips.values(), key=lambda clip: clip.path)


def _said(what: str, clips: tuple[Clip, ...]) -> str:
    if not clips:
        return ""
    return f"{what}: {_named(clips)}"


def _named(clips: Sequence[Clip]) -> str:
    named = [f"{one_line(clip.path)} ({label(clip.licence) or 'unknown'})" for clip in clips]
    more = f" and {len(clips) - NAMED:,} more" if len(clips) > NAMED else ""
    return ", ".join(named[:NAMED]) + more
