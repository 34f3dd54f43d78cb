"""Correlations: laws, second implementations, and planted, clustered ratings."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy import stats
from scipy.signal import lfilter
from sklearn.linear_model import LinearRegression

from query.evaluation.metrics import correlation

few = settings(max_examples=15, deadline=None)

small = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=4, max_size=20)
varied = small.filter(lambda pairs: all(len(set(side)) > 1 for side in zip(*pairs, strict=True)))


def sides(pairs: list[tuple[int, int]]) -> tuple[Any, Any]:
    x, y = np.array(pairs, float).T
    return x, y


@few
@given(varied)
def test_pearson_is_numpys(pairs: list[tuple[int, int]]) -> None:
    x, y = sides(pairs)
    found = correlation.pearson(x, y)
    assert_allclose(found.value, np.corrcoef(x, y)[0, 1], atol=1e-12)
    assert_allclose(correlation.pearson(3 * x - 1, -y).value, -found.value, atol=1e-12)
    assert found.low - 1e-12 <= found.value <= found.high + 1e-12


def test_fishers_interval_by_hand() -> None:
    rng = np.random.default_rng(3)
    x = rng.standard_normal(50)
    y = x + rng.standard_normal(50)
    found = correlation.pearson(x, y)
    z, half = np.arctanh(found.value), 1.959963984540054 / np.sqrt(47)
    assert_allclose([found.low, found.high], np.tanh([z - half, z + half]))


def test_the_papers_second_experiment_is_no_news_over_items() -> None:
    """r = -.19: p = .02 when 147 ratings are taken for independent, .41 for 21 items."""
    for count, p in ((147, 0.02), (21, 0.41)):
        t = -0.19 * np.sqrt((count - 2) / (1 - 0.19**2))
        assert_allclose(2 * stats.t.cdf(t, count - 2), p, atol=0.005)
    assert_allclose(np.mean([-0.73, -0.19, -0.29]), -0.40, atol=0.005)
    assert_allclose(correlation.fisher_mean([-0.73, -0.19, -0.29]), -0.44, atol=0.005)
    assert np.isnan(correlation.fisher_mean([1.0, -1.0]))


@few
@given(varied)
def test_kendall_counts_pairs_and_leaves_out_ties(pairs: list[tuple[int, int]]) -> None:
    x, y = sides(pairs)
    signs = [(np.sign(a[0] - b[0]), np.sign(a[1] - b[1])) for a, b in combinations(pairs, 2)]
    total = sum(one * two for one, two in signs)
    untied = [sum(sign[side] != 0 for sign in signs) for side in (0, 1)]
    expected = total / np.sqrt(untied[0] * untied[1])
    assert_allclose(correlation.kendall(x, y).value, expected, atol=1e-12)


@few
@given(varied)
def test_spearman_is_pearson_of_ranks(pairs: list[tuple[int, int]]) -> None:
    x, y = sides(pairs)
    expected = np.corrcoef(stats.rankdata(x), stats.rankdata(y))[0, 1]
    assert_allclose(correlation.spearman(x, y).value, expected, atol=1e-12)


def test_what_is_constant_goes_with_nothing() -> None:
    for found in correlation.evaluate([1.0, 1.0, 1.0, 1.0], [1.0, 2.0, 3.0, 4.0]).values():
        assert np.isnan(found.value)


@few
@given(st.integers(0, 10_000))
def test_partial_is_the_correlation_of_residuals(seed: int) -> None:
    x, y, z = np.random.default_rng(seed).standard_normal((3, 30))
    rests = [v - LinearRegression().fit(z[:, None], v).predict(z[:, None]) for v in (x, y)]
    found = correlation.partial(x, y, z)
    assert_allclose(found.value, np.corrcoef(*rests)[0, 1], atol=1e-12)
    xy, xz, yz = (np.corrcoef(a, b)[0, 1] for a, b in ((x, y), (x, z), (y, z)))
    assert_allclose(found.value, (xy - xz * yz) / np.sqrt((1 - xz**2) * (1 - yz**2)), atol=1e-9)


def test_partial_of_what_the_third_explains() -> None:
    rng = np.random.default_rng(0)
    z = rng.standard_normal(400)
    x, y = z + 0.5 * rng.standard_normal(400), z + 0.5 * rng.standard_normal(400)
    assert correlation.pearson(x, y).value > 0.7
    found = correlation.partial(x, y, z)
    assert abs(found.value) < 0.1
    assert found.p > 0.05
    assert np.isnan(correlation.partial(2 * z + 1, y, z).value)


def test_holm_by_hand() -> None:
    adjusted = correlation.holm([0.01, 0.04, np.nan, 0.03, 0.005])
    assert_allclose(adjusted, [0.03, 0.06, np.nan, 0.06, 0.02])
    assert correlation.holm([0.9, 0.8]) == [1.0, 1.0]
    assert correlation.holm([]) == []


def clustered(
    slope: float, seed: int = 0, scenes: int = 3, frames: int = 21, raters: int = 7
) -> tuple[Any, Any, list[str]]:
    """(raters, items) ratings as the paper's, the metric of each item, and its scene.

    Raters have leanings of their own and scenes levels of their own; within a scene the
    mean rating falls with the metric by `slope`.
    """
    rng = np.random.default_rng(seed)
    count = scenes * frames
    scene = np.repeat(np.arange(scenes), frames)
    metric = rng.standard_normal(count)
    level = 3 + 0.8 * (scene - 1) + slope * metric + 0.3 * rng.standard_normal(count)
    leaning = rng.normal(0, 0.5, raters)[:, None]
    table = level + leaning + rng.normal(0, 0.7, (raters, count))
    return table, metric, [f"scene {number}" for number in scene]


@pytest.mark.parametrize("slope", [-0.6, 0.0])
def test_a_planted_correlation_lies_within_its_interval(slope: float) -> None:
    table, metric, _ = clustered(slope)
    expected = slope / np.sqrt(slope**2 + 0.3**2 + 0.8**2 * 2 / 3 + 0.7**2 / 7)
    found = correlation.bootstrap_two_way(table, metric, rounds=500)
    assert found.low < expected < found.high
    again = correlation.bootstrap_two_way(table, metric, rounds=500)
    assert found == again


def test_drawing_raters_twice_moves_no_interval_towards_zero() -> None:
    """Means of the raters drawn are of fewer raters: without a correction, 11 % of intervals lay
    wholly nearer 0 than what they are of, at r = -.9 of 20 raters, and none beyond it."""
    off, covered = [], 0
    for seed in range(30):
        rng = np.random.default_rng(seed)
        metric, own, noise = rng.standard_normal(40), *rng.standard_normal((2, 7, 40))
        table = -metric + 0.3 * own[0] + 1.5 * noise
        found = correlation.bootstrap_two_way(table, metric, rounds=300, seed=seed)
        expected = -1 / np.sqrt(1 + 0.3**2 + 1.5**2 / 7)
        covered += found.low < expected < found.high
        off.append((np.arctanh(found.low) + np.arctanh(found.high)) / 2 - np.arctanh(found.value))
    assert abs(np.mean(off)) < 0.07  # .2 without
    assert covered >= 27


def test_what_fits_wholly_has_an_interval_too() -> None:
    found = correlation.bootstrap_two_way(np.tile(np.arange(6.0), (3, 1)), np.arange(6.0))
    assert_allclose(found[:3], 1)


def test_one_rater_says_nothing_of_others() -> None:
    table, metric, _ = clustered(-0.6)
    found = correlation.bootstrap_two_way(table[:1], metric, rounds=50)
    assert found.value < -0.2
    assert np.isnan([found.low, found.high]).all()


def test_taking_ratings_by_themselves_is_too_sure() -> None:
    """The pooled interval is narrower than the one that knows of raters and items."""
    table, metric, _ = clustered(-0.3)
    pooled = correlation.pearson(np.tile(metric, len(table)), table.ravel())
    honest = correlation.bootstrap_two_way(table, metric, rounds=500)
    assert honest.high - honest.low > 1.3 * (pooled.high - pooled.low)


def test_within_groups_sees_the_planted_slope_and_no_difference_of_scenes() -> None:
    table, metric, scenes = clustered(-0.6)
    means = correlation.item_means(table)
    found = correlation.within_groups(metric, means, scenes, rounds=500)
    expected = -0.6 / np.sqrt(0.6**2 + 0.3**2 + 0.7**2 / 7)
    assert_allclose(found.value, expected, atol=0.1)
    assert found.p == 1 / 501
    # a metric that tells scenes apart and nothing else
    told = np.unique(scenes, return_inverse=True)[1] + 0.1 * metric[::-1]
    assert correlation.pearson(told, means).p < 0.001
    assert correlation.within_groups(told, means, scenes, rounds=500).p > 0.05


def test_permutations_find_nothing_as_often_as_they_say() -> None:
    ps = [
        correlation.within_groups(*np.random.default_rng(seed).standard_normal((2, 12)),
                                  "aaaabbbbcccc", rounds=99).p
        for seed in range(200)
    ]  # fmt: skip
    assert 0.02 < np.mean(np.array(ps) <= 0.1) < 0.18


def test_what_drifts_with_its_neighbours_is_not_found_when_turned() -> None:
    """Two independent drifts of 21 frames in three scenes: shuffled, a third are "found"."""

    def share(turned: bool) -> float:
        ps = []
        for seed in range(80):
            rng = np.random.default_rng(seed)
            drifts = lfilter([0.6], [1, -0.8], rng.standard_normal((2, 3, 21)), axis=-1)
            x, y = drifts.reshape(2, -1)
            scenes = np.repeat(range(3), 21).tolist()
            found = correlation.within_groups(x, y, scenes, turned=turned, rounds=99)
            ps.append(found.p)
        return float(np.mean(np.array(ps) <= 0.05))

    assert share(turned=False) > 0.2
    assert share(turned=True) < 0.15
    table, metric, scenes = clustered(-0.6)
    means = correlation.item_means(table)
    assert correlation.within_groups(metric, means, scenes, turned=True, rounds=500).p < 0.01


def test_item_means_pass_over_gaps() -> None:
    table = np.array([[1.0, np.nan, np.nan], [3.0, 4.0, np.nan]])
    assert_allclose(correlation.item_means(table), [2, 4, np.nan])


@pytest.mark.parametrize(("x", "y"), [([1.0], [2.0]), ([1, 2], [1, 2, 3]), ([1, np.nan], [1, 2])])
def test_what_cannot_go_together_is_refused(x: Any, y: Any) -> None:
    with pytest.raises(ValueError, match=r"value"):
        correlation.pearson(x, y)


@pytest.mark.parametrize(("scenes", "pairs"), [(1, 5), (1, 10), (2, 4)])
def test_few_pairs_prove_nothing_where_neighbours_are_kept(scenes: int, pairs: int) -> None:
    x = np.random.default_rng(0).standard_normal(scenes * pairs)
    groups = np.repeat(np.arange(scenes), pairs).tolist()
    found = correlation.within_groups(x, x, groups, turned=True, rounds=5000)
    assert found.p == pytest.approx(pairs**-scenes, rel=0.15)
    assert correlation.within_groups(x, x, groups, rounds=5000).p < 0.02
