"""People's ratings of pairs of a frame and a sound, as rows.

    rater,frame,sound,fit,quality,scene,arm,kind

rater    anyone's name for one person; the same in all rows of that person
frame, sound  as the study writes them
fit      how well the sound fits the picture, 1 (bad) to 5 (excellent)
quality  how good the sound is by itself, 1 to 5; may be left out
scene    of the frame; may be left out where a study says it
arm      where the sound is from; of several at once: "original + retrieved"; may be left out
kind     item, or what only checks the rater: repeat, reference, anchor; item if left out
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from indexer.errors import StudyError
from query.evaluation import sheets

if TYPE_CHECKING:
    from numpy.typing import NDArray

REQUIRED = ("rater", "frame", "sound", "fit")
OPTIONAL = ("quality", "scene", "arm", "kind")
COLUMNS = (*REQUIRED, *OPTIONAL)
ITEM, REPEAT, REFERENCE, ANCHOR = KINDS = ("item", "repeat", "reference", "anchor")
LOWEST, HIGHEST = 1, 5
BOTH = " + "  # between arms that have the same sound for a frame

Pair = tuple[str, str]  # frame and sound


@dataclass(frozen=True, slots=True)
class Rating:
    """`quality` NaN where it was not asked."""

    rater: str
    frame: str
    sound: str
    fit: float
    quality: float = float("nan")
    scene: str = ""
    arm: str = ""
    kind: str = ITEM

    @property
    def pair(self) -> Pair:
        return self.frame, self.sound

    @property
    def arms(self) -> list[str]:
        return self.arm.split(BOTH) if self.arm else []


def read_ratings(path: Path) -> list[Rating]:
    """Raises StudyError, naming the line, for what is not as above."""
    found = []
    for line, row in enumerate(sheets.read(path, REQUIRED, OPTIONAL), 2):
        if not (row["rater"] and row["frame"] and row["sound"]):
            raise StudyError(f"{path}, line {line}: a rating needs a rater, a frame and a sound.")
        if row["kind"] not in (*KINDS, ""):
            raise StudyError(
                f"{path}, line {line}: kind is {row['kind']!r}; it is one of {', '.join(KINDS)}."
            )
        fit, quality = (_score(row, name, path, line) for name in ("fit", "quality"))
        names = {name: row[name] for name in ("rater", "frame", "sound", "scene", "arm")}
        kind = row["kind"] or ITEM
        found.append(Rating(**names, fit=fit, quality=quality, kind=kind))
    if not found:
        raise StudyError(f"{path} holds no rating.")
    return found


def _score(row: dict[str, str], name: str, path: Path, line: int) -> float:
    if name == "quality" and not row[name]:
        return float("nan")
    value = sheets.number(row, name, path, line)
    if not LOWEST <= value <= HIGHEST:
        raise StudyError(f"{path}, line {line}: {name} is {value:g}; it lies in 1 to 5.")
    return value


def items(ratings: Iterable[Rating]) -> list[Rating]:
    """Without those that check the rater."""
    return [rating for rating in ratings if rating.kind == ITEM]


def table(
    ratings: Sequence[Rating], of: Callable[[Rating], float] = lambda rating: rating.fit
) -> tuple[list[str], list[Pair], NDArray[np.float64]]:
    """Raters, pairs, and (raters, pairs) values, NaN where there is none; the mean of several."""
    raters = list(dict.fromkeys(rating.rater for rating in ratings))
    pairs = list(dict.fromkeys(rating.pair for rating in ratings))
    row, column = ({key: at for at, key in enumerate(keys)} for keys in (raters, pairs))
    sums, counts = np.zeros((2, len(raters), len(pairs)))
    for rating in ratings:
        value = of(rating)
        if np.isfinite(value):
            place = row[rating.rater], column[rating.pair]
            sums[place] += value
            counts[place] += 1
    values = np.divide(sums, counts, out=np.full(sums.shape, np.nan), where=counts > 0)
    return raters, pairs, values
