"""A sound's onset on what happens in the picture: a flash, a door, a jump."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

BOUND = 0.5  # s that an onset is moved at most
LEAD = 0.25  # s of a sound that are kept before its onset: the breath before the bark
DISTINCT = 3.0  # times the usual change of the shot, which is motion and not an event
LEAST = 0.003  # of full scale: where a picture stands still, its coding alone changes it


class Placed(NamedTuple):
    """Where a sound begins: a frame of the film, and seconds of the clip before what is heard.

    slip: seconds by which the onset was moved to meet the picture.
    """

    start: int
    offset: float
    slip: float


def strongest_change(
    changes: NDArray[np.floating], shot: tuple[int, int], near: tuple[float, float] | None = None
) -> int | None:
    """The frame at which most changes in a shot, of equal ones the first.

    changes   (frames,): how much each frame differs from the one before it, 0 (none) to 1
    shot      first frame, and the frame after the last one
    near      only frames from here to there count

    None where nothing stands out: it changes evenly, or not at all. The cut that begins the shot
    is none of its changes.
    """
    within = np.nan_to_num(np.asarray(changes[shot[0] + 1 : shot[1]], np.float64))
    if not len(within):
        return None
    usual = float(np.median(within))
    frames = np.arange(shot[0] + 1, shot[0] + 1 + len(within))
    first, last = near if near is not None else (-math.inf, math.inf)
    within = np.where((frames >= first) & (frames <= last), within, 0.0)
    best = int(within.argmax())
    found = within[best] >= max(LEAST, DISTINCT * usual)
    return int(frames[best]) if found else None


def placed(
    onset: float,
    shot: tuple[int, int],
    rate: Fraction,
    changes: NDArray[np.floating] | None = None,
    bound: float = BOUND,
) -> Placed:
    """Where a sound begins whose (first strong) onset lies at `onset` seconds.

    It begins with the shot, what comes long before its onset left out; its onset then moves to the
    strongest change of the picture that lies within `bound` seconds. Exact: frame and offset
    together give the very time. `changes` None: it is not moved.
    """
    lead = Fraction(min(onset, LEAD))
    usual = shot[0] / rate + lead
    if changes is None:
        return Placed(shot[0], float(Fraction(onset) - lead), 0.0)
    near = float((usual - Fraction(bound)) * rate), float((usual + Fraction(bound)) * rate)
    frame = strongest_change(changes, shot, near)
    if frame is None:
        return Placed(shot[0], float(Fraction(onset) - lead), 0.0)
    meets = frame / rate
    start = max(shot[0], math.ceil((meets - lead) * rate))
    return Placed(start, offset_for(onset, start, meets, rate), float(meets - usual))


def offset_for(onset: float, start: int, meets: Fraction, rate: Fraction) -> float:
    """Seconds of a clip before what is heard, if it begins at frame `start` and its onset is to
    lie at `meets` seconds of the film; 0 if its onset comes too soon for that."""
    return max(0.0, float(Fraction(onset) - (meets - start / rate)))
