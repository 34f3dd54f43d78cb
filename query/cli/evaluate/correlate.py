"""`sonorize evaluate correlate`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from query.cli.evaluate.group import (
    embedded,
    ratings_argument,
    record_of,
    study_options,
    without,
)
from query.cli.evaluate.out import deliver
from query.cli.options import Range

if TYPE_CHECKING:
    from query.evaluation.report.record import Record
    from query.tables import Format


@click.command()
@study_options
@ratings_argument
@click.option("--theta", type=Range(0, 1), default=0.5, show_default=True, metavar="T",
              help="0: the reference frame, 1: the frame to sound.")  # fmt: skip
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True,
              help="Of what is drawn and permuted.")  # fmt: skip
def correlate(
    study_file: Path, ratings_file: Path, library_folder: Path | None, form: Format,
    out: Path | None, device: str | None, theta: float, seed: int,
) -> None:  # fmt: skip
    """How distances go with people's ratings (RATINGS.csv, as for `evaluate mos`).

    Negative: farther is worse. The paper's Table 2 takes every rating by itself, and is printed
    so; beside it r on the means of items, with raters and items drawn anew, within scenes by
    permutation (of frames in any order, and with neighbours kept: neighbouring frames are alike),
    and given the distance to the reference sound. p_holm counts how many metrics were tried.

    \b
    sonorize evaluate correlate study.toml ratings.csv
    sonorize evaluate correlate study.toml ratings.csv --out measured/
    """
    record = measure(study_file, ratings_file, library_folder, device, theta, seed)
    deliver(record, out)
    _show(record, form)


def measure(
    study_file: Path,
    ratings_file: Path,
    library_folder: Path | None = None,
    device: str | None = None,
    theta: float = 0.5,
    seed: int = 0,
) -> Record:
    from query.cli.evaluate.mos import read
    from query.evaluation import correlate as experiment
    from query.evaluation import freeze
    from query.evaluation.report.record import Table
    from query.evaluation.study import read_study

    ratings, _, listened = read(ratings_file)
    experiment.require_named(read_study(study_file), ratings)  # before the long work
    rated_file = freeze.hashes({ratings_file.name: ratings_file})
    with embedded(study_file, library_folder, device) as opened:
        opened = opened._replace(
            made=opened.made | {"inputs": {**opened.made["inputs"], **rated_file}}
        )
        rated = experiment.gather(opened.study, opened.found, ratings, opened.scales, theta)
        found = experiment.correlate(rated, seed=seed)
        tables = {
            "correlate-table-2": Table(
                experiment.COLUMNS, found.table, "Table 2 in its forms: Pearson's r"
            ),
            "correlate-ranks": Table(
                experiment.RANK_COLUMNS, found.ranks, "Rank correlations of means of items"
            ),
            "correlate-values": Table(experiment.VALUE_COLUMNS, found.values, "Every pair"),
        }
        notes = [
            "Negative: farther is worse. The paper takes every rating by itself, as if raters and "
            "neighbouring frames knew nothing of each other; p and interval then promise too much. "
            "Of neighbours alone, so do p of means of items, of ranks and given the reference, and "
            'the interval over raters and items: only "neighbours kept" knows of them.',
            "A reference sound is not measured by itself, as if it were a candidate.",
            f"The ratings: {listened}. Frozen or exploratory above is the study as it is now.",
            *without(opened.study.lacking_reference, "a reference sound"),
        ]
        asked = {"ratings_file": ratings_file, "theta": theta, "seed": seed}
        return record_of("correlate", opened, tables, notes, **asked)


def _show(record: Record, form: Format) -> None:
    from query.evaluation import correlate as experiment
    from query.tables import show_rows

    table, ranks = (record.tables[f"correlate-{name}"].rows for name in ("table-2", "ranks"))
    if form != "table":
        show_rows(table, experiment.COLUMNS, form, table="table 2")
        if form == "json":
            show_rows(ranks, experiment.RANK_COLUMNS, form, table="ranks")
        return
    for name, form_name in (
        ("Table 2 as the paper has it: Pearson, every rating alone", experiment.AS_PAPER),
        ("The same on means of items (mean: Fisher's z)", experiment.ITEM_MEANS),
    ):
        rows = [row for row in table if row["form"] == form_name]
        wide, columns = _by_scene(rows)
        show_rows(wide, columns, form, title=name)
    honest = [
        row for row in table
        if row["form"] not in (experiment.AS_PAPER, experiment.ITEM_MEANS)
    ]  # fmt: skip
    columns = ("metric", "form", "r", "low", "high", "p", "p_holm", "n")
    show_rows(honest, columns, form, title="All scenes")
    show_rows(ranks, experiment.RANK_COLUMNS, form, title="Ranks, on means of items")


def _by_scene(
    rows: Iterable[Mapping[str, Any]],
) -> tuple[list[dict[str, Any]], tuple[str, ...]]:
    """A line a metric, a column a scene."""
    lines: dict[str, dict[str, Any]] = {}
    columns: dict[str, None] = {"metric": None}
    for row in rows:
        line = lines.setdefault(row["metric"], {"metric": row["metric"]})
        line[row["scene"]] = row["r"]
        columns[row["scene"]] = None
    return list(lines.values()), tuple(columns)
