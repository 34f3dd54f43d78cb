"""A library asked all questions in every way that it can be, beside chance and plain words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from indexer.errors import StudyError, Unheard
from indexer.progress import Progress
from query.ask import Ask
from query.evaluation.metrics import retrieval
from query.evaluation.retrieval.questions import Question, answers

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from query.ranking import Hit
    from query.search import Searcher

Ranker = Callable[[Question], list[int]]

ALL = Ask(k=10**9, all_takes=True, cut=False, placed=False)
HEARD = replace(ALL, metadata_weight=0.0)
MOMENTS = replace(ALL, moments=True)
RANDOM = "random"
ORDERS = 20  # random ones, of which the mean is taken
ROUNDS = 2000

METRICS = (
    *(f"hit@{k}" for k in retrieval.KS), *(f"recall@{k}" for k in retrieval.KS),
    "mAP", "nDCG@10", "MRR", "first_rank",
)  # fmt: skip
SCORE_COLUMNS = ("kind", "asked", "metric", "value", "low", "high", "questions", "sounds")
QUESTION_COLUMNS = ("kind", "query", "asked", "relevant", *METRICS, "first")
DIFFERENCE_COLUMNS = ("kind", "asked", "against", "metric", "difference", "low", "high")


@dataclass(frozen=True, slots=True)
class Asked:
    """Rows by the columns above.

    scores       means over questions (of `first_rank` the median) with bootstrap intervals;
                 questions with the same answers, as five captions of a clip, are drawn at once
    questions    every question by itself; `first` is the sound that came first
    differences  best moment against the whole clip, and ours against the others, question by
                 question, with bootstrap intervals
    unanswered   questions to which nothing in the library is relevant; they are not asked
    """

    scores: list[dict[str, Any]]
    questions: list[dict[str, Any]]
    differences: list[dict[str, Any]]
    unanswered: list[str]


def places(search: Searcher) -> dict[str, set[int]]:
    """The first library's rankable sounds by their paths below its folders; several folders may
    have a file of the same path."""
    catalog = search.libraries[0].catalog
    found: dict[str, set[int]] = {}
    for root in catalog.roots():
        for path, known in catalog.known(root.id).items():
            if known.status != "failed":
                found.setdefault(path, set()).add(known.sound_id)
    return found


def ask_all(
    search: Searcher,
    questions: Sequence[Question],
    *,
    seed: int = 0,
    progress: Progress | None = None,
) -> Asked:
    """Takes are not collapsed, and the whole library is ranked; one library.

    Raises StudyError where nothing is relevant to any question.
    """
    progress = progress or Progress()
    where = places(search)
    answered = [
        (question, right - _itself(search, question))
        for question, right in answers(questions, where)
    ]
    known = [(question, right) for question, right in answered if right]
    if not known:
        raise StudyError(
            "Nothing in this library is relevant to any of the questions: what is relevant is "
            "written as paths below the library's folders; see `sonorize library roots`."
        )
    names = {sound: path for path, sounds in reversed(where.items()) for sound in sounds}
    ways = rankers(search, sorted(names), seed)
    progress.stage("Asking", sum(len(ways[question.kind]) for question, _ in known), "answers")
    rows = list(_rows(search, known, ways, names, progress))
    together = _together(known)
    return Asked(
        scores=[{**row, "sounds": len(names)} for row in _scores(rows, together, seed)],
        questions=rows,
        differences=list(_differences(rows, together, seed)),
        unanswered=[question.name for question, right in answered if not right],
    )


def rankers(search: Searcher, sounds: Sequence[int], seed: int) -> dict[str, dict[str, Ranker]]:
    """Kind of question → way to ask → how; the first is what the commands do."""
    from query.video import read_pictures

    def pictures(ask: Ask) -> Ranker:
        return lambda q: _ids(search.by_pictures(read_pictures(Path(q.query)), ask))

    def meaning(ask: Ask) -> Ranker:
        return lambda q: _ids(search.by_meaning(q.query, ask))

    ways: dict[str, dict[str, Ranker]] = {
        "frame": {"sonorize": pictures(ALL), "best moment": pictures(MOMENTS)},
        "text": {
            "sonorize": lambda q: _ids(search.by_words(q.query, ALL)),
            "meaning": meaning(ALL),
            "best moment": meaning(MOMENTS),
            "BM25": lambda q: _ids(search.by_exact_words(" OR ".join(_quoted(q.query)), ALL)),
        },
        "sound": {"sonorize": _like(search)},
    }
    if _has_metadata(search):
        ways["frame"]["heard alone"] = pictures(HEARD)
        ways["text"]["heard alone"] = meaning(HEARD)
    if hasattr(search.encoder, "describe_image"):
        ways["frame"]["BM25 of its label"] = _label(search)
    for each in ways.values():
        each[RANDOM] = _at_random(sounds, seed)
    return ways


def _itself(search: Searcher, question: Question) -> frozenset[int]:
    """The sound that is asked with, if the library holds it: no answer in any way of asking."""
    if question.kind != "sound":
        return frozenset()
    path, shelf = Path(question.query), search.shelves[0]
    own = (shelf.at(path), shelf.at(path.resolve()))
    return frozenset(sound for sound in own if sound is not None)


def _like(search: Searcher) -> Ranker:
    def rank(question: Question) -> list[int]:
        try:
            return _ids(search.by_sound(question.query, ALL))
        except Unheard:  # of many questions one may be silent: it finds nothing
            return []

    return rank


def _label(search: Searcher) -> Ranker:
    """What the encoder takes the picture for, searched as words."""
    from query.video import read_pictures

    def rank(question: Question) -> list[int]:
        picture = read_pictures(Path(question.query))[0]
        described = search.encoder.describe_image(picture)  # type: ignore[union-attr]
        return _ids(search.by_exact_words(" OR ".join(_quoted(described[0][0])), ALL))

    return rank


def _at_random(sounds: Sequence[int], seed: int) -> Ranker:
    rng = np.random.default_rng(seed)
    return lambda _: [int(sound) for sound in rng.permutation(sounds)]


def _has_metadata(search: Searcher) -> bool:
    encoder = search.encoder
    return encoder is not None and search.libraries[0].uses_metadata(encoder)


def _quoted(words: str) -> list[str]:
    """Each word as itself, so that none is taken for an operator."""
    kept = "".join(letter if letter.isalnum() else " " for letter in words)
    return [f'"{word}"' for word in kept.split()] or ['""']


def _ids(hits: Iterable[Hit]) -> list[int]:
    return [hit.id for hit in hits]


def _rows(
    search: Searcher,
    known: Sequence[tuple[Question, frozenset[int]]],
    ways: Mapping[str, Mapping[str, Ranker]],
    names: Mapping[int, str],
    progress: Progress,
) -> Iterator[dict[str, Any]]:
    for question, right in known:
        itself = _itself(search, question)
        for asked, rank in ways[question.kind].items():
            orders = [
                [sound for sound in rank(question) if sound not in itself]
                for _ in range(ORDERS if asked == RANDOM else 1)
            ]
            each = [retrieval.evaluate(order, right) for order in orders]
            first = names.get(orders[0][0], "") if orders[0] else ""
            yield {
                "kind": question.kind,
                "query": question.name,
                "asked": asked,
                "relevant": len(right),
                **{name: float(_middle(name)([s[name] for s in each])) for name in METRICS},
                "first": first if asked != RANDOM else "",
            }
            progress.advance()


def _grouped(rows: Sequence[Mapping[str, Any]]) -> dict[tuple[str, str], dict[str, Any]]:
    """(kind, asked) → metric → one value a question, in the order of the questions."""
    groups: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for row in rows:
        groups.setdefault((row["kind"], row["asked"]), []).append(row)
    return {
        key: {name: np.array([row[name] for row in each]) for name in METRICS}
        for key, each in groups.items()
    }


def _together(
    known: Sequence[tuple[Question, frozenset[int]]],
) -> dict[str, NDArray[np.intp]]:
    """Kind → (answers, most) places among its questions of those with the same answers, filled up
    with -1."""
    places: dict[str, dict[frozenset[int], list[int]]] = {}
    so_far: Counter[str] = Counter()
    for question, right in known:
        places.setdefault(question.kind, {}).setdefault(right, []).append(so_far[question.kind])
        so_far[question.kind] += 1
    return {
        kind: np.array(list(zip_longest(*each.values(), fillvalue=-1))).T
        for kind, each in places.items()
    }


def _scores(
    rows: Sequence[Mapping[str, Any]], together: Mapping[str, NDArray[np.intp]], seed: int
) -> Iterator[dict[str, Any]]:
    for (kind, asked), values in _grouped(rows).items():
        for name, each in values.items():
            middle = _middle(name)
            low, high = _interval(each, middle, together[kind], seed)
            yield {
                "kind": kind, "asked": asked, "metric": name, "value": float(middle(each)),
                "low": low, "high": high, "questions": len(each),
            }  # fmt: skip


def _differences(
    rows: Sequence[Mapping[str, Any]], together: Mapping[str, NDArray[np.intp]], seed: int
) -> Iterator[dict[str, Any]]:
    groups = _grouped(rows)
    for kind, asked in groups:
        clip = "meaning" if kind == "text" else "sonorize"
        if asked == "best moment":
            pairs = [(asked, clip)]
        else:
            pairs = [("sonorize", asked)] if asked not in ("sonorize", "meaning") else []
        for ours, other in pairs:
            for name in ("hit@10", "mAP"):
                apart = groups[kind, ours][name] - groups[kind, other][name]
                low, high = _interval(apart, np.nanmean, together[kind], seed)
                yield {
                    "kind": kind, "asked": ours, "against": other, "metric": name,
                    "difference": float(apart.mean()), "low": low, "high": high,
                }  # fmt: skip


def _middle(metric: str) -> Callable[..., Any]:
    """A first rank may be infinite, and a few late ones say little of the rest."""
    return np.nanmedian if metric == "first_rank" else np.nanmean


def _interval(
    values: Any, middle: Callable[..., Any], together: NDArray[np.intp], seed: int
) -> tuple[float, float]:
    """95 % of the middles of questions drawn anew (percentile bootstrap), those with the same
    answers at once.

    None where all questions have one value, or one answer: drawn from these, it would be sure.
    """
    count = len(together)
    if count < 2 or (values == values[0]).all():
        return float("nan"), float("nan")
    drawn = together[np.random.default_rng(seed).integers(count, size=(ROUNDS, count))]
    held = np.append(values, np.nan)[drawn.reshape(ROUNDS, -1)]  # -1: none
    with np.errstate(invalid="ignore"):  # a median between two ranks of infinity
        low, high = np.percentile(middle(held, axis=1), [2.5, 97.5], method="nearest")
    return float(low), float(high)
