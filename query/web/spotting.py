"""A sound, or a region of it, written into the folder of a project."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from indexer.errors import SceneError
from query.scene.cues import Clip, Cue, CueSheet, Film
from query.scene.export.collect import CollectOptions, collect

if TYPE_CHECKING:
    from indexer.catalog.answers import SoundInfo

LIST = "sonorize-spotted.txt"
"""Names of what was written, a line each: what inserts them into a session reads it."""


@dataclass(frozen=True, slots=True)
class Spotted:
    """A file that was written, and how many seconds of handle it begins with."""

    path: Path
    head: float


def spot(
    sound: SoundInfo, start: float, end: float, folder: Path, options: CollectOptions
) -> Spotted:
    """Writes seconds `start` to `end` of a sound as a broadcast WAV. Raises SceneError.

    It is collected as the one cue of a film whose frames are its samples, so that a region is
    exact.
    """
    columns = sound.columns
    rate = options.rate
    frames = max(1, round((end - start) * rate))
    clip = Clip(
        path=str(sound.path),
        identity=columns["content_hash"] or "",
        title=columns["title"] or sound.path.stem,
        duration=columns["duration"],
        sample_rate=columns["sample_rate"],
        channels=columns["channels"],
        author=columns["author"] or columns["designer"],
        licence=columns["licence"],
        category=columns["category"],
        pack=columns["pack"],
    )
    cue = Cue(f"sound {columns['id']}", "spot", 0, 0, frames, clip, offset=start)
    room = round(options.handles * rate)  # a time reference begins at midnight, handle included
    sheet = CueSheet(Film("", Fraction(rate), frames, start=room), (), (cue,))
    made = collect(sheet, folder, options)
    if not made.files:
        raise SceneError(" ".join(made.notes) or "Nothing could be written.")
    [file] = made.files
    with (folder / LIST).open("a", encoding="utf-8") as names:
        names.write(f"{file.path.name}\n")
    return Spotted(file.path, file.head)
