"""What makes two files the same sound: their audio, whatever their tags."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

import av

from indexer.audio.container import NotDemuxed, open_audio
from indexer.audio.decode import AudioFacts, blocks, probe, stated

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import InputContainer


def payload_hash(path: Path) -> str:
    """BLAKE2b-128 in hex of the first audio stream as it is stored.

    Codec, sample rate, channels and packets count; tags, pictures, names and chunks round
    the sound do not, nor does the container where it keeps the packets as they are. Where
    FFmpeg finds no packets, the decoded samples count instead. Raises AudioError.
    """
    return identify(path)[1]


def identify(path: Path) -> tuple[AudioFacts, str]:
    """What `probe` and `payload_hash` say, the file opened once. Raises AudioError."""
    try:
        with open_audio(path) as (container, stream):
            facts = stated(container, stream)
            digest = _of_packets(container, stream)
    except NotDemuxed:
        facts, digest = probe(path), None
    return facts, digest or _of_samples(path)


def _of_packets(container: InputContainer, stream: AudioStream) -> str | None:
    hasher = _start(stream.codec_context.codec.canonical_name, stream.rate, stream.channels)
    size = 0
    try:
        for packet in container.demux(stream):
            size += packet.size
            hasher.update(packet)
    except av.FFmpegError:
        # What comes before the damage still tells this file from others.
        hasher.update(b"damaged")
    return hasher.hexdigest() if size else None


def _of_samples(path: Path) -> str:
    hasher = None
    for block in blocks(path):
        hasher = hasher or _start("samples", block.sample_rate, block.channels)
        hasher.update(block.samples.T.tobytes())
    assert hasher is not None, "blocks() gives a block or raises"
    return hasher.hexdigest()


def _start(codec: str, sample_rate: int, channels: int) -> hashlib.blake2b:
    return hashlib.blake2b(f"{codec} {sample_rate} {channels} ".encode(), digest_size=16)
