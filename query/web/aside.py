"""Folders in which a file is made before it is renamed into a cache."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from indexer.errors import LibraryError, LibraryNotFound

GONE = "The library is not there now: connect its drive, or put it back where it was."
PREFIX = "part-"
LEFT = 3600.0  # s after which one was left by a server that was killed: no job takes as long


@contextmanager
def aside(folder: Path) -> Iterator[Path]:
    """An empty folder in `folder`, which is made; it goes at the end, and so do those left over.

    Raises LibraryNotFound if what `folder` lies in, a library's cache, is no longer there, and
    LibraryError if nothing can be written in it.
    """
    try:
        for each in (folder.parent, folder):  # no more: a drive that is away must not be made up
            each.mkdir(exist_ok=True)
        with suppress(OSError):
            for path in folder.glob(f"{PREFIX}*"):
                if time.time() - path.stat().st_mtime > LEFT:
                    shutil.rmtree(path, ignore_errors=True)
        with tempfile.TemporaryDirectory(
            prefix=PREFIX, dir=folder, ignore_cleanup_errors=True
        ) as made:
            yield Path(made)
    except OSError as error:
        if not folder.parent.is_dir():
            raise LibraryNotFound(GONE) from error
        raise LibraryError(
            f"The page keeps what it makes in {folder}, which cannot be written to "
            f"({error.strerror}): make room there."
        ) from error
