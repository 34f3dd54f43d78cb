"""Frames of a video as pictures: by number, or all over it, in one pass of bounded memory."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any, TypeVar

from query.video.reading import decoded, displayed, facts, opened

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from PIL.Image import Image

    from query.video.reading import Facts

T = TypeVar("T")

NEAR = 5.0  # seconds that are decoded sooner than sought
BACK = (0, 2, 10, 60)  # seconds before a frame where it is sought, until a key frame is
QUARTERS = {90: "ROTATE_90", 180: "ROTATE_180", 270: "ROTATE_270"}


def sampled(
    path: Path,
    frames: Iterable[int] | None = None,
    *,
    every: float = 1.0,
    size: int | None = None,
    known: Facts | None = None,
) -> Iterator[tuple[int, Image]]:
    """(frame, its picture), upright and with square pixels, in ascending order.

    frames   their numbers, ascending; else one every so many seconds, from the first on
    size     pixels of the shorter side, of pictures larger than that
    known    the video's facts, where they are at hand
    Raises PictureError in one sentence if it is no video. What is damaged is left out.
    """
    known = known or facts(path)
    wanted = spaced(known, every) if frames is None else frames
    with opened(path) as (container, stream):
        middles = ((number, float((number + Fraction(1, 2)) / known.rate)) for number in wanted)
        for number, frame in shown_at(container, stream, middles):
            yield number, upright(frame, stream, size)


def spaced(known: Facts, every: float) -> Iterator[int]:
    """Numbers of the frames that are shown every so many seconds, each once."""
    step = max(Fraction(1), Fraction(every) * known.rate)
    wanted = Fraction(0)
    while wanted < known.frames:
        yield int(wanted)
        wanted += step


def spans(
    path: Path, known: Facts, note: Callable[[str], None] | None = None
) -> Iterator[tuple[int, int, Any, Any]]:
    """Every frame as it is decoded: (number, that of the next one, frame, its track).

    Both numbers are the same where a frame is shown for less than half of the grid's.
    note: hears, in a sentence at the end, what could not be read.
    """
    lost: list[str] = []
    shown, begins, first = None, 0, 0
    with opened(path) as (container, stream):
        step = stream.time_base * known.rate
        for frame in decoded(container, stream, lost):
            if shown is None:
                first = frame.pts or 0
                number = 0
            else:
                number = begins + 1 if frame.pts is None else round((frame.pts - first) * step)
                if number < begins:
                    continue
                yield begins, number, shown, stream
            begins, shown = number, frame
        if shown is not None:
            yield begins, max(begins + 1, known.frames), shown, stream
    said = f"{path} is damaged ({lost[0]}): what can be read of it is used." if lost else ""
    if begins + 1 < known.frames and not known.variable:
        said = f"{path} cannot be read past {known.named(begins)}: the rest of it is left out."
    if said and note is not None:
        note(said)


def shown_at(
    container: Any, stream: Any, moments: Iterable[tuple[T, float]]
) -> Iterator[tuple[T, Any]]:
    """The frame that is shown at each of the ascending moments: the last that begins no later.

    Moments are (what they stand for, seconds from the first frame). Those close together are
    reached by decoding on, others by a seek to the key frame before. Ends where nothing can be
    read any more.
    """
    decoder = decoded(container, stream)
    shown, ahead = None, next(decoder, None)
    if ahead is None:
        return
    begin = _time(ahead)
    reached = 0.0
    for meant, seconds in moments:
        if seconds - reached > NEAR:
            decoder, ahead = _sought(container, stream, begin, seconds)
            shown = None
        while ahead is not None and _time(ahead) - begin <= seconds:
            shown, ahead = ahead, next(decoder, None)
        reached = seconds
        if shown is None and ahead is None:
            return
        yield meant, shown or ahead


def _sought(container: Any, stream: Any, begin: float, seconds: float) -> tuple[Iterator[Any], Any]:
    """A decoder, and its first frame: one that is shown no later than these seconds."""
    for back in (*BACK, seconds + 1):
        target = max(0.0, begin + seconds - back)
        container.seek(int(target / stream.time_base), stream=stream)
        decoder = decoded(container, stream)
        ahead = next(decoder, None)
        if ahead is not None and _time(ahead) - begin <= seconds:
            break
    return decoder, ahead


def _time(frame: Any) -> float:
    return frame.time or 0.0


def upright(frame: Any, stream: Any, size: int | None = None) -> Image:
    """The RGB picture as it is displayed; `size`: its shorter side at most, in pixels."""
    from av.video.reformatter import Interpolation
    from PIL.Image import Transpose

    width, height = displayed(frame, stream)
    share = min(1.0, size / min(width, height)) if size else 1.0
    width, height = max(1, round(width * share)), max(1, round(height * share))
    if frame.rotation % 180:
        width, height = height, width
    picture: Image = frame.to_image(width=width, height=height, interpolation=Interpolation.BICUBIC)
    quarter = QUARTERS.get(frame.rotation % 360)
    return picture.transpose(Transpose[quarter]) if quarter else picture
