"""`sonorize evaluate power`."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from query.cli.evaluate.group import format_option, out_option
from query.cli.evaluate.out import deliver
from query.cli.options import Range

if TYPE_CHECKING:
    from query.evaluation.power import Design
    from query.evaluation.report.record import Record
    from query.tables import Format

NOTHING = "Not even r = 1 would be found so often: take more items or raters."


@click.command()
@click.option("--raters", type=click.IntRange(1), default=7, show_default=True,
              help="How many people rate.")  # fmt: skip
@click.option("--items", type=click.IntRange(3), default=21, show_default=True,
              help="Frames with their sound, of each scene.")  # fmt: skip
@click.option("--scenes", type=click.IntRange(1), default=3, show_default=True,
              help="How many scenes.")  # fmt: skip
@click.option("--pilot", type=click.Path(path_type=Path, dir_okay=False), metavar="RATINGS.csv",
              help="Take the spreads from these ratings, instead of usual ones.")  # fmt: skip
@click.option("--power", "wanted", type=Range(0.01, 0.999), default=0.8, show_default=True,
              help="How often it should be found.")  # fmt: skip
@click.option("--alpha", type=Range(0.0001, 0.5), default=0.05, show_default=True,
              help="How often nothing may be taken for something.")  # fmt: skip
@click.option("--alike", type=Range(0, 0.99), metavar="A",
              help="How alike neighbouring frames are: their correlation.  [default: 0.5, or the "
              "pilot's]")  # fmt: skip
@click.option(
    "--seed", type=click.IntRange(0), default=0, show_default=True, help="Of the simulation."
)
@format_option
@out_option
def power(
    raters: int, items: int, scenes: int, pilot: Path | None, wanted: float, alpha: float,
    alike: float | None, seed: int, form: Format, out: Path | None,
) -> None:  # fmt: skip
    """The smallest correlation with a metric that a listening test would find, by simulation.

    Every rater rates every item in whole points. The correlation is that of the metric with what
    items are truly worth, within scenes; it is tested as `evaluate correlate` does within scenes,
    neighbours kept, of one metric. Without --pilot, items differ by .5 points (standard
    deviation), raters by .5, and single ratings by .8. `false_alarms`: how often something is
    found where nothing is.

    \b
    sonorize evaluate power
    sonorize evaluate power --raters 20 --items 15 --pilot ratings.csv
    """
    record = measure(raters, items, scenes, pilot, wanted, alpha, alike, seed)
    deliver(record, out)
    _show(record, form)


def measure(
    raters: int,
    items: int,
    scenes: int,
    pilot_file: Path | None = None,
    power: float = 0.8,
    alpha: float = 0.05,
    alike: float | None = None,
    seed: int = 0,
) -> Record:
    from query.evaluation import power as experiment
    from query.evaluation.report import provenance
    from query.evaluation.report.record import Record, Table

    design = experiment.Design(raters, items, scenes)
    if pilot_file is not None:
        design = _of_pilot(pilot_file, design)
    if alike is not None:
        design = replace(design, alike=alike)
    found = experiment.smallest_correlation(design, power=power, alpha=alpha, seed=seed)
    row = {
        "raters": raters, "items": items, "scenes": scenes, "ratings": raters * items * scenes,
        "item_sd": design.spread, "rater_sd": design.rater_sd, "noise_sd": design.noise_sd,
        "alike": design.alike, "power": power, "smallest_r": found.smallest,
        "false_alarms": found.curve[0][1],
    }  # fmt: skip
    curve = [dict(zip(experiment.COLUMNS, each, strict=True)) for each in found.curve]
    files = {} if pilot_file is None else {pilot_file.name: pilot_file}
    return Record(
        experiment="power",
        title="A listening test",
        state="planned" if pilot_file is None else f"planned after {pilot_file.name}",
        options={
            "raters": raters, "items": items, "scenes": scenes,
            "pilot_file": None if pilot_file is None else str(pilot_file.absolute()),
            "power": power, "alpha": alpha, "alike": alike, "seed": seed,
        },
        notes=[NOTHING] if math.isnan(found.smallest) else [],
        provenance=provenance.of_run(files, seed=seed),
        tables={
            "power": Table(tuple(row), [row], "The test, and the smallest r that it finds"),
            "power-curve": Table(experiment.COLUMNS, curve, "How often each r is found"),
        },
    )  # fmt: skip


def _show(record: Record, form: Format) -> None:
    from query.tables import show_rows

    table = record.tables["power"]
    show_rows(table.rows, table.columns, form)


def _of_pilot(path: Path, design: Design) -> Design:
    from indexer.errors import StudyError
    from query.cli.evaluate.mos import read
    from query.evaluation.power import from_pilot
    from query.evaluation.ratings import table
    from query.evaluation.study import in_order

    ratings, _, _ = read(path)
    scenes = {rating.pair: rating.scene for rating in ratings}
    _, pairs, values = table(ratings)
    order = sorted(range(len(pairs)), key=lambda at: (scenes[pairs[at]], in_order(pairs[at][0])))
    named, values = [scenes[pairs[at]] for at in order], values[:, order]
    try:
        return from_pilot(values, named, design)
    except ValueError as error:
        raise StudyError(f"{path} is too small for a pilot: it needs {error}.") from error
