"""Whether what a project names is still what was chosen."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from indexer.audio.payload import payload_hash
from indexer.counting import counted
from indexer.errors import AudioError, PictureError
from query import timecode
from query.video import facts

if TYPE_CHECKING:
    from query.scene.cues import CueSheet, Film


def changed(sheet: CueSheet) -> Iterator[str]:
    """A sentence for the film and each sound that is heard, where another lies at its path now;
    and for a film that is not there.

    Every byte of the sounds is read. What is not there, or unreadable, is the affair of others.
    """
    yield from _film(sheet.film)
    for clip in {cue.clip.path: cue.clip for cue in sheet.cues}.values():
        try:
            same = payload_hash(Path(clip.path)) == clip.identity
        except (AudioError, OSError):
            continue
        if not same:
            yield (
                f"{clip.path} holds another recording than the one that was chosen, and is used "
                "as it is: put that one back, or make the project again."
            )


def gone(film: Film) -> str:
    """A sentence if the film is not there; else ""."""
    if Path(film.path).is_file():
        return ""
    return (
        f"{film.path} is not there: put the film there, or write where it lies in the project, as "
        '"path" of "film".'
    )


def _film(film: Film) -> Iterator[str]:
    if away := gone(film):
        yield away
        return
    try:
        now = facts(Path(film.path))
    except PictureError:
        return
    was = (film.rate, film.frames)
    if was != (now.rate, now.frames):
        yield (
            f"{film.path} is another film than the one that was sounded: "
            f"{counted(now.frames, 'frame')} at {timecode.named(now.rate)} a second, not "
            f"{film.frames:,} at {timecode.named(film.rate)}. Its cues stay where they were: "
            "give the video itself to make them anew."
        )
