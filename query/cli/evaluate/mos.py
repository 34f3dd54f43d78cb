"""`sonorize evaluate mos`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from indexer.cli.common import say
from indexer.counting import counted
from query.cli.evaluate.group import format_option, out_option, ratings_argument
from query.cli.evaluate.out import deliver

if TYPE_CHECKING:
    from query.evaluation.ratings import Rating
    from query.evaluation.report.record import Record
    from query.tables import Format

ELSEWHERE = "ratings made elsewhere"


@click.command()
@ratings_argument
@format_option
@out_option
def mos(ratings_file: Path, form: Format, out: Path | None) -> None:
    """Mean opinion scores of pairs of a frame and a sound: each item, scene and arm.

    RATINGS.csv has a line a rating: rater,frame,sound,fit and, if you like, quality,scene,arm,kind
    (item, or repeat, reference, anchor, which do not count here); or it is the .sqlite3 file of a
    listening test, of which the raters count who pass its checks. Scores are 1 (bad) to 5
    (excellent). Intervals of items are over raters, those of groups over raters and items.

    \b
    sonorize evaluate mos ratings.csv
    sonorize evaluate mos ratings.csv --out measured/
    """
    record = measure(ratings_file)
    deliver(record, out)
    _show(record, form)


def measure(ratings_file: Path) -> Record:
    from query.evaluation import mos as experiment
    from query.evaluation.ratings import COLUMNS
    from query.evaluation.report import provenance
    from query.evaluation.report.record import Record, Table

    ratings, title, state = read(ratings_file)
    found = experiment.summarise(ratings)
    tables = {
        "mos-groups": Table(experiment.GROUP_COLUMNS, found.groups, "Opinions of scenes and arms"),
        "mos-arms": Table(experiment.ARM_COLUMNS, found.arms, "Arms against each other, by frame"),
        "mos-items": Table(experiment.ITEM_COLUMNS, found.items, "Opinions of each item"),
        "mos-ratings": Table(COLUMNS, list(map(asdict, ratings))),
    }
    return Record(
        experiment="mos",
        title=title,
        state=state,
        options={"ratings_file": str(ratings_file.absolute())},
        notes=[
            "Intervals of items are Student's over raters; those of scenes and arms are of raters "
            "and items drawn anew. Arms are compared on the frames that both have, p by turning "
            "the signs of frames or of raters, whichever finds less; p_holm counts the arms "
            "compared.",
        ],
        provenance=provenance.of_run({ratings_file.name: ratings_file}, seed=0),
        tables=tables,
        folder=str(ratings_file.absolute().parent),
    )


def read(path: Path) -> tuple[list[Rating], str, str]:
    """Ratings of items, what they are of, and whether that was frozen. Raises StudyError."""
    from indexer.errors import StudyError
    from query.evaluation import ratings

    if path.suffix == ".sqlite3":
        everything, title, state = _of_test(path)
    else:
        everything, title, state = ratings.read_ratings(path), path.stem, ELSEWHERE
    kept = ratings.items(everything)
    if not kept:
        raise StudyError(f"{path} holds no rating of an item by someone who counts.")
    if len(kept) < len(everything):
        say(f"{counted(len(everything) - len(kept), 'rating')} that check the raters left out.")
    return kept, title, state


def _of_test(path: Path) -> tuple[list[Rating], str, str]:
    """Of those who count by the rules of the test; the others are named, with the reason."""
    from query.evaluation.listening import exclusion, store

    head, sessions = store.read_store(path)
    say(f"{head.title}: {head.state}.")
    for rater, reason in exclusion.judge(sessions, head.rules).items():
        say(f"Left out rater {rater}: {reason}.")
    return exclusion.counted(sessions, head.rules), head.title, head.state


def _show(record: Record, form: Format) -> None:
    from query.tables import show_rows

    groups, arms, items = (record.tables[f"mos-{name}"] for name in ("groups", "arms", "items"))
    if form != "csv":
        show_rows(groups.rows, groups.columns, form, title="Opinions", table="groups")
        if arms.rows:
            show_rows(arms.rows, arms.columns, form, title="Arms, frame by frame", table="arms")
    show_rows(items.rows, items.columns, form, title="Items", table="items")
