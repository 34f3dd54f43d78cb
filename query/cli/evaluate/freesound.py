"""`sonorize evaluate freesound`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from indexer.cli.common import device_option, library_option, load_encoder, open_library
from query.cli.evaluate.group import format_option, out_option
from query.cli.evaluate.out import deliver

if TYPE_CHECKING:
    from query.evaluation.report.record import Record
    from query.tables import Format


@click.command()
@library_option
@format_option
@out_option
@device_option
def freesound(
    library_folder: Path | None, form: Format, out: Path | None, device: str | None
) -> None:
    """Freesound's order, downloads and rating of the sounds of a term, against our ranking.

    Kendall's tau-b over the sounds of the term that the library holds: 1 is the same order, -1
    the opposite. Sounds that Freesound scores alike are one tie, whose order says nothing.

    \b
    sonorize evaluate freesound --library ~/rain
    """
    from query.tables import show_rows

    record = measure(library_folder, device)
    deliver(record, out)
    table = record.tables["freesound"]
    show_rows(table.rows, table.columns, form)


def measure(library_folder: Path | None = None, device: str | None = None) -> Record:
    from query.evaluation import freesound as experiment
    from query.evaluation.report import provenance
    from query.evaluation.report.record import Record, Table
    from query.search import Searcher

    with open_library(library_folder) as library:
        encoder = load_encoder(library.config, device, exact=True)
        rows = experiment.compare(Searcher(library, encoder))
        made = provenance.of_run({}) | provenance.of_model(encoder, library)
    return Record(
        experiment="freesound",
        title=Path(made["library"]).name,
        state="exploratory: Freesound's order as it was when it was asked",
        options={"library_folder": made["library"], "device": device},
        notes=[
            "Tau-b: 1 is the same order, -1 the opposite. Sounds that Freesound scores alike are "
            "one tie, whose order says nothing.",
            *([encoder.caveat] if encoder.caveat else []),
        ],
        provenance=made,
        tables={
            "freesound": Table(experiment.COLUMNS, rows, "Freesound's orders against our ranking")
        },
    )
