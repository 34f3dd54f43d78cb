"""Pictures and frames: from a still, from one time of a video, or from all over it."""

from __future__ import annotations

import math
import re
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from indexer.errors import PictureError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from PIL.Image import Image

NO_OTHERS = {"protocol_whitelist": "none"}  # a playlist would open other files, and the network
SPREAD = 9  # frames that stand for a whole video
SHOT = 16  # frames that stand for a shot; what video models are trained with
NEAR = 5.0  # seconds that are decoded sooner than sought
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


def seconds(text: str, rate: float) -> float:
    """A time as people write it, in seconds; `rate`: frames a second, for HH:MM:SS:FF.

    Raises PictureError if it is no time.
    """
    frames_said = re.fullmatch(r"(\d+):(\d+):(\d+)[:;](\d+)", text.strip())
    if frames_said:
        hours, minutes, whole, frame = map(int, frames_said.groups())
        return hours * 3600 + minutes * 60 + whole + frame / rate
    parts = text.strip().split(":")
    if len(parts) > 3 or not all(re.fullmatch(r"\d+(?:\.\d+)?", part) for part in parts):
        raise PictureError(f"{text!r} is not a time: write seconds (12.5) or timecode (00:01:30).")
    return sum(float(part) * 60.0**power for power, part in enumerate(reversed(parts)))


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
    import av

    try:
        with path.open("rb") as file, av.open(file, options=NO_OTHERS) as container:
            if not container.streams.video:
                raise PictureError(f"{path} has no picture track: give a video or a still.")
            stream = container.streams.video[0]
            stream.thread_type = "AUTO"
            length = _length(container, stream)
            rate = float(stream.average_rate or 25)
            times = _times(path, at, around, until, length, rate)
            return list(_frames(container, stream, times, path))
    except (av.FFmpegError, OSError) as error:
        raise PictureError(
            f"{path} cannot be read as a video ({error.strerror or error})."
        ) from error


def _times(
    path: Path, at: str | None, around: int, until: str | None, length: float, rate: float
) -> list[float]:
    """Seconds, ascending, of the frames that ask."""
    if at is None:
        return [length * (index + 0.5) / SPREAD for index in range(SPREAD)]
    first = seconds(at, rate)
    if first >= length:
        raise PictureError(f"{path} is {length:.2f} s long: --at {at} lies past its end.")
    if until is None:
        near = [first + step / rate for step in range(-around, around + 1)]
        return [time for time in near if -1e-6 < time < length - 1e-6 or time == first]
    last = min(seconds(until, rate), length)
    if last <= first:
        raise PictureError(f"--until {until} is not after --at {at}: give a later time.")
    return [first + (last - first) * (index + 0.5) / SHOT for index in range(SHOT)]


def _length(container: Any, stream: Any) -> float:
    """Seconds of picture, as the file says it, or, where it does not, as its packets do.

    A video that was written to a pipe says nothing: nobody went back to write it.
    """
    import av

    if stream.duration is not None:
        return float(stream.duration * stream.time_base)
    if container.duration:
        return float(container.duration) / av.time_base
    start = stream.start_time or 0
    end = 0
    for packet in container.demux(stream):
        if packet.pts is not None:
            end = max(end, packet.pts + (packet.duration or 0))
    return float((end - start) * stream.time_base)


def _frames(container: Any, stream: Any, times: list[float], path: Path) -> Iterator[Image]:
    """The frame shown at each of the ascending times: the last that begins no later.

    Times close together are reached by decoding on, others by a seek to the key frame before.
    """
    start = float((stream.start_time or 0) * stream.time_base)
    decoder: Iterator[Any] = iter(())
    shown = ahead = None
    reached = -math.inf
    for time in times:
        if time - reached > NEAR:
            container.seek(int((start + time) / stream.time_base), stream=stream)
            decoder, shown, ahead = container.decode(stream), None, None
        while ahead is None or (ahead.time or 0.0) <= start + time + 1e-6:
            shown, ahead = ahead or shown, next(decoder, None)
            if ahead is None:
                break
        shown = shown or ahead
        if shown is None:
            raise PictureError(f"{path} has no frame at {time:.2f} s: try another time.")
        picture: Image = shown.to_image()
        yield picture.rotate(shown.rotation, expand=True) if shown.rotation else picture
        reached = time
