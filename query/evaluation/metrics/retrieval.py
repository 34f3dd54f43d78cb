"""How well a ranking finds what is relevant.

Conventions: `ranked` lists distinct items, best first; `relevant` is a set of items, not empty,
or their gains > 0 by item for nDCG. An item that is relevant and not in the ranking was not found.
hit@k: at least one relevant item among the first k. Recall@k: the share of the relevant ones
that is there. All in 0..1 but `first_rank`.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Hashable, Mapping, Sequence

Item = Hashable
KS = (1, 5, 10)


def validate(ranked: Sequence[Item], relevant: Collection[Item]) -> None:
    """Raises ValueError where nothing is relevant or an item is ranked twice."""
    if not relevant:
        raise ValueError("nothing is relevant to the question")
    if len(set(ranked)) != len(ranked):
        raise ValueError("an item is ranked twice")


def first_rank(ranked: Sequence[Item], relevant: Collection[Item]) -> float:
    """Place of the first relevant item, from 1; infinity where there is none."""
    validate(ranked, relevant)
    return next((float(n) for n, item in enumerate(ranked, 1) if item in relevant), math.inf)


def hit(ranked: Sequence[Item], relevant: Collection[Item], k: int) -> float:
    return float(first_rank(ranked, relevant) <= k)


def recall(ranked: Sequence[Item], relevant: Collection[Item], k: int) -> float:
    validate(ranked, relevant)
    return sum(item in relevant for item in ranked[:k]) / len(set(relevant))


def reciprocal_rank(ranked: Sequence[Item], relevant: Collection[Item]) -> float:
    """Its mean over questions is the MRR."""
    return 1.0 / first_rank(ranked, relevant)


def average_precision(ranked: Sequence[Item], relevant: Collection[Item]) -> float:
    """Mean of the precision at each relevant item, 0 for those not found; its mean is the mAP."""
    validate(ranked, relevant)
    found, total = 0, 0.0
    for place, item in enumerate(ranked, 1):
        if item in relevant:
            found += 1
            total += found / place
    return total / len(set(relevant))


def ndcg(
    ranked: Sequence[Item], relevant: Collection[Item] | Mapping[Item, float], k: int | None = None
) -> float:
    """Gains discounted by log2(place + 1), over the best that could be had in k places.

    Järvelin & Kekäläinen 2002, "Cumulated gain-based evaluation of IR techniques"; a set has
    gains of 1. `k` None: the whole ranking.
    """
    validate(ranked, relevant)
    gains = relevant if isinstance(relevant, Mapping) else dict.fromkeys(relevant, 1.0)
    best = sorted(gains.values(), reverse=True)
    return _dcg([gains.get(item, 0.0) for item in ranked[:k]]) / _dcg(best[:k])


def _dcg(gains: Sequence[float]) -> float:
    return sum(gain / math.log2(place + 1) for place, gain in enumerate(gains, 1))


def evaluate(
    ranked: Sequence[Item], relevant: Collection[Item], ks: Sequence[int] = KS
) -> dict[str, float]:
    """All of one question; their means over questions are what is usually told, and of
    `first_rank` the median."""
    return {
        **{f"hit@{k}": hit(ranked, relevant, k) for k in ks},
        **{f"recall@{k}": recall(ranked, relevant, k) for k in ks},
        "mAP": average_precision(ranked, relevant),
        "nDCG@10": ndcg(ranked, relevant, 10),
        "MRR": reciprocal_rank(ranked, relevant),
        "first_rank": first_rank(ranked, relevant),
    }
