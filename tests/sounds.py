"""Awkward sounds, made by code.

`readable(folder)` and `broken(folder)` are what every reader meets.
Samples are (channels, n) float32 throughout.
"""

from __future__ import annotations

import os
import struct
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import soundfile
from numpy.typing import NDArray

Samples = NDArray[np.float32]
Chunks = Sequence[tuple[bytes, bytes]]

NAMES = [
    b"two\nlines.wav",
    b'it\'s "quoted" `here` $HOME.wav',
    "🐕 bellt übers Feld.wav".encode(),
    b"x" * 251 + b".wav",
    b"http:example.wav",
    b"%03d-?*[a].wav",
    *([b"latin-1 caf\xe9.wav"] if sys.platform == "linux" else []),
]
"""File names that are legal, and meet trouble in careless code."""


@dataclass(frozen=True)
class Readable:
    """A file that can be read, and the truth of it. `note`: damage must be told."""

    path: Path
    seconds: float
    sample_rate: int
    channels: int
    invalid_samples: int = 0
    note: bool = False


@dataclass(frozen=True)
class Broken:
    """A file that cannot be read, and words that its error must hold. `late`: its head is fine."""

    path: Path
    says: str
    late: bool = False


def tone(
    seconds: float = 1.0,
    sample_rate: int = 48_000,
    channels: int = 1,
    hertz: float = 440.0,
    peak: float = 0.5,
) -> Samples:
    time = np.arange(round(seconds * sample_rate)) / sample_rate
    wave = (peak * np.sin(2 * np.pi * hertz * time)).astype(np.float32)
    return np.tile(wave, (channels, 1))


def noise(
    seconds: float = 1.0, sample_rate: int = 48_000, channels: int = 1, peak: float = 0.5
) -> Samples:
    size = (channels, round(seconds * sample_rate))
    return np.random.default_rng(7).uniform(-peak, peak, size).astype(np.float32)


def clicks(
    times: Sequence[float], seconds: float = 3.0, sample_rate: int = 48_000, peak: float = 0.5
) -> Samples:
    """Bursts of noise that die away within some 25 ms (60 dB), on silence."""
    samples = np.zeros((1, round(seconds * sample_rate)), np.float32)
    burst = noise(0.025, sample_rate, peak=peak)[0]
    burst *= np.exp(-np.arange(len(burst)) / (0.0036 * sample_rate))
    for time in times:
        start = round(time * sample_rate)
        samples[0, start : start + len(burst)] += burst[: samples.shape[1] - start]
    return samples


def write(path: Path, samples: Samples, sample_rate: int = 48_000, subtype: str = "PCM_16") -> Path:
    """A file of the kind that its ending names."""
    kind = {"wav": "WAV", "flac": "FLAC", "ogg": "OGG", "mp3": "MP3", "aiff": "AIFF", "au": "AU"}
    subtype = {"ogg": "VORBIS", "mp3": "MPEG_LAYER_III"}.get(path.suffix[1:], subtype)
    with path.open("wb") as file:
        soundfile.write(file, samples.T, sample_rate, subtype=subtype, format=kind[path.suffix[1:]])
    return path


def encode(path: Path, samples: Samples, codec: str, sample_rate: int = 48_000) -> Path:
    """A file by FFmpeg's encoder: "aac", "alac", "libopus", "ac3", "flac" …"""
    layout = {1: "mono", 2: "stereo"}.get(len(samples), f"{len(samples)} channels")
    with av.open(os.fspath(path), "w") as container:
        family = {"mapping_family": "255"} if len(samples) > 8 else {}
        stream = container.add_stream(codec, rate=sample_rate, layout=layout, options=family)
        wanted = stream.codec_context.codec.audio_formats[-1].name
        convert = av.AudioResampler(format=wanted, layout=layout, rate=sample_rate)
        frame = _frame(samples, sample_rate, layout)
        for part in [*convert.resample(frame), *convert.resample(None), None]:
            container.mux(stream.encode(part))
    return path


def _frame(samples: Samples, sample_rate: int, layout: str) -> av.AudioFrame:
    packed = np.ascontiguousarray(samples.T).reshape(1, -1)
    frame = av.AudioFrame.from_ndarray(packed, format="flt", layout=layout)
    frame.sample_rate = sample_rate
    frame.pts = 0
    return frame


