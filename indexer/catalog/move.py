"""A catalog into another database: all rows with their ids, and what ids were used before."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from sqlalchemy import delete, func, insert, inspect, select, text, true, tuple_
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from indexer.catalog import record as records
from indexer.catalog import text as words
from indexer.catalog.models import Base, Sound
from indexer.catalog.session import password_keys, plain_engine, reading, remodelling, writing
from indexer.errors import LibraryError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from sqlalchemy import ColumnElement, Connection, Engine, Table

    Row = tuple[Any, ...]

PAGE = 2_000  # rows in memory, and in a transaction
TABLES = Base.metadata.sorted_tables


def require_address(url: str) -> None:
    """Raises LibraryError unless `url` can be kept as the address of a catalog."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise LibraryError(
            "The new address is not a database URL: write it like sqlite:///FILE or "
            "postgresql://USER@HOST/DATABASE."
        ) from None  # it may hold a password
    if parsed.password or password_keys(parsed):
        raise LibraryError(
            "The address would be kept in library.toml: leave the password out of it, and set "
            "SONORIZE_CATALOG_PASSWORD."
        )
    if parsed.get_backend_name() == "sqlite" and (parsed.database == ":memory:" or parsed.query):
        raise LibraryError(
            f"{url} does not name a file alone: write it like sqlite:///FILE, without `?`."
        )


def claim(where: str, url: str, mark: Path) -> None:
    """Begins a move into the empty database at `where`, or goes on with that of `mark`.

    `mark` tells the address as kept, `url`, and names of a table that only this move made there.
    Each call gives the table a new name: a copy of the folder has an older one. Raises
    LibraryError, and nothing is written, where the database holds anything else.
    """
    engine = plain_engine(where)
    try:
        with remodelling(engine) as connection:  # two moves into it take turns
            tables = inspect(connection).get_table_names()
            former = [name for name in begun(url, mark) if name in tables]
            if tables and not former:
                raise LibraryError(
                    f"{url} holds tables already: name an empty database, or a new file."
                )
            name = f"moving_{uuid4().hex}"
            mark.write_text("\n".join([url, *former, name]), "utf-8")
            connection.exec_driver_sql(
                f"ALTER TABLE {former[0]} RENAME TO {name}"
                if former
                else f"CREATE TABLE {name} (made INTEGER)"
            )
    finally:
        engine.dispose()


def begun(url: str, mark: Path) -> list[str]:
    """The names that `mark` tells of a move to `url`; none if it tells of no such move."""
    said, *names = mark.read_text("utf-8").splitlines() if mark.is_file() else [""]
    return names if said == url else []


def release(target: Engine, url: str, mark: Path) -> None:
    """Ends a move: nobody goes on with it from now on. The mark goes last, if this is stopped."""
    with writing(target) as connection:
        tables = inspect(connection).get_table_names()
        for name in begun(url, mark):
            if name in tables:
                connection.exec_driver_sql(f"DROP TABLE {name}")
    mark.unlink()


def count(engine: Engine) -> int:
    """Rows of all tables."""
    with reading(engine) as connection:
        return sum(_counts(connection).values())


def copy(
    source: Engine,
    target: Engine,
    advance: Callable[[int], None],
    before_leaving: Callable[[], None],
) -> None:
    """Makes `target` hold what `source` holds, which nobody else writes to meanwhile.

    What both hold already is passed over: stopped anywhere, the next call goes on. All else in
    `target` is lost. `advance` is told of rows that are there; `before_leaving` is called at the
    end, while the source is still held. Raises LibraryError if the two differ then.
    """
    with _held(source) as there:
        for table in TABLES:
            _copy_rows(there, target, table, advance)
        with writing(target) as here:
            for table in TABLES:
                if table.autoincrement_column is not None:
                    _use_no_id_again(here, table, _last_used(there, table))
        _put_words(target)
        with reading(target) as here:
            wrong = _counts(there).items() ^ _counts(here).items()
        if wrong:
            names = ", ".join(sorted({name for name, _ in wrong}))
            raise LibraryError(
                f"The copy has other rows ({names}): run this again. Nothing was changed."
            )
        before_leaving()


