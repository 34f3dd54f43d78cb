"""`sonorize evaluate inconsistency --sweep`."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from indexer.cli.common import Bars, load_encoder, open_library, say
from indexer.counting import counted

if TYPE_CHECKING:
    from query.evaluation.grid import Grid
    from query.generation.scheme import Models
    from query.tables import Format


def sweep(
    study_file: Path, grid_file: Path, library_folder: Path | None, form: Format,
    out: Path | None, device: str | None,
) -> None:  # fmt: skip
    """Captions of the study's frames in every way of the grid, their sounds, and how both agree
    with the frame; kept in `out`, so that it can be stopped and goes on."""
    from query.evaluation import sheets
    from query.evaluation import sweep as experiment
    from query.evaluation.grid import read_grid
    from query.evaluation.study import read_study
    from query.tables import show_rows

    if out is None:
        raise click.UsageError("--sweep needs --out DIR: captions and sounds are kept there.")
    study, grid = read_study(study_file), read_grid(grid_file)
    models = _models(grid, device)
    with open_library(library_folder) as library:
        config = library.config
    load_encoder(config, device)  # a model that is not here is said before the work
    generator = models.load_generator()
    grid = replace(grid, settings=generator.completed(grid.settings))
    with closing(Bars()) as bars:
        items = experiment.written(study, grid, models, out, bars)
        clips = experiment.sounded(items, grid, models, out, bars)
        encoder = load_encoder(config, device, exact=True)
        rows = experiment.measured(study, items, clips, encoder, bars)
    settings = experiment.compared(rows)
    sheets.write(out / "sweep.csv", rows, experiment.ITEM_COLUMNS)
    sheets.write(out / "sweep-settings.csv", settings, experiment.SETTING_COLUMNS)
    say(
        f"{counted(len(rows), 'item')}: {counted(len(grid.ways), 'way')} to write captions, "
        f"{counted(len({clip.path for clip in clips}), 'different sound')}."
    )
    show_rows(settings, experiment.SETTING_COLUMNS, form, title="Nearest to 0", table="settings")
    if encoder.caveat:
        say(encoder.caveat)


def _models(grid: Grid, device: str | None) -> Models:
    from indexer import settings
    from query.generation.scheme import Models

    found = settings.load()
    return Models(grid.model, found.models, grid.captioner, device or found.device)
