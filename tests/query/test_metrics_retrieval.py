"""Scores of rankings: by hand, and against scikit-learn."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from sklearn.metrics import (
    average_precision_score,
    label_ranking_average_precision_score,
    ndcg_score,
    top_k_accuracy_score,
)

from query.evaluation.metrics import retrieval

few = settings(max_examples=15, deadline=None)

RANKED = list("abcdefgh")

truths = st.lists(st.booleans(), min_size=2, max_size=30).filter(any)


def asked(truth: list[bool]) -> tuple[list[int], set[int], Any, Any]:
    """A ranking by place, what of it is relevant; and both as scikit-learn takes them."""
    relevant = {place for place, right in enumerate(truth) if right}
    scores = -np.arange(len(truth), dtype=float)
    return list(range(len(truth))), relevant, np.array([truth], int), scores[None]


def test_all_scores_of_one_ranking_by_hand() -> None:
    found = retrieval.evaluate(RANKED, {"b", "d", "z"})
    assert found["hit@1"] == 0
    assert found["hit@5"] == 1
    assert_allclose(found["recall@5"], 2 / 3)
    assert_allclose(found["mAP"], (1 / 2 + 2 / 4) / 3)
    assert_allclose(found["MRR"], 1 / 2)
    assert found["first_rank"] == 2
    best = 1 + 1 / math.log2(3) + 1 / 2
    assert_allclose(found["nDCG@10"], (1 / math.log2(3) + 1 / math.log2(5)) / best)


def test_what_is_not_found() -> None:
    found = retrieval.evaluate(RANKED, {"z"})
    assert found.pop("first_rank") == math.inf
    assert set(found.values()) == {0.0}


@few
@given(truths)
def test_average_precision_is_that_of_scikit_learn(truth: list[bool]) -> None:
    ranked, relevant, y, scores = asked(truth)
    ours = retrieval.average_precision(ranked, relevant)
    assert_allclose(ours, average_precision_score(y[0], scores[0]))
    if len(truth) > 1:
        assert_allclose(ours, label_ranking_average_precision_score(y, scores))


@few
@given(truths, st.integers(1, 12))
def test_ndcg_is_that_of_scikit_learn(truth: list[bool], k: int) -> None:
    ranked, relevant, y, scores = asked(truth)
    assert_allclose(retrieval.ndcg(ranked, relevant, k), ndcg_score(y, scores, k=k))


@few
@given(st.lists(st.integers(0, 3), min_size=2, max_size=12).filter(any))
def test_ndcg_takes_gains(gains: list[int]) -> None:
    said = {place: float(gain) for place, gain in enumerate(gains) if gain}
    scores = -np.arange(len(gains), dtype=float)
    ours = retrieval.ndcg(list(range(len(gains))), said)
    assert_allclose(ours, ndcg_score([gains], scores[None]))


@few
@given(st.lists(st.permutations(range(6)), min_size=6, max_size=8), st.integers(1, 5))
def test_hits_are_top_k_accuracy_where_one_is_relevant(orders: list[list[int]], k: int) -> None:
    answers = [place % 6 for place in range(len(orders))]
    scores = np.array([[-order.index(label) for label in range(6)] for order in orders])
    ours = np.mean([retrieval.hit(o, {a}, k) for o, a in zip(orders, answers, strict=True)])
    assert_allclose(ours, top_k_accuracy_score(answers, scores, k=k, labels=range(6)))


@few
@given(truths)
def test_laws(truth: list[bool]) -> None:
    ranked, relevant, *_ = asked(truth)
    one, ten = (retrieval.recall(ranked, relevant, k) for k in (1, 10))
    assert one <= ten <= retrieval.recall(ranked, relevant, 30) == 1
    best = sorted(ranked, key=lambda item: item not in relevant)
    found = retrieval.evaluate(best, relevant)
    assert found["mAP"] == found["MRR"] == found["nDCG@10"] == found["hit@1"] == 1
    assert retrieval.average_precision(ranked, relevant) <= 1


def test_what_cannot_be_scored_is_refused() -> None:
    with pytest.raises(ValueError, match="nothing is relevant"):
        retrieval.evaluate(RANKED, set())
    with pytest.raises(ValueError, match="twice"):
        retrieval.hit(["a", "a"], {"a"}, 1)
