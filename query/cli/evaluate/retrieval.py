"""`sonorize evaluate retrieval`."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from indexer.cli.common import (
    Bars,
    counted,
    device_option,
    library_option,
    load_encoder,
    open_library,
    say,
)
from query.cli.evaluate.group import SHOWN, format_option, out_option

if TYPE_CHECKING:
    from query.evaluation.retrieval.asking import Asked
    from query.evaluation.retrieval.questions import Question
    from query.tables import Format


@click.command()
@click.argument("questions_at", metavar="QUESTIONS", type=click.Path(path_type=Path))
@library_option
@format_option
@out_option
@device_option
@click.option("--seed", type=int, default=0, show_default=True,
              help="Of random orders and bootstrap intervals.")  # fmt: skip
def retrieval(
    questions_at: Path, library_folder: Path | None, form: Format, out: Path | None,
    device: str | None, seed: int,
) -> None:  # fmt: skip
    """How well a library finds what is relevant: hit@k, Recall@k, mAP, nDCG, MRR, first rank.

    QUESTIONS is a CSV (kind,query,relevant: frame, text or sound; words or a path; patterns of
    relevant paths, parted by " | ") or a folder of ESC-50, VGGSound, AudioCaps or Clotho, whose
    sounds the library holds. Each question is asked as the commands do, by the best moment, by
    what is heard alone, with plain words (BM25), and at random; takes are not collapsed.
    Intervals are 95 % over questions drawn anew.

    \b
    sonorize evaluate retrieval questions.csv
    sonorize evaluate retrieval ~/ESC-50 --library ~/esc50-library --out measured/
    """
    from query.evaluation.retrieval.asking import ask_all
    from query.search import Searcher

    questions = _questions(questions_at)
    with open_library(library_folder) as library, closing(Bars()) as bars:
        encoder = load_encoder(library.config, device, exact=True)
        asked = ask_all(Searcher(library, encoder), questions, seed=seed, progress=bars)
    _say_unanswered(asked.unanswered)
    if out is not None:
        _write(asked, out)
    _show(asked, form)
    if encoder.caveat:
        say(encoder.caveat)


def _questions(place: Path) -> list[Question]:
    from query.cli.evaluate.freeze import named
    from query.evaluation import freeze
    from query.evaluation.retrieval.collections import read_collection
    from query.evaluation.retrieval.questions import read_questions

    if not place.is_dir():
        questions = read_questions(place)
        say(f"{place.name}: {freeze.state(place, named(place))}.")
        return questions
    name, questions = read_collection(place)
    say(f"{name}: {counted(len(questions), 'question')}.")
    return questions


def _say_unanswered(names: Sequence[str]) -> None:
    if names:
        listed = ", ".join(names[:SHOWN]) + (", …" if len(names) > SHOWN else "")
        say(f"{counted(len(names), 'question')} without a relevant sound here, left out: {listed}.")


def _write(asked: Asked, out: Path) -> None:
    from query.evaluation import sheets
    from query.evaluation.retrieval import asking

    sheets.write(out / "retrieval.csv", asked.scores, asking.SCORE_COLUMNS)
    sheets.write(out / "retrieval-questions.csv", asked.questions, asking.QUESTION_COLUMNS)
    sheets.write(out / "retrieval-differences.csv", asked.differences, asking.DIFFERENCE_COLUMNS)


def _show(asked: Asked, form: Format) -> None:
    from query.evaluation.retrieval import asking
    from query.tables import show_rows

    if form != "table":
        show_rows(asked.scores, asking.SCORE_COLUMNS, form, table="scores")
        if form == "json":
            show_rows(asked.differences, asking.DIFFERENCE_COLUMNS, form, table="differences")
        return
    shown = ("hit@1", "hit@10", "recall@10", "mAP", "MRR", "first_rank")
    sounds = counted(asked.scores[0]["sounds"], "sound")
    for kind in dict.fromkeys(row["kind"] for row in asked.scores):
        mine = [row for row in asked.scores if row["kind"] == kind]
        title = f"{kind}: {counted(mine[0]['questions'], 'question')} of {sounds}, 95 % intervals"
        show_rows(_pivot(mine, shown), ("asked", *shown), form, title=title)
    columns = ("kind", "asked", "against", "metric", "difference", "low", "high")
    show_rows(asked.differences, columns, form, title="Differences, question by question")


def _pivot(scores: Sequence[dict[str, Any]], shown: Sequence[str]) -> list[dict[str, str]]:
    """A line a way to ask, each score with its interval."""
    lines: dict[str, dict[str, str]] = {}
    for row in scores:
        if row["metric"] in shown:
            places = 0 if row["metric"] == "first_rank" else 2
            value, low, high = (
                f"{row[name]:.{places}f}".removeprefix("0" * bool(places))
                for name in ("value", "low", "high")
            )
            line = lines.setdefault(row["asked"], {"asked": row["asked"]})
            line[row["metric"]] = f"{value}  {low}-{high}"
    return list(lines.values())
