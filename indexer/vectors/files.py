"""One file of ids and rows: written aside, checked when read.

Layout, little-endian: MAGIC (8 bytes) · dim, uint64 · count, uint64 · longest row, float64 ·
ids, int64 · rows, float32 · CRC-32 of all before, uint32. An index file is a cache of the catalog:
the sum guards against torn writes and failing disks, not against malice, and costs a quarter of
a BLAKE2b.

A file is mapped, not read: processes that ask the same library share its pages, and rows that are
changed are copied. It is never written where it lies, so a mapping keeps what it showed.
"""

from __future__ import annotations

import os
import struct
import zlib
from typing import TYPE_CHECKING

import numpy as np

from indexer.errors import IndexDamaged

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from numpy.typing import NDArray

MAGIC = b"SONOROW1"
HEADER = struct.Struct("<8sQQd")
SUM = struct.Struct("<I")
ASIDE = ".part"  # ending of a file that is being written
BESIDE = ".cells"  # and of what belongs to a file of rows and can be made again from it


def write_rows(
    path: Path, ids: NDArray[np.int64], vectors: NDArray[np.float32], longest: float
) -> None:
    """Writes (n,) ids and (n, dim) rows, none longer than `longest`, in place of `path`."""
    n, dim = vectors.shape
    header = HEADER.pack(MAGIC, dim, n, longest)
    little = np.ascontiguousarray(ids, "<i8"), np.ascontiguousarray(vectors, "<f4")
    write_aside(path, [header, *(a.reshape(-1).view(np.uint8).data for a in little)])


def read_rows(path: Path) -> tuple[NDArray[np.int64], NDArray[np.float32], float]:
    """What `write_rows` wrote: ids, rows and the length none exceeds.

    Raises IndexDamaged if the file is missing, cut short, altered or something else.
    """
    payload = read_checked(path)
    if len(payload) < HEADER.size:
        raise _damaged(path, "it is too short")
    magic, dim, n, longest = HEADER.unpack_from(payload.data)
    if magic != MAGIC:
        raise _damaged(path, "it is not one of sonorize's")
    if len(payload) != HEADER.size + n * (8 + 4 * dim):
        raise _damaged(path, "its length does not fit its width")
    split = HEADER.size + 8 * n
    ids = payload[HEADER.size : split].view("<i8").astype(np.int64, copy=False)
    rows = payload[split:].view("<f4").astype(np.float32, copy=False)
    return ids, rows.reshape(n, dim), longest


def write_aside(path: Path, chunks: Iterable[bytes | memoryview]) -> None:
    """Writes the chunks and their sum beside `path`, flushes to disk, then renames.

    Killed at any moment, it leaves the old file or the new one whole. One writer at a time.
    """
    aside = path.with_name(path.name + ASIDE)
    try:
        with aside.open("wb") as file:
            crc = 0
            for chunk in chunks:
                crc = zlib.crc32(chunk, crc)
                file.write(chunk)
            file.write(SUM.pack(crc))
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
    _flush_folder(path.parent)


def read_checked(path: Path) -> NDArray[np.uint8]:
    """The bytes that `write_aside` was given, its sum taken off; raises IndexDamaged.

    They may be written to: that is seen by the caller alone, and changes no file.
    """
    try:
        data = _bytes_of(path)
    except OSError as error:
        raise _damaged(path, error.strerror or str(error)) from error
    payload, trailer = data[: -SUM.size], data[-SUM.size :]
    if len(data) < SUM.size or SUM.unpack(trailer.data)[0] != zlib.crc32(payload.data):
        raise _damaged(path, "its checksum does not fit")
    return payload


def _bytes_of(path: Path) -> NDArray[np.uint8]:
    # Windows neither replaces nor removes a file that is mapped, and an empty one cannot be.
    if os.name == "nt" or path.stat().st_size == 0:
        return np.fromfile(path, np.uint8)
    return np.memmap(path, np.uint8, mode="c").view(np.ndarray)


def _flush_folder(folder: Path) -> None:
    if os.name == "nt":  # Windows opens no folder, and writes a rename through by itself
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _damaged(path: Path, why: str) -> IndexDamaged:
    return IndexDamaged(
        f"the index file {path} cannot be used: {why}; "
        "delete it, and it is made again from the catalog"
    )
