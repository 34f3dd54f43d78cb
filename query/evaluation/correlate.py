"""Experiment 4: how metrics go with ratings. Table 2 as the paper prints it, and honestly.

The paper takes every rating by itself. But a rater's ratings resemble each other, and so do those
of neighbouring frames: then p and interval promise too much. The other forms count pairs of frame
and sound, and know of raters and scenes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from indexer.errors import StudyError
from query.evaluation.metrics import correlation, distance
from query.evaluation.metrics.correlation import Estimate
from query.evaluation.ratings import Pair, Rating, table

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from query.evaluation.embedding import Embedded, Scale
    from query.evaluation.study import Study

AS_PAPER = "every rating alone, as the paper"
ITEM_MEANS = "means of items"
TWO_WAY = "means of items, raters and items drawn anew"
WITHIN = "within scenes, permuted"
TURNED = "within scenes, neighbours kept"
PARTIAL = "given the distance to the reference sound"
ALL, MEAN = "all", "mean"
COLUMNS = ("metric", "form", "scene", "r", "low", "high", "p", "p_holm", "n")
RANK_COLUMNS = ("metric", "statistic", "value", "p", "p_holm", "n")
VALUE_COLUMNS = ("scene", "frame", "sound", "ratings", "mean_fit", "metric", "value")


@dataclass(frozen=True, slots=True)
class Rated:
    """Ratings beside metrics, both by the same pairs, which are in the order of the frames.

    values   (raters, pairs), NaN where there is no rating
    scenes   of each pair
    metrics  name → (pairs,) values, NaN where a vector is absent
    """

    pairs: Sequence[Pair]
    values: NDArray[np.float64]
    scenes: Sequence[str]
    metrics: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Table2:
    """Rows by the columns above: Table 2 in all forms, rank correlations of item means, and every
    pair's values."""

    table: list[dict[str, Any]]
    ranks: list[dict[str, Any]]
    values: list[dict[str, Any]]


def gather(
    study: Study,
    found: Embedded,
    ratings: Sequence[Rating],
    scales: Sequence[Scale] = ("unit",),
    theta: float = 0.5,
) -> Rated:
    """Raises StudyError for a pair that the study does not know."""
    require_named(study, ratings)
    _, pairs, values = table(ratings)
    owner = {study.shown(frame): scene for scene in study.scenes for frame in scene.frames}
    frame_at = {study.shown(frame): frame for scene in study.scenes for frame in scene.frames}
    sound_at = {study.shown(name): name for name in map(str, study.files)}
    place = {frame: at for at, frame in enumerate(frame_at)}
    order = sorted(range(len(pairs)), key=lambda at: (place[pairs[at][0]], pairs[at][1]))
    pairs, values = [pairs[at] for at in order], values[:, order]
    measured = [
        _metrics(study, found, (frame_at[frame], sound_at[sound]), scales, theta)
        for frame, sound in pairs
    ]
    names = list(dict.fromkeys(name for each in measured for name in each))
    metrics = {
        name: np.array([each.get(name, float("nan")) for each in measured]) for name in names
    }
    return Rated(pairs, values, [owner[frame].name for frame, _ in pairs], metrics)


def require_named(study: Study, ratings: Sequence[Rating]) -> None:
    """Raises StudyError for ratings of a frame or a sound that the study does not name."""
    frames = {study.shown(frame) for scene in study.scenes for frame in scene.frames}
    sounds = {study.shown(name) for name in map(str, study.files)}
    for rating in ratings:
        if rating.frame not in frames or rating.sound not in sounds:
            unknown = rating.frame if rating.frame not in frames else rating.sound
            raise StudyError(
                f"{unknown!r} was rated and {study.path.name} does not name it: write it as it is "
                "written there, below the study's folder."
            )


def _metrics(
    study: Study, found: Embedded, pair: tuple[Path, str], scales: Sequence[Scale], theta: float
) -> dict[str, float]:
    """What can be measured of one pair; nothing where its frame or sound is absent, and nothing by
    the reference of the reference itself: it is at no distance and rated best by construction."""
    frame, sound = pair
    scene = next(scene for scene in study.scenes if frame in scene.frames)
    seen, origin = found.pictures.get(frame), found.pictures.get(scene.reference_frame)
    heard = found.sounds.get(sound)
    if seen is None or heard is None:
        return {}
    made = {"frame cosine": float(distance.cosine(heard, seen))}
    words = next((p.text for p in study.pairs if (p.frame, p.sound) == pair), scene.text)
    if (text := found.texts.get(words)) is not None:
        made["|inconsistency|"] = abs(float(distance.inconsistency(seen, text, heard)))
    for scale in scales:
        reference = found.heard(scale).get(scene.reference_sound or "")
        if reference is None or origin is None or sound == scene.reference_sound:
            continue
        after = "" if scale == "unit" else f", {scale}"
        rows = (found.heard(scale)[sound][None], reference, seen[None], origin)
        for kind in distance.TARGETS:
            each = distance.evaluate(*rows, theta, kind)
            made[f"SLERP cosine, {kind}{after}"] = float(each["slerp_cosine"][0, 0])
            made[f"SLERP Euclidean, {kind}{after}"] = float(each["slerp_euclidean"][0, 0])
            made[f"reference cosine{after}"] = float(each["reference_cosine"][0, 0])
            made[f"reference Euclidean{after}"] = float(each["reference_euclidean"][0, 0])
    return made


