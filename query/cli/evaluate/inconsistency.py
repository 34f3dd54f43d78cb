"""`sonorize evaluate inconsistency`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from indexer.counting import counted
from query.cli.evaluate.group import embedded, record_of, study_options
from query.cli.evaluate.out import deliver

if TYPE_CHECKING:
    from query.evaluation.report.record import Record
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
    record = measure(study_file, library_folder, device)
    deliver(record, out)
    _show(record, k, form)


def measure(
    study_file: Path, library_folder: Path | None = None, device: str | None = None
) -> Record:
    from query.evaluation import inconsistency as experiment
    from query.evaluation.report.record import Table

    with embedded(study_file, library_folder, device) as opened:
        found = experiment.measure(opened.study, opened.found)
        values = [
            {"term": term, "group": group, "value": float(value)}
            for term, groups in found.values.items()
            for group, each in groups.items()
            for value in each
        ]
        tables = {
            "inconsistency-groups": Table(
                experiment.GROUP_COLUMNS, found.groups, "Distances of each group"
            ),
            "inconsistency-differences": Table(
                experiment.DIFFERENCE_COLUMNS, found.differences,
                "Which group lies higher, and how much",
            ),
            "inconsistency": Table(
                experiment.ITEM_COLUMNS, found.items, "Items, those nearest to 0 first"
            ),
            "inconsistency-values": Table(("term", "group", "value"), values),
        }  # fmt: skip
        notes = [
            "Inconsistency is 2 d(image, text) - d(image, audio), d = 1 - cosine: in -2..4, and "
            "in -1..2 as the paper says where no cosine is negative. It is 0 too where the sound "
            "is twice as far as the words.",
            "Effect sizes are positive where the first group lies higher; AUROC is the chance "
            "that one of the first group does.",
        ]
        if found.absent:
            notes.append(
                f"{counted(found.absent, 'item')} left out: words or a vector are lacking."
            )
        return record_of("inconsistency", opened, tables, notes)


def _show(record: Record, k: int, form: Format) -> None:
    from query.evaluation import inconsistency as experiment
    from query.tables import show_rows

    items = record.tables["inconsistency"].rows
    best = items[:k]
    if form == "csv":
        show_rows(best, experiment.ITEM_COLUMNS, form)
        return
    columns: tuple[str, ...] = experiment.ITEM_COLUMNS
    if form == "table":
        columns = ("place", "inconsistency", *experiment.TERMS, "frame", "text", "sound")
    show_rows(best, columns, form, title=f"Nearest to 0, {len(best)} of {len(items):,}",
              table="items")  # fmt: skip
    groups = record.tables["inconsistency-groups"].rows
    show_rows(groups, experiment.GROUP_COLUMNS, form, title="Distances", table="groups")
    if differences := record.tables["inconsistency-differences"].rows:
        columns = experiment.DIFFERENCE_COLUMNS
        if form == "table":
            columns = ("term", "says", "difference", "cliffs_delta", "auroc")
        show_rows(differences, columns, form, title="Differences", table="differences")
