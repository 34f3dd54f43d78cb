"""A record as one HTML file that needs nothing else."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote

from query.evaluation import sheets
from query.evaluation.report.record import Record, Table

SHOWN = 60  # rows of a table; all are in the CSV
PLAYED = 20  # rows with a player
STYLE = """
:root { color-scheme: light dark; --back: #fff; --ink: #1c1d20; --soft: #5b5e66; --line: #d5d7dc }
@media (prefers-color-scheme: dark) {
  :root { --back: #15171b; --ink: #e7e8ea; --soft: #a4a8b0; --line: #3a3d44 } }
body { background: var(--back); color: var(--ink); font: 16px/1.5 system-ui, sans-serif;
  max-width: 62rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.6rem; margin-bottom: .2rem } h2 { font-size: 1.15rem; margin-top: 2.2rem }
.state { display: inline-block; border: 1px solid var(--ink); border-radius: .3rem;
  padding: 0 .5rem; font-size: .9rem }
.scroll { overflow-x: auto } figure { margin: 1rem 0 } figcaption, .soft { color: var(--soft) }
figcaption { font-size: .9rem } svg { max-width: 100%; height: auto; color: var(--ink) }
table { border-collapse: collapse; font-size: .85rem; font-variant-numeric: tabular-nums }
th, td { text-align: left; padding: .2rem .7rem .2rem 0; border-bottom: 1px solid var(--line);
  vertical-align: top; max-width: 17rem } td { overflow-wrap: break-word }
th { white-space: nowrap } td.n, th.n { text-align: right; white-space: nowrap }
audio { height: 2rem; width: 14rem } code { overflow-wrap: anywhere } .o { white-space: nowrap }
@media (max-width: 45rem) { svg { max-width: none } }
@media print { body { max-width: none } audio { display: none } }
"""


def page(record: Record, figures: Sequence[tuple[str, str]], out: Path) -> str:
    """`figures`: captions and SVG. `out`: the folder it will lie in, from which clips play."""
    body = "\n".join(
        [
            f"<h1>{escape(record.title)}: {escape(record.experiment)}</h1>",
            f'<p><span class="state">{escape(record.state)}</span></p>',
            *(f"<p>{_note(note)}</p>" for note in record.notes),
            *(
                f'<figure><div class="scroll">{svg}</div><figcaption>{escape(said)}</figcaption>'
                "</figure>"
                for said, svg in figures
            ),
            *(
                part
                for name, table in record.tables.items()
                for part in _table(name, table, record, out)
            ),
            "<h2>How it was made</h2>",
            _facts(record),
        ]
    )
    title = escape(f"{record.title}: {record.experiment}")
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width">\n<title>{title}</title>\n'
        f"<style>{STYLE}</style>\n</head>\n<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
    )


def _note(words: str) -> str:
    """An option in it is not broken at the end of a line."""
    return re.sub(r"--[a-z][a-z-]*", r'<span class="o">\g<0></span>', escape(words))


def _table(name: str, table: Table, record: Record, out: Path) -> Iterator[str]:
    if not table.rows or not table.about:
        return
    rows = table.rows[:SHOWN]
    yield f"<h2>{escape(table.about)}</h2>"
    numeric = {c for c in table.columns if all(_is_number(row.get(c)) for row in rows)}
    heads = "".join(
        f'<th{_n(c in numeric)} scope="col">{escape(c.replace("_", " "))}</th>'
        for c in table.columns
    )
    lines = []
    for at, row in enumerate(rows):
        cells = "".join(
            f"<td{_n(c in numeric)}>{_cell(c, row.get(c), record, out, at < PLAYED)}</td>"
            for c in table.columns
        )
        lines.append(f"<tr>{cells}</tr>")
    yield f'<div class="scroll"><table><thead><tr>{heads}</tr></thead><tbody>'
    yield "\n".join(lines)
    yield "</tbody></table></div>"
    more = (
        f"{len(rows)} of {len(table.rows):,} rows; all are in " if len(table.rows) > SHOWN else ""
    )
    yield f'<p class="soft">{more or "As CSV: "}<code>{escape(name)}.csv</code></p>'


def _cell(column: str, value: Any, record: Record, out: Path, playable: bool) -> str:
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return "–"
    if isinstance(value, float):
        return escape(sheets.decimal(column, value))
    shown = escape(str(value)).replace("/", "/<wbr>")
    near = _near(str(value), record, out) if playable and column == "sound" else None
    if near is None:
        return shown
    return f'{shown}<br><audio controls preload="none" src="{escape(near)}"></audio>'


def _near(name: str, record: Record, out: Path) -> str | None:
    """Address of a clip from the report's folder, if it lies on the same disk and is there."""
    if not record.folder or name.startswith("#"):
        return None
    file = Path(record.folder, name)
    if not file.is_file():
        return None
    try:
        return quote(Path(os.path.relpath(file, out.absolute())).as_posix())
    except ValueError:  # another drive
        return None


def _facts(record: Record) -> str:
    lines = []
    for name, value in {**record.provenance, "options": record.options}.items():
        if isinstance(value, Mapping):
            inner = "<br>".join(
                f"{escape(str(k))}: <code>{escape(str(v))}</code>" for k, v in value.items()
            )
            shown = (
                inner
                if len(value) <= 12
                else f"<details><summary>{len(value)}</summary>{inner}</details>"
            )
        else:
            shown = f"<code>{escape(str(value))}</code>"
        lines.append(
            f'<tr><th scope="row">{escape(name.replace("_", " "))}</th><td>{shown}</td></tr>'
        )
    return f'<div class="scroll"><table>{"".join(lines)}</table></div>'


def _is_number(value: Any) -> bool:
    return value is None or isinstance(value, int | float)


def _n(numeric: bool) -> str:
    return ' class="n"' if numeric else ""
