"""Experiment 1 summed up: mean opinion scores of each item (Fig. 6), scene and arm."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from query.evaluation.metrics import ratings as metrics
from query.evaluation.metrics.correlation import holm, item_means, several, two_way_draws
from query.evaluation.ratings import Rating, table

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Values = NDArray[np.float64]

QUESTIONS: Mapping[str, Callable[[Rating], float]] = {
    "fit": lambda rating: rating.fit,
    "quality": lambda rating: rating.quality,
}
ITEM_COLUMNS = ("question", "scene", "frame", "sound", "arm", "mos", "low", "high", "n")
GROUP_COLUMNS = (
    "question", "group", "name", "mos", "low", "high", "items", "raters", "ratings",
    "icc_one", "icc_mean", "alpha",
)  # fmt: skip
ARM_COLUMNS = (
    "question", "first", "second", "difference", "low", "high", "p", "p_holm", "frames",
)  # fmt: skip
ROUNDS = 2000


@dataclass(frozen=True, slots=True)
class Opinions:
    """Rows by the columns above.

    items   Fig. 6: the mean over raters with Student's interval
    groups  all, each scene and each arm: mean of items' means, its interval over raters and items
            drawn anew (none of one rater or one item; see _interval), and how far raters agree
    arms    differences of arms on the frames that both have, frame by frame; interval as above, p
            by turning signs: of frames, or of raters where that finds less; p_holm counts how many
            arms were compared
    """

    items: list[dict[str, Any]]
    groups: list[dict[str, Any]]
    arms: list[dict[str, Any]]


def summarise(ratings: Sequence[Rating], *, seed: int = 0) -> Opinions:
    """`ratings` of items alone; see `ratings.items`."""
    asked = {
        name: known
        for name, of in QUESTIONS.items()
        if (known := [rating for rating in ratings if np.isfinite(of(rating))])
    }
    return Opinions(
        [row for name, known in asked.items() for row in _items(name, known)],
        [row for name, known in asked.items() for row in _groups(name, known, seed)],
        [row for name, known in asked.items() for row in _holm(list(_arms(name, known, seed)))],
    )


def _items(name: str, ratings: Sequence[Rating]) -> Iterator[dict[str, Any]]:
    _, pairs, values = table(ratings, QUESTIONS[name])
    of = {rating.pair: rating for rating in ratings}
    for pair, (mean, low, high, count) in zip(pairs, metrics.mean_opinion(values), strict=True):
        yield {
            "question": name, "scene": of[pair].scene, "frame": pair[0], "sound": pair[1],
            "arm": of[pair].arm, "mos": float(mean), "low": float(low), "high": float(high),
            "n": int(count),
        }  # fmt: skip


def _groups(name: str, ratings: Sequence[Rating], seed: int) -> Iterator[dict[str, Any]]:
    groups: dict[tuple[str, str], list[Rating]] = {("all", ""): list(ratings)}
    for rating in ratings:
        if rating.scene:
            groups.setdefault(("scene", rating.scene), []).append(rating)
    for rating in ratings:
        for arm in rating.arms:
            groups.setdefault(("arm", arm), []).append(rating)
    for (group, named), mine in groups.items():
        raters, pairs, values = table(mine, QUESTIONS[name])
        agreement = metrics.evaluate(values)
        mean, low, high = _mean_two_way(values, seed)
        yield {
            "question": name, "group": group, "name": named, "mos": mean, "low": low, "high": high,
            "items": len(pairs), "raters": len(raters), "ratings": int(agreement["ratings"]),
            **{key: agreement[key] for key in ("icc_one", "icc_mean", "alpha")},
        }  # fmt: skip


def _mean_two_way(values: Values, seed: int) -> tuple[float, float, float]:
    """Mean of items' means, with raters and items drawn anew (the pigeonhole bootstrap)."""
    mean = float(np.nanmean(item_means(values)))
    if not several(values):
        return mean, float("nan"), float("nan")
    return mean, *_interval(mean, *two_way_draws(values, ROUNDS, seed), _freedom(values))


