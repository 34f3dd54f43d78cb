"""`sonorize evaluate mos`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from indexer.cli.common import counted, say
from query.cli.evaluate.group import format_option, out_option, ratings_argument

if TYPE_CHECKING:
    from query.evaluation.mos import Opinions
    from query.evaluation.ratings import Rating
    from query.tables import Format


@click.command()
@ratings_argument
@format_option
@out_option
def mos(ratings_file: Path, form: Format, out: Path | None) -> None:
    """Mean opinion scores of pairs of a frame and a sound: each item, scene and arm.

    RATINGS.csv has a line a rating: rater,frame,sound,fit and, if you like, quality,scene,arm,kind
    (item, or repeat, reference, anchor, which do not count here). Scores are 1 (bad) to 5
    (excellent). Intervals of items are over raters, those of groups over raters and items.

    \b
    sonorize evaluate mos ratings.csv
    sonorize evaluate mos ratings.csv --out measured/
    """
    from query.evaluation import mos as experiment

    measured = experiment.summarise(read(ratings_file))
    if out is not None:
        _write(measured, out)
    _show(measured, form)


def read(path: Path) -> list[Rating]:
    """Ratings of items. Raises StudyError."""
    from indexer.errors import StudyError
    from query.evaluation import ratings

    everything = ratings.read_ratings(path)
    kept = ratings.items(everything)
    if not kept:
        raise StudyError(f"{path} holds no rating of an item, only checks of the raters.")
    if len(kept) < len(everything):
        say(f"{counted(len(everything) - len(kept), 'rating')} that check the raters left out.")
    return kept


def _write(measured: Opinions, out: Path) -> None:
    from query.evaluation import mos as experiment
    from query.evaluation import sheets

    sheets.write(out / "mos-items.csv", measured.items, experiment.ITEM_COLUMNS)
    sheets.write(out / "mos-groups.csv", measured.groups, experiment.GROUP_COLUMNS)
    sheets.write(out / "mos-arms.csv", measured.arms, experiment.ARM_COLUMNS)


def _show(measured: Opinions, form: Format) -> None:
    from query.evaluation import mos as experiment
    from query.tables import show_rows

    if form != "csv":
        show_rows(measured.groups, experiment.GROUP_COLUMNS, form, title="Opinions", table="groups")
        if measured.arms:
            show_rows(measured.arms, experiment.ARM_COLUMNS, form, title="Arms, frame by frame",
                      table="arms")  # fmt: skip
    show_rows(measured.items, experiment.ITEM_COLUMNS, form, title="Items", table="items")
