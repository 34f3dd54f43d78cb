"""Opinions of items, scenes and arms."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

from query.evaluation import mos
from query.evaluation.metrics import correlation
from query.evaluation.ratings import Rating


def ratings(better: float = 1.0, raters: int = 6, frames: int = 12) -> list[Rating]:
    """Two arms on the same frames, `retrieved` better than `random` by so much; frames differ by
    far more."""
    rng = np.random.default_rng(0)
    levels = rng.uniform(2, 4, frames)
    return [
        Rating(
            f"r{rater}", f"{frame}.png", f"{arm}{frame}.wav",
            fit=float(np.clip(levels[frame] + up / 2 + rng.normal(0, 0.3), 1, 5)),
            quality=4.0, scene=f"scene {frame % 2}", arm=arm,
        )
        for rater in range(raters)
        for frame in range(frames)
        for arm, up in (("retrieved", better), ("random", -better))
    ]  # fmt: skip


def group(found: mos.Opinions, question: str, name: str) -> dict[str, Any]:
    [row] = [r for r in found.groups if (r["question"], r["name"]) == (question, name)]
    return row


def test_items_groups_and_arms() -> None:
    found = mos.summarise(ratings())
    fit = [row for row in found.items if row["question"] == "fit"]
    assert len(fit) == 24
    assert all(row["low"] < row["mos"] < row["high"] and row["n"] == 6 for row in fit)
    assert [r["group"] for r in found.groups[:5]] == ["all", "scene", "scene", "arm", "arm"]
    everything = group(found, "fit", "")
    assert (everything["items"], everything["raters"], everything["ratings"]) == (24, 6, 144)
    assert_allclose(everything["mos"], np.mean([row["mos"] for row in fit]))
    assert everything["low"] < everything["mos"] < everything["high"]
    assert everything["icc_one"] > 0.7
    assert group(found, "fit", "retrieved")["mos"] > group(found, "fit", "random")["mos"]
    assert group(found, "quality", "scene 1")["mos"] == 4


def test_arms_are_paired_by_frame() -> None:
    """What differs between frames is far more than what differs between the arms."""
    [fit, _quality] = mos.summarise(ratings(0.3)).arms
    assert (fit["first"], fit["second"], fit["frames"]) == ("retrieved", "random", 12)
    assert fit["low"] < 0.3 < fit["high"]
    assert fit["low"] > 0
    assert fit["p"] == pytest.approx(2 / 2**6, abs=0.01)  # the least that six raters can give
    assert fit["p_holm"] == fit["p"]  # one comparison for each question
    third = [replace(r, arm="original", sound="o") for r in ratings(0.3) if r.arm == "random"]
    pairs = mos.summarise([*ratings(0.3), *third]).arms[:3]
    assert [row["p_holm"] for row in pairs] == correlation.holm([row["p"] for row in pairs])
    assert pairs[0]["p_holm"] >= 3 * pairs[0]["p"]
    [none, _quality] = mos.summarise(ratings(0.0)).arms
    assert none["p"] > 0.05


def test_one_rater_or_item_has_no_interval_over_raters_and_items() -> None:
    alone = [each for each in ratings() if each.rater == "r0"]
    everything = group(mos.summarise(alone), "fit", "")
    assert np.isfinite(everything["mos"])
    assert np.isnan(everything["low"])
    [fit, _quality] = mos.summarise(alone).arms
    assert np.isnan([fit["low"], fit["high"]]).all()
    assert fit["p"] == 1  # a single rater's sign may be either
    single = [each for each in ratings() if each.sound == "random0.wav"]
    assert np.isnan(group(mos.summarise(single), "fit", "")["high"])


def test_few_raters_give_a_wider_interval() -> None:
    """As Student's is wider than a normal one: by whichever of raters and items vary."""
    raters, items = np.array([[2.0], [3.0], [4.5]]), np.array([[1.0, 2.0, 3.0, 5.0, 5.0]])
    assert_allclose(mos._freedom(raters + 0 * items), 2)
    assert_allclose(mos._freedom(items + 0 * raters), 4)
    assert 2 < mos._freedom(raters + items) < 6
    assert mos._freedom(np.full((3, 4), 2.0)) == np.inf
    covered = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        table = rng.normal(0, 0.5, 21) + rng.normal(0, 0.5, (3, 1)) + rng.normal(0, 0.8, (3, 21))
        _, low, high = mos._mean_two_way(table, seed)
        covered += low <= 0 <= high
    assert covered >= 54  # 50 of 60 without


def test_arms_that_raters_disagree_about_are_not_told_apart() -> None:
    """One rater of six likes an arm far better, on all frames: frames alone would be sure of it."""
    made = [
        replace(each, fit=5.0 if each.arm == "retrieved" else 1.0) if each.rater == "r0" else each
        for each in ratings(0.0)
    ]
    [fit, _quality] = mos.summarise(made).arms
    assert fit["difference"] > 0.5
    assert fit["low"] < 0.1
    assert fit["p"] > 0.2


def test_arms_rated_by_other_people_are_compared_by_frame() -> None:
    """Nobody rated both; means of frames still differ by what was planted."""
    parted = [r for r in ratings(1.0, 10) if (int(r.rater[1:]) < 5) == (r.arm == "random")]
    [fit, _quality] = mos.summarise(parted).arms
    assert (fit["first"], fit["second"]) == ("random", "retrieved")
    assert fit["low"] < -1.0 < fit["high"]
    assert fit["p"] < 0.01


def test_without_arms_scenes_or_quality() -> None:
    plain = [Rating("x", "1.png", "a.wav", 3.0), Rating("y", "1.png", "a.wav", 4.0)]
    found = mos.summarise(plain)
    assert [row["group"] for row in found.groups] == ["all"]
    assert found.groups[0]["mos"] == pytest.approx(3.5)
    assert found.arms == []
