"""What people's ratings say, and how far they agree.

Conventions: (raters, items) floats, NaN where a rater did not rate an item. Items are rated on
one scale on which differences mean something (1 bad to 5 excellent).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Values = NDArray[np.float64]


def validate(ratings: ArrayLike) -> Values:
    """As float64. Raises ValueError for another shape, infinity, or no rating at all."""
    table = np.asarray(ratings, np.float64)
    if table.ndim != 2:
        raise ValueError("ratings are a table, one row a rater and one column an item")
    if np.isinf(table).any():
        raise ValueError("a rating is infinite")
    if not np.isfinite(table).any():
        raise ValueError("there is no rating")
    return table


def mean_opinion(ratings: ArrayLike, level: float = 0.95) -> Values:
    """(items, 4): mean, lower and upper end of its interval, number of ratings.

    The interval is Student's, over raters, for one item; NaN with fewer than two ratings.
    """
    from scipy.stats import t

    table = validate(ratings)
    counts = np.isfinite(table).sum(axis=0)
    held = np.where(np.isfinite(table), table, 0.0)
    means = np.divide(held.sum(axis=0), counts, out=np.full(len(counts), np.nan), where=counts > 0)
    squares = np.where(np.isfinite(table), (table - means) ** 2, 0.0).sum(axis=0)
    known = counts > 1
    spread = np.full(len(counts), np.nan)
    spread[known] = np.sqrt(squares[known] / (counts[known] - 1) / counts[known])
    half = np.full(len(counts), np.nan)
    half[known] = t.ppf(0.5 + level / 2, counts[known] - 1) * spread[known]
    return np.stack([means, means - half, means + half, counts], axis=1)


def complete(ratings: ArrayLike) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Raters and items of a table without gaps: all raters and the items that all of them rated,
    or all items and the raters who rated all, whichever are more ratings."""
    there = np.isfinite(validate(ratings))
    raters, items = np.arange(there.shape[0]), np.arange(there.shape[1])
    shared, diligent = items[there.all(axis=0)], raters[there.all(axis=1)]
    if len(raters) * len(shared) >= len(diligent) * len(items):
        return raters, shared
    return diligent, items


def icc(ratings: ArrayLike) -> tuple[float, float]:
    """ICC(2,1) and ICC(2,k): agreement of one rater, and of the mean of all of them.

    Two-way random effects, absolute agreement (Shrout & Fleiss 1979, "Intraclass correlations"),
    over the `complete` table. NaN with fewer than two of either, where nothing differs, and for
    ICC(2,k) where raters disagree so much that it has no meaning.
    """
    table = validate(ratings)
    whole = table[np.ix_(*complete(table))]
    raters, items = whole.shape
    if raters < 2 or items < 2:
        return float("nan"), float("nan")
    mean = whole.mean()
    between_items = raters * ((whole.mean(axis=0) - mean) ** 2).sum()
    between_raters = items * ((whole.mean(axis=1) - mean) ** 2).sum()
    rest = ((whole - mean) ** 2).sum() - between_items - between_raters
    item, rater = between_items / (items - 1), between_raters / (raters - 1)
    error = rest / ((items - 1) * (raters - 1))
    one = item + (raters - 1) * error + raters * (rater - error) / items
    several = item + (rater - error) / items
    single, averaged = (
        float((item - error) / total) if total > 0 else float("nan") for total in (one, several)
    )
    return single, averaged


def krippendorff_alpha(
    ratings: ArrayLike, scale: Literal["nominal", "ordinal", "interval"] = "interval"
) -> float:
    """Agreement in the face of gaps: 1 is perfect, 0 what chance gives.

    Krippendorff 2011, "Computing Krippendorff's Alpha-Reliability". Items with a single rating do
    not count; NaN where all ratings are equal or none can be paired.
    """
    table = validate(ratings)
    units = [column[np.isfinite(column)] for column in table.T]
    units = [unit for unit in units if len(unit) > 1]
    if not units:
        return float("nan")
    values, places = np.unique(np.concatenate(units), return_inverse=True)
    matrix = np.zeros((len(values), len(values)))
    start = 0
    for unit in units:
        counts = np.bincount(places[start : start + len(unit)], minlength=len(values))
        matrix += (np.outer(counts, counts) - np.diag(counts)) / (len(unit) - 1)
        start += len(unit)
    totals = matrix.sum(axis=1)
    apart = _differences(values, totals, scale)
    expected = (np.outer(totals, totals) * apart).sum() / (totals.sum() - 1)
    return float(1.0 - (matrix * apart).sum() / expected) if expected > 0 else float("nan")


def _differences(values: Values, totals: Values, scale: str) -> Values:
    """Squared distance of every two values on this scale."""
    if scale == "nominal":
        return 1.0 - np.eye(len(values))
    if scale == "interval":
        return np.subtract.outer(values, values) ** 2
    middles = np.cumsum(totals) - totals / 2
    return np.asarray(np.subtract.outer(middles, middles) ** 2)


def evaluate(ratings: ArrayLike) -> dict[str, float]:
    """Of the whole table; `mean_opinion` tells of each item."""
    table = validate(ratings)
    one, several = icc(table)
    return {
        "mos": float(np.nanmean(table)),
        "ratings": float(np.isfinite(table).sum()),
        "icc_one": one,
        "icc_mean": several,
        "alpha": krippendorff_alpha(table),
        "alpha_ordinal": krippendorff_alpha(table, "ordinal"),
    }
