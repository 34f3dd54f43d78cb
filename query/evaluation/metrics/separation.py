"""How far two groups of values lie apart, and which lies higher.

Conventions: two arrays of finite numbers, not empty. Every effect size is positive where the
first group lies higher.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


def validate(first: ArrayLike, second: ArrayLike) -> tuple[NDArray[np.float64], ...]:
    """Both as float64. Raises ValueError for an empty group and for NaN or infinity."""
    groups = tuple(np.asarray(group, np.float64).ravel() for group in (first, second))
    for group in groups:
        if not len(group):
            raise ValueError("a group holds no value")
        if not np.isfinite(group).all():
            raise ValueError("a group holds NaN or infinity")
    return groups


def auroc(first: ArrayLike, second: ArrayLike) -> float:
    """Chance that a value of `first` is higher than one of `second`, equal ones counting half.

    The area under the ROC curve, as the Mann-Whitney U over n m: 1 is always, .5 is no difference.
    """
    from scipy.stats import rankdata

    one, two = validate(first, second)
    ranks = rankdata(np.concatenate([one, two]))
    wins = ranks[: len(one)].sum() - len(one) * (len(one) + 1) / 2
    return float(wins / (len(one) * len(two)))


def cliffs_delta(first: ArrayLike, second: ArrayLike) -> float:
    """2 AUROC - 1, in -1..1 (Cliff 1993, "Dominance statistics")."""
    return 2.0 * auroc(first, second) - 1.0


def cohens_d(first: ArrayLike, second: ArrayLike) -> float:
    """Difference of the means in pooled standard deviations; NaN where there is no spread."""
    one, two = validate(first, second)
    freedom = len(one) + len(two) - 2
    if freedom < 1:
        return float("nan")
    within = ((one - one.mean()) ** 2).sum() + ((two - two.mean()) ** 2).sum()
    spread = np.sqrt(within / freedom)
    return float((one.mean() - two.mean()) / spread) if spread > 0 else float("nan")


def evaluate(first: ArrayLike, second: ArrayLike) -> dict[str, float]:
    return {
        "auroc": auroc(first, second),
        "cliffs_delta": cliffs_delta(first, second),
        "cohens_d": cohens_d(first, second),
    }
