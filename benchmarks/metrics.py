"""Every metric of the experiments against another implementation: the largest difference.

    python benchmarks/metrics.py

scikit-learn and scipy where they have it; published numbers (Shrout & Fleiss 1979, Krippendorff
2011) where nobody else does. Random data, seeded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import permutations
from typing import Any

import numpy as np
from scipy import stats
from sklearn import metrics as sk
from sklearn.linear_model import LinearRegression

from query.evaluation.metrics import correlation, distance, ratings, retrieval, separation

ROUNDS = 200
RNG = np.random.default_rng(0)

JUDGES = np.array(
    [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]
).T
NONE = np.nan
OBSERVERS = np.array(
    [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, NONE, NONE, NONE],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, NONE, 3],
        [NONE, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, NONE],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, NONE],
    ]
)

Check = Callable[[], float]  # one difference


def vectors() -> tuple[Any, Any]:
    return RNG.standard_normal((5, 64)), RNG.standard_normal((4, 64))


def cosine() -> float:
    a, b = vectors()
    return float(np.abs(distance.cosine(a[:, None], b) - sk.pairwise.cosine_distances(a, b)).max())


def euclidean() -> float:
    a, b = vectors()
    theirs = sk.pairwise.euclidean_distances(a, b)
    return float(np.abs(distance.euclidean(a[:, None], b) - theirs).max())


def inconsistency() -> float:
    image, text, audio = RNG.standard_normal((3, 6, 64))
    apart = sk.pairwise.paired_cosine_distances
    theirs = 2 * apart(image, text) - apart(image, audio)
    return float(np.abs(distance.inconsistency(image, text, audio) - theirs).max())


def slerp_by_hand() -> float:
    """Eq. 2 by the textbook's formula, in double precision throughout."""
    sound, frame, reference = RNG.standard_normal((3, 64))
    a, b = reference / np.linalg.norm(reference), frame / np.linalg.norm(frame)
    angle = np.arccos(a @ b)
    between = (np.sin(0.5 * angle) * a + np.sin(0.5 * angle) * b) / np.sin(angle)
    return float(np.abs(distance.target(sound, frame, reference) - sound - between).max())


def ranking() -> tuple[list[int], set[int], Any, Any]:
    truth = RNG.random(30) < 0.2
    truth[RNG.integers(30)] = True
    relevant = {int(place) for place in np.flatnonzero(truth)}
    return list(range(30)), relevant, truth.astype(int)[None], -np.arange(30.0)[None]


def tied() -> tuple[Any, Any]:
    return RNG.integers(0, 5, 20).astype(float), RNG.integers(0, 5, 20).astype(float)


def partial() -> float:
    x, y, z = RNG.standard_normal((3, 30))
    rests = [v - LinearRegression().fit(z[:, None], v).predict(z[:, None]) for v in (x, y)]
    return correlation.partial(x, y, z).value - float(np.corrcoef(*rests)[0, 1])


def precision() -> float:
    ranked, relevant, truth, scores = ranking()
    theirs = sk.average_precision_score(truth[0], scores[0])
    return retrieval.average_precision(ranked, relevant) - theirs


def gain() -> float:
    ranked, relevant, truth, scores = ranking()
    return retrieval.ndcg(ranked, relevant, 10) - sk.ndcg_score(truth, scores, k=10)


def opinion() -> float:
    table = RNG.integers(1, 6, size=(7, 5)).astype(float)
    ours = ratings.mean_opinion(table)[:, 1]
    theirs = [stats.t.interval(0.95, 6, c.mean(), stats.sem(c))[0] for c in table.T if np.ptp(c)]
    return float(np.abs(ours[np.ptp(table, axis=0) > 0] - theirs).max())


def checks() -> Iterator[tuple[str, str, Check]]:
    yield "cosine distance", "scikit-learn", cosine
    yield "Euclidean distance", "scikit-learn", euclidean
    yield "inconsistency (Eq. 1)", "scikit-learn", inconsistency
    yield "SLERP target (float32 inside)", "the formula in double", slerp_by_hand
    yield "AUROC", "scikit-learn", lambda: auroc(*tied())
    yield "Cliff's delta", "counted pair by pair", lambda: delta(*tied())
    yield "Cohen's d", "scipy's t", lambda: cohen(*tied())
    yield "Pearson's r", "numpy", lambda: pearson(*tied())
    yield "Spearman's rho", "numpy, of ranks", lambda: spearman(*tied())
    yield "Kendall's tau-b", "counted pair by pair", lambda: kendall(*tied())
    yield "partial r", "scikit-learn, residuals", partial
    yield "r within groups", "scikit-learn, residuals", within
    yield "permutation p within groups", "all orders counted", permuted
    yield "Fisher-z mean", "numpy", fisher
    yield "Holm's p", "the definition", holm
    yield "hit@5, Recall@5", "scikit-learn", found
    yield "MRR, first rank", "scikit-learn", reciprocal
    yield "mAP", "scikit-learn", precision
    yield "nDCG@10", "scikit-learn", gain
    yield "MOS interval", "scipy", opinion
    yield (
        "ICC(2,1), ICC(2,k)",
        "Shrout & Fleiss, 2 places",
        lambda: max(
            abs(round(ours, 2) - said)
            for ours, said in zip(ratings.icc(JUDGES), (0.29, 0.62), strict=True)
        ),
    )
    yield (
        "Krippendorff's alpha",
        "Krippendorff, 3 places",
        lambda: abs(round(ratings.krippendorff_alpha(OBSERVERS), 3) - 0.849),
    )


