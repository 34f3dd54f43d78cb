"""`sonorize evaluate quality`."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from indexer.cli.common import Bars, library_option, open_library, say
from indexer.counting import counted
from query.cli.evaluate.group import SHOWN, format_option, out_option
from query.cli.evaluate.out import deliver

if TYPE_CHECKING:
    from query.evaluation.report.record import Record
    from query.tables import Format

FAULTY = 50  # shown in a table


@click.command()
@library_option
@format_option
@out_option
def quality(library_folder: Path | None, form: Format, out: Path | None) -> None:
    """How good each recording is, whatever it is of: clipping, noise floor, bandwidth, offset.

    Measures what was not measured yet, which decodes every file, and keeps it in the library;
    loudness, true peak and silence are the build's. The table shows sounds with faults: clipped
    (samples pile up at the peak), offset (over 1 % of full scale), narrow (nothing above 4 kHz),
    empty. Rankings do not change by it; --faultless, at a question, leaves faulty sounds out.

    \b
    sonorize evaluate quality
    sonorize evaluate quality --format csv > quality.csv
    """
    from query.tables import show_rows

    failed: list[str] = []
    record = measure(library_folder, failed)
    deliver(record, out)
    counts, table = record.tables["quality-faults"], record.tables["quality"]
    if form == "table":
        show_rows(counts.rows, counts.columns, form)
        faulty = [row for row in table.rows if row["faults"]]
        show_rows(faulty[:FAULTY], table.columns[1:], form,
                  title=f"{len(faulty[:FAULTY])} of {len(faulty):,} with faults")  # fmt: skip
    else:
        show_rows(table.rows, table.columns, form)
    for line in failed[:SHOWN]:
        say(f"failed: {line}")
    if failed:
        raise click.exceptions.Exit(3)


def measure(library_folder: Path | None = None, failed: list[str] | None = None) -> Record:
    """`failed` takes what could not be read, a sentence each."""
    from query.evaluation import quality as experiment
    from query.evaluation.report import provenance
    from query.evaluation.report.record import Record, Table

    with open_library(library_folder) as library, closing(Bars()) as bars:
        lost = experiment.measure(library, bars)
        rows = experiment.rows(library)
        made = provenance.of_run({}) | provenance.of_library(library)
    if failed is not None:
        failed.extend(lost)
    counts = [{"fault": name, "sounds": n} for name, n in experiment.counted(rows).items()]
    return Record(
        experiment="quality",
        title=Path(made["library"]).name,
        state="as the recordings are",
        options={"library_folder": made["library"]},
        notes=[f"{counted(len(lost), 'file')} could not be read, and left out."] if lost else [],
        provenance=made,
        tables={
            "quality-faults": Table(("fault", "sounds"), counts, "Faults"),
            "quality": Table(experiment.COLUMNS, rows, "Recordings, those with faults first"),
        },
    )
