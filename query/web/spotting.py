"""A sound, or a region of it, written or linked into the folder of a project."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from indexer.errors import SceneError
from query.scene.cues import Clip, Cue, CueSheet, Film
from query.scene.export.collect import CollectOptions, collect
from query.scene.export.names import name_of, parsed

if TYPE_CHECKING:
    from indexer.catalog.answers import SoundInfo

LIST = "sonorize-spotted.txt"
"""What was spotted, a line each: what inserts it into a session reads it. The name of a file; if a
part of it is meant, a tab and the seconds where that begins, a tab and how many it lasts."""


@dataclass(frozen=True, slots=True)
class Spotted:
    """A file that was made, and the seconds in it before what was asked for."""

    path: Path
    head: float


def spot(
    sound: SoundInfo, start: float, end: float, folder: Path, options: CollectOptions
) -> Spotted:
    """Writes seconds `start` to `end` of a sound as a broadcast WAV. Raises SceneError."""
    made = collect(_sheet(sound, start, end, options), folder, options)
    if not made.files:
        raise SceneError(" ".join(made.notes) or "Nothing could be written.")
    [file] = made.files
    _tell(folder, file.path, "")
    return Spotted(file.path, file.head)


def link(
    sound: SoundInfo, start: float, end: float, folder: Path, options: CollectOptions
) -> Spotted:
    """Links the file of a sound, as it lies and whole, under a name as `spot` gives.

    The region is told to what inserts it. Raises SceneError.
    """
    sheet = _sheet(sound, start, end, options)
    name = name_of(sheet.cues[0], sheet.film, parsed(options.names))
    source = sound.path.absolute()
    for number in itertools.count(1):
        path = folder / f"{name}{f'_{number}' if number > 1 else ''}{source.suffix}"
        try:
            path.symlink_to(source)
        except FileExistsError:
            continue
        except OSError as error:
            raise SceneError(
                f"No link can be made in {folder.name} ({error.strerror}): have it written instead."
            ) from error
        break
    whole = start <= 0 and end >= sound.columns["duration"]
    _tell(folder, path, "" if whole else f"\t{start:.6f}\t{end - start:.6f}")
    return Spotted(path, start)


def _tell(folder: Path, made: Path, region: str) -> None:
    """Adds a line to the list, or takes back what was made: unlisted, no session would get it."""
    try:
        with (folder / LIST).open("a", encoding="utf-8") as names:
            names.write(f"{made.name}{region}\n")
    except OSError as error:
        made.unlink()
        raise SceneError(
            f"{LIST} in {folder.name} cannot be written to ({error.strerror}): see that it can, or "
            "move it away."
        ) from error


def _sheet(sound: SoundInfo, start: float, end: float, options: CollectOptions) -> CueSheet:
    """The one cue of a film whose frames are its samples, so that a region is exact."""
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
    return CueSheet(Film("", Fraction(rate), frames, start=room), (), (cue,))
