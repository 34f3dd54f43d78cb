"""What a video is: its frames, their rate, its size as displayed, its timecode.

Frames are numbered on a grid of `rate` frames a second from the first one that is shown: frame n
is what is seen at n / rate. At a constant rate that numbers the frames themselves. Where the rate
varies, a number between two frames shows the earlier one.
"""

from __future__ import annotations

from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from indexer.counting import counted
from indexer.errors import PictureError, typed
from query import timecode

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

    Ticks = NDArray[np.int64]

NO_OTHERS = {"protocol_whitelist": "none"}  # a playlist would open other files, and the network
BUFFER = 1 << 20  # bytes read at a time
CUT_OFF = 0.5  # seconds that a picture lacks when it is said so
LIKELY = Fraction(3, 100)  # a varying rate this near to a usual one is taken for it


@dataclass(frozen=True, slots=True)
class Facts:
    """What a video is.

    rate             frames a second, exact; of a variable rate, those of the usual rate it is near
    frames           how many, numbered at this rate
    width, height    as displayed: turned upright, its pixels square
    rotation         degrees counter-clockwise that turn its pictures upright
    has_sound        it has a sound track
    variable         its frames are not evenly spaced
    start, drop      its own timecode: of the first frame, in frames since 00:00:00:00 (None if
                     it says none), and whether that leaves out numbers
    first            seconds at which its first frame is shown, by the clock its sound shares
    damage           what of it cannot be read, in a sentence; "" if nothing
    """

    rate: Fraction
    frames: int
    width: int
    height: int
    rotation: int = 0
    has_sound: bool = False
    variable: bool = False
    start: int | None = None
    drop: bool = False
    first: Fraction = Fraction(0)
    damage: str = ""

    @property
    def duration(self) -> Fraction:
        """Seconds."""
        return self.frames / self.rate

    def named(self, frame: int) -> str:
        """The timecode of a frame."""
        return timecode.spell((self.start or 0) + frame, self.rate, self.drop)

    def begun(self, start: str | None = None, offset: str | None = None) -> Facts:
        """These, with the timecode `start` for the first frame, and `offset` added to it.

        A ; in `start` means drop-frame. `offset`: of a reel, HH:MM:SS:FF, or with - before it;
        timecode begins anew at midnight.
        Raises PictureError if one of them is no timecode at this rate.
        """
        known = self
        if start is not None:
            drop = ";" in start
            known = replace(known, start=timecode.parse(start, self.rate), drop=drop)
        if offset is not None:
            sign = -1 if offset.startswith("-") else 1
            added = timecode.parse(offset.lstrip("+-"), self.rate, known.drop)
            begun = (known.start or 0) + sign * added
            known = replace(known, start=begun % timecode.day(self.rate, known.drop))
        return known


def facts(path: Path, *, counted: bool = True) -> Facts:
    """What the video is. A file without an index is read through, so that its frames are counted.

    counted: False takes rate and length as such a file says them, and reads no more than it must.
    Raises PictureError in one sentence if it is no video (a still is none), or none of it can be
    read.
    """
    with opened(path) as (container, stream):
        if _is_still(container):
            raise PictureError(
                f"{path} is a still picture, and no video: ask with it by `sonorize query-by-frame "
                f"{typed(path)}`."
            )
        shown = next(decoded(container, stream), None)
        if shown is None:
            raise PictureError(f"{path} is damaged: not one frame of it can be read.")
        said = Fraction(stream.average_rate or stream.guessed_rate or 25)
        ticks, cut_off = _index(container, stream, path)
        if not counted and not len(ticks) and (length := _length(container, stream)):
            return _facts(container, stream, shown, said, round(length * said))
        if rate := _even_rate(ticks, stream):
            return _facts(container, stream, shown, rate, len(ticks), damage=cut_off)
    with opened(path) as (container, stream):
        ticks, end, fault = _packets(container, stream, path, shown.pts)
        if rate := _even_rate(ticks, stream):
            return _facts(container, stream, shown, rate, len(ticks), damage=cut_off or fault)
        rate = _usual_rate(ticks, stream)
        frames = round((end - int(ticks[0])) * stream.time_base * rate)
        return _facts(
            container, stream, shown, rate, frames, variable=True, damage=cut_off or fault
        )


