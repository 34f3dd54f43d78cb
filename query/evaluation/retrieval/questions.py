"""Questions with their answers: `questions.csv`.

    kind,query,relevant,author,rule,date
    frame,photos/horse.png,horse-* | horses/*.wav,AB,what its subject sounds like,2026-11-28
    text,heavy rain,rain.ogg,,,
    sound,recordings/door.wav,doors/*,,,

kind      frame (a picture or video), text, or sound
query     words, or a path relative to the file
relevant  patterns over paths below a library's folders, parted by " | "; `*` matches `/` too, and
          capitals count
author, rule, date: who said so, by which rule, and when; may be left out
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import chain
from pathlib import Path
from typing import Literal, cast, get_args

from indexer.errors import StudyError
from query.evaluation import sheets

Kind = Literal["frame", "text", "sound"]
COLUMNS = ("kind", "query", "relevant", "author", "rule", "date")
BETWEEN = " | "


@dataclass(frozen=True, slots=True)
class Question:
    """`query` is words, or an absolute path; `shown` is how it was written; `label`: who said
    what is relevant, by which rule, and when."""

    kind: Kind
    query: str
    relevant: tuple[str, ...]
    shown: str = ""
    label: str = ""

    @property
    def name(self) -> str:
        return self.shown or self.query


def read_questions(path: Path) -> list[Question]:
    """Raises StudyError, naming the line, for what is not as above."""
    questions = []
    for line, row in enumerate(sheets.read(path, COLUMNS[:3], COLUMNS[3:]), 2):
        kind, query = row["kind"], row["query"]
        relevant = tuple(part.strip() for part in row["relevant"].split(BETWEEN) if part.strip())
        if kind not in get_args(Kind):
            raise StudyError(f"{path}, line {line}: kind is {kind!r}; it is frame, text or sound.")
        if not (query and relevant):
            raise StudyError(f"{path}, line {line}: a question needs a query and what is relevant.")
        place = query if kind == "text" else str(path.absolute().parent / query)
        if kind != "text" and not Path(place).is_file():
            raise StudyError(f"{path}, line {line}: there is no file {query}: check the path.")
        label = ", ".join(row[name] for name in COLUMNS[3:] if row[name])
        questions.append(Question(cast("Kind", kind), place, relevant, query, label))
    if not questions:
        raise StudyError(f"{path} holds no question: write one a line.")
    return questions


def answers(
    questions: Sequence[Question], places: Mapping[str, Collection[int]]
) -> list[tuple[Question, frozenset[int]]]:
    """Each with the sounds that are relevant; `places`: sounds by path below their folder."""
    known: dict[str, frozenset[int]] = {}
    for pattern in {each for question in questions for each in question.relevant}:
        known[pattern] = frozenset(_fitting(pattern, places))
    return [
        (question, frozenset().union(*(known[pattern] for pattern in question.relevant)))
        for question in questions
    ]


def _fitting(pattern: str, places: Mapping[str, Collection[int]]) -> Iterable[int]:
    if not set("*?[") & set(pattern):
        return places.get(pattern, ())
    fitting = (sounds for path, sounds in places.items() if fnmatchcase(path, pattern))
    return chain.from_iterable(fitting)


def literal(path: str) -> str:
    """A path as a pattern that fits it alone."""
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in path)
