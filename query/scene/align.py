"""A sound's onset on what happens in the picture: a flash, a door, a jump."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

LEAD = 0.25  # s of a sound that are kept before its onset: the breath before the bark
ROOM = 0.5  # s of a sound that are heard after its onset; half of it or of the shot, if less
DISTINCT = 2.5  # times the usual change of the shot, which is motion and not an event
ALIKE = 0.8  # of the strongest change: a flash changes as much when it goes as when it comes
LEAST = 0.003  # of full scale: where a picture stands still, its coding alone changes it


class Placed(NamedTuple):
    """Where a sound begins: a frame of the film, and seconds of the clip before what is heard.

    slip: seconds by which the onset was moved to meet the picture.
    """

    start: int
    offset: float
    slip: float


def strongest_change(
    changes: NDArray[np.floating], shot: tuple[int, int], last: float = math.inf
) -> int | None:
    """The frame at which most changes in a shot; the first of those where about as much does.

    changes   (frames,): how much each frame differs from the one before it, 0 (none) to 1
    shot      first frame, and the frame after the last one
    last      later frames do not count

    None where nothing stands out: it changes evenly, or not at all. The cut that begins the shot
    is none of its changes.
    """
    within = np.nan_to_num(np.asarray(changes[shot[0] + 1 : shot[1]], np.float64))
    if not len(within):
        return None
    # Of a film that shows each picture twice half of the changes are none, so no median.
    usual = float(np.quantile(within, 0.75))
    frames = np.arange(shot[0] + 1, shot[0] + 1 + len(within))
    within = np.where(frames <= last, within, 0.0)
    best = int((within >= ALIKE * within.max()).argmax())
    found = within.max() >= max(LEAST, DISTINCT * usual)
    return int(frames[best]) if found else None


def placed(
    onset: float,
    shot: tuple[int, int],
    rate: Fraction,
    changes: NDArray[np.floating] | None = None,
    after: float = 0.0,
) -> Placed:
    """Where a sound begins whose (first strong) onset lies at `onset` seconds.

    Its onset meets the strongest change of the picture in the shot that leaves room for it:
    `after` seconds of the sound follow its onset, of which half are to be heard, or ROOM, or half a
    shot. Where nothing stands out, or `changes` is None, it begins with the shot, what comes long
    before its onset left out. Exact: frame and offset together give the very time.
    """
    lead = Fraction(min(onset, LEAD))
    last = shot[1] - min(ROOM * rate, after / 2 * rate, (shot[1] - shot[0]) / 2)
    frame = None if changes is None else strongest_change(changes, shot, float(last))
    if frame is None:
        return Placed(shot[0], float(Fraction(onset) - lead), 0.0)
    meets, usual = frame / rate, shot[0] / rate + lead
    start = max(shot[0], math.ceil((meets - lead) * rate))
    return Placed(start, offset_for(onset, start, meets, rate), float(meets - usual))


def offset_for(onset: float, start: int, meets: Fraction, rate: Fraction) -> float:
    """Seconds of a clip before what is heard, if it begins at frame `start` and its onset is to
    lie at `meets` seconds of the film; 0 if its onset comes too soon for that."""
    return max(0.0, float(Fraction(onset) - (meets - start / rate)))
