"""Connections to the catalog: how they are opened, how one reads and how one writes."""

from __future__ import annotations

import re
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path, PureWindowsPath
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from sqlalchemy import Connection, Engine, String, cast, create_engine, event, func, select
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, OperationalError

from indexer.catalog.read_only import engine_options, is_read_only, unmixed
from indexer.errors import (
    LibraryAway,
    LibraryBusy,
    LibraryError,
    LibraryNotFound,
    LibraryReadOnly,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from sqlalchemy import Select

Item = TypeVar("Item")

BUSY_MS = 30_000
BEGIN = "sonorize_begin"  # execution option: how a transaction opens on SQLite

# 9p, virtiofs and the like are left out: containers and virtual machines have their own disk
# there, one machine uses it, and its locks hold.
NETWORK = re.compile(
    r"nfs4?|cifs|smb3|smbfs|afpfs|afs|webdav|davfs|ceph|lustre|ncpfs|beegfs|glusterfs"
    r"|fuse\.(sshfs|rclone|davfs2?|s3fs|ceph|glusterfs|gvfsd-fuse)"
)

SENTENCES: dict[int, tuple[type[LibraryError], str]] = {
    sqlite3.SQLITE_BUSY: (
        LibraryBusy,
        "Another program is writing to {}; try again when it has finished.",
    ),
    sqlite3.SQLITE_CANTOPEN: (
        LibraryNotFound,
        "{} cannot be opened; check that its folder exists and that you may write to it.",
    ),
    sqlite3.SQLITE_NOTADB: (
        LibraryError,
        "{} is not a catalog; name another library or move this file away.",
    ),
    sqlite3.SQLITE_CORRUPT: (LibraryError, "{} is damaged; put a copy of it back or build anew."),
    sqlite3.SQLITE_IOERR: (
        LibraryError,
        "{} cannot be read or written: see that its drive has room and is whole, then go on.",
    ),
    sqlite3.SQLITE_FULL: (LibraryError, "{} lies on a drive that is full: make room and go on."),
    sqlite3.SQLITE_READONLY: (
        LibraryReadOnly,
        "{} can be read but cannot be written to: ask it as it is or, to change it, see that you "
        "may write to its folder and all in it, or copy the library to a place of your own.",
    ),
}


def make_engine(url: str | URL) -> Engine:
    """The engine of a catalog at any SQLAlchemy URL. Raises as `plain_engine`."""
    engine = plain_engine(url)
    if engine.dialect.name == "sqlite" and not is_read_only(engine):
        event.listen(engine, "connect", _prepare)
    return engine


def plain_engine(url: str | URL) -> Engine:
    """The engine of a database that may be another program's: no setting of it is changed.

    Raises LibraryError for a URL that cannot be read, another database than SQLite and
    PostgreSQL, a driver that is not installed, and a SQLite file on a network drive (its locks do
    not hold there).
    """
    try:
        url = _with_driver(make_url(url))
        refuse_network(url)
        # a server may have been started anew since a connection was last used
        options = engine_options(_file(url))
        ping = url.get_backend_name() == "postgresql"
        engine = create_engine(url, pool_pre_ping=ping, **options)
    except (NoSuchModuleError, ModuleNotFoundError) as error:
        raise LibraryError(
            f"{_place(url)} needs a database driver that is not here ({error}); install it first."
        ) from error
    except ArgumentError as error:
        raise LibraryError(
            "The catalog's address is not a database URL; write it like sqlite:///FILE or "
            "postgresql://USER@HOST/DATABASE."
        ) from error
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _leave_transactions)
        event.listen(engine, "begin", _begin)
    return engine


