"""Experiment 1 summed up: mean opinion scores of each item (Fig. 6), scene and arm."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from query.evaluation.metrics import ratings as metrics
from query.evaluation.metrics.correlation import item_means, two_way_draws
from query.evaluation.ratings import Rating, table

QUESTIONS: Mapping[str, Callable[[Rating], float]] = {
    "fit": lambda rating: rating.fit,
    "quality": lambda rating: rating.quality,
}
ITEM_COLUMNS = ("question", "scene", "frame", "sound", "arm", "mos", "low", "high", "n")
GROUP_COLUMNS = (
    "question", "group", "name", "mos", "low", "high", "items", "raters", "ratings",
    "icc_one", "icc_mean", "alpha",
)  # fmt: skip
ARM_COLUMNS = ("question", "first", "second", "difference", "low", "high", "p", "frames")
ROUNDS = 2000


@dataclass(frozen=True, slots=True)
class Opinions:
    """Rows by the columns above.

    items   Fig. 6: the mean over raters with Student's interval
    groups  all, each scene and each arm: mean of items' means, its interval over raters and items
            drawn anew, and how far raters agree
    arms    differences of arms on the frames that both have, frame by frame
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
        [row for name, known in asked.items() for row in _arms(name, known, seed)],
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
        if rating.arm:
            groups.setdefault(("arm", rating.arm), []).append(rating)
    for (group, named), mine in groups.items():
        raters, pairs, values = table(mine, QUESTIONS[name])
        agreement = metrics.evaluate(values)
        mean, low, high = _mean_two_way(values, seed)
        yield {
            "question": name, "group": group, "name": named, "mos": mean, "low": low, "high": high,
            "items": len(pairs), "raters": len(raters), "ratings": int(agreement["ratings"]),
            **{key: agreement[key] for key in ("icc_one", "icc_mean", "alpha")},
        }  # fmt: skip


def _mean_two_way(values: Any, seed: int) -> tuple[float, float, float]:
    """Mean of items' means, with raters and items drawn anew (the pigeonhole bootstrap)."""
    means, weights = two_way_draws(values, ROUNDS, seed)
    weights = np.where(np.isfinite(means), weights, 0.0)
    totals = weights.sum(axis=1)
    drawn = (weights * np.nan_to_num(means)).sum(axis=1)[totals > 0] / totals[totals > 0]
    low, high = np.percentile(drawn, [2.5, 97.5])
    return float(np.nanmean(item_means(values))), float(low), float(high)


def _arms(name: str, ratings: Sequence[Rating], seed: int) -> Iterator[dict[str, Any]]:
    """Paired by frame: what differs between frames does not count."""
    by_arm: dict[str, dict[str, list[float]]] = {}
    for rating in ratings:
        if rating.arm:
            frames = by_arm.setdefault(rating.arm, {})
            frames.setdefault(rating.frame, []).append(QUESTIONS[name](rating))
    for first, second in combinations(by_arm, 2):
        shared = [frame for frame in by_arm[first] if frame in by_arm[second]]
        if len(shared) < 2:
            continue
        apart = np.array([np.mean(by_arm[first][f]) - np.mean(by_arm[second][f]) for f in shared])
        rng = np.random.default_rng(seed)
        drawn = apart[rng.integers(len(apart), size=(ROUNDS, len(apart)))].mean(axis=1)
        signs = rng.choice([-1.0, 1.0], size=(ROUNDS, len(apart)))
        far = (np.abs((signs * apart).mean(axis=1)) >= abs(apart.mean()) - 1e-12).sum()
        low, high = np.percentile(drawn, [2.5, 97.5])
        yield {
            "question": name, "first": first, "second": second, "difference": float(apart.mean()),
            "low": float(low), "high": float(high), "p": float((1 + far) / (1 + ROUNDS)),
            "frames": len(shared),
        }  # fmt: skip
