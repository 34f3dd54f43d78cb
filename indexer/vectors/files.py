"""One file of ids and rows: written aside, checked as far as it is read.

Layout, little-endian: MAGIC (8 bytes) · dim, uint64 · count, uint64 · longest row, float64 · time
of writing, ns, int64 · ids, int64 · CRC-32 of each row, uint32 · zeros, so that rows begin at a
multiple of 64 bytes · CRC-32 of all before, uint32 · rows, float32. An index file is a cache of
the catalog: the sums guard against failing disks, not against malice, and cost a quarter of a
BLAKE2b.

All but the rows is checked when a file is opened; a row when it is first scored, so that no answer
holds a damaged one. All rows are checked where the file's time is not that of its writing: somebody
touched or copied it, or a damaged row was found.

A file is mapped, not read: processes that ask the same library share its pages, and rows that are
changed are copied. It is never written where it lies, so a mapping keeps what it showed.
"""

from __future__ import annotations

import os
import struct
import time
import zlib
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from indexer.errors import IndexDamaged

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

MAGIC, FORMER = b"SONOROW2", b"SONOROW1"
HEADER, FORMER_HEADER = struct.Struct("<8sQQdq"), struct.Struct("<8sQQd")
SUM = struct.Struct("<I")
LINE = 64  # bytes of a line of the cache
TICK = 2_000_000_000  # ns; FAT keeps times to 2 s
ASIDE = ".part"  # ending of a file that is being written
BESIDE = ".cells"  # and of what belongs to a file of rows and can be made again from it


class Sums:
    """The sums of a file's rows, compared with the rows as they are come to."""

    def __init__(
        self, path: Path, rows: NDArray[np.float32], sums: NDArray[np.uint32], written: int
    ) -> None:
        self._path, self._rows, self._sums, self._written = path, rows, sums, written
        self._same = np.zeros(len(rows), bool)

    def check(self, at: NDArray[np.intp]) -> None:
        """Raises IndexDamaged if a row at these positions is not as it was written."""
        for place in at[~self._same[at]].tolist():
            if zlib.crc32(self._rows[place].data) != self._sums[place]:
                with suppress(OSError):
                    os.utime(self._path)  # whoever opens it next checks it whole
                raise _damaged(self._path, "the checksum of a row does not fit")
        self._same[at] = True

    def check_all(self) -> None:
        self.check(np.arange(len(self._rows)))

    def check_unless_untouched(self) -> None:
        """Checks all rows if the file's time is not that of its writing, and sets it then."""
        if self._path.stat().st_mtime_ns != self._written:
            self.check_all()
            with suppress(OSError):
                os.utime(self._path, ns=(self._written, self._written))


class Stored(NamedTuple):
    """(n,) ascending ids, (n, dim) rows, the length that none exceeds; of a former layout no sums,
    since it was read whole."""

    ids: NDArray[np.int64]
    rows: NDArray[np.float32]
    longest: float
    sums: Sums | None = None


def write_rows(
    path: Path, ids: NDArray[np.int64], vectors: NDArray[np.float32], longest: float
) -> None:
    """Writes (n,) ids and (n, dim) rows, none longer than `longest`, in place of `path`."""
    n, dim = vectors.shape
    written = time.time_ns() // TICK * TICK
    rows = np.ascontiguousarray(vectors, "<f4")
    sums = np.fromiter((zlib.crc32(row.data) for row in rows), "<u4", n)
    head = HEADER.pack(MAGIC, dim, n, longest, written)
    head += np.ascontiguousarray(ids, "<i8").tobytes() + sums.tobytes()
    head += bytes(-(len(head) + SUM.size) % LINE)
    head += SUM.pack(zlib.crc32(head))
    _write_aside(path, [head, rows.reshape(-1).view(np.uint8).data], written)


def read_rows(path: Path) -> Stored:
    """What `write_rows` wrote, its rows still to be checked by the sums.

    Raises IndexDamaged if the file is missing, cut short, altered or something else.
    """
    try:
        data = _bytes_of(path)
        if data[: len(FORMER)].tobytes() == FORMER:
            return _read_former(path)
        stored = _stored(path, data)
        if stored.sums is not None:
            stored.sums.check_unless_untouched()
    except OSError as error:
        raise _damaged(path, error.strerror or str(error)) from error
    return stored


def _stored(path: Path, data: NDArray[np.uint8]) -> Stored:
    if len(data) < HEADER.size:
        raise _damaged(path, "it is too short")
    magic, dim, n, longest, written = HEADER.unpack_from(data.data)
    if magic != MAGIC:
        raise _damaged(path, "it is not one of sonorize's")
    split, end = HEADER.size + 8 * n, HEADER.size + 12 * n
    start = end + SUM.size + -(end + SUM.size) % LINE
    if len(data) != start + 4 * dim * n:
        raise _damaged(path, "its length does not fit its width")
    if SUM.unpack_from(data.data, start - SUM.size)[0] != zlib.crc32(data[: start - SUM.size].data):
        raise _damaged(path, "its checksum does not fit")
    ids = data[HEADER.size : split].view("<i8").astype(np.int64, copy=False)
    sums = data[split:end].view("<u4").astype(np.uint32, copy=False)
    rows = data[start:].view("<f4").reshape(n, dim)
    return Stored(
        ids, rows.astype(np.float32, copy=False), longest, Sums(path, rows, sums, written)
    )


def _read_former(path: Path) -> Stored:
    """One sum at the end, over all of the file."""
    payload = read_checked(path)
    _, dim, n, longest = FORMER_HEADER.unpack_from(payload.data)
    split = FORMER_HEADER.size + 8 * n
    if len(payload) != split + 4 * dim * n:
        raise _damaged(path, "its length does not fit its width")
    ids = payload[FORMER_HEADER.size : split].view("<i8").astype(np.int64, copy=False)
    rows = payload[split:].view("<f4").astype(np.float32, copy=False)
    return Stored(ids, rows.reshape(n, dim), longest)


def write_aside(path: Path, chunks: Iterable[bytes | memoryview]) -> None:
    """Writes the chunks and their sum beside `path`, flushes to disk, then renames.

    Killed at any moment, it leaves the old file or the new one whole. One writer at a time.
    """
    _write_aside(path, _summed(chunks))


def _summed(chunks: Iterable[bytes | memoryview]) -> Iterator[bytes | memoryview]:
    crc = 0
    for chunk in chunks:
        crc = zlib.crc32(chunk, crc)
        yield chunk
    yield SUM.pack(crc)


def _write_aside(
    path: Path, chunks: Iterable[bytes | memoryview], written: int | None = None
) -> None:
    """`written`: the time that the file gets, ns."""
    aside = path.with_name(path.name + ASIDE)
    try:
        with aside.open("wb") as file:
            for chunk in chunks:
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
        if written is not None:
            os.utime(aside, ns=(written, written))
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
        "`sonorize library rebuild` makes it again from the catalog"
    )