def _with_driver(url: URL) -> URL:
    kind = url.get_backend_name()
    if kind not in ("sqlite", "postgresql"):
        raise LibraryError(
            f"A catalog lies in SQLite or PostgreSQL, not in {kind}: write its address like "
            "sqlite:///FILE or postgresql://USER@HOST/DATABASE."
        )
    return url.set(drivername="postgresql+psycopg") if url.drivername == "postgresql" else url


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A connection that sees one state of the catalog, from its first question to its end."""
    with _in_words(engine), engine.connect() as connection, unmixed(connection):
        yield connection


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """One transaction: all of it is kept, or none of it on any exception, Ctrl-C included.

    On SQLite it holds the write lock from its start: a transaction that begins by reading
    could be refused the lock later. Raises LibraryBusy after 30 s without the lock, and
    LibraryReadOnly.
    """
    _require_writable(engine)
    with _in_words(engine), engine.connect() as connection:
        connection.execution_options(**{BEGIN: "BEGIN IMMEDIATE"})
        with connection.begin():
            yield connection


@contextmanager
def building(engine: Engine) -> Iterator[None]:
    """The right to build into a catalog that several machines may reach: PostgreSQL's.

    Raises LibraryBusy if another has it; it ends with the connection.
    """
    if engine.dialect.name != "postgresql":
        yield
        return
    with reading(engine) as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT")
        if not connection.exec_driver_sql("SELECT pg_try_advisory_lock(7665783)").scalar():
            raise LibraryBusy(
                "Another build is writing to this catalog, from another library folder or machine: "
                "wait for it, or stop it first."
            )
        try:
            yield
        finally:
            with suppress(DBAPIError):
                connection.exec_driver_sql("SELECT pg_advisory_unlock(7665783)")


@contextmanager
def remodelling(engine: Engine) -> Iterator[Connection]:
    """As `writing`, for changes of the tables themselves, one process at a time.

    Foreign keys are off on SQLite: it empties a table before it drops it, and every row that
    refers to it would go along.
    """
    _require_writable(engine)
    name = engine.dialect.name
    with _in_words(engine), engine.connect() as connection:
        driver: Any = connection.connection.driver_connection
        connection.execution_options(**{BEGIN: "BEGIN IMMEDIATE"})
        if name == "sqlite":  # has no effect within a transaction
            driver.execute("PRAGMA foreign_keys=OFF")
        try:
            with connection.begin():
                if name == "postgresql":
                    connection.exec_driver_sql("SELECT pg_advisory_xact_lock(7665782)")
                yield connection
        finally:
            if name == "sqlite":
                driver.execute("PRAGMA foreign_keys=ON")


def ids_of(connection: Connection, query: Select[Any]) -> NDArray[np.int64]:
    """The one column of ids that a query asks for, ascending, each once.

    They come as one text: a row each would take Python eight times as long.
    """
    found = query.order_by(None).subquery()
    joined = func.aggregate_strings(cast(found.c[0], String), ",")
    said = connection.execute(select(joined)).scalar_one()
    ids = np.sort(np.fromstring(said or "", np.int64, sep=","))
    return ids[np.diff(ids, prepend=0) > 0]  # np.unique takes far longer


def chunks(seq: Sequence[Item], n: int = 10_000) -> Iterator[Sequence[Item]]:
    """Runs of at most `n`: SQLite takes 32,766 values in one statement."""
    return (seq[start : start + n] for start in range(0, len(seq), n))


def refuse_network(url: URL) -> None:
    """Raises LibraryError where a SQLite file would lie on a network drive."""
    place = _file(url)
    if place is not None and (is_unc(str(place)) or network_type(place, _mounts())):
        raise LibraryError(
            f"{place} lies on a network drive, where SQLite can lose data; "
            "keep the library on a drive of this computer (its sounds may stay where they are)."
        )


def _file(url: URL) -> Path | None:
    """Where a SQLite catalog lies, if in a file."""
    name = (url.database or "").removeprefix("file:").partition("?")[0]
    if url.get_backend_name() != "sqlite" or name in ("", ":memory:"):
        return None
    return Path(name).resolve()


def is_unc(path: str) -> bool:
    r"""Whether a Windows path names a server, as \\server\share does."""
    drive = PureWindowsPath(path).drive
    return drive.startswith("\\\\") and not re.match(r"\\\\[?.]\\\w:", drive)


def network_type(place: Path, mounts: Iterable[tuple[str, str]]) -> str | None:
    """The type of the network file system below `place`, none if it is a local one.

    `mounts`: (mount point, type); of equal mount points the last lies on top.
    """
    kind, depth = "", 0
    for point, found in mounts:
        parts = Path(point).parts
        if len(parts) >= depth and place.parts[: len(parts)] == parts:
            kind, depth = found, len(parts)
    return kind if NETWORK.fullmatch(kind) else None


def linux_mounts(text: str) -> list[tuple[str, str]]:
    """(mount point, type) of each line of /proc/mounts; blanks are octal there."""
    lines = (line.split(" ") for line in text.splitlines())
    return [(_unescape(line[1]), line[2]) for line in lines if len(line) > 2]


def mac_mounts(text: str) -> list[tuple[str, str]]:
    """(mount point, type) of each line of what `mount` prints on macOS."""
    return re.findall(r"^.* on (/.*) \((\w+)[^()]*\)$", text, re.MULTILINE)


def _unescape(text: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), text)


def _mounts() -> list[tuple[str, str]]:
    try:
        if sys.platform == "darwin":
            return mac_mounts(subprocess.check_output(["/sbin/mount"], text=True))
        return linux_mounts(Path("/proc/mounts").read_text("utf-8", "surrogateescape"))
    except (OSError, subprocess.SubprocessError):
        return []


def _leave_transactions(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # transactions begin in _begin alone
    connection.execute(f"PRAGMA busy_timeout={BUSY_MS}")


def _prepare(connection: sqlite3.Connection, _record: object) -> None:
    _use_wal(connection)
    connection.execute("PRAGMA synchronous=NORMAL")
    connection.execute("PRAGMA foreign_keys=ON")


def _use_wal(connection: sqlite3.Connection) -> None:
    # SQLite does not wait here by itself when another process is at the same step.
    end = time.monotonic() + BUSY_MS / 1000
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if _code(error) != sqlite3.SQLITE_BUSY or time.monotonic() > end:
                raise
            time.sleep(0.01)


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get(BEGIN, "BEGIN"))


def _require_writable(engine: Engine) -> None:
    if is_read_only(engine):
        kind, sentence = SENTENCES[sqlite3.SQLITE_READONLY]
        raise kind(sentence.format(_place(engine.url)))


@contextmanager
def _in_words(engine: Engine) -> Iterator[None]:
    try:
        yield
    except DBAPIError as error:
        place = _place(engine.url)
        if isinstance(error.orig, sqlite3.Error):
            kind, sentence = SENTENCES.get(_code(error.orig), (None, ""))
            if kind is not None:
                raise kind(sentence.format(place)) from error
        elif isinstance(error, OperationalError):
            reason = str(error.orig).partition("\n")[0].rstrip(".")
            raise LibraryAway(
                f"{place} does not answer ({reason}): see that its server runs and can be reached, "
                "then try again."
            ) from error
        raise


def _code(error: sqlite3.Error) -> int:
    # The low byte is the kind of error; errors of the Python module itself have no code.
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def _place(url: str | URL) -> str:
    url = make_url(url)
    if url.get_backend_name() == "sqlite":
        return f"The catalog {url.database}"
    shown = url.difference_update_query(password_keys(url))
    return f"The catalog {shown.render_as_string(hide_password=True)}"


def password_keys(url: URL) -> list[str]:
    """What a URL's query calls a password."""
    return [key for key in url.query if "password" in key.lower()]