@contextmanager
def _held(engine: Engine) -> Iterator[Connection]:
    """A connection beside which nobody writes."""
    with writing(engine) as connection:
        if engine.dialect.name == "postgresql":
            names = ", ".join(f'"{table.name}"' for table in TABLES)
            connection.exec_driver_sql(f"LOCK TABLE {names} IN SHARE MODE")
        yield connection


def _copy_rows(
    there: Connection, target: Engine, table: Table, advance: Callable[[int], None]
) -> None:
    last: Row | None = None
    alike = True
    while rows := _page(there, table, last):
        with writing(target) as here:
            if alike and _page(here, table, last) != rows:
                alike = False
                _remove_after(here, table, last)
            if not alike:
                here.execute(insert(table), [_named(table, row) for row in rows])
        last = _key(table, rows[-1])
        advance(len(rows))
    if alike:
        with writing(target) as here:
            _remove_after(here, table, last)


def _page(connection: Connection, table: Table, last: Row | None) -> list[Row]:
    """The rows that follow, in the order of their keys."""
    query = select(table).order_by(*table.primary_key.columns).limit(PAGE)
    rows = connection.execute(query.where(_after(table, last)))
    return [tuple(map(_portable, row)) for row in rows]


def _after(table: Table, last: Row | None) -> ColumnElement[bool]:
    return true() if last is None else tuple_(*table.primary_key.columns) > last


def _portable(value: Any) -> Any:
    """SQLite takes NUL within texts."""
    return value.replace("\0", " ") if isinstance(value, str) else value


def _remove_after(here: Connection, table: Table, last: Row | None) -> None:
    if table is Sound.__table__:
        gone = select(Sound.id).where(_after(table, last))
        words.remove_text(here, here.execute(gone).scalars().all())
    here.execute(delete(table).where(_after(table, last)))


def _put_words(target: Engine) -> None:
    with reading(target) as here:
        lacking = words.without_text(here)
    for at in range(0, len(lacking), PAGE):
        with writing(target) as here:
            for sound_id in lacking[at : at + PAGE]:
                records.refresh_text(here, sound_id)


def _last_used(there: Connection, table: Table) -> int:
    """The highest id that a row ever had; no other may get it, since index files go by ids."""
    if there.dialect.name == "sqlite":
        query = text("SELECT seq FROM sqlite_sequence WHERE name = :name")
        return int(there.scalar(query, {"name": table.name}) or 0)
    query = text(f"SELECT last_value, is_called FROM {_sequence(there, table)}")
    last, used = there.execute(query).one()
    return int(last) if used else 0


def _use_no_id_again(here: Connection, table: Table, last: int) -> None:
    if here.dialect.name == "sqlite":
        said = {"name": table.name, "last": last}
        here.execute(text("DELETE FROM sqlite_sequence WHERE name = :name"), said)
        here.execute(text("INSERT INTO sqlite_sequence (name, seq) VALUES (:name, :last)"), said)
    else:
        here.execute(select(func.setval(_sequence(here, table), max(last, 1), last > 0)))


def _sequence(connection: Connection, table: Table) -> str:
    key = next(iter(table.primary_key.columns)).name
    found = connection.scalar(select(func.pg_get_serial_sequence(f'"{table.name}"', key)))
    return str(found)


def _counts(connection: Connection) -> dict[str, int]:
    return {
        table.name: int(connection.execute(select(func.count()).select_from(table)).scalar_one())
        for table in TABLES
    }


def _named(table: Table, row: Row) -> dict[str, Any]:
    return dict(zip(table.columns.keys(), row, strict=True))


def _key(table: Table, row: Row) -> Row:
    named = _named(table, row)
    return tuple(named[column.name] for column in table.primary_key.columns)
