"""Where a film's own picture and sound begin."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from query.video.reading import decoded, opened

if TYPE_CHECKING:
    from av.container import InputContainer


def first_shown(path: Path) -> Fraction:
    """Seconds, by the file's own clock, at which its first frame is shown. Raises PictureError."""
    with opened(path) as (container, stream):
        return _first(container, stream)


def sound_begins(path: Path) -> Fraction:
    """Seconds from the first frame of a film to where its sound begins; below 0 if before it.

    Of damaged sound, where what can be read of it begins. Raises PictureError.
    """
    with opened(path) as (container, _):
        return _first(container, container.streams.audio[0]) - first_shown(path)


def _first(container: InputContainer, stream: Any) -> Fraction:
    frame: Any = next(decoded(container, stream), None)
    if frame is None or frame.pts is None or frame.time_base is None:
        return Fraction(0)
    return Fraction(frame.pts * frame.time_base)
