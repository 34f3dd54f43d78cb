"""What is said of a sound, by its file and by the user: kept apart within its row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from indexer.catalog.entries import TEXT_FIELDS

IMPORTED = "imported"
"""Where `Sound.raw` keeps the columns that the user described: they outlive every rescan."""

PLACE_OF = "place_of"
"""Where it keeps, during a build, the id of the sound that lay at its place before."""


def words_of(row: Mapping[Any, Any]) -> dict[str, Any]:
    return {name: row[name] for name in (*TEXT_FIELDS, "raw", "take_group")}


def imported_of(row: Mapping[str, Any]) -> dict[str, Any]:
    found = row["raw"].get(IMPORTED)
    return dict(found) if isinstance(found, dict) else {}  # a tag of that name is text


def overlaid(columns: Mapping[str, Any], imported: Mapping[str, Any]) -> dict[str, Any]:
    """The columns with those imported in their place, and remembered."""
    if not imported:
        return dict(columns)
    raw = {**columns.get("raw", {}), IMPORTED: dict(imported)}
    return {**columns, **imported, "raw": raw}


def place_of(row: Mapping[str, Any]) -> int | None:
    found = row["raw"].get(PLACE_OF)
    return found if isinstance(found, int) else None  # a tag of that name is text


def following(columns: Mapping[str, Any], before: int | None) -> dict[str, Any]:
    """The columns of a sound that took the place of `before`, or of none."""
    raw = {name: value for name, value in columns["raw"].items() if name != PLACE_OF}
    return {**columns, "raw": raw if before is None else {**raw, PLACE_OF: before}}