def retagged(path: Path, to: Path, tags: Mapping[str, str]) -> Path:
    """The same packets in a new file with other tags."""
    with av.open(os.fspath(path)) as source, av.open(os.fspath(to), "w") as target:
        stream = target.add_stream_from_template(source.streams.audio[0])
        (stream if to.suffix in (".ogg", ".opus") else target).metadata.update(tags)
        for packet in source.demux(source.streams.audio[0]):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    return to


def chunk(name: bytes, data: bytes) -> bytes:
    return name + struct.pack("<I", len(data)) + data + bytes(len(data) % 2)


def wav(
    samples: Samples | None = None,
    sample_rate: int = 48_000,
    before: Chunks = (),
    after: Chunks = (),
) -> bytes:
    """A 16-bit WAV with chunks before and after its sound."""
    samples = tone() if samples is None else samples
    channels = len(samples)
    head = struct.pack(
        "<HHIIHH", 1, channels, sample_rate, 2 * channels * sample_rate, 2 * channels, 16
    )
    data = (samples.T * 32767).astype("<i2").tobytes()
    chunks = [(b"fmt ", head), *before, (b"data", data), *after]
    return chunk(b"RIFF", b"WAVE" + b"".join(chunk(*each) for each in chunks))


def bext(
    description: bytes = b"",
    originator: bytes = b"",
    date: bytes = b"",
    time: bytes = b"",
    time_reference: int = 0,
    history: bytes = b"",
) -> bytes:
    """The body of a Broadcast Wave chunk, version 1."""
    return (
        description.ljust(256, b"\0")
        + originator.ljust(32, b"\0")
        + bytes(32)
        + date.ljust(10, b"\0")
        + time.ljust(8, b"\0")
        + struct.pack("<QH", time_reference, 1)
        + bytes(64 + 190)
        + history
    )


def info(**values: bytes) -> bytes:
    """The body of a LIST chunk: info(INAM=b"Title")."""
    return b"INFO" + b"".join(chunk(k.encode(), v + b"\0") for k, v in values.items())


def id3v2(**frames: str) -> bytes:
    """An ID3v2.3 tag in UTF-16: id3v2(TIT2="Title")."""
    body = b""
    for name, text in frames.items():
        data = b"\x01" + text.encode("utf-16")
        body += name.encode() + struct.pack(">IH", len(data), 0) + data
    size = len(body)
    places = bytes([size >> 21 & 127, size >> 14 & 127, size >> 7 & 127, size & 127])
    return b"ID3\x03\x00\x00" + places + body


def id3v1(title: bytes) -> bytes:
    return b"TAG" + title.ljust(30, b"\0") + bytes(94) + b"\xff"


def ape(title: bytes) -> bytes:
    """An APEv2 tag, with header and footer."""
    item = struct.pack("<II", len(title), 0) + b"Title\0" + title
    head, foot = (
        b"APETAGEX" + struct.pack("<IIII", 2000, len(item) + 32, 1, flags) + bytes(8)
        for flags in (0xA0000000, 0x80000000)
    )
    return head + item + foot


def long_silence(path: Path, hours: float, sample_rate: int = 8_000, channels: int = 1) -> Path:
    """A 16-bit WAV of digital silence that takes no room on the disk (a sparse file)."""
    size = 2 * channels * round(hours * 3600 * sample_rate)
    head = wav(np.zeros((channels, 0), np.float32), sample_rate)
    head = head[:4] + struct.pack("<I", len(head) - 8 + size) + head[8:-4] + struct.pack("<I", size)
    with path.open("wb") as file:
        file.write(head)
        file.truncate(len(head) + size)
    return path


def readable(folder: Path) -> list[Readable]:
    """One of each kind, into `folder`."""
    made = [*_plain_kinds(folder), *_odd_signals(folder), *_damaged(folder)]
    for name in NAMES:
        path = folder / os.fsdecode(name)
        write(path, tone(0.1, 8_000), 8_000)
        made.append(Readable(path, 0.1, 8_000, 1))
    return made


def _plain_kinds(folder: Path) -> list[Readable]:
    stereo = tone(1.0, channels=2)
    for name in ("pcm.wav", "pcm.aiff", "pcm.au", "free.flac", "vorbis.ogg", "lame.mp3"):
        write(folder / name, stereo)
    for name, codec in (
        ("aac.m4a", "aac"), ("alac.m4a", "alac"), ("opus.opus", "libopus"), ("dolby.ac3", "ac3"),
        ("pack.wv", "wavpack"), ("free.mka", "flac"),
    ):  # fmt: skip
        encode(folder / name, stereo, codec)
    write(folder / "24.wav", stereo, subtype="PCM_24")
    write(folder / "8bit.wav", stereo, subtype="PCM_U8")
    write(folder / "float64.wav", stereo, subtype="DOUBLE")
    return [Readable(path, 1.0, 48_000, 2) for path in sorted(folder.iterdir())]


