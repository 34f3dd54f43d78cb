"""The statements that a build runs for every file, each made once.

To make one takes SQLAlchemy several times as long as to run it. `model` is a class of
`indexer.catalog.models`; columns go by their names.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import Table, bindparam
from sqlalchemy import delete as _delete
from sqlalchemy import insert as _insert
from sqlalchemy import select as _select
from sqlalchemy import update as _update

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Connection, CursorResult, Delete, Insert, Select, Update

    from indexer.catalog.models import Base

THIS = "this_id"  # no column is called so


def add(connection: Connection, model: type[Base], values: Mapping[str, Any]) -> int:
    """A new row; its id."""
    key = connection.execute(_adding(model), dict(values)).inserted_primary_key
    assert key is not None
    return int(key[0])


def add_all(connection: Connection, model: type[Base], rows: Sequence[Mapping[str, Any]]) -> None:
    if rows:
        connection.execute(_adding(model), [dict(row) for row in rows])


def change(
    connection: Connection, model: type[Base], row_id: int, values: Mapping[str, Any]
) -> None:
    if values:
        connection.execute(_changing(model), {**values, THIS: row_id})


def remove(connection: Connection, model: type[Base], **equal: Any) -> None:
    """All rows whose columns equal these."""
    connection.execute(_removing(model, tuple(equal)), equal)


def find(
    connection: Connection, model: type[Base], columns: tuple[str, ...], **equal: Any
) -> CursorResult[Any]:
    """These columns (none: all) of the rows whose columns equal those."""
    return connection.execute(_finding(model, columns, tuple(equal)), equal)


@cache
def _adding(model: type[Base]) -> Insert:
    return _insert(_table(model))


@cache
def _changing(model: type[Base]) -> Update:
    table = _table(model)
    return _update(table).where(table.c.id == bindparam(THIS))


@cache
def _removing(model: type[Base], names: tuple[str, ...]) -> Delete:
    table = _table(model)
    return _delete(table).where(*(table.c[name] == bindparam(name) for name in names))


@cache
def _finding(model: type[Base], columns: tuple[str, ...], names: tuple[str, ...]) -> Select[Any]:
    table = _table(model)
    found = _select(*(table.c[name] for name in columns)) if columns else _select(table)
    return found.where(*(table.c[name] == bindparam(name) for name in names))


def _table(model: type[Base]) -> Table:
    # not the class itself: that would bring the work of the ORM to every run
    return cast("Table", model.__table__)
