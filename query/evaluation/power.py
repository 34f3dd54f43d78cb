"""How small a correlation a listening test can still find, by simulation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from query.evaluation.metrics import correlation

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Design:
    """A study with every rater rating every item.

    items     frames with their sound, of each scene
    spread    of items' true means within a scene, rater_sd: of raters' leanings, noise_sd: of a
              rating; all in points of the scale
    """

    raters: int
    items: int
    scenes: int
    spread: float = 0.5
    rater_sd: float = 0.5
    noise_sd: float = 0.8


@dataclass(frozen=True, slots=True)
class Power:
    """`smallest` r that is found with the power asked, and the power at each r tried."""

    smallest: float
    curve: list[tuple[float, float]]


def smallest_correlation(
    design: Design,
    *,
    power: float = 0.8,
    alpha: float = 0.05,
    rounds: int = 1000,
    seed: int = 0,
) -> Power:
    """Between a metric and what items are truly worth, within scenes, tested two-sided by the
    means of items less those of their scenes.

    NaN where not even r = 1 is found so often.
    """
    curve = [
        (r, _power(design, r, alpha, rounds, seed)) for r in np.linspace(0, 1, 21).round(2).tolist()
    ]
    above = next((at for at, (_, found) in enumerate(curve) if found >= power), None)
    if above is None:
        return Power(float("nan"), curve)
    if above == 0:
        return Power(0.0, curve)
    (low, under), (high, over) = curve[above - 1 : above + 1]
    return Power(low + (high - low) * (power - under) / (over - under), curve)


def _power(design: Design, r: float, alpha: float, rounds: int, seed: int) -> float:
    """Share of simulated studies in which r is found."""
    from scipy.stats import t

    rng = np.random.default_rng(seed)  # the same draws at every r: the curve is smooth
    shape = (rounds, design.scenes, design.items)
    metric, own = rng.standard_normal((2, *shape))
    worth = design.spread * (r * metric + np.sqrt(1 - r * r) * own)
    leanings = rng.normal(0, design.rater_sd, (rounds, 1, 1)) / np.sqrt(design.raters)
    noise = rng.normal(0, design.noise_sd, shape) / np.sqrt(design.raters)
    rated = worth + leanings + noise
    one, two = (_centred(values) for values in (metric, rated))
    found = (one * two).sum(axis=1) / np.sqrt((one**2).sum(axis=1) * (two**2).sum(axis=1))
    freedom = design.scenes * (design.items - 1) - 1
    score = np.abs(found) * np.sqrt(freedom / np.maximum(1 - found**2, 1e-12))
    return float((score > t.ppf(1 - alpha / 2, freedom)).mean())


def _centred(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """(rounds, scenes, items) less the means of scenes, as (rounds, all items)."""
    centred = values - values.mean(axis=-1, keepdims=True)
    flat: NDArray[np.float64] = centred.reshape(len(values), -1)
    return flat


def from_pilot(values: NDArray[np.float64], scenes: list[str], design: Design) -> Design:
    """The design with the spreads that (raters, pairs) ratings have: a two-way analysis of
    variance within scenes, of the pairs that everyone rated."""
    whole = np.isfinite(values).all(axis=0)
    table, named = values[:, whole], np.array(scenes)[whole]
    raters, pairs = table.shape
    if raters < 2 or pairs < len(set(named)) + 2:
        raise ValueError("two raters who rated the same pairs, and two pairs more than scenes")
    leanings = table.mean(axis=1)
    rest = table - leanings[:, None]
    means = correlation.item_means(rest)
    within = means.copy()
    for scene in set(named):
        within[named == scene] -= means[named == scene].mean()
    noise = ((rest - means) ** 2).sum() / ((raters - 1) * (pairs - 1))
    spread = (within**2).sum() / (pairs - len(set(named))) - noise / raters
    between = leanings.var(ddof=1) - noise / pairs
    return Design(
        design.raters,
        design.items,
        design.scenes,
        spread=float(np.sqrt(max(spread, 0.0))),
        rater_sd=float(np.sqrt(max(between, 0.0))),
        noise_sd=float(np.sqrt(noise)),
    )
