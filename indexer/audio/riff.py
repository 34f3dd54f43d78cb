"""The chunks of WAV (RIFF, RF64, BW64) and AIFF files, read within bounds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Literal

Order = Literal["little", "big"]

MOST_BYTES = 1 << 20
_MOST_CHUNKS = 1000
_SIZE_ELSEWHERE = 0xFFFFFFFF
_ORDERS: dict[tuple[bytes, bytes], Order] = {
    (b"RIFF", b"WAVE"): "little",
    (b"RF64", b"WAVE"): "little",
    (b"BW64", b"WAVE"): "little",
    (b"FORM", b"AIFF"): "big",
    (b"FORM", b"AIFC"): "big",
}


@dataclass(frozen=True, slots=True)
class Chunk:
    """`size` is what the chunk claims, which may be more than the file holds."""

    name: bytes
    offset: int
    size: int


def order(file: BinaryIO) -> Order | None:
    """Byte order of a WAV or AIFF; None for any other file."""
    file.seek(0)
    head = file.read(12)
    return _ORDERS.get((head[:4], head[8:12]))


def chunks(file: BinaryIO) -> Iterator[Chunk]:
    """Chunks in the order of the file, up to 1,000; none if it is neither WAV nor AIFF."""
    byte_order = order(file)
    if byte_order is None:
        return
    position, long_size = 12, 0
    for _ in range(_MOST_CHUNKS):
        file.seek(position)
        head = file.read(8)
        if len(head) < 8:
            return
        size = int.from_bytes(head[4:], byte_order)
        if head[:4] == b"data" and size == _SIZE_ELSEWHERE and long_size:
            size = long_size
        chunk = Chunk(head[:4], position + 8, size)
        if chunk.name == b"ds64":
            long_size = int.from_bytes(body(file, chunk)[8:16], "little")
        yield chunk
        position = chunk.offset + size + size % 2


def body(file: BinaryIO, chunk: Chunk) -> bytes:
    """The chunk's bytes, a mebibyte at most."""
    file.seek(chunk.offset)
    return file.read(min(chunk.size, MOST_BYTES))


def subchunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Name and bytes of each item of a LIST (RIFF, after its four-byte type)."""
    position = 4
    while position + 8 <= len(data):
        size = int.from_bytes(data[position + 4 : position + 8], "little")
        yield data[position : position + 4], data[position + 8 : position + 8 + size]
        position += 8 + size + size % 2


def cut_short(file: BinaryIO) -> bool:
    """Whether the file ends before the sound that its header announces."""
    length = file.seek(0, 2)
    return any(
        chunk.offset + chunk.size > length
        for chunk in chunks(file)
        # A recorder that was stopped hard leaves the size open.
        if chunk.name in (b"data", b"SSND") and chunk.size != _SIZE_ELSEWHERE
    )


def says_zero_hertz(file: BinaryIO) -> bool:
    """Whether a WAV's format chunk gives 0 as its sample rate."""
    if order(file) != "little":
        return False
    rates = [body(file, c)[4:8] for c in chunks(file) if c.name == b"fmt "]
    return rates[:1] == [bytes(4)]
