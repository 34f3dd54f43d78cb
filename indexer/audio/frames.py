"""From FFmpeg's packets to float32 blocks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple, cast

import av
import numpy as np

from indexer.audio.waveform import Waveform

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame
    from av.audio.stream import AudioStream
    from av.container import InputContainer
    from numpy.typing import NDArray

BLOCK_SECONDS = 1.0
_MOST_SAMPLES = 1 << 18
GAP = 0.1
"""Seconds between two frames from which on they are apart, not just counted in coarse units."""

_PREROLL = 0.5
"""Seconds decoded ahead of a seek, so that codecs with memory have settled."""

_MIDDLE_AND_SCALE = {
    "u8": (128, 1 / 128),
    "s16": (0, 1 / (1 << 15)),
    "s32": (0, 1 / (1 << 31)),
    "s64": (0, 1 / (1 << 63)),
}
_LAYOUTS = ("", "mono", "stereo", "2.1", "4.0", "5.0", "5.1", "6.1", "7.1")


def block_size(sample_rate: int) -> int:
    """Samples in one block: a second, but no more than 262,144."""
    return min(round(BLOCK_SECONDS * sample_rate), _MOST_SAMPLES)


def layout_of(channels: int) -> str:
    """The usual speaker layout of so many channels, by FFmpeg's name."""
    return _LAYOUTS[channels] if channels < len(_LAYOUTS) else f"{channels} channels"


def decoded(
    container: InputContainer, stream: AudioStream, notes: list[str]
) -> Iterator[AudioFrame]:
    """All frames that can be decoded. What went wrong is added to `notes`."""
    damaged = 0
    try:
        for packet in container.demux(stream):
            try:
                yield from (frame for frame in stream.decode(packet) if frame.samples)
            except av.FFmpegError:
                damaged += 1
    except av.FFmpegError:
        notes.append("the rest of the file cannot be read")
    if damaged:
        notes.append(f"damaged: {damaged} packet(s) left out")


def seek(
    container: InputContainer, stream: AudioStream, start: float, notes: list[str]
) -> tuple[Iterator[AudioFrame], int] | None:
    """Frames from at or before `start` seconds, and the samples to drop from them.

    None where the container cannot tell where its seeking ended.
    """
    first = stream.start_time or 0
    if stream.time_base is None:
        return None
    try:
        container.seek(int(max(0.0, start - _PREROLL) / stream.time_base) + first, stream=stream)
    except av.FFmpegError:
        return None
    frames = decoded(container, stream, notes)
    head = next(frames, None)
    if head is None or head.pts is None or head.time_base is None:
        return None
    skip = round((start - float((head.pts - first) * head.time_base)) * head.sample_rate)
    return (chain([head], frames), skip) if skip >= 0 else None


def unbroken(frames: Iterable[AudioFrame]) -> Iterator[AudioFrame]:
    """The frames, and silence where their own times leave a gap, as players have it."""
    ended: Fraction | None = None
    for frame in frames:
        if frame.pts is not None and frame.time_base is not None:
            begins = frame.pts * frame.time_base
            if ended is not None and begins - ended > GAP:
                yield from _silence(frame, round((begins - ended) * frame.sample_rate))
                ended = begins
            ended = begins if ended is None else ended
        yield frame
        if ended is not None:
            ended += Fraction(frame.samples, frame.sample_rate)


def _silence(like: AudioFrame, samples: int) -> Iterator[AudioFrame]:
    middle = b"\x80" if like.format.name.startswith("u8") else b"\0"
    for start in range(0, samples, like.sample_rate):
        frame = av.AudioFrame(
            like.format.name, like.layout.name, min(samples - start, like.sample_rate)
        )
        frame.sample_rate = like.sample_rate
        for plane in frame.planes:
            plane.update(middle * plane.buffer_size)
        yield frame


def joined(frames: Iterable[AudioFrame]) -> Iterator[Waveform]:
    """Blocks of about a second, all in the rate and channels of the first frame."""
    held: list[AudioFrame] = []
    samples = 0
    for frame in _alike(frames):
        held.append(frame)
        samples += frame.samples
        if samples >= block_size(frame.sample_rate):
            yield _waveform(held)
            held, samples = [], 0
    if held:
        yield _waveform(held)


def _alike(frames: Iterable[AudioFrame]) -> Iterator[AudioFrame]:
    """The frames, those unlike the first converted to its format, rate and channels."""
    wanted: _Kind | None = None
    current: _Kind | None = None
    resampler: av.AudioResampler | None = None
    for frame in frames:
        wanted = wanted or _readable(_kind(frame))
        if _kind(frame) != current:
            if resampler:
                yield from resampler.resample(None)
            current = _kind(frame)
            resampler = None if current == wanted else _converter(wanted)
        if resampler is None:
            yield frame
        else:
            frame.pts = None
            yield from resampler.resample(frame)
    if resampler:
        yield from resampler.resample(None)


class _Kind(NamedTuple):
    sample_format: str
    sample_rate: int
    channels: int


def _kind(frame: AudioFrame) -> _Kind:
    return _Kind(frame.format.name, frame.sample_rate, frame.layout.nb_channels)


def _readable(kind: _Kind) -> _Kind:
    # PyAV 18 reads wild memory where planar frames have more channels than this.
    many = kind.channels > 8 and kind.sample_format.endswith("p")
    return kind._replace(sample_format="flt") if many else kind


def _converter(wanted: _Kind) -> av.AudioResampler:
    return av.AudioResampler(
        format=wanted.sample_format, layout=layout_of(wanted.channels), rate=wanted.sample_rate
    )


def _waveform(frames: list[AudioFrame]) -> Waveform:
    first = frames[0]
    arrays = [frame.to_ndarray() for frame in frames]
    if first.format.is_planar:
        samples = np.concatenate(arrays, axis=1)
    else:
        channels = first.layout.nb_channels
        samples = np.concatenate([a.reshape(-1, channels) for a in arrays]).T
    return Waveform(_as_float(samples, first.format.name.removesuffix("p")), first.sample_rate)


def _as_float(samples: NDArray[np.generic], sample_format: str) -> NDArray[np.float32]:
    with np.errstate(over="ignore", invalid="ignore"):
        floats = cast("NDArray[np.float32]", samples.astype(np.float32, order="C"))
    if sample_format in _MIDDLE_AND_SCALE:
        middle, scale = _MIDDLE_AND_SCALE[sample_format]
        if middle:
            floats -= np.float32(middle)
        floats *= np.float32(scale)
    return floats
