"""How one quantity goes with another, and what can be said of that where ratings are clustered.

Conventions: two arrays of equal length, at least 2 long and finite; NaN comes out where one of
them is constant. p values are two-sided. Random steps take a seed and repeat exactly.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Values = NDArray[np.float64]

NAN = float("nan")


class Estimate(NamedTuple):
    """A value, the ends of its interval, and p; NaN for what there is not."""

    value: float
    low: float = NAN
    high: float = NAN
    p: float = NAN


def validate(x: ArrayLike, y: ArrayLike) -> tuple[Values, Values]:
    """Both as float64. Raises ValueError for other lengths, fewer than 2, NaN or infinity."""
    one, two = (np.asarray(values, np.float64).ravel() for values in (x, y))
    if len(one) != len(two):
        raise ValueError(f"{len(one)} values cannot be compared with {len(two)}")
    if len(one) < 2:
        raise ValueError("two pairs of values are the least that can go together")
    if not (np.isfinite(one).all() and np.isfinite(two).all()):
        raise ValueError("a value is NaN or infinite")
    return one, two


def pearson(x: ArrayLike, y: ArrayLike, level: float = 0.95) -> Estimate:
    """r with Fisher's interval (which takes every pair for independent) and p."""
    from scipy.stats import pearsonr

    one, two = validate(x, y)
    if _constant(one, two) or len(one) < 3:
        return Estimate(NAN)
    found = pearsonr(one, two)
    low, high = found.confidence_interval(level) if len(one) > 3 else (NAN, NAN)
    return Estimate(float(found.statistic), float(low), float(high), float(found.pvalue))


def spearman(x: ArrayLike, y: ArrayLike) -> Estimate:
    """Pearson's r of the ranks, equal values sharing theirs; p of Student's t."""
    from scipy.stats import spearmanr

    one, two = validate(x, y)
    if _constant(one, two) or len(one) < 3:
        return Estimate(NAN)
    found = spearmanr(one, two)
    return Estimate(float(found.statistic), p=float(found.pvalue))


def kendall(x: ArrayLike, y: ArrayLike) -> Estimate:
    """Tau-b, which counts ties in either against neither."""
    from scipy.stats import kendalltau

    one, two = validate(x, y)
    if _constant(one, two):
        return Estimate(NAN)
    found = kendalltau(one, two, variant="b")
    return Estimate(float(found.statistic), p=float(found.pvalue))


def partial(x: ArrayLike, y: ArrayLike, given: ArrayLike) -> Estimate:
    """r of what is left of x and y when `given` has explained what it can (one straight line).

    p of Student's t with n - 3 degrees of freedom.
    """
    from scipy.stats import t

    one, two = validate(x, y)
    _, known = validate(one, given)
    if len(one) < 4 or _constant(one, two, known):
        return Estimate(NAN)
    rest = [_without(values, known) for values in (one, two)]
    lengths = [float(np.linalg.norm(values)) for values in rest]
    scales = [float(np.linalg.norm(values - values.mean())) for values in (one, two)]
    if min(length / scale for length, scale in zip(lengths, scales, strict=True)) < 1e-9:
        return Estimate(NAN)  # `given` explains one of them wholly
    r = float(np.clip(rest[0] @ rest[1] / (lengths[0] * lengths[1]), -1, 1))
    freedom = len(one) - 3
    score = float(abs(r) * np.sqrt(freedom / max(1 - r * r, 1e-300)))
    return Estimate(r, p=float(2 * t.sf(score, freedom)))


def fisher_mean(correlations: Sequence[float]) -> float:
    """Mean of several r by Fisher's z = artanh r, back as r; NaN ones are left out."""
    known = np.array([r for r in correlations if np.isfinite(r)])
    if not len(known):
        return NAN
    with np.errstate(divide="ignore", invalid="ignore"):  # 1 and -1 have no mean
        return float(np.tanh(np.arctanh(known).mean()))


def holm(p_values: Sequence[float]) -> list[float]:
    """p values adjusted for how many were tried (Holm 1979); NaN stays, and does not count."""
    known = [(p, place) for place, p in enumerate(p_values) if np.isfinite(p)]
    adjusted = [NAN] * len(p_values)
    highest = 0.0
    for tried, (p, place) in enumerate(sorted(known)):
        highest = max(highest, min(1.0, p * (len(known) - tried)))
        adjusted[place] = highest
    return adjusted


def bootstrap_two_way(
    ratings: NDArray[np.floating],
    metric: ArrayLike,
    *,
    level: float = 0.95,
    rounds: int = 2000,
    seed: int = 0,
) -> Estimate:
    """r between item means and metric, with an interval over raters *and* items.

    ratings (raters, items), NaN where there is none; each round draws raters and items anew with
    replacement (Owen 2007, "The pigeonhole bootstrap"). Of raters some are drawn twice, so that
    means are of fewer and r is nearer 0 than of all: so the interval is that of percentiles of
    Fisher's z, moved until their middle is the r found. It is of means of as many raters; r with
    what items are truly worth is farther from 0. Items are drawn as strangers: of neighbours that
    are alike it is too narrow. One rater says nothing of others: no interval.
    """
    table, values = np.asarray(ratings, np.float64), np.asarray(metric, np.float64)
    found = _of_means(item_means(table), values, np.ones(len(values)))
    if not several(table):
        return Estimate(float(found))
    means, weights = two_way_draws(table, rounds, seed)
    drawn = _of_means(means, values, weights)
    drawn = drawn[np.isfinite(drawn)]
    if not (len(drawn) and np.isfinite(found)):
        return Estimate(float(found))
    low, middle, high = np.percentile(_z(drawn), [50 - 50 * level, 50, 50 + 50 * level])
    ends = np.tanh(_z(found) + np.array([low, high]) - middle)
    return Estimate(float(found), *ends.tolist())


