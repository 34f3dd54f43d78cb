"""`sonorize evaluate freesound`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from indexer.cli.common import device_option, library_option, load_encoder, open_library, say
from query.cli.evaluate.group import format_option, out_option

if TYPE_CHECKING:
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
    from query.evaluation import freesound as experiment
    from query.evaluation import sheets
    from query.search import Searcher
    from query.tables import show_rows

    with open_library(library_folder) as library:
        encoder = load_encoder(library.config, device, exact=True)
        rows = experiment.compare(Searcher(library, encoder))
    if out is not None:
        sheets.write(out / "freesound.csv", rows, experiment.COLUMNS)
    show_rows(rows, experiment.COLUMNS, form)
    if encoder.caveat:
        say(encoder.caveat)