def _facts(
    container: Any, stream: Any, shown: Any, rate: Fraction, frames: int, **more: Any
) -> Facts:
    start, drop = _own_timecode(container, stream, rate)
    width, height = displayed(shown, stream)
    return Facts(
        rate, max(1, frames), width, height,
        rotation=shown.rotation,
        has_sound=bool(container.streams.audio),
        start=start,
        drop=drop,
        first=(stream.start_time or 0) * stream.time_base,
        **more,
    )  # fmt: skip


def _is_still(container: Any) -> bool:
    """FFmpeg reads a picture like a file in which others may follow, and so names its format."""
    name: str = container.format.name
    return name.endswith("_pipe") or container.metadata.get("major_brand") == "avif"


def _length(container: Any, stream: Any) -> Fraction:
    """Seconds of picture, as the file says it; 0 if it does not: one written to a pipe."""
    if stream.duration is not None:
        return Fraction(stream.duration * stream.time_base)
    return Fraction(container.duration or 0, 1_000_000)


@contextmanager
def open_picture(path: Path) -> Iterator[tuple[Any, Any]]:
    """The container and its picture track; a cover picture is none. Raises PictureError."""
    import av
    from av.stream import Disposition

    if path.is_dir():
        raise PictureError(f"{path} is a folder: give a picture or a video.")
    if not path.is_file():
        raise PictureError(f"There is no file {path}: check the name.")
    with ExitStack() as stack:
        try:
            file = stack.enter_context(path.open("rb"))
            container = stack.enter_context(
                av.open(file, "r", options=NO_OTHERS, buffer_size=BUFFER)
            )
        except (av.FFmpegError, OSError) as error:
            raise unreadable(path, error) from error
        for stream in container.streams.video:
            if not stream.disposition & Disposition.attached_pic:
                stream.thread_type = "AUTO"
                yield container, stream
                return
        raise PictureError(f"{path} has no picture track: give a video or a still.")


@contextmanager
def opened(path: Path) -> Iterator[tuple[Any, Any]]:
    """The same, for what only reads: errors on the way are those of this file, in a sentence."""
    import av

    try:
        with open_picture(path) as both:
            yield both
    except (av.FFmpegError, OSError) as error:
        raise unreadable(path, error) from error


def unreadable(path: Path, error: Exception) -> PictureError:
    reason = getattr(error, "strerror", "") or error
    return PictureError(f"{path} cannot be read as a video ({reason}).")


def decoded(container: Any, stream: Any, lost: list[str] | None = None) -> Iterator[Any]:
    """Frames in the order they are shown; what is damaged is left out, its faults into `lost`."""
    import av

    faults = [] if lost is None else lost
    guessed = container.format.name == "avi"  # no times in it, and those of B-frames come wrong
    last = -1
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets, None)
        except av.FFmpegError as error:
            faults.append(str(error.strerror))
            packet = None
        try:
            for frame in packet.decode() if packet else stream.decode(None):
                if guessed:
                    frame.pts = last + 1 if frame.dts is None else frame.dts
                    last = frame.pts
                yield frame
        except av.EOFError:
            return
        except av.FFmpegError as error:
            faults.append(str(error.strerror))
        if packet is None:
            return


def displayed(frame: Any, stream: Any) -> tuple[int, int]:
    """Width and height of a frame turned upright, with square pixels."""
    wide = round(frame.width * (stream.sample_aspect_ratio or 1))
    return (frame.height, wide) if frame.rotation % 180 else (wide, frame.height)