def _z(r: Values) -> Values:
    """Fisher's, finite for 1 and -1 too."""
    z: Values = np.arctanh(np.clip(r, -1 + 1e-12, 1 - 1e-12))
    return z


def several(ratings: NDArray[np.floating]) -> bool:
    """Whether two raters and two items of (raters, items) or more have ratings."""
    there = np.isfinite(ratings)
    return bool(min(there.any(axis=0).sum(), there.any(axis=1).sum()) > 1)


def two_way_draws(ratings: NDArray[np.floating], rounds: int, seed: int) -> tuple[Values, Values]:
    """Raters and items of (raters, items) drawn anew with replacement, so many times.

    (rounds, items) means over the raters drawn, NaN where none of them rated it; and how often
    each item was drawn.
    """
    table = np.asarray(ratings, np.float64)
    there = np.isfinite(table)
    rng = np.random.default_rng(seed)
    raters, items = (
        rng.multinomial(size, np.full(size, 1 / size), size=rounds).astype(np.float64)
        for size in table.shape
    )
    counts, sums = raters @ there, raters @ np.where(there, table, 0.0)
    means = np.divide(sums, counts, out=np.full(counts.shape, np.nan), where=counts > 0)
    return means, items


def within_groups(
    x: ArrayLike,
    y: ArrayLike,
    groups: Sequence[object],
    *,
    turned: bool = False,
    rounds: int = 5000,
    seed: int = 0,
) -> Estimate:
    """r of what is left when each group's mean is taken off, p by permutation within groups.

    p = (1 + as far from 0 as found) / (1 + rounds): a metric that only tells groups apart has
    none of this. `turned`: a group's values are in the order of time, and are moved along it in a
    circle instead of shuffled, so that neighbours stay neighbours. Where both drift, shuffling
    finds something in nothing (Harris 2020, "Nonsense correlations in neuroscience").
    """
    one, two = validate(x, y)
    _, labels = np.unique(np.array([str(group) for group in groups]), return_inverse=True)
    one, two = _centred(one, labels), _centred(two, labels)
    scale = float(np.linalg.norm(one) * np.linalg.norm(two))
    if scale < 1e-12:
        return Estimate(NAN)
    found = float(one @ two) / scale
    rng = np.random.default_rng(seed)
    products = np.zeros(rounds)
    for label in np.unique(labels):
        mine = np.flatnonzero(labels == label)
        moved = (_turned if turned else _shuffled)(one[mine], rounds, rng)
        products += moved @ two[mine]
    far = int((np.abs(products) >= (abs(found) - 1e-12) * scale).sum())
    return Estimate(found, p=(1 + far) / (1 + rounds))


def _shuffled(values: Values, rounds: int, rng: np.random.Generator) -> Values:
    return rng.permuted(np.broadcast_to(values, (rounds, len(values))), axis=1)


def _turned(values: Values, rounds: int, rng: np.random.Generator) -> Values:
    starts = rng.integers(len(values), size=(rounds, 1))
    turned: Values = values[(np.arange(len(values)) + starts) % len(values)]
    return turned


def evaluate(x: ArrayLike, y: ArrayLike) -> dict[str, Estimate]:
    """The three correlations, every pair taken by itself."""
    return {"pearson": pearson(x, y), "spearman": spearman(x, y), "kendall": kendall(x, y)}


def item_means(ratings: NDArray[np.floating]) -> Values:
    """(raters, items) to (items,), NaN where nobody rated."""
    table = np.asarray(ratings, np.float64)
    there = np.isfinite(table)
    counts = there.sum(axis=0)
    sums = np.where(there, table, 0.0).sum(axis=0)
    means: Values = np.divide(sums, counts, out=np.full(len(counts), np.nan), where=counts > 0)
    return means


def _of_means(means: Values, metric: Values, weights: Values) -> Values:
    """r of (…, items) means and (items,) metric, each item counting `weights`; NaN where fewer
    than three items differ."""
    known = np.isfinite(means) & np.isfinite(metric)
    weight = np.where(known, weights, 0.0)
    total = np.maximum(weight.sum(axis=-1, keepdims=True), 1.0)

    def centred(values: Values) -> Values:
        held = np.where(known, values, 0.0)
        rest: Values = held - (weight * held).sum(axis=-1, keepdims=True) / total
        return rest

    one, two = centred(means), centred(np.broadcast_to(metric, means.shape))
    products, squares, others = (
        (weight * pair).sum(axis=-1) for pair in (one * two, one * one, two * two)
    )
    scale = np.sqrt(squares * others)
    fit = (scale > 1e-12) & ((weight > 0).sum(axis=-1) > 2)
    r: Values = np.divide(products, scale, out=np.full(scale.shape, np.nan), where=fit)
    return r


def _constant(*arrays: Values) -> bool:
    return any(np.ptp(values) <= 1e-12 * np.abs(values).max() for values in arrays)


def _without(values: Values, known: Values) -> Values:
    centred, other = values - values.mean(), known - known.mean()
    rest: Values = centred - (centred @ other) / (other @ other) * other
    return rest


def _centred(values: Values, labels: NDArray[np.intp]) -> Values:
    means = np.bincount(labels, weights=values) / np.bincount(labels)
    centred: Values = values - means[labels]
    return centred
