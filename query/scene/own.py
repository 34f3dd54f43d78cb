"""Where a film's own picture and sound begin."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from query.video.reading import open_picture, unreadable

if TYPE_CHECKING:
    from av.container import InputContainer


def first_shown(path: Path) -> Fraction:
    """Seconds, by the file's own clock, at which its first frame is shown. Raises PictureError."""
    with open_picture(path) as (container, stream):
        return _first(container, stream, path)


def sound_begins(path: Path) -> Fraction:
    """Seconds from the first frame of a film to where its sound begins; below 0 if before it.

    Raises PictureError.
    """
    with open_picture(path) as (container, _):
        return _first(container, container.streams.audio[0], path) - first_shown(path)


def _first(container: InputContainer, stream: Any, path: Path) -> Fraction:
    import av

    try:
        frame: Any = next(container.decode(stream), None)
    except (av.FFmpegError, OSError) as error:
        raise unreadable(path, error) from error
    if frame is None or frame.pts is None or frame.time_base is None:
        return Fraction(0)
    return Fraction(frame.pts * frame.time_base)
