"""What `--out DIR` writes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from indexer.cli.common import say
from indexer.counting import counted

if TYPE_CHECKING:
    from query.evaluation.report.record import Record


def deliver(record: Record, out: Path | None) -> None:
    """Says the notes, and with what was measured; into the folder go tables and report.

    The tables are CSV, the report JSON and HTML. Its name is the experiment's, so that several
    can share a folder.
    """
    from query.evaluation import sheets
    from query.evaluation.report import figures, page
    from query.evaluation.report.record import write_json, write_tables

    for note in record.notes:
        say(note)
    if made := _measured_with(record):
        say(made)
    if out is None:
        return
    write_tables(record, out)
    data, html = (out / f"{record.experiment}-report{end}" for end in (".json", ".html"))
    write_json(record, data)
    drawn = figures.drawn(record) if figures.available() else []
    sheets.save(html, page.page(record, drawn, out))
    without = "" if drawn else " without figures (they need the extra report)"
    say(f"Written: {html}{without}, {data} and {counted(len(record.tables), 'CSV file')}.")


def _measured_with(record: Record) -> str:
    """The model, and the seed of what is random; "" where there is neither."""
    made = {**record.options, **record.provenance}
    named = [f"{name} {made[name]}" for name in ("encoder", "seed") if name in made]
    return f"Measured with {', '.join(named)}." if named else ""