def _index(container: Any, stream: Any, path: Path) -> tuple[Ticks, str]:
    """When frames are decoded, by the file's index; none where it does not list all of them."""
    import numpy as np

    entries = stream.index_entries
    listed = "mov" in container.format.name or container.format.name == "avi"
    if not listed or not stream.frames or not len(entries):
        return np.zeros(0, np.int64), ""
    size = path.stat().st_size
    shown = [entry for entry in entries if not entry.is_discard]
    there = [entry.timestamp for entry in shown if entry.pos + entry.size <= size]
    lacking = (
        f"{path} is cut off: of its {counted(len(shown), 'frame')} {len(there):,} can be read."
    )
    return np.unique(np.array(there, np.int64)), lacking if len(there) < len(shown) else ""


def _packets(container: Any, stream: Any, path: Path, first: int | None) -> tuple[Ticks, int, str]:
    """When frames are shown, from `first` on, and the last one ends; and what cannot be read."""
    import av
    import numpy as np

    ticks: list[int] = []
    known = True
    last, lasts, fault = 0, 0, ""
    try:
        for packet in container.demux(stream):
            tick = packet.dts if packet.pts is None else packet.pts
            if packet.size and tick is not None and not packet.is_discard:
                known = known and packet.pts is not None
                ticks.append(tick)
                last, lasts = max((last, lasts), (tick, packet.duration or 1))
    except av.FFmpegError as error:
        fault = f"{path} cannot be read to its end ({error.strerror})."
    found = np.unique(np.array(ticks or [first or 0], np.int64))
    if known and first is not None:
        found = found[found >= first]  # earlier ones lack what they stand on
    if "mov" in container.format.name and stream.duration:
        end = int(found[0]) + stream.duration  # its packets' own are those between decodings
    else:
        end = last + lasts
    length, said = float((end - found[0]) * stream.time_base), _said_length(stream)
    if not fault and said - length > CUT_OFF:
        fault = f"{path} is cut off: {length:.1f} of its {said:.1f} seconds are there."
    return found, end, fault


def _said_length(stream: Any) -> float:
    """Seconds, as Matroska says it of a track; 0 if it does not."""
    text = next((text for name, text in stream.metadata.items() if name == "DURATION"), "0")
    with suppress(ValueError):
        return sum(float(part) * 60.0**power for power, part in enumerate(text.split(":")[::-1]))
    return 0.0


def _even_rate(ticks: Ticks, stream: Any) -> Fraction | None:
    """Frames a second if they are evenly spaced, but for the rounding of their times; else None."""
    import numpy as np

    if len(ticks) < 2:
        given = stream.average_rate or stream.guessed_rate or Fraction(25)
        return Fraction(given) if len(ticks) else None
    span = int(ticks[-1] - ticks[0])
    period = span / (len(ticks) - 1)
    off = np.abs(ticks - ticks[0] - period * np.arange(len(ticks))).max()
    if off > min(1.0, period / 4):
        return None
    exact = Fraction(len(ticks) - 1, span) / Fraction(stream.time_base)
    given = [rate for rate in (stream.average_rate, stream.guessed_rate) if rate]
    usual = sorted(timecode.RATES, key=lambda rate: abs(rate - exact))
    for rate in (*filter(timecode.supported, given), *usual, *given):
        if abs((len(ticks) - 1) / rate / stream.time_base - span) <= 1:
            return Fraction(rate)
    return exact


def _usual_rate(ticks: Ticks, stream: Any) -> Fraction:
    """The rate of film or television that most frames have, or the next higher one."""
    import numpy as np

    most = 1 / (Fraction(int(np.median(np.diff(ticks)))) * stream.time_base)
    near = min(timecode.RATES, key=lambda rate: abs(rate - most))
    if abs(near - most) <= LIKELY * most:
        return near
    return min((rate for rate in timecode.RATES if rate > most), default=timecode.RATES[-1])


def _own_timecode(container: Any, stream: Any, rate: Fraction) -> tuple[int | None, bool]:
    """Of the first frame, and whether numbers are left out: from a timecode track, or words."""
    for words in (stream.metadata, container.metadata, *(s.metadata for s in container.streams)):
        for name, text in words.items():
            if name.lower() == "timecode":
                written = text.replace(".", ";")
                with suppress(PictureError):
                    return timecode.parse(written, rate), ";" in written
    return None, False
