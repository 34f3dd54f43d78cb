"""`sonorize evaluate retrieval`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from indexer.cli.common import Bars, device_option, library_option, load_encoder, open_library, say
from indexer.counting import counted
from query.cli.evaluate.group import SHOWN, format_option, out_option
from query.cli.evaluate.out import deliver

if TYPE_CHECKING:
    from query.evaluation.report.record import Record, Table
    from query.evaluation.retrieval.asking import Asked
    from query.evaluation.retrieval.questions import Question
    from query.tables import Format


@click.command()
@click.argument("questions_at", metavar="QUESTIONS", type=click.Path(path_type=Path))
@library_option
@format_option
@out_option
@device_option
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True,
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
    record = measure(questions_at, library_folder, device, seed)
    deliver(record, out)
    _show(record, form)


def measure(
    questions_at: Path,
    library_folder: Path | None = None,
    device: str | None = None,
    seed: int = 0,
) -> Record:
    from query.evaluation.report import provenance
    from query.evaluation.report.record import Record
    from query.evaluation.retrieval.asking import ask_all
    from query.search import Searcher

    title, state, files, questions = _questions(questions_at)
    say(f"{title}: {counted(len(questions), 'question')}, {state}.")
    with open_library(library_folder) as library, closing(Bars()) as bars:
        encoder = load_encoder(library.config, device, exact=True)
        asked = ask_all(Searcher(library, encoder), questions, seed=seed, progress=bars)
        made = provenance.of_run(files, seed=seed) | provenance.of_model(encoder, library)
    if encoder.caveat:
        say(encoder.caveat)
    return Record(
        experiment="retrieval",
        title=title,
        state=state,
        options={
            "questions_at": str(questions_at.absolute()),
            "library_folder": made["library"],
            "device": device,
            "seed": seed,
        },
        notes=[
            "What is relevant was said by people, not by the model that ranks. Takes are not "
            "collapsed. Intervals are 95 % over questions drawn anew, those with the same answers "
            "at once.",
            *_labelled(questions),
            *_unanswered(asked.unanswered),
        ],
        provenance=made,
        tables=_tables(asked),
    )


def _questions(place: Path) -> tuple[str, str, Mapping[str, Path], list[Question]]:
    """Title, whether it is frozen, the files it names, and the questions."""
    from query.cli.evaluate.freeze import named
    from query.evaluation import freeze
    from query.evaluation.retrieval.collections import read_collection
    from query.evaluation.retrieval.questions import read_questions

    if place.is_dir():
        title, questions = read_collection(place)
        return title, "labels of its authors", {}, questions
    questions, files = read_questions(place), named(place)
    return place.name, freeze.state(place, files), {place.name: place, **files}, questions


def _labelled(questions: Sequence[Question]) -> Iterator[str]:
    labels = [label for label in dict.fromkeys(each.label for each in questions) if label]
    if labels:
        more = f"; and {len(labels) - SHOWN:,} more" if len(labels) > SHOWN else ""
        yield f"Labelled by (who, rule, date): {'; '.join(labels[:SHOWN])}{more}."


def _unanswered(names: Sequence[str]) -> Iterator[str]:
    if names:
        listed = ", ".join(names[:SHOWN]) + (", …" if len(names) > SHOWN else "")
        lead = f"{counted(len(names), 'question')} without a relevant sound here, left out"
        yield f"{lead}: {listed}."


def _tables(asked: Asked) -> dict[str, Table]:
    from query.evaluation.report.record import Table
    from query.evaluation.retrieval import asking

    return {
        "retrieval": Table(asking.SCORE_COLUMNS, asked.scores, "Scores of each way to ask"),
        "retrieval-differences": Table(
            asking.DIFFERENCE_COLUMNS, asked.differences, "Differences, question by question"
        ),
        "retrieval-questions": Table(asking.QUESTION_COLUMNS, asked.questions, "Every question"),
    }


def _show(record: Record, form: Format) -> None:
    from query.evaluation.retrieval import asking
    from query.tables import show_rows

    scores, differences = (
        record.tables[name].rows for name in ("retrieval", "retrieval-differences")
    )
    if form != "table":
        show_rows(scores, asking.SCORE_COLUMNS, form, table="scores")
        if form == "json":
            show_rows(differences, asking.DIFFERENCE_COLUMNS, form, table="differences")
        return
    shown = ("hit@1", "hit@10", "recall@10", "mAP", "MRR", "first_rank")
    sounds = counted(scores[0]["sounds"], "sound")
    for kind in dict.fromkeys(row["kind"] for row in scores):
        mine = [row for row in scores if row["kind"] == kind]
        title = f"{kind}: {counted(mine[0]['questions'], 'question')} of {sounds}, 95 % intervals"
        show_rows(_pivot(mine, shown), ("asked", *shown), form, title=title)
    columns = ("kind", "asked", "against", "metric", "difference", "low", "high")
    show_rows(differences, columns, form, title="Differences, question by question")


def _pivot(scores: Sequence[Mapping[str, Any]], shown: Sequence[str]) -> list[dict[str, str]]:
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
            line[row["metric"]] = f"{value}  {low}-{high}" if low != "nan" else value
    return list(lines.values())