def _odd_signals(folder: Path) -> list[Readable]:
    half_silent = np.concatenate([tone(), np.zeros((1, 48_000), np.float32)])
    holes = tone()
    holes[0, 100:110], holes[0, 200] = np.nan, np.inf
    write(folder / "click.wav", noise(0.023))
    write(folder / "silence.wav", np.zeros((1, 48_000), np.float32))
    write(folder / "half-silent.wav", half_silent)
    write(folder / "dc.wav", np.full((1, 48_000), 0.25, np.float32))
    write(folder / "surround.wav", noise(1.0, channels=6))
    encode(folder / "ambisonic.mka", noise(1.0, channels=16), "libopus")
    write(folder / "slow.wav", tone(1.0, 8_000), 8_000)
    write(folder / "fast.wav", tone(0.5, 192_000), 192_000, "PCM_24")
    write(folder / "one-sample.wav", np.full((1, 1), 0.5, np.float32))
    write(folder / "holes.wav", holes, subtype="FLOAT")
    return [
        Readable(folder / "click.wav", 0.023, 48_000, 1),
        Readable(folder / "silence.wav", 1.0, 48_000, 1),
        Readable(folder / "half-silent.wav", 1.0, 48_000, 2),
        Readable(folder / "dc.wav", 1.0, 48_000, 1),
        Readable(folder / "surround.wav", 1.0, 48_000, 6),
        Readable(folder / "ambisonic.mka", 1.0, 48_000, 16),
        Readable(folder / "slow.wav", 1.0, 8_000, 1),
        Readable(folder / "fast.wav", 0.5, 192_000, 1),
        Readable(folder / "one-sample.wav", 1 / 48_000, 48_000, 1),
        Readable(folder / "holes.wav", 1.0, 48_000, 1, invalid_samples=11),
    ]


def _damaged(folder: Path) -> list[Readable]:
    whole = write(folder / "whole.flac", noise(4.0)).read_bytes()
    (folder / "whole.flac").unlink()
    (folder / "cut.flac").write_bytes(whole[: len(whole) // 2])
    (folder / "cut.wav").write_bytes(wav(tone(2.0))[:-96_000])
    return [
        Readable(folder / "cut.flac", 2.0, 48_000, 1, note=True),
        Readable(folder / "cut.wav", 1.0, 48_000, 1, note=True),
    ]


def broken(folder: Path) -> list[Broken]:
    """One of each kind, into `folder`."""
    good = wav(tone(0.1))
    files = {
        "empty.wav": (b"", "empty"),
        "text.wav": (b"not a sound, but words\n" * 100, "not a sound file"),
        "text.mp3": (b"not a sound, but words\n" * 100, "not a sound file"),
        "text.flac": (b"not a sound, but words\n" * 100, "no sound"),
        "zeros.mp3": (bytes(20_000), "not a sound file"),
        "header-only.wav": (good[:44], "no sound"),
        "half-header.wav": (good[:30], "begins like WAV, but is cut off"),
        "zero-hertz.wav": (wav(tone(0.1), sample_rate=0), "0 Hz"),
        "playlist.m3u8": (b"#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/a.ts\n", "not a sound file"),
        "list.ffconcat": (b"ffconcat version 1.0\nfile pcm.wav\n", "not a sound file"),
    }
    for name, (data, _) in files.items():
        (folder / name).write_bytes(data)
    picture = av.VideoFrame(16, 16, "rgb24")
    with av.open(os.fspath(folder / "mute.mkv"), "w") as container:
        stream = container.add_stream("ffv1", rate=1, width=16, height=16, pix_fmt="bgr0")
        container.mux(stream.encode(picture.reformat(format="bgr0")))
        container.mux(stream.encode(None))
    (folder / "folder.wav").mkdir()
    return [
        *(
            Broken(folder / name, says, late=name == "header-only.wav")
            for name, (_, says) in files.items()
        ),
        Broken(folder / "mute.mkv", "no audio stream"),
        Broken(folder / "folder.wav", "is a folder"),
        Broken(folder / "nowhere.wav", "not there"),
    ]
