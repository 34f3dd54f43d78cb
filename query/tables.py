"""Hits as a table for people, as JSON lines or CSV for programs."""

from __future__ import annotations

import csv
import io
import json
import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, Literal

from indexer.counting import counted
from query.evaluation import sheets
from query.ranking import Hit

Format = Literal["table", "json", "csv"]
WIDTH = 110  # where there is no terminal


def to_json(hit: Hit) -> str:
    """One hit, one line."""
    return _dumps(asdict(hit))


def answer_to_json(question: str, hits: Sequence[Hit]) -> str:
    """One question of many with its hits, one line."""
    return _dumps({"question": question, "hits": list(map(asdict, hits))})


def to_csv(hits: Sequence[Hit]) -> str:
    """A header and a line a hit; parts, tags and faults as JSON within their columns."""
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, [field.name for field in fields(Hit)], lineterminator="\n")
    writer.writeheader()
    for hit in hits:
        row = asdict(hit)
        row |= {name: json.dumps(row[name]) for name in ("parts", "faults")}
        row["tags"] = json.dumps(row["tags"], ensure_ascii=False)
        writer.writerow(row)
    return out.getvalue().encode(errors="backslashreplace").decode()


def show_rows(
    rows: Sequence[Mapping[str, Any]],
    columns: Sequence[str],
    form: Format,
    *,
    title: str = "",
    **constant: str,
) -> None:
    """Any rows to stdout: a table with 3 decimals, JSON lines (with `constant`), or CSV.

    NaN is nothing: "-" in the table, null in JSON, an empty cell in CSV.
    """
    if form == "json":
        for row in rows:
            print(_dumps({**constant, **{name: _known(row.get(name)) for name in columns}}))
    elif form == "csv":
        print(sheets.text(rows, columns), end="")
    else:
        _rows_table(rows, columns, title)


def _rows_table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], title: str) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    console = Console(width=None if sys.stdout.isatty() else WIDTH, highlight=False, markup=False)
    if title:
        console.print(title)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in columns:
        numbers = all(isinstance(row.get(name), int | float | None) for row in rows)
        justify: Literal["left", "right"] = "right" if numbers else "left"
        table.add_column(name.replace("_", " "), justify=justify, overflow="fold")
    for row in rows:
        table.add_row(*(_shown(name, row.get(name)) for name in columns))
    console.print(table)


def _shown(column: str, value: Any) -> str:
    known = _known(value)
    if known is None:
        return "-"
    return sheets.decimal(column, known) if isinstance(known, float) else printable(str(known))


def _known(value: Any) -> Any:
    """None for a number that there is not."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _dumps(value: object) -> str:
    """JSON with its letters as they are, unless they cannot be written (a path's stray bytes)."""
    line = json.dumps(value, ensure_ascii=False)
    try:
        line.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        return json.dumps(value)
    return line


def show(hits: Sequence[Hit], form: Format, *, several: bool = False) -> None:
    """Writes the hits to stdout; `several`: the table says which library each is from."""
    if form == "json":
        for hit in hits:
            print(to_json(hit))
    elif form == "csv":
        print(to_csv(hits), end="")
    else:
        _table(hits, several)


def _table(hits: Sequence[Hit], several: bool) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    console = Console(width=None if sys.stdout.isatty() else WIDTH, highlight=False, markup=False)
    if not hits:
        console.print("Nothing found.")
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("#", "score"):
        table.add_column(name, justify="right")
    table.add_column("sound", overflow="fold", ratio=3)
    table.add_column("moment", justify="right", no_wrap=True)
    table.add_column("licence", overflow="fold")
    if several:
        table.add_column("library", overflow="fold")
    table.add_column("file", overflow="fold", ratio=3)
    for hit in hits:
        table.add_row(*_row(hit, several), style="" if hit.state == "present" else "dim")
    console.print(table)


def _row(hit: Hit, several: bool) -> list[Any]:
    from rich.text import Text

    notes = [f"+{counted(hit.takes, 'take')}" if hit.takes else ""]
    heard_alone = hit.parts.get("audio") is not None and hit.parts.get("metadata", 0) is None
    notes += ["guess" if heard_alone else ""]
    notes += ["preview" if hit.preview else "", *hit.faults]
    notes += ["generated" if hit.source == "generated" else ""]
    notes += [hit.state if hit.state != "present" else ""]
    sound = Text(printable(hit.title))
    sound.append("".join(f"  {note}" for note in notes if note), "italic")
    return [
        str(hit.rank),
        f"{hit.score:.3f}",
        sound,
        f"{hit.start:.1f}-{hit.end:.1f} of {hit.duration:.1f} s",
        hit.license,
        *([printable(Path(hit.library).name)] if several else []),
        Text(printable(Path(hit.path).name)),
    ]


def printable(text: str) -> str:
    """The text on one line, control characters and undecodable bytes made visible."""
    return "".join(
        character if character.isprintable() else repr(character)[1:-1] for character in text
    )