def delta(one: Any, two: Any) -> float:
    return separation.cliffs_delta(one, two) - float(np.sign(np.subtract.outer(one, two)).mean())


def cohen(one: Any, two: Any) -> float:
    scale = np.sqrt(1 / len(one) + 1 / len(two))
    return separation.cohens_d(one, two) - float(stats.ttest_ind(one, two).statistic) * scale


def within() -> float:
    x, y = RNG.standard_normal((2, 30))
    groups = np.repeat(np.arange(3), 10)
    apart = np.eye(3)[groups]
    rests = [v - LinearRegression().fit(apart, v).predict(apart) for v in (x, y)]
    ours = correlation.within_groups(x, y, groups.tolist(), rounds=1).value
    return ours - float(np.corrcoef(*rests)[0, 1])


def permuted() -> float:
    """Of 3! 3! orders; ours draws 5,000 of them, and so differs by chance."""
    x, y = RNG.standard_normal((2, 6))
    one, two = (np.concatenate([v[:3] - v[:3].mean(), v[3:] - v[3:].mean()]) for v in (x, y))
    orders = [[*a, *b] for a in permutations(range(3)) for b in permutations(range(3, 6))]
    sums = np.abs([one[order] @ two for order in orders])
    theirs = float((sums >= sums[0] - 1e-12).mean())
    return correlation.within_groups(x, y, [0, 0, 0, 1, 1, 1]).p - theirs


def fisher() -> float:
    r = RNG.uniform(-0.99, 0.99, 5)
    return correlation.fisher_mean(r.tolist()) - float(np.tanh(np.arctanh(r).mean()))


def holm() -> float:
    """Adjusted p: the least alpha at which the step-down procedure rejects."""
    p = RNG.random(6)
    order = np.argsort(p)
    stepped = np.maximum.accumulate(np.minimum(1, p[order] * (6 - np.arange(6))))
    return float(np.abs(np.array(correlation.holm(p.tolist()))[order] - stepped).max())


def found() -> float:
    ranked, relevant, truth, _ = ranking()
    first = np.arange(30) < 5
    hit = retrieval.hit(ranked, relevant, 5) - float(truth[0][first].any())
    recall = retrieval.recall(ranked, relevant, 5) - sk.recall_score(truth[0], first)
    return max(abs(hit), abs(recall))


def reciprocal() -> float:
    """Of one relevant item, whose reciprocal rank is the average precision."""
    place = int(RNG.integers(30))
    truth = (np.arange(30) == place)[None]
    theirs = sk.label_ranking_average_precision_score(truth, -np.arange(30.0)[None])
    ours = retrieval.reciprocal_rank(list(range(30)), {place})
    rank = retrieval.first_rank(list(range(30)), {place})
    return max(abs(ours - theirs), abs(rank - place - 1))


def auroc(one: Any, two: Any) -> float:
    labels = [1] * len(one) + [0] * len(two)
    return separation.auroc(one, two) - sk.roc_auc_score(labels, [*one, *two])


def pearson(x: Any, y: Any) -> float:
    return correlation.pearson(x, y).value - float(np.corrcoef(x, y)[0, 1])


def spearman(x: Any, y: Any) -> float:
    ranks = stats.rankdata(x), stats.rankdata(y)
    return correlation.spearman(x, y).value - float(np.corrcoef(*ranks)[0, 1])


def kendall(x: Any, y: Any) -> float:
    signs = [np.sign(np.subtract.outer(v, v))[np.triu_indices(len(v), 1)] for v in (x, y)]
    together = (signs[0] * signs[1]).sum()
    apart = np.sqrt(np.abs(signs[0]).sum() * np.abs(signs[1]).sum())
    return correlation.kendall(x, y).value - float(together / apart)


def main() -> None:
    for name, other, check in checks():
        largest = max(abs(check()) for _ in range(ROUNDS))
        print(f"{name:<30} against {other:<26} {largest:.1e}")


if __name__ == "__main__":
    main()
