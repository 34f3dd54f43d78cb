"""`sonorize evaluate power`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from indexer.cli.common import say
from query.cli.evaluate.group import format_option
from query.cli.options import Range

if TYPE_CHECKING:
    from query.evaluation.power import Design
    from query.tables import Format


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
@click.option(
    "--seed", type=click.IntRange(0), default=0, show_default=True, help="Of the simulation."
)
@format_option
def power(
    raters: int, items: int, scenes: int, pilot: Path | None, wanted: float, alpha: float,
    seed: int, form: Format,
) -> None:  # fmt: skip
    """The smallest correlation with a metric that a listening test would find, by simulation.

    Every rater rates every item. The correlation is that of the metric with what items are truly
    worth, within scenes; it is tested on the means of items. Without --pilot, items differ by .5
    points (standard deviation), raters by .5, and single ratings by .8.

    \b
    sonorize evaluate power
    sonorize evaluate power --raters 20 --items 15 --pilot ratings.csv
    """
    from query.evaluation.power import Design, smallest_correlation
    from query.tables import show_rows

    design = Design(raters, items, scenes)
    if pilot is not None:
        design = _of_pilot(pilot, design)
    found = smallest_correlation(design, power=wanted, alpha=alpha, seed=seed)
    row = {
        "raters": raters, "items": items, "scenes": scenes, "ratings": raters * items * scenes,
        "item_sd": design.spread, "rater_sd": design.rater_sd, "noise_sd": design.noise_sd,
        "power": wanted, "smallest_r": found.smallest,
    }  # fmt: skip
    show_rows([row], tuple(row), form)
    if found.smallest != found.smallest:
        say("Not even r = 1 would be found so often: take more items or raters.")


def _of_pilot(path: Path, design: Design) -> Design:
    from indexer.errors import StudyError
    from query.cli.evaluate.mos import read
    from query.evaluation.power import from_pilot
    from query.evaluation.ratings import table

    ratings, _, _ = read(path)
    scenes = {rating.pair: rating.scene for rating in ratings}
    _, pairs, values = table(ratings)
    try:
        return from_pilot(values, [scenes[pair] for pair in pairs], design)
    except ValueError as error:
        raise StudyError(f"{path} is too small for a pilot: it needs {error}.") from error
