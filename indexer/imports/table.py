"""Descriptions from a table that another tool wrote: a CSV, or text parted by tabs.

A row belongs to a sound by the path it names: the whole path, else the part of it below a root,
else the number that Freesound puts before a file's name, else the file name alone. A name alone
counts only where it says which sound and which row is meant: neither two sounds nor two
different paths in the table bear it. Case and kind of slash do not matter; a name without a
sound's ending stands for any.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from indexer.catalog.entries import Described
from indexer.imports.places import Places, name_of
from indexer.imports.sheet import Sheet, open_sheet

if TYPE_CHECKING:
    from indexer.catalog.store import Catalog

BATCH = 500  # sounds in one transaction


@dataclass(frozen=True, slots=True)
class ImportReport:
    """Sounds described, rows that belong to no sound, and the columns passed over."""

    updated: int
    unmatched: int
    ignored: tuple[str, ...]


def import_csv(catalog: Catalog, table: Path) -> ImportReport:
    """Takes the descriptions of a table into the catalog; empty cells change nothing.

    The text may be UTF-8, UTF-16 or Windows-1252, parted by commas, semicolons or tabs. Of
    several rows about one sound the later wins. Keywords are parted at commas and semicolons,
    "Tags" without any at spaces. Licences become SPDX ids where they are known and are cut to
    64 characters; a UCS CatID fills the categories that are empty. What is imported outlives
    every rescan (see Described). Written in batches; a table that cannot be read to its end
    changes nothing.

    Raises LibraryError for a file that is not a table, and for one without a column of paths
    or file names.
    """
    sheet = open_sheet(table)
    places = Places(catalog)
    unclear = _unclear_names(sheet, places)
    updated: set[int] = set()
    unmatched = 0
    entries: list[Described] = []
    for row in sheet.rows():
        sound_id = places.find(sheet.path(row), sheet.cell(row, "freesound"), unclear)
        columns = sheet.columns(row)
        unmatched += sound_id is None
        if sound_id is not None and columns:
            entries.append(Described(sound_id, columns))
            updated.add(sound_id)
        if len(entries) == BATCH:
            catalog.record(entries)
            entries.clear()
    catalog.record(entries)
    return ImportReport(len(updated), unmatched, sheet.ignored())


def _unclear_names(sheet: Sheet, places: Places) -> set[str]:
    """Names of files in the library that rows with different paths bear."""
    first: dict[str, str] = {}
    unclear: set[str] = set()
    for path in map(sheet.path, sheet.rows()):
        name = name_of(path)
        if name in places and first.setdefault(name, path) != path:
            unclear.add(name)
    return unclear
