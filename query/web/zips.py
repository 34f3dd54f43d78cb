"""Files taken along as a ZIP, with their credits."""

from __future__ import annotations

import os
import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from threading import Lock
from typing import IO, TYPE_CHECKING
from weakref import WeakSet

from indexer.credits import texts
from indexer.errors import LibraryBusy
from query.scene.export.names import safe
from query.web.rows import sendable

if TYPE_CHECKING:
    from indexer.credits.texts import Credit

MOST_ZIPS = 2  # at a time


class Zips:
    """The ZIPs that are being taken along: no more than MOST_ZIPS lie on the drive at a time."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._files: WeakSet[IO[bytes]] = WeakSet()  # one whose answer was given up goes with it

    def opened(self, folder: Path) -> IO[bytes]:
        """A file without a name, so that nothing is left of it whatever comes. LibraryBusy."""
        with self._lock:
            if sum(not file.closed for file in self._files) >= MOST_ZIPS:
                raise LibraryBusy("Other ZIPs are being taken along: wait for one of them.")
            made = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115
            self._files.add(made)
            return made


def pack(file: IO[bytes], paths: Sequence[Path], said: Iterable[Credit]) -> None:
    """Leaves the file at its end. A time before 1980, which ZIP cannot say, becomes 1980."""
    taken: set[str] = set()
    with zipfile.ZipFile(file, "w", strict_timestamps=False) as archive:
        for path in paths:
            name = f"{safe(sendable(path.stem))}{path.suffix}"
            archive.write(path, _free(name, taken))
        archive.writestr("CREDITS.txt", "".join(f"{texts.text(credit)}\n" for credit in said))
    file.seek(0, os.SEEK_END)


def parts(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        while part := file.read(1 << 20):
            yield part


def _free(name: str, taken: set[str]) -> str:
    stem, dot, suffix = name.rpartition(".")
    number, free = 1, name
    while free.lower() in taken or free == "CREDITS.txt":
        number += 1
        free = f"{stem}_{number}{dot}{suffix}"
    taken.add(free.lower())
    return free
