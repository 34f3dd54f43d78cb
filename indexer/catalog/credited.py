"""Who is to be credited for which sounds, and which sounds lie where."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Text, func, literal, select, type_coerce

from indexer.catalog.filters import Filters, matching
from indexer.catalog.models import File, PathText, Root, Sound
from indexer.catalog.session import chunks, reading
from indexer.catalog.text import words_of
from indexer.credits.texts import Credit, credit, once

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Engine

MOST_NAMED = 10_000  # ids in one question: SQLite takes 32,766 values


def credits_of(
    engine: Engine, filters: Filters, sound_ids: Collection[int] | None = None
) -> Iterator[Credit]:
    """One credit after the other, by name and address; what is said of several sounds, once.

    Of the sounds that match and, unless None, are among these. A sound without a title goes by
    its file's name. The catalog is read as one goes on.
    """
    query = select(*_SAID).order_by(*_ORDER)
    if filters:
        query = query.where(Sound.id.in_(matching(filters, words_of(engine))))
    if sound_ids is not None and len(sound_ids) <= MOST_NAMED:
        query = query.where(Sound.id.in_(sound_ids))
    wanted = None if sound_ids is None else frozenset(sound_ids)
    with reading(engine) as connection:
        rows = connection.execution_options(yield_per=1000).execute(query)
        yield from once(
            credit(row.id, row.title or row.file_name or "", *row[3:])
            for row in rows
            if wanted is None or row.id in wanted
        )


def existing(engine: Engine, sound_ids: Iterable[int]) -> set[int]:
    """Those of the ids that are a sound's."""
    with reading(engine) as connection:
        return {
            found
            for part in chunks(sorted(set(sound_ids)))
            for found in connection.execute(select(Sound.id).where(Sound.id.in_(part))).scalars()
        }


def lying_at(engine: Engine, paths: Iterable[str]) -> dict[str, int]:
    """The sound at each path that is one of the catalog's, present or not.

    Paths are as the catalog shows them, or lead to the same place from here.
    """
    whole = [(path, spelled) for path in paths for spelled in _spellings(path)]
    found: dict[str, int] = {}
    with reading(engine) as connection:
        for root_id, location in connection.execute(select(Root.id, Root.location)).all():
            meant: dict[str, list[str]] = {}
            for path, spelled in whole:
                if spelled.is_relative_to(location):
                    meant.setdefault(spelled.relative_to(location).as_posix(), []).append(path)
            for part in chunks(list(meant)):
                query = select(File.relative_path, File.sound_id)
                query = query.where(File.root_id == root_id, File.relative_path.in_(part))
                for relative, sound_id in connection.execute(query):
                    found.update(dict.fromkeys(meant[relative], sound_id))
    return found


def _spellings(path: str) -> set[Path]:
    if "\0" in path:
        return set()
    return {Path(path), Path(os.path.abspath(path)), Path(path).resolve()}  # noqa: PTH100 - links


def _first_said(*columns: Any) -> ColumnElement[str]:
    return func.coalesce(*(func.nullif(column, "") for column in columns), "")


# The file that is shown for a sound: see Catalog.sounds.
_PATH = (
    select(File.relative_path)
    .where(File.sound_id == Sound.id)
    .order_by(File.state.desc(), File.root_id, File.relative_path)
    .limit(1)
    .correlate(Sound)
    .scalar_subquery()
)
_WORDS = type_coerce(_PATH, Text)
# Cuts off what stands before the last slash; a name has no slash, so this cuts nothing else.
_FOLDER = func.rtrim(_WORDS, func.replace(_WORDS, literal("/", Text), ""))
_FILE_NAME = func.replace(_WORDS, _FOLDER, "")
_AUTHOR = _first_said(Sound.author, Sound.designer, Sound.manufacturer)
_NAME = _first_said(Sound.title, _FILE_NAME)
_SAID = (
    Sound.id,
    Sound.title,
    type_coerce(_FILE_NAME, PathText).label("file_name"),
    _AUTHOR.label("author"),
    Sound.url,
    Sound.licence,
    Sound.licence_url,
    Sound.raw["freesound"].label("freesound"),
    Sound.raw["generated", "sources"].label("sources"),
)
_ORDER = (
    func.lower(_NAME), _NAME, Sound.url, _AUTHOR, Sound.licence, Sound.licence_url, Sound.id,
)  # fmt: skip
