"""What a film has of its own: its picture stream, and where its sound begins."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from indexer.errors import PictureError
from query.video import NO_OTHERS

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.stream import VideoStream


@contextmanager
def open_picture(path: Path) -> Iterator[tuple[InputContainer, VideoStream]]:
    """A film and its picture stream; a cover picture is none. Raises PictureError."""
    import av

    with ExitStack() as stack:
        try:
            file = stack.enter_context(path.open("rb"))
            container = stack.enter_context(av.open(file, "r", options=NO_OTHERS))
        except (av.FFmpegError, OSError) as error:
            raise _unreadable(path, error) from error
        yield container, _picture(container, path)


def _picture(container: InputContainer, path: Path) -> VideoStream:
    from av.stream import Disposition

    for stream in container.streams.video:
        if not stream.disposition & Disposition.attached_pic:
            return stream
    raise PictureError(f"{path} has no picture track: give a video.")


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
        raise _unreadable(path, error) from error
    if frame is None or frame.pts is None or frame.time_base is None:
        return Fraction(0)
    return Fraction(frame.pts * frame.time_base)


def _unreadable(path: Path, error: Exception) -> PictureError:
    reason = getattr(error, "strerror", "") or error
    return PictureError(f"{path} cannot be read as a video ({reason}).")
