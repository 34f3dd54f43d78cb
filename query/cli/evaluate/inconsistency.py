"""`sonorize evaluate inconsistency`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from indexer.cli.common import say
from query.cli.evaluate.group import embedded, study_options

if TYPE_CHECKING:
    from query.evaluation.inconsistency import Inconsistency
    from query.tables import Format


@click.command()
@study_options
@click.option("-k", "k", type=click.IntRange(1), default=10, show_default=True,
              help="How many of the most consistent to show.")  # fmt: skip
@click.option("--sweep", "grid_file", metavar="SWEEP.toml",
              type=click.Path(path_type=Path, dir_okay=False),
              help="Compare ways to write captions of the study's frames by the sounds that are "
              "made of them; with --out.")  # fmt: skip
def inconsistency(
    study_file: Path, library_folder: Path | None, form: Format, out: Path | None,
    device: str | None, k: int, grid_file: Path | None,
) -> None:  # fmt: skip
    """How far picture, words and sound of an item agree: 2 d(image, text) - d(image, audio).

    d is 1 - cosine, so that the value lies in -2..4 (in -1..2 where no cosine is negative). 0
    means that all agree, or that the sound is twice as far as the words: both distances stand
    beside it. The best are those nearest to 0. Groups of scenes, and what lies outside of them,
    are compared with an effect size.

    \b
    sonorize evaluate inconsistency study.toml
    sonorize evaluate inconsistency study.toml -k 20 --out measured/
    sonorize evaluate inconsistency study.toml --sweep sweep.toml --out swept/
    """
    if grid_file is not None:
        from query.cli.evaluate.sweep import sweep

        sweep(study_file, grid_file, library_folder, form, out, device)
        return
    from query.evaluation import inconsistency as experiment

    with embedded(study_file, library_folder, device) as opened:
        measured = experiment.measure(opened.study, opened.found)
        if measured.absent:
            say(f"{measured.absent:,} items left out: words or a vector are lacking.")
        if out is not None:
            _write(measured, out)
        _show(measured, k, form)


def _write(measured: Inconsistency, out: Path) -> None:
    from query.evaluation import inconsistency as experiment
    from query.evaluation import sheets

    sheets.write(out / "inconsistency.csv", measured.items, experiment.ITEM_COLUMNS)
    sheets.write(out / "inconsistency-groups.csv", measured.groups, experiment.GROUP_COLUMNS)
    sheets.write(
        out / "inconsistency-differences.csv", measured.differences, experiment.DIFFERENCE_COLUMNS
    )


def _show(measured: Inconsistency, k: int, form: Format) -> None:
    from query.evaluation import inconsistency as experiment
    from query.tables import show_rows

    best = measured.items[:k]
    if form == "csv":
        show_rows(best, experiment.ITEM_COLUMNS, form)
        return
    columns: tuple[str, ...] = experiment.ITEM_COLUMNS
    if form == "table":
        columns = ("place", "inconsistency", *experiment.TERMS, "frame", "text", "sound")
    show_rows(best, columns, form, title=f"Nearest to 0, {len(best)} of {len(measured.items):,}",
              table="items")  # fmt: skip
    show_rows(measured.groups, experiment.GROUP_COLUMNS, form, title="Distances", table="groups")
    if measured.differences:
        columns = experiment.DIFFERENCE_COLUMNS
        if form == "table":
            columns = ("term", "says", "difference", "cliffs_delta", "auroc")
        show_rows(measured.differences, columns, form, title="Differences", table="differences")
