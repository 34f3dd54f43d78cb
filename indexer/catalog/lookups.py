"""The files of a root, looked up as a source is walked: many at a time, none held."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from sqlalchemy import JSON, String, case, cast, func, literal, select

from indexer.catalog.answers import Known
from indexer.catalog.models import File, PathText, Sound
from indexer.catalog.session import chunks, ids_of, reading

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from sqlalchemy import Engine

KNOWN = select(
    File.relative_path, File.id, File.sound_id, File.size, File.mtime_ns, File.state, Sound.status
).join(Sound, Sound.id == File.sound_id)
"""A path, and what Known tells of it."""

WRITTEN = PathText()
NUMBERS = 4  # of a file, in the text that they come in


class Found(NamedTuple):
    """(n,) of the files at n paths; `file_id` 0 where none is known, negative where it is one that
    was missing or offline."""

    file_id: NDArray[np.int64]
    size: NDArray[np.int64]
    mtime_ns: NDArray[np.int64]


class Lookups:
    """Of one root."""

    def __init__(self, engine: Engine, root_id: int) -> None:
        self._engine, self._root_id = engine, root_id

    def find(self, paths: Sequence[str]) -> Found:
        """Each path is found in the index: in a join, SQLite would go through all the files."""
        each = self._each(paths)
        file_id = case((File.state == "present", File.id), else_=-File.id)
        said: Any = cast(each.c.key, String)
        for number in (file_id, File.size, File.mtime_ns):
            said = said + " " + cast(number, String)
        here = select(said).where(
            File.root_id == self._root_id, File.relative_path == cast(each.c.value, String)
        )
        joined = func.aggregate_strings(here.correlate(each).scalar_subquery(), " ")
        with reading(self._engine) as connection:
            told = connection.execute(select(joined).select_from(each)).scalar_one()
        rows = np.fromstring(told or "", np.int64, sep=" ").reshape(-1, NUMBERS)
        found = np.zeros((NUMBERS - 1, len(paths)), np.int64)
        found[:, rows[:, 0] - self._first] = rows[:, 1:].T
        return Found(*found)

    def of_sounds(self, statuses: Sequence[str]) -> NDArray[np.int64]:
        """Ids of the files whose sounds are in one of these states, at any root."""
        query = select(File.id).join(Sound, Sound.id == File.sound_id)
        with reading(self._engine) as connection:
            return ids_of(connection, query.where(Sound.status.in_(statuses)))

    def count(self) -> int:
        """Files that are not missing."""
        here = (File.root_id == self._root_id, File.state.in_(("present", "offline")))
        with reading(self._engine) as connection:
            return int(connection.execute(select(func.count(File.id)).where(*here)).scalar_one())

    def known(self, file_ids: NDArray[np.int64]) -> dict[str, Known]:
        """These files by their paths."""
        with reading(self._engine) as connection:
            return {
                row[0]: Known(*row[1:])
                for part in chunks(file_ids.tolist())
                for row in connection.execute(KNOWN.where(File.id.in_(part)))
            }

    def others(self, file_ids: NDArray[np.int64]) -> NDArray[np.int64]:
        """Ids of the root's files but for these."""
        with reading(self._engine) as connection:
            here = ids_of(connection, select(File.id).where(File.root_id == self._root_id))
        return np.setdiff1d(here, file_ids, assume_unique=True)

    @property
    def _first(self) -> int:
        return 0 if self._engine.dialect.name == "sqlite" else 1

    def _each(self, paths: Sequence[str]) -> Any:
        """(key, value) of the paths; keys count from `_first`."""
        dialect = self._engine.dialect
        kept = [
            path if path.isascii() else WRITTEN.process_bind_param(path, dialect) for path in paths
        ]
        said = literal(kept, JSON)
        if dialect.name == "sqlite":
            return func.json_each(said).table_valued("key", "value")
        listed = func.json_array_elements_text(said)
        return listed.table_valued("value", with_ordinality="key").render_derived()
