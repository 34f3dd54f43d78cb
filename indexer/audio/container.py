"""Opening a media file with PyAV: the one place that knows how."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import av

from indexer.errors import AudioError

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import InputContainer

MAX_RATE = 10_000_000
"""Hz; a header that claims more is not believed."""

_CHUNKED = (b"RIFF", b"RF64", b"BW64")

_HEADS = {
    "FLAC": (b"fLaC", b""),
    "Ogg": (b"OggS", b""),
    "CAF": (b"caff", b""),
    "WAV": (b"RIFF", b"WAVE"),
    "AIFF": (b"FORM", b"AIF"),
}
"""What a file of a kind has at its start, and in bytes 8 to 12."""


class NotDemuxed(Exception):
    """FFmpeg finds no sound here; another reader may. The message reads on from the name."""


def called(path: Path) -> str:
    """The file's name as one printable line (newlines and undecodable bytes escaped)."""
    return repr(Path(path).name)


@contextmanager
def open_file(path: Path) -> Iterator[BinaryIO]:
    """`path` for reading.

    Raises AudioError where that cannot be, where the file is empty, and where its drive
    fails while it is open.
    """
    try:
        with Path(path).open("rb") as file:
            if not file.read(1):
                raise AudioError(f"{called(path)} is empty (0 bytes): copy it again")
            file.seek(0)
            yield file
    except OSError as error:
        if isinstance(error, av.FFmpegError):
            raise
        raise AudioError(_why_unreadable(path, error)) from error


def _why_unreadable(path: Path, error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return f"{called(path)} is not there: check the path, or whether its drive is connected"
    if isinstance(error, PermissionError):
        return f"{called(path)} may not be read: change its permissions and try again"
    if isinstance(error, IsADirectoryError):
        return f"{called(path)} is a folder: name a sound file in it"
    return f"{called(path)} cannot be read ({error.strerror}): check its drive and try again"


@contextmanager
def open_audio(path: Path) -> Iterator[tuple[InputContainer, AudioStream]]:
    """The container and its first audio stream, which has a sample rate and channels.

    FFmpeg gets the file already open, and may open no other: any byte string is a good file
    name, and a playlist reaches neither other files nor the network.
    Raises AudioError (see `open_file`), NotDemuxed.
    """
    av.logging.set_level(None)
    with open_file(path) as file:
        options = {"protocol_whitelist": "none"}
        if file.read(4) in _CHUNKED:
            # FFmpeg reads up to 5 MB of a WAV looking for DTS in it, which shows within a few
            # frames of 2 KB; to open one takes a third of what it takes with 64 KB.
            options["probesize"] = "16384"
        file.seek(0)
        try:
            container = av.open(file, mode="r", options=options, metadata_errors="surrogateescape")
        except av.FFmpegError as error:
            raise NotDemuxed(_refusal(file)) from error
        with container:
            yield container, _first_audio(container)


def _refusal(file: BinaryIO) -> str:
    file.seek(0)
    head = file.read(12)
    for kind, (begins, goes_on) in _HEADS.items():
        if head.startswith(begins) and goes_on in head[8:]:
            return f"begins like {kind}, but is cut off or damaged"
    return "is not a sound file of any known kind"


def _first_audio(container: InputContainer) -> AudioStream:
    if not container.streams.audio:
        raise NotDemuxed("has no audio stream")
    for stream in container.streams.audio:
        if stream.codec_context and 0 < stream.rate <= MAX_RATE and stream.channels > 0:
            return stream
    raise NotDemuxed("holds no sound that can be decoded")


def stated_duration(container: InputContainer, stream: AudioStream) -> float:
    """Seconds, by the file's head or by FFmpeg's guess from its size; 0.0 if neither."""
    if stream.duration and stream.time_base:
        return max(0.0, float(stream.duration * stream.time_base))
    return max(0.0, (container.duration or 0) / av.time_base)


def layout_name(channels: int, name: str = "") -> str:
    """FFmpeg's name of the speaker layout; files of one or two channels need not name it."""
    unnamed = not name or name.endswith("channels")
    return {1: "mono", 2: "stereo"}.get(channels, f"{channels} channels") if unnamed else name


def bit_depth(stream: AudioStream) -> int | None:
    """Bits per sample as stored; None where the codec is lossy or does not say."""
    codec = stream.codec_context
    head = codec.extradata or b""
    if linear := re.match(r"pcm_[suf](\d+)", codec.name):
        return int(linear[1])
    if codec.name == "flac" and len(head) >= 34:
        # STREAMINFO: after 10 bytes, 20 bits of rate, 3 of channels, 5 of bits - 1.
        return (int.from_bytes(head[10:14], "big") >> 4 & 31) + 1
    if codec.name == "alac" and len(head) >= 18:
        return head[17]
    # The head of a WavPack may be too damaged to name a format.
    return codec.format.bits if codec.name == "wavpack" and codec.format else None
