"""What `--out DIR` writes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from indexer.cli.common import say

if TYPE_CHECKING:
    from query.evaluation.report.record import Record


def deliver(record: Record, out: Path | None) -> None:
    """Says the notes; into the folder go the tables as CSV, report.json, and report.html."""
    from query.evaluation import sheets
    from query.evaluation.report import figures, page
    from query.evaluation.report.record import HTML, JSON, write_json, write_tables

    for note in record.notes:
        say(note)
    if out is None:
        return
    write_tables(record, out)
    write_json(record, out / JSON)
    drawn = figures.drawn(record) if figures.available() else []
    sheets.save(out / HTML, page.page(record, drawn, out))
    without = "" if drawn else " without figures (they need the extra report)"
    say(f"Written: {out / HTML}{without}, {out / JSON} and {len(record.tables)} CSV files.")
