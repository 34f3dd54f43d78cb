"""Pictures that ask: a still, one time of a video, or frames from all over it."""

from __future__ import annotations

import re
import warnings
from typing import TYPE_CHECKING

from indexer.errors import PictureError
from query import timecode
from query.video.frames import shown_at, upright
from query.video.reading import facts, opened

if TYPE_CHECKING:
    from pathlib import Path

    from PIL.Image import Image

    from query.video.reading import Facts

SPREAD = 9  # frames that stand for a whole video
SHOT = 16  # frames that stand for a shot; what video models are trained with
ROUNDING = 5e-4  # s; half of the coarsest ticks that the times of frames are rounded to
VIDEO_EXTENSIONS = frozenset(
    f".{name}" for name in "mp4 mov mkv webm avi m4v mxf mpg mpeg ts mts wmv flv ogv 3gp".split()
)


def read_pictures(
    path: Path, at: str | None = None, *, around: int = 0, until: str | None = None
) -> list[Image]:
    """The RGB pictures that ask for `path`: a still; a video's frame `at` a time, or 9 of it.

    `at`, `until`: seconds, or [HH:]MM:SS[.fraction], or HH:MM:SS:FF at the video's own frame
    rate. `around`: this many frames before and after too, as far as the video has them.
    `until`: 16 frames spread evenly from `at` to there instead.
    Raises PictureError in one sentence.
    """
    if path.is_dir():
        raise PictureError(f"{path} is a folder: give a picture or a video.")
    if not path.is_file():
        raise PictureError(f"There is no file {path}: check the name.")
    if path.suffix.lower() in VIDEO_EXTENSIONS:
        _require_time(at, around, until)
        return _video(path, at, around, until)
    if at is not None or around or until is not None:
        named = "--around" if around else "--at" if until is None else "--until"
        raise PictureError(f"{path} is a still picture: {named} is for videos.")
    return [_still(path)]


def _require_time(at: str | None, around: int, until: str | None) -> None:
    if at is None and (around or until is not None):
        raise PictureError(
            f"{'--around' if around else '--until'} is for a video --at a time: say which."
        )
    if around and until is not None:
        raise PictureError("--around and --until are two questions: ask one of them.")


def seconds(text: str, known: Facts) -> float:
    """A time as people write it, in seconds from the first frame.

    HH:MM:SS:FF is the video's own timecode, where it has one. Raises PictureError if it is no time.
    """
    if is_timecode(text):
        frame = timecode.parse(text, known.rate, known.drop) - (known.start or 0)
        if frame < 0 and frame + timecode.day(known.rate, known.drop) < known.frames:
            frame += timecode.day(known.rate, known.drop)  # it runs past midnight
        if frame < 0:
            raise PictureError(
                f"{text} lies before the first frame, {known.named(0)} by the video's own timecode."
            )
        return float(frame / known.rate)
    parts = text.strip().split(":")
    if len(parts) > 3 or not all(re.fullmatch(r"\d+(?:\.\d+)?", part) for part in parts):
        raise PictureError(f"{text!r} is not a time: write seconds (12.5) or timecode (00:01:30).")
    return sum(float(part) * 60.0**power for power, part in enumerate(reversed(parts)))


def is_timecode(text: str) -> bool:
    """Written as HH:MM:SS:FF, and so a frame; else a time."""
    return bool(re.fullmatch(r"\d+[:;]\d+[:;]\d+[:;]\d+", text.strip()))


def _still(path: Path) -> Image:
    from PIL import Image, ImageOps

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path) as picture:
                return _opaque(_narrow(ImageOps.exif_transpose(picture)))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError, Warning) as error:
        raise PictureError(
            f"{path} cannot be read as a picture, or is damaged: give a JPEG, PNG, WebP or TIFF, "
            "or a video."
        ) from error


def _narrow(picture: Image) -> Image:
    """Grey of 16 bits in 8: Pillow's own way cuts off at 255, and all but black becomes white.

    Raises ValueError for floats and wider numbers, which say nothing of where white is.
    """
    if picture.mode != "F" and not picture.mode.startswith("I"):
        return picture
    import numpy as np
    from PIL import Image

    levels = np.asarray(picture)
    if picture.mode == "F" or levels.min() < 0 or levels.max() > 0xFFFF:
        raise ValueError(f"mode {picture.mode} has no white")
    return Image.fromarray((levels >> 8).astype(np.uint8))


def _opaque(picture: Image) -> Image:
    """RGB, what is transparent being white."""
    from PIL import Image

    if picture.has_transparency_data:
        rgba = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba)
    return picture.convert("RGB")


def _video(path: Path, at: str | None, around: int, until: str | None) -> list[Image]:
    numbered = bool(around) or any(text is not None and is_timecode(text) for text in (at, until))
    known = facts(path, counted=numbered)
    times = _times(path, at, around, until, known)
    with opened(path) as (container, stream):
        rounding = min(float(stream.time_base) / 2, ROUNDING)
        moments = [(time, time + rounding) for time in times]
        found = [upright(frame, stream) for _, frame in shown_at(container, stream, moments)]
    if len(found) < len(times):
        raise PictureError(f"{path} has no frame at {times[len(found)]:.2f} s: try another time.")
    return found


def _times(path: Path, at: str | None, around: int, until: str | None, known: Facts) -> list[float]:
    """Seconds, ascending, of the frames that ask."""
    length = float(known.duration)
    if at is None:
        return [length * (index + 0.5) / SPREAD for index in range(SPREAD)]
    first = seconds(at, known)
    if first >= length:
        raise PictureError(f"{path} is {length:.2f} s long: --at {at} lies past its end.")
    if until is None:
        near = [first + float(step / known.rate) for step in range(-around, around + 1)]
        return [time for time in near if -1e-6 < time < length - 1e-6 or time == first]
    last = min(seconds(until, known), length)
    if last <= first:
        raise PictureError(f"--until {until} is not after --at {at}: give a later time.")
    return [first + (last - first) * (index + 0.5) / SHOT for index in range(SHOT)]
