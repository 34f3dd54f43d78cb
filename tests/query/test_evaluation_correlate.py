"""Table 2 from planted, clustered ratings; and what a listening test can find at all."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose
from studies import planted

from indexer.errors import StudyError
from query.evaluation import correlate
from query.evaluation.correlate import Rated, Table2, gather
from query.evaluation.correlate import correlate as correlated
from query.evaluation.embedding import Embedded
from query.evaluation.metrics.correlation import within_groups
from query.evaluation.power import Design, _paths, from_pilot, smallest_correlation
from query.evaluation.ratings import Rating, items, read_ratings, table
from query.evaluation.study import Study

METRIC = "SLERP Euclidean, literal, raw"
SLOPE = -0.6


def listened(seed: int = 0, raters: int = 7) -> tuple[Study, Embedded, list[Rating]]:
    """Three scenes of 21 frames with a sound each, at cosines of .2 to .9 to the reference.

    A rating is 3, and SLOPE for each standard deviation of the distance; scenes and raters have
    levels of their own, items something that the distance does not know, ratings noise.
    """
    study, found = planted(scenes=3, frames=21, candidates=21)
    rng = np.random.default_rng(seed)
    leaning = rng.normal(0, 0.5, raters)
    made = []
    for number, scene in enumerate(study.scenes):
        reference = found.sounds[str(scene.reference_sound)]
        cosines = rng.uniform(0.2, 0.9, 21)
        far = np.sqrt(2 - 2 * cosines)
        for at, (frame, each) in enumerate(zip(scene.frames, scene.candidates, strict=True)):
            across = found.sounds[each.sound] - 0.805 * reference
            across /= np.linalg.norm(across)
            row = cosines[at] * reference + np.sqrt(1 - cosines[at] ** 2) * across
            found.sounds[each.sound], found.raw[each.sound] = row, 20 * row
            worth = 3 + 0.8 * (number - 1) + SLOPE * (far[at] - far.mean()) / far.std()
            worth += rng.normal(0, 0.3)
            made += [
                Rating(f"r{n}", study.shown(frame), each.sound, worth + lean + rng.normal(0, 0.7))
                for n, lean in enumerate(leaning)
            ]
    return study, found, made


@pytest.fixture(scope="module")
def measured() -> Table2:
    study, found, ratings = listened()
    return correlated(gather(study, found, ratings, ("unit", "raw")), rounds=300)


def rows(measured: Table2, form: str, metric: str = METRIC) -> dict[str, dict[str, Any]]:
    return {
        row["scene"]: row
        for row in measured.table
        if (row["form"], row["metric"]) == (form, metric)
    }


def test_as_the_paper_prints_it_and_labelled_so(measured: Table2) -> None:
    """A row a scene of all its ratings, and the plain mean of the rows."""
    found = rows(measured, correlate.AS_PAPER)
    assert "as the paper" in correlate.AS_PAPER
    assert list(found) == ["scene 0", "scene 1", "scene 2", "mean", "all"]
    each = [found[f"scene {number}"] for number in range(3)]
    assert [row["n"] for row in each] == [147, 147, 147]
    assert_allclose(found["mean"]["r"], np.mean([row["r"] for row in each]))
    # the rater's leaning and the noise of one rating are in it
    expected = SLOPE / np.sqrt(SLOPE**2 + 0.3**2 + 0.5**2 + 0.7**2)
    assert_allclose(found["mean"]["r"], expected, atol=0.1)


def test_means_of_items_recover_the_planted_correlation(measured: Table2) -> None:
    expected = SLOPE / np.sqrt(SLOPE**2 + 0.3**2 + 0.7**2 / 7)
    found = rows(measured, correlate.ITEM_MEANS)
    for number in range(3):
        row = found[f"scene {number}"]
        assert row["n"] == 21
        assert row["low"] < expected < row["high"]
    assert_allclose(found["mean"]["r"], expected, atol=0.08)
    within = rows(measured, correlate.WITHIN)["all"]
    assert_allclose(within["r"], expected, atol=0.08)
    assert within["p"] == 1 / 301


def test_the_interval_over_raters_and_items_is_wider_than_the_papers(measured: Table2) -> None:
    honest = rows(measured, correlate.TWO_WAY)["all"]
    pooled = rows(measured, correlate.AS_PAPER)["all"]
    scene_sd = 0.8 * np.sqrt(2 / 3)
    expected = SLOPE / np.sqrt(SLOPE**2 + 0.3**2 + 0.7**2 / 7 + scene_sd**2)
    assert honest["low"] < expected < honest["high"]
    assert honest["high"] - honest["low"] > 1.3 * (pooled["high"] - pooled["low"])


def test_a_metric_that_the_reference_distance_explains_has_nothing_of_its_own(
    measured: Table2,
) -> None:
    """At raw scale the target is the reference sound but for 3 degrees."""
    alone = rows(measured, correlate.ITEM_MEANS, "SLERP cosine, literal, raw")["all"]
    partial = rows(measured, correlate.PARTIAL, "SLERP cosine, literal, raw")["all"]
    assert alone["p"] < 1e-6
    assert abs(partial["r"]) < abs(alone["r"]) / 2
    assert not rows(measured, correlate.PARTIAL, "reference cosine")


def test_a_length_is_given_a_length_and_a_cosine_a_cosine() -> None:
    """The reference distance by another name has nothing of its own, whatever its curve."""
    rng = np.random.default_rng(1)
    cosine = rng.uniform(0.02, 1.9, 40)
    length = np.sqrt(2 * cosine)
    rated = Rated(
        [(f"f{n}", "s") for n in range(40)],
        3 - length + 0.05 * rng.standard_normal((5, 40)),
        ["a"] * 40,
        {
            "reference cosine": cosine,
            "reference Euclidean": length,
            "SLERP Euclidean, literal": length + 0.01 * rng.standard_normal(40),
        },
    )
    partial = rows(correlated(rated, rounds=50), correlate.PARTIAL, "SLERP Euclidean, literal")
    assert abs(partial["all"]["r"]) < 0.3  # -.9 given the cosine
    assert partial["all"]["p"] > 0.05


def test_holm_counts_the_metrics(measured: Table2) -> None:
    mine = [row for row in measured.table if row["form"] == correlate.WITHIN]
    assert len(mine) == 13
    for row in mine:
        assert row["p_holm"] >= row["p"]
    assert min(row["p_holm"] for row in mine) == pytest.approx(13 * min(row["p"] for row in mine))


def test_ranks_and_values_of_every_pair(measured: Table2) -> None:
    [spearman] = [
        row for row in measured.ranks if (row["metric"], row["statistic"]) == (METRIC, "Spearman")
    ]
    assert spearman["value"] < -0.4
    assert spearman["p"] < spearman["p_holm"] < 0.01
    assert len(measured.values) == 63 * 13
    assert {row["ratings"] for row in measured.values} == {7}


def test_a_scene_without_reference_costs_no_other_metric_its_partial() -> None:
    study, found, ratings = listened()
    lacking = replace(study.scenes[2], reference_sound=None)
    study = replace(study, scenes=(*study.scenes[:2], lacking))
    measured = correlated(gather(study, found, ratings), rounds=100)
    partial = rows(measured, correlate.PARTIAL, "frame cosine")["all"]
    assert (partial["n"], rows(measured, correlate.WITHIN, "frame cosine")["all"]["n"]) == (42, 63)
    mean = rows(measured, correlate.ITEM_MEANS, "SLERP cosine, literal")["mean"]
    assert mean["n"] == 2  # scenes that have one


def test_a_reference_is_not_held_against_itself() -> None:
    study, found, ratings = listened()
    scene = study.scenes[0]
    itself = [
        replace(rating, sound=study.shown(str(scene.reference_sound)), fit=5.0)
        for rating in ratings[:7]
    ]
    rated = gather(study, found, [*ratings, *itself])
    at = rated.pairs.index(itself[0].pair)
    assert np.isfinite(rated.metrics["frame cosine"][at])
    assert np.isnan(rated.metrics["SLERP cosine, literal"][at])
    assert np.isnan(rated.metrics["reference cosine"][at])


def test_pairs_are_in_the_order_of_the_frames_whoever_rated_first() -> None:
    study, found, ratings = listened()
    rated, backwards = (gather(study, found, each) for each in (ratings, ratings[::-1]))
    frames = [study.shown(frame) for scene in study.scenes for frame in scene.frames]
    assert [frame for frame, _ in rated.pairs] == frames
    assert backwards.pairs == rated.pairs
    assert_allclose(backwards.values[::-1], rated.values)
    one, two = (correlated(each, rounds=50).table for each in (rated, backwards))
    first, second = (
        [(row["metric"], row["p"]) for row in each if row["form"] == correlate.TURNED]
        for each in (one, two)
    )
    assert len(first) == len(rated.metrics)
    assert first == second


def test_nothing_planted_is_nothing_found() -> None:
    study, found, ratings = listened(1)
    rng = np.random.default_rng(5)
    shuffled = [replace(rating, fit=float(rng.uniform(1, 5))) for rating in ratings]
    within = rows(correlated(gather(study, found, shuffled), rounds=300), correlate.WITHIN,
                  "SLERP cosine, literal")["all"]  # fmt: skip
    assert within["p"] > 0.05


def test_ratings_of_what_the_study_does_not_name() -> None:
    study, found, ratings = listened()
    with pytest.raises(StudyError, match=r"'other.wav' was rated"):
        gather(study, found, [replace(ratings[0], sound="other.wav")])
    with pytest.raises(StudyError, match="Fewer than three pairs"):
        correlated(gather(study, found, ratings[:7]))


# Ratings made elsewhere


def written(folder: Path, text: str) -> Path:
    path = folder / "ratings.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_ratings_are_read(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "sound,rater,frame,fit,quality,kind\na.wav,x,1.png,4,3,\nb.wav,x,2.png,1,,anchor\n"
        "a.wav,y,1.png,5,1,item\na.wav,x,1.png,2,,repeat\n",
    )
    found = read_ratings(path)
    assert [rating.kind for rating in found] == ["item", "anchor", "item", "repeat"]
    raters, pairs, values = table(items(found))
    assert (raters, pairs) == (["x", "y"], [("1.png", "a.wav")])
    assert values.tolist() == [[4], [5]]
    assert table(found, lambda rating: rating.quality)[2][0, 0] == 3


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("x,1.png,a.wav,6,", "line 2: fit is 6; it lies in 1 to 5"),
        ("x,1.png,a.wav,good,", "line 2: fit is 'good', not a number"),
        ("x,1.png,a.wav,nan,", "not a number"),
        (",1.png,a.wav,3,", "needs a rater"),
        ("x,1.png,a.wav,3,check", "kind is 'check'"),
    ],
)
def test_what_is_no_rating(tmp_path: Path, line: str, said: str) -> None:
    with pytest.raises(StudyError, match=said):
        read_ratings(written(tmp_path, f"rater,frame,sound,fit,kind\n{line}\n"))
    with pytest.raises(StudyError, match="holds no rating"):
        read_ratings(written(tmp_path, "rater,frame,sound,fit\n"))
    with pytest.raises(StudyError, match="save it with commas"):
        read_ratings(written(tmp_path, "rater;frame;sound;fit\nx;1.png;a.wav;3\n"))


# Power


PLAIN = Design(raters=7, items=21, scenes=3, alike=0.0)


def test_power_agrees_with_fishers_formula_where_items_know_nothing_of_each_other() -> None:
    """tanh((z_.975 + z_.8) / sqrt(n - scenes - 2)), of an r that noise and rounding to whole
    points (a variance of 1/12) make smaller."""
    expected = np.tanh((1.96 + 0.8416) / np.sqrt(63 - 3))
    weaker = PLAIN.spread / np.sqrt(PLAIN.spread**2 + (PLAIN.noise_sd**2 + 1 / 12) / PLAIN.raters)
    found = smallest_correlation(PLAIN)
    assert_allclose(found.smallest, expected / weaker, atol=0.04)
    assert found.curve[0][1] == pytest.approx(0.05, abs=0.03)


def test_nothing_is_found_in_drift_and_what_is_there_is_harder_to_find() -> None:
    designs = [replace(PLAIN, alike=alike) for alike in (0.0, 0.5, 0.9)]
    found = [smallest_correlation(design, rounds=250) for design in designs]
    assert found[0].smallest < found[1].smallest < found[2].smallest
    nothing = [power.curve[0][1] for power in found]
    assert max(nothing[:2]) < 0.08
    # who takes frames for independent finds something in nothing
    rng = np.random.default_rng(0)
    false = [
        within_groups(*(_paths(replace(PLAIN, alike=0.9), rng) for _ in range(2)),
                      np.repeat([0, 1, 2], 21).tolist(), rounds=199).p <= 0.05
        for _ in range(200)
    ]  # fmt: skip
    assert np.mean(false) > 2 * nothing[2]


def test_a_planted_correlation_is_found_as_often_as_was_said() -> None:
    """In studies that are drawn and tested here by themselves."""
    design = replace(PLAIN, alike=0.6)
    said = dict(smallest_correlation(design).curve)
    rng = np.random.default_rng(5)
    scenes = np.repeat([0, 1, 2], 21)
    found = 0
    for _ in range(300):
        drift = rng.standard_normal((2, 3, 21 + 200))
        for at in range(1, drift.shape[2]):
            drift[:, :, at] = 0.6 * drift[:, :, at - 1] + 0.8 * drift[:, :, at]
        metric, own = drift[:, :, 200:].reshape(2, 63)
        worth = 3 + 0.5 * (0.5 * metric + 0.75**0.5 * own)
        rated = worth + rng.normal(0, 0.5, (7, 1)) + rng.normal(0, 0.8, (7, 63))
        rated = np.rint(rated).clip(1, 5)
        means = rated.mean(axis=0)
        found += within_groups(metric, means, scenes.tolist(), turned=True, rounds=199).p <= 0.05
    assert found / 300 == pytest.approx(said[0.5], abs=0.09)


def test_noise_asks_for_more_and_raters_make_up_for_it() -> None:
    found = [
        smallest_correlation(Design(raters, 21, 2, noise_sd=1.0), rounds=200).smallest
        for raters in (2, 7, 30)
    ]
    assert found[0] > found[1] > found[2]
    assert np.isnan(smallest_correlation(Design(1, 3, 1, noise_sd=2.0), rounds=50).smallest)


def test_leanings_that_reach_the_ends_of_the_scale_hide_what_is_there() -> None:
    found = [
        smallest_correlation(replace(PLAIN, raters=3, rater_sd=sd), rounds=200).smallest
        for sd in (0.5, 3.0)
    ]
    assert found[0] + 0.05 < found[1]


def test_a_pilot_says_how_far_things_spread_and_how_alike_neighbours_are() -> None:
    rng = np.random.default_rng(2)
    design = Design(5, 30, 6, 0.6, 0.4, 0.9, alike=0.7)
    scenes = np.repeat(np.arange(6), 30).astype(str).tolist()
    found = []
    for _ in range(20):
        worth = np.repeat(rng.normal(3, 1, 6), 30) + 0.6 * _paths(design, rng)
        values = worth + rng.normal(0, 0.4, (12, 1)) + rng.normal(0, 0.9, (12, 180))
        told = from_pilot(values, scenes, Design(5, 10, 3))
        assert (told.raters, told.items, told.scenes) == (5, 10, 3)
        found.append([told.spread, told.rater_sd, told.noise_sd, told.alike, told.middle])
    assert_allclose(np.mean(found, axis=0), [0.6, 0.4, 0.9, 0.7, 3.0], atol=0.2)
    assert_allclose(np.mean(found, axis=0)[:4], [0.6, 0.4, 0.9, 0.7], atol=0.06)
    early = np.full((1, values.shape[1]), np.nan)  # who left after the first pair
    early[0, 0] = 5.0
    assert from_pilot(np.concatenate([values, early]), scenes, Design(5, 10, 3)) == told
    with pytest.raises(ValueError, match="two raters"):
        from_pilot(values[:1], scenes, Design(5, 10, 3))
    flat = from_pilot(np.full((3, 180), 4.0), scenes, Design(5, 10, 3))
    assert (flat.spread, flat.alike, flat.middle) == (0.0, 0.0, 4.0)
