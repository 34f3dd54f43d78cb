"""The catalog's tables brought up to date when it is opened."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from sqlalchemy import Connection, Engine, inspect, text

from indexer.catalog import record as records
from indexer.catalog import text as words
from indexer.catalog.read_only import is_read_only
from indexer.catalog.session import reading, remodelling
from indexer.errors import LibraryError, LibraryReadOnly, LibraryTooNew

_ASSIGNED = re.compile(r'^(revision|down_revision)\b[^=]*= *(?:"([^"]+)"|None)', re.MULTILINE)


def upgrade(engine: Engine) -> None:
    """Brings a catalog, an empty one too, to the newest revision; safe in several processes.

    Raises LibraryTooNew when a newer sonorize has written it: nothing is changed then. Raises
    LibraryReadOnly for an older one that cannot be written to.
    """
    with reading(engine) as connection:
        if _is_current(connection):
            return
    if is_read_only(engine):
        raise LibraryReadOnly(
            "This library was written by an older sonorize, and cannot be brought up to date where "
            "it can only be read: let whoever may write to it open it once with this sonorize, or "
            "copy it to a place of your own."
        )
    with remodelling(engine) as connection:
        # Another process may have done it while this one waited.
        if not _is_current(connection):
            _migrate(connection)


def migrations_folder() -> Path:
    """Where the migrations lie: in the installed package, else beside it in the repository."""
    package = Path(__file__).parents[1]
    for folder in (package / "migrations", package.parent / "migrations"):
        if (folder / "env.py").is_file():
            return folder
    raise LibraryError("This sonorize is incomplete (no migrations); install it again.")


@cache
def revisions() -> dict[str, str | None]:
    """Each revision with the one before it, read as text: importing Alembic takes 0.1 s."""
    found = {}
    for file in (migrations_folder() / "versions").glob("*.py"):
        names = {key: value or None for key, value in _ASSIGNED.findall(file.read_text("utf-8"))}
        found[names["revision"] or ""] = names["down_revision"]
    return found


def _is_current(connection: Connection) -> bool:
    revision = _revision(connection)
    if revision is not None and revision not in revisions():
        raise LibraryTooNew(
            f"This library was written by a newer sonorize (catalog revision {revision}); "
            "update sonorize to open it."
        )
    return revision is not None and revision not in revisions().values()


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return found


def _migrate(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    # Percent signs are read as references otherwise.
    config.set_main_option("script_location", str(migrations_folder()).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    for sound_id in words.without_text(connection):
        records.refresh_text(connection, sound_id)
