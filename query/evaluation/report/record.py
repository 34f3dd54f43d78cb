"""A measurement as data: its tables, how it was made, and of what."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from indexer.counting import counted
from indexer.errors import StudyError
from query.evaluation import sheets

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Table:
    """`about`: what it holds, in a sentence."""

    columns: Sequence[str]
    rows: Sequence[Mapping[str, Any]]
    about: str = ""


@dataclass(frozen=True, slots=True)
class Record:
    """One run of an experiment.

    state       frozen or exploratory, in words
    options     what the command was asked, so that it can be asked again; paths are absolute
    notes       sentences that belong to the figures
    provenance  versions, hashes, device, seeds
    tables      by the name of their CSV file
    folder      where relative paths of frames and sounds in the tables begin
    """

    experiment: str
    title: str
    state: str
    options: Mapping[str, Any]
    notes: Sequence[str]
    provenance: Mapping[str, Any]
    tables: Mapping[str, Table]
    folder: str = ""
    format: int = field(default=FORMAT)


def write_tables(record: Record, out: Path) -> None:
    """Every table as OUT/NAME.csv. Raises StudyError."""
    for name, table in record.tables.items():
        sheets.write(out / f"{name}.csv", table.rows, table.columns)


def write_json(record: Record, path: Path) -> None:
    """Raises StudyError."""
    sheets.save(path, json.dumps(_plain(asdict(record)), ensure_ascii=False, indent=1) + "\n")


def read_json(path: Path) -> Record:
    """Raises StudyError for what is no report of this format."""
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        if said["format"] != FORMAT:
            raise StudyError(f"{path} was made by another version of sonorize: measure anew.")
        tables = {name: Table(**table) for name, table in said["tables"].items()}
        return Record(**{**said, "tables": tables})
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise StudyError(
            f"{path} is no report: name the JSON file of one that --out wrote."
        ) from error


@dataclass(frozen=True, slots=True)
class Difference:
    """The largest, and where: `row` from 0; `before`, `after` in the column's own unit.

    cells   how many numbers were compared
    others  cells that are not alike and are no numbers; rows that one of the two lacks
    """

    cells: int
    largest: float
    where: str
    others: Sequence[str]


def compare(before: Record, after: Record) -> Difference:
    """Cell by cell. What there is not is equal to what there is not."""
    cells, largest, where = 0, 0.0, ""
    others: list[str] = []
    for name in dict.fromkeys([*before.tables, *after.tables]):
        one, two = (list(r.tables[name].rows) if name in r.tables else [] for r in (before, after))
        if len(one) != len(two):
            others.append(f"{name}: {counted(len(one), 'row')} before, {len(two)} after")
        for at, (old, new) in enumerate(zip(one, two, strict=False)):
            for column in before.tables[name].columns if name in before.tables else ():
                a, b = _plain(old.get(column)), _plain(new.get(column))
                place = f"{name}, row {at + 1}, {column}"
                if isinstance(a, int | float) and isinstance(b, int | float):
                    cells += 1
                    if abs(a - b) > largest:
                        largest, where = abs(a - b), place
                elif a != b:
                    others.append(f"{place}: {a!r} before, {b!r} after")
    return Difference(cells, largest, where, others)


def _plain(value: Any) -> Any:
    """As JSON holds it: no NaN, no infinity."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return str(value) if isinstance(value, Path) else value
