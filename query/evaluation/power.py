"""How small a correlation a listening test can still find, by simulation of the whole test."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from query.evaluation.metrics import correlation
from query.evaluation.metrics.ratings import complete
from query.evaluation.ratings import HIGHEST, LOWEST

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Values = NDArray[np.float64]

TRIED = tuple(np.linspace(0, 1, 11).round(1).tolist())
COLUMNS = ("r", "found")


@dataclass(frozen=True, slots=True)
class Design:
    """A study with every rater rating every item, in whole points from 1 to 5.

    items      frames with their sound, of each scene
    spread     of items' true worth within a scene, rater_sd: of raters' leanings, noise_sd: of a
               rating; standard deviations in points
    alike      correlation of neighbouring frames, in worth and in metric, 0..1; frames further
               apart are less alike by as much again (autoregressive)
    middle     mean rating: leanings and worth are cut off at the ends of the scale
    """

    raters: int
    items: int
    scenes: int
    spread: float = 0.5
    rater_sd: float = 0.5
    noise_sd: float = 0.8
    alike: float = 0.5
    middle: float = 3.0


@dataclass(frozen=True, slots=True)
class Power:
    """`smallest` r that is found with the power asked, and (r, share of studies that find it): at
    r = 0 that is how often the test finds something in nothing."""

    smallest: float
    curve: list[tuple[float, float]]


def smallest_correlation(
    design: Design,
    *,
    power: float = 0.8,
    alpha: float = 0.05,
    rounds: int = 400,
    seed: int = 0,
) -> Power:
    """Between a metric and what items are truly worth, within scenes.

    Each of `rounds` studies is drawn whole, rated, and tested as `correlate` does where neighbours
    are alike: means of items against the metric within scenes, p by moving the metric along the
    frames. NaN where not even r = 1 is found so often.
    """
    shares = np.mean([_finds(design, alpha, (seed, number)) for number in range(rounds)], axis=0)
    curve = list(zip(TRIED, shares.tolist(), strict=True))
    above = next((at for at, (_, found) in enumerate(curve) if found >= power), None)
    if above is None:
        return Power(float("nan"), curve)
    if above == 0:
        return Power(0.0, curve)
    (low, under), (high, over) = curve[above - 1 : above + 1]
    return Power(low + (high - low) * (power - under) / (over - under), curve)


def _finds(design: Design, alpha: float, seed: Sequence[int]) -> list[bool]:
    """Whether one study finds each r of TRIED: of the same draws, so that the curve is smooth."""
    rng = np.random.default_rng(seed)
    scenes = np.repeat(np.arange(design.scenes), design.items).tolist()
    metric, own = (_paths(design, rng) for _ in range(2))
    leanings = rng.normal(0, design.rater_sd, (design.raters, 1))
    noise = rng.normal(0, design.noise_sd, (design.raters, len(scenes)))
    turns = max(200, math.ceil(4 / alpha)) - 1  # enough for p to come below alpha
    found = []
    for r in TRIED:
        worth = design.spread * (r * metric + np.sqrt(1 - r * r) * own)
        rated = np.rint(design.middle + worth + leanings + noise).clip(LOWEST, HIGHEST)
        test = correlation.within_groups(
            metric, rated.mean(axis=0), scenes, turned=True, rounds=turns, seed=seed[-1]
        )
        found.append(bool(test.p <= alpha))  # not where all ratings are one
    return found


def _paths(design: Design, rng: np.random.Generator) -> Values:
    """(scenes * items,) values of sd 1, neighbours in a scene as alike as the design says."""
    fresh = rng.standard_normal((design.scenes, design.items))
    made = fresh.copy()
    for at in range(1, design.items):
        before = design.alike * made[:, at - 1]
        made[:, at] = before + np.sqrt(1 - design.alike**2) * fresh[:, at]
    return made.ravel()


def from_pilot(values: Values, scenes: Sequence[str], design: Design) -> Design:
    """The design with what (raters, pairs) ratings tell: a two-way analysis of variance within
    scenes, of a table without gaps (`complete`); pairs are in the order of the frames.

    Raises ValueError, saying what is lacking.
    """
    who, which = complete(values)
    table, named = values[np.ix_(who, which)], np.array(scenes)[which]
    raters, pairs = table.shape
    if raters < 2 or pairs < len(set(named)) + 2:
        raise ValueError("two raters who rated the same pairs, and two pairs more than scenes")
    leanings = table.mean(axis=1)
    rest = table - leanings[:, None]
    means = correlation.item_means(rest)
    groups = [
        means[named == scene] - means[named == scene].mean() for scene in dict.fromkeys(named)
    ]
    noise = ((rest - means) ** 2).sum() / ((raters - 1) * (pairs - 1))
    within = sum(float((group**2).sum()) for group in groups) / (pairs - len(groups))
    between = leanings.var(ddof=1) - noise / pairs
    made = replace(
        design,
        rater_sd=float(np.sqrt(max(between, 0.0))),
        noise_sd=float(np.sqrt(noise)),
        middle=float(table.mean()),
    )
    return _with_paths(made, groups, max(within - noise / raters, 0.0))


def _with_paths(design: Design, groups: Sequence[Values], variance: float) -> Design:
    """With how alike neighbours are, and the spread, of deviations from the means of scenes.

    A drift is partly taken for the mean of its scene. Of n items with variance 1 and a correlation
    of a between neighbours, the mean varies by v; so what is left of neighbours' covariance is
    a - v, and of the variance 1 - v (times n / (n - 1), as it was estimated).
    """
    if not variance:
        return replace(design, spread=0.0, alike=0.0)
    size = max(2, round(np.mean([len(group) for group in groups])))
    products = np.concatenate([group[1:] * group[:-1] for group in groups if len(group) > 1])
    a = np.linspace(0, 0.99, 100)
    v = ((1 + a) / (1 - a) - 2 * a * (1 - a**size) / (size * (1 - a) ** 2)) / size
    left = (1 - v) * size / (size - 1)
    at = int(np.abs((a - v) / left - products.mean() / variance).argmin())
    return replace(design, spread=float(np.sqrt(variance / left[at])), alike=float(a[at]))
