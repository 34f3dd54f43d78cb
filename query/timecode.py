"""Timecode: names of frames, HH:MM:SS:FF, at the rates of film and television (SMPTE ST 12-1).

A timecode numbers frames and is no clock: at 24000/1001 an hour of it lasts 3603.6 seconds.
Drop-frame numbering leaves out the first numbers of each minute but every tenth (2 at 29.97,
4 at 59.94), so that it runs with the clock; no frame is lost.
"""

from __future__ import annotations

import re
from fractions import Fraction

from indexer.errors import PictureError

RATES = tuple(
    Fraction(frames, seconds)
    for frames, seconds in (
        (24000, 1001), (24, 1), (25, 1), (30000, 1001), (30, 1),
        (48000, 1001), (48, 1), (50, 1), (60000, 1001), (60, 1),
    )
)  # fmt: skip
"""Frames a second that editors know, exact."""

DROPPED = {Fraction(30000, 1001): 2, Fraction(60000, 1001): 4}
"""Numbers that drop-frame timecode leaves out in a minute, by rate."""

_WRITTEN = re.compile(r"(\d{1,2})[:;](\d{2})[:;](\d{2})[:;](\d{2,3})")


def supported(rate: Fraction) -> bool:
    """Editors know this rate; others can be numbered too, but not exchanged."""
    return rate in RATES


def nominal(rate: Fraction) -> int:
    """The frames that timecode counts in its seconds: 24 for 24000/1001."""
    return max(1, int(rate + Fraction(1, 2)))


def named(rate: Fraction) -> str:
    """A rate as people write it: 23.976, 25, 29.97."""
    return f"{float(rate):.3f}".rstrip("0").rstrip(".")


def spell(frame: int, rate: Fraction, drop: bool = False) -> str:
    """The timecode of a frame, counted from 00:00:00:00; ; before FF says drop-frame.

    It begins anew after 24 hours, as timecode does, and so before 0 too.
    Raises PictureError for drop-frame at a rate without it.
    """
    count = nominal(rate)
    dropped = _dropped(rate) if drop else 0
    number = frame % day(rate, drop)
    if drop:
        tens, rest = divmod(number, 600 * count - 9 * dropped)
        minutes = max(0, (rest - dropped) // (60 * count - dropped))
        number += dropped * (9 * tens + minutes)
    whole, frames = divmod(number, count)
    hours, minutes, seconds = whole // 3600, whole // 60 % 60, whole % 60
    width = max(2, len(str(count - 1)))
    return f"{hours:02}:{minutes:02}:{seconds:02}{';' if drop else ':'}{frames:0{width}}"


def parse(text: str, rate: Fraction, drop: bool = False) -> int:
    """The frame that a timecode names, counted from 00:00:00:00.

    A ; in it means drop-frame; `drop`: what it belongs to is numbered so, however it is written.
    Raises PictureError if it is no timecode, or one that names no frame at this rate.
    """
    written = _WRITTEN.fullmatch(text.strip())
    if written is None:
        raise PictureError(f"{text!r} is not a timecode: write HH:MM:SS:FF, such as 01:00:10:12.")
    hours, minutes, seconds, frames = map(int, written.groups())
    count = nominal(rate)
    if hours > 23 or minutes > 59 or seconds > 59:
        raise PictureError(f"{text} is not a timecode: it ends at 23:59:59.")
    if frames >= count:
        raise PictureError(
            f"{text} is not a timecode at {named(rate)} frames a second: "
            f"its last number goes from 00 to {count - 1}."
        )
    number = (hours * 3600 + minutes * 60 + seconds) * count + frames
    if not drop and ";" not in text:
        return number
    dropped = _dropped(rate)
    if minutes % 10 and not seconds and frames < dropped:
        raise PictureError(
            f"{text} names no frame: drop-frame timecode goes from {hours:02}:{minutes - 1:02}:59;"
            f"{count - 1} to {hours:02}:{minutes:02}:00;{dropped:02}."
        )
    whole = hours * 60 + minutes
    return number - dropped * (whole - whole // 10)


def day(rate: Fraction, drop: bool = False) -> int:
    """Frames in 24 hours of timecode."""
    return 144 * (600 * nominal(rate) - 9 * (_dropped(rate) if drop else 0))


def _dropped(rate: Fraction) -> int:
    if rate not in DROPPED:
        raise PictureError(
            f"There is no drop-frame timecode (;) at {named(rate)} frames a second, only at 29.97 "
            "and 59.94: write it with : alone."
        )
    return DROPPED[rate]
