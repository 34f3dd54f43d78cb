"""Ratings against published examples and independent computations."""

from __future__ import annotations

import math
from itertools import permutations
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy import stats

from query.evaluation.metrics import ratings

few = settings(max_examples=15, deadline=None)

NONE = np.nan

# Shrout & Fleiss 1979, table 2: six targets by four judges
JUDGES = np.array(
    [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]
).T

# Krippendorff 2011, part C: four observers by twelve units
OBSERVERS = np.array(
    [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, NONE, NONE, NONE],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, NONE, 3],
        [NONE, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, NONE],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, NONE],
    ]
)

tables = st.integers(0, 10_000).map(
    lambda seed: np.random.default_rng(seed).integers(1, 6, size=(5, 7)).astype(float)
)


def test_icc_of_shrout_and_fleiss() -> None:
    one, several = ratings.icc(JUDGES)
    assert_allclose([one, several], [0.29, 0.62], atol=0.005)


def test_who_left_early_takes_no_agreement_from_others() -> None:
    early = np.full((2, JUDGES.shape[1]), np.nan)
    early[0, 0], early[1, 1] = 3, 4
    assert ratings.icc(np.concatenate([JUDGES, early])) == ratings.icc(JUDGES)
    gap = np.array(JUDGES, float)
    gap[0, 5] = np.nan  # three raters of six items, or four of five
    assert ratings.icc(gap) == ratings.icc(gap[:, :5])


@pytest.mark.parametrize(
    ("scale", "alpha"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849)]
)
def test_alpha_of_krippendorff(scale: Any, alpha: float) -> None:
    assert_allclose(ratings.krippendorff_alpha(OBSERVERS, scale), alpha, atol=0.0006)


def alpha_by_pairs(table: Any) -> float:
    """Interval alpha as mean squared differences of pairs: within units, and over all."""
    units = [column[np.isfinite(column)] for column in table.T]
    units = [unit for unit in units if len(unit) > 1]
    all_values = np.concatenate(units)
    within = sum(
        sum((a - b) ** 2 for a, b in permutations(unit, 2)) / (len(unit) - 1) for unit in units
    )
    overall = sum((a - b) ** 2 for a, b in permutations(all_values, 2))
    return 1 - within / len(all_values) / (
        overall / (len(all_values) * (len(all_values) - 1))
    )  # fmt: skip


@few
@given(tables, st.integers(0, 6))
def test_alpha_agrees_with_the_sum_over_pairs(table: Any, gaps: int) -> None:
    table[0, :gaps] = NONE
    assert_allclose(ratings.krippendorff_alpha(table), alpha_by_pairs(table), atol=1e-12)


def icc_by_anova(table: Any) -> float:
    """ICC(2,1) from variance components, by explicit sums."""
    raters, items = table.shape
    grand = table.mean()
    effects = table - table.mean(0) - table.mean(1)[:, None] + grand
    error = (effects**2).sum() / ((raters - 1) * (items - 1))
    item = (raters * np.var(table.mean(0), ddof=1) - error) / raters
    rater = (items * np.var(table.mean(1), ddof=1) - error) / items
    return float(item / (item + rater + error))


@few
@given(tables)
def test_icc_is_the_share_of_variance_that_items_have(table: Any) -> None:
    assert_allclose(ratings.icc(table)[0], icc_by_anova(table), atol=1e-12)


def test_raters_who_contradict_each_other_agree_less_than_by_chance() -> None:
    one, several = ratings.icc([[1, 2, 1, 2], [2, 1, 2, 1]])
    assert one == pytest.approx(-2)  # an estimate: what is estimated is never so low
    assert math.isnan(several)


@few
@given(tables)
def test_mean_opinion_is_scipys_interval(table: Any) -> None:
    table[0, 0] = NONE
    found = ratings.mean_opinion(table)
    for column, (mean, low, high, count) in zip(table.T, found, strict=True):
        held = column[np.isfinite(column)]
        assert count == len(held)
        assert_allclose(mean, held.mean())
        if np.ptp(held):
            said = stats.t.interval(0.95, len(held) - 1, held.mean(), stats.sem(held))
            assert_allclose([low, high], said)


@few
@given(tables)
def test_order_of_raters_and_items_does_not_count(table: Any) -> None:
    table[1, 2] = NONE
    before, after = ratings.evaluate(table), ratings.evaluate(table[::-1, ::-1])
    assert before.keys() == after.keys()
    assert_allclose([*before.values()], [*after.values()], atol=1e-9)


def test_perfect_agreement_and_none() -> None:
    alike = np.tile([1.0, 3.0, 5.0], (4, 1))
    assert ratings.icc(alike) == pytest.approx((1, 1))
    assert ratings.krippendorff_alpha(alike) == 1
    assert np.isnan(ratings.krippendorff_alpha(np.full((3, 4), 2.0)))
    assert np.isnan(ratings.icc(np.full((3, 4), 2.0))).all()
    noise = np.random.default_rng(1).integers(1, 6, size=(20, 500)).astype(float)
    assert_allclose(ratings.krippendorff_alpha(noise), 0, atol=0.01)
    assert_allclose(ratings.icc(noise)[0], 0, atol=0.01)


def test_one_rating_has_a_mean_and_no_interval() -> None:
    found = ratings.mean_opinion([[4.0, NONE]])
    assert_allclose(found, [[4, NONE, NONE, 1], [NONE, NONE, NONE, 0]])


@pytest.mark.parametrize("wrong", [[1.0, 2.0], [[NONE]], [[np.inf]]])
def test_what_is_no_table_of_ratings_is_refused(wrong: Any) -> None:
    with pytest.raises(ValueError, match=r"rating"):
        ratings.validate(wrong)
