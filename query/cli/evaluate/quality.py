"""`sonorize evaluate quality`."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from indexer.cli.common import Bars, library_option, open_library, say
from query.cli.evaluate.group import SHOWN, format_option

if TYPE_CHECKING:
    from query.tables import Format

FAULTY = 50  # shown in a table


@click.command()
@library_option
@format_option
@click.option("-o", "--out", type=click.Path(path_type=Path, file_okay=False), metavar="DIR",
              help="Folder for all figures, as quality.csv.")  # fmt: skip
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
    from query.evaluation import quality as measuring
    from query.evaluation import sheets
    from query.tables import show_rows

    with open_library(library_folder) as library, closing(Bars()) as bars:
        failed = measuring.measure(library, bars)
        rows = measuring.rows(library)
    if out is not None:
        sheets.write(out / "quality.csv", rows, measuring.COLUMNS)
    if form == "table":
        counts = [{"fault": name, "sounds": n} for name, n in measuring.counted(rows).items()]
        show_rows(counts, ("fault", "sounds"), form)
        faulty = [row for row in rows if row["faults"]]
        show_rows(faulty[:FAULTY], measuring.COLUMNS[1:], form,
                  title=f"{len(faulty[:FAULTY])} of {len(faulty):,} with faults")  # fmt: skip
    else:
        show_rows(rows, measuring.COLUMNS, form)
    for line in failed[:SHOWN]:
        say(f"failed: {line}")
    if failed:
        raise click.exceptions.Exit(3)
