"""Freesound's order and popularity of the sounds of a term, against ours."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from indexer.errors import StudyError
from indexer.sources.freesound.source import id_of
from query import targets
from query.ask import Ask
from query.evaluation.metrics import correlation

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from indexer.catalog.freesound import Ranked
    from query.search import Searcher

COLUMNS = ("term", "sort", "freesound", "ours", "tau_b", "p", "sounds", "ties")
ALL = Ask(k=10**9, all_takes=True, cut=False, placed=False)


class _Term(NamedTuple):
    query: str
    sort: str
    theirs: Mapping[int, Ranked]


def compare(search: Searcher) -> list[dict[str, Any]]:
    """A row for each term, order of theirs and order of ours; tau-b > 0 where they agree.

    theirs   order (sounds of equal score are one tie block), downloads, rating
    ours     meaning of the term's words, and what is heard alone
    ties     sounds that share their place with another in Freesound's order
    Raises StudyError where the library holds no two sounds of one term.
    """
    kept = search.libraries[0].catalog.freesound
    terms = [
        _Term(t.query, t.sort, {r.sound_id: r for r in kept.order(t.id)}) for t in kept.terms()
    ]
    rows = [row for term in terms for row in _compared(search, term)]
    if not rows:
        raise StudyError(
            "This library holds no two sounds of one of Freesound's terms: build it with "
            '`sonorize build-index freesound:"WORDS"`.'
        )
    return rows


def _compared(search: Searcher, term: _Term) -> Iterator[dict[str, Any]]:
    for ours, ask in (("meaning", ALL), ("heard alone", replace(ALL, metadata_weight=0.0))):
        hits = [hit for hit in search.by_meaning(term.query, ask) if hit.source == "freesound"]
        both = [
            (term.theirs[key], hit.id) for hit in hits if (key := id_of(hit.path)) in term.theirs
        ]
        if len(both) < 2:
            continue
        scores = _scores(search, term.query, ask, [sound_id for _, sound_id in both])
        ties = np.array([ranked.tie for ranked, _ in both])
        orders = {
            "order": -ties,
            "downloads": np.array([ranked.downloads for ranked, _ in both]),
            "rating": np.array([ranked.rating for ranked, _ in both]),
        }
        shared = int((np.bincount(ties)[ties] > 1).sum())
        for name, values in orders.items():
            found = correlation.kendall(values, scores)
            yield {
                "term": term.query, "sort": term.sort, "freesound": name, "ours": ours,
                "tau_b": found.value, "p": found.p, "sounds": len(both), "ties": shared,
            }  # fmt: skip


def _scores(search: Searcher, words: str, ask: Ask, ids: Sequence[int]) -> NDArray[np.float64]:
    """(n,) to what float32 tells apart; the four digits that a hit shows would make ties."""
    assert search.encoder is not None, "a meaning was ranked"
    question = targets.mean(search.encoder.embed_texts([words]))
    keys = [(0, sound_id) for sound_id in ids]
    found = search.shelves.scores(keys, question, search.weights(question, ask))
    return np.round([found[key][0] for key in keys], 6)
