"""Words for single shots, in place of those for every shot."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from indexer.errors import SceneError
from query import timecode
from query.targets import Steering

if TYPE_CHECKING:
    from query.scene.cues import Film
    from query.targets import Weighted

    Worded = tuple[str, Weighted]


def by_shot(
    words: Sequence[Worded], shots: Sequence[tuple[int, int]], film: Film, every: Steering
) -> dict[int, Steering]:
    """Words by the index of their shot; what every shot goes away from stays.

    words   each with its shot: the number that a cue sheet shows (from 1), or a timecode in it
    shots   first frame, and the frame after the last one

    Raises SceneError for a shot that is not there, PictureError for what is no timecode.
    """
    toward: dict[int, list[Weighted]] = {}
    for name, weighted in words:
        toward.setdefault(_index(name, shots, film), []).append(weighted)
    return {index: Steering(said, every.away) for index, said in toward.items()}


def _index(name: str, shots: Sequence[tuple[int, int]], film: Film) -> int:
    if name.isdecimal():
        if not 1 <= int(name) <= len(shots):
            raise SceneError(
                f"There is no shot {name}: the film has 1 to {len(shots)}; --dry-run shows them."
            )
        return int(name) - 1
    frame = timecode.parse(name, film.rate, film.drop) - film.start
    frame %= timecode.day(film.rate, film.drop)  # a film may run past midnight
    for index, (start, end) in enumerate(shots):
        if start <= frame < end:
            return index
    first, last = (
        timecode.spell(film.start + at, film.rate, film.drop) for at in (0, film.frames - 1)
    )
    raise SceneError(f"There is no shot at {name}: the film goes from {first} to {last}.")
