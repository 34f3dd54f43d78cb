"""A catalog that one may only read: a colleague's, or one on a disk that is read-only.

Whoever reads a SQLite file in WAL mode needs two files beside it, -wal and -shm, and makes them
where they are lacking. Here they cannot be made.

- They are there: another program has the catalog open, or was killed. SQLite reads by them, with
  its locks, what was written last.
- They are not: nobody has it open. It is read as `immutable`, without locks. Should someone begin
  to write meanwhile, that goes to -wal, and the file is one state of the catalog until the day that
  -wal is copied into it. So the file's version is compared when a reading ends (`unmixed`), and no
  connection outlives a reading: the next one sees what was written.

On a network drive neither locks nor times of change hold: it is refused there as everywhere.
"""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Engine, NullPool
from sqlalchemy.exc import DBAPIError

from indexer.errors import LibraryBusy

if TYPE_CHECKING:
    from collections.abc import Iterator

READ_ONLY = "sonorize_read_only"  # execution option of an engine

PATIENCE = 2.0  # seconds in which whoever opens or closes a catalog has done so

Version = tuple[int, int, int]


class _Immutable(sqlite3.Connection):
    place: Path
    version: Version  # when it was opened


def engine_options(place: Path | None) -> dict[str, Any]:
    """What `create_engine` needs for this file; nothing if it may be written or is not there."""
    if place is None or not os.access(place, os.R_OK) or _may_write(place):
        return {}
    return {
        "creator": partial(_open, place),
        "poolclass": NullPool,
        "execution_options": {READ_ONLY: True},
    }


def is_read_only(engine: Engine) -> bool:
    return bool(engine.get_execution_options().get(READ_ONLY))


@contextmanager
def unmixed(connection: Connection) -> Iterator[None]:
    """Raises LibraryBusy if what was read may be of two states of the catalog, or could not be read
    while another program was opening it."""
    opened = connection.connection.driver_connection
    try:
        yield
    except DBAPIError as error:
        if isinstance(opened, _Immutable):  # a mixture may read as damage
            _require_unchanged(opened, error)
        elif is_read_only(connection.engine) and _would_write(error.orig):
            raise LibraryBusy(
                "The catalog was opened by another program while it was read: ask again."
            ) from error
        raise
    if isinstance(opened, _Immutable):
        _require_unchanged(opened, None)


def _would_write(error: BaseException | None) -> bool:
    """Whether SQLite says so: to read, it would have to make -shm anew."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_READONLY


def _require_unchanged(opened: _Immutable, error: Exception | None) -> None:
    if _version(opened.place) != opened.version:
        raise LibraryBusy(
            f"The catalog {opened.place} was written to while it was read: ask again."
        ) from error


def _may_write(place: Path) -> bool:
    return os.access(place, os.W_OK) and os.access(place.parent, os.W_OK)


def _open(place: Path) -> sqlite3.Connection:
    """A connection that makes no file and changes none."""
    end = time.monotonic() + PATIENCE
    while True:
        if not _is_held(place):
            return _immutable(place)
        connection = sqlite3.connect(f"{place.as_uri()}?mode=ro", uri=True, check_same_thread=False)
        try:  # it is opened here; from now on -wal and -shm stay
            connection.execute("SELECT 1 FROM sqlite_schema LIMIT 1")
            return connection
        except sqlite3.OperationalError:
            connection.close()
            if _is_held(place) and time.monotonic() > end:
                raise
            time.sleep(0.01)  # it is just being closed, or opened


def _immutable(place: Path) -> _Immutable:
    version = _version(place)
    uri = f"{place.as_uri()}?mode=ro&immutable=1"
    opened = sqlite3.connect(uri, uri=True, check_same_thread=False, factory=_Immutable)
    opened.place, opened.version = place, version
    return opened


def _is_held(place: Path) -> bool:
    return place.with_name(f"{place.name}-wal").exists()


def _version(place: Path) -> Version:
    found = place.stat()
    return found.st_ino, found.st_size, found.st_mtime_ns