def correlate(rated: Rated, *, rounds: int = 2000, seed: int = 0) -> Table2:
    """Table 2 in its forms; Holm's p over the metrics, for each form and scene, or rank statistic.

    Raises StudyError where fewer than three pairs have both ratings and a metric.
    """
    rows = [row for name in rated.metrics for row in _forms(rated, name, rounds, seed)]
    if not any(np.isfinite(row["r"]) for row in rows):
        raise StudyError("Fewer than three pairs have ratings and a metric: rate more.")
    ranks = _holm(list(_ranks(rated)), ("statistic",))
    return Table2(_holm(rows, ("form", "scene")), ranks, list(_values(rated)))


def _forms(rated: Rated, name: str, rounds: int, seed: int) -> Iterator[dict[str, Any]]:
    metric = rated.metrics[name]
    scenes = np.array(rated.scenes)
    means = correlation.item_means(rated.values)
    known = np.isfinite(metric) & np.isfinite(means)

    def row(form: str, scene: str, found: Estimate, n: int) -> dict[str, Any]:
        return {
            "metric": name, "form": form, "scene": scene, "r": found.value,
            "low": found.low, "high": found.high, "p": found.p, "n": n,
        }  # fmt: skip

    for form, values in ((AS_PAPER, rated.values), (ITEM_MEANS, means[None])):
        of_scenes = []
        for scene in dict.fromkeys(rated.scenes):
            found, n = _pooled(values[:, scenes == scene], metric[scenes == scene])
            of_scenes.append(found.value)
            yield row(form, scene, found, n)
        mean = _mean(of_scenes) if form == AS_PAPER else correlation.fisher_mean(of_scenes)
        yield row(form, MEAN, Estimate(mean), int(np.isfinite(of_scenes).sum()))
        yield row(form, ALL, *_pooled(values, metric))
    count = int(known.sum())
    if count < 3:
        return
    both = rated.values[:, known], metric[known]
    yield row(TWO_WAY, ALL, correlation.bootstrap_two_way(*both, rounds=rounds, seed=seed), count)
    named = scenes[known].tolist()
    within = correlation.within_groups(metric[known], means[known], named, rounds=rounds, seed=seed)
    yield row(WITHIN, ALL, within, count)
    turned = correlation.within_groups(
        metric[known], means[known], named, turned=True, rounds=rounds, seed=seed
    )
    yield row(TURNED, ALL, turned, count)
    given = rated.metrics.get(_reference_of(name))
    if given is None or name.startswith("reference"):
        return
    known &= np.isfinite(given)  # a scene may lack a reference
    if (count := int(known.sum())) > 1:
        partial = correlation.partial(metric[known], means[known], given[known])
        yield row(PARTIAL, ALL, partial, count)


def _reference_of(metric: str) -> str:
    """The distance to the reference sound in the metric's own form and scale: of a length, a
    cosine explains all but a curve, which would pass for something of the metric's own."""
    kind = "Euclidean" if "Euclidean" in metric else "cosine"
    return f"reference {kind}{', raw' * metric.endswith(', raw')}"


def _pooled(values: NDArray[np.float64], metric: NDArray[np.float64]) -> tuple[Estimate, int]:
    """Every value of (raters, pairs) beside its pair's metric."""
    beside = np.broadcast_to(metric, values.shape)
    known = np.isfinite(values) & np.isfinite(beside)
    count = int(known.sum())
    if count < 2:
        return Estimate(float("nan")), count
    return correlation.pearson(beside[known], values[known]), count


def _mean(values: Sequence[float]) -> float:
    known = [value for value in values if np.isfinite(value)]
    return float(np.mean(known)) if known else float("nan")


def _holm(rows: Sequence[dict[str, Any]], family: Sequence[str]) -> list[dict[str, Any]]:
    """With p_holm: over the rows, one a metric, that are alike in these columns."""
    adjusted: dict[int, float] = {}
    groups: dict[tuple[str, ...], list[int]] = {}
    for at, row in enumerate(rows):
        groups.setdefault(tuple(row[name] for name in family), []).append(at)
    for places in groups.values():
        p_values = correlation.holm([rows[at]["p"] for at in places])
        adjusted.update(zip(places, p_values, strict=True))
    return [{**row, "p_holm": adjusted[at]} for at, row in enumerate(rows)]


def _ranks(rated: Rated) -> Iterator[dict[str, Any]]:
    means = correlation.item_means(rated.values)
    statistics: tuple[tuple[str, Callable[..., Estimate]], ...] = (
        ("Spearman", correlation.spearman), ("Kendall tau-b", correlation.kendall),
    )  # fmt: skip
    for name, metric in rated.metrics.items():
        known = np.isfinite(metric) & np.isfinite(means)
        if known.sum() < 3:
            continue
        for statistic, measure in statistics:
            found = measure(metric[known], means[known])
            yield {
                "metric": name, "statistic": statistic, "value": found.value, "p": found.p,
                "n": int(known.sum()),
            }  # fmt: skip


def _values(rated: Rated) -> Iterator[dict[str, Any]]:
    means = correlation.item_means(rated.values)
    counts = np.isfinite(rated.values).sum(axis=0)
    for at, (frame, sound) in enumerate(rated.pairs):
        for name, metric in rated.metrics.items():
            yield {
                "scene": rated.scenes[at], "frame": frame, "sound": sound,
                "ratings": int(counts[at]), "mean_fit": float(means[at]),
                "metric": name, "value": float(metric[at]),
            }  # fmt: skip