def _interval(found: float, means: Values, weights: Values, freedom: float) -> tuple[float, float]:
    """95 % of the weighted means of (rounds, items), whose own is `found`.

    Percentiles promise too much where raters are few, as a normal distribution would: the ends are
    moved away from what was found as Student's lie farther out than normal ones.
    """
    from scipy.stats import norm, t

    weights = np.where(np.isfinite(means), weights, 0.0)
    totals = weights.sum(axis=1)
    drawn = (weights * np.nan_to_num(means)).sum(axis=1)[totals > 0] / totals[totals > 0]
    farther = t.ppf(0.975, freedom) / norm.ppf(0.975)
    low, high = found + farther * (np.percentile(drawn, [2.5, 97.5]) - found)
    return float(low), float(high)


def _freedom(values: Values) -> float:
    """Degrees of freedom of a mean over (raters, items), both of which vary (Satterthwaite)."""
    parts = []
    for each in (item_means(values), item_means(values.T)):
        known = each[np.isfinite(each)]
        parts.append((float(known.var(ddof=1)) / len(known), len(known) - 1))
    below = sum(part**2 / count for part, count in parts)
    return sum(part for part, _ in parts) ** 2 / below if below > 0 else float("inf")


def _arms(name: str, ratings: Sequence[Rating], seed: int) -> Iterator[dict[str, Any]]:
    """Paired by frame: what differs between frames does not count."""
    tables = _by_frame(name, ratings)
    for first, second in combinations(tables, 2):
        both = [np.isfinite(tables[arm]).any(axis=0) for arm in (first, second)]
        shared = both[0] & both[1]
        if shared.sum() < 2:
            continue
        one, two = (tables[arm][:, shared] for arm in (first, second))
        apart = item_means(one) - item_means(two)
        low, high = _apart_two_way(one, two, seed)
        yield {
            "question": name, "first": first, "second": second, "difference": float(apart.mean()),
            "low": low, "high": high, "p": _p_of_signs(apart, one - two, seed),
            "frames": len(apart),
        }  # fmt: skip


def _holm(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    adjusted = holm([row["p"] for row in rows])
    return [{**row, "p_holm": p} for row, p in zip(rows, adjusted, strict=True)]


def _by_frame(name: str, ratings: Sequence[Rating]) -> dict[str, Values]:
    """For each arm (raters, frames) means of a rater's ratings, NaN where there is none."""
    named = [rating for rating in ratings if rating.arm]
    raters = list(dict.fromkeys(rating.rater for rating in named))
    frames = list(dict.fromkeys(rating.frame for rating in named))
    held: dict[str, dict[tuple[int, int], list[float]]] = {}
    row, column = ({key: at for at, key in enumerate(keys)} for keys in (raters, frames))
    for rating in named:
        cell = row[rating.rater], column[rating.frame]
        for arm in rating.arms:
            held.setdefault(arm, {}).setdefault(cell, []).append(QUESTIONS[name](rating))
    tables = {}
    for arm, cells in held.items():
        tables[arm] = np.full((len(raters), len(frames)), np.nan)
        for cell, values in cells.items():
            tables[arm][cell] = np.mean(values)
    return tables


def _apart_two_way(one: Values, two: Values, seed: int) -> tuple[float, float]:
    """The same raters and frames are drawn for both arms."""
    if not (several(one) and several(two)):
        return float("nan"), float("nan")
    (means, weights), (others, _) = (two_way_draws(each, ROUNDS, seed) for each in (one, two))
    apart = float((item_means(one) - item_means(two)).mean())
    both = one - two  # of raters who rated both
    freedom = min(map(_freedom, [both] if several(both) else [one, two]))
    return _interval(apart, means - others, weights, freedom)


def _p_of_signs(by_frame: Values, by_both: Values, seed: int) -> float:
    """The larger p of two: each frame's difference might as well be turned over, or each
    rater's, of those who rated both arms of a frame."""
    by_rater = item_means(by_both.T)
    by_rater = by_rater[np.isfinite(by_rater)]
    rng = np.random.default_rng(seed)
    return max(_p_of(each, rng) for each in (by_frame, by_rater) if len(each))


def _p_of(apart: Values, rng: np.random.Generator) -> float:
    signs = rng.choice([-1.0, 1.0], size=(ROUNDS, len(apart)))
    far = (np.abs((signs * apart).mean(axis=1)) >= abs(apart.mean()) - 1e-12).sum()
    return float((1 + far) / (1 + ROUNDS))
