"""Distances against their formulas, and their laws on random vectors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from sklearn.metrics import roc_auc_score
from sklearn.metrics.pairwise import cosine_distances, euclidean_distances

from query.evaluation.metrics import distance, separation

few = settings(max_examples=15, deadline=None)

seeds = st.integers(0, 10_000)


def rows(seed: int, count: int, dim: int = 16) -> Any:
    return np.random.default_rng(seed).standard_normal((count, dim))


@few
@given(seeds)
def test_distances_are_those_of_scikit_learn(seed: int) -> None:
    a, b = rows(seed, 5), rows(seed + 1, 4)
    assert_allclose(distance.cosine(a[:, None], b), cosine_distances(a, b), atol=1e-12)
    assert_allclose(distance.euclidean(a[:, None], b), euclidean_distances(a, b), atol=1e-9)


@few
@given(seeds)
def test_lengths_do_not_count_in_a_cosine_and_do_in_a_euclidean_distance(seed: int) -> None:
    a, b = rows(seed, 2)
    assert_allclose(distance.cosine(3 * a, 7 * b), distance.cosine(a, b), atol=1e-12)
    assert_allclose(distance.euclidean(3 * a, 3 * b), 3 * distance.euclidean(a, b))
    assert_allclose(distance.cosine(a, -a), 2.0)


def test_inconsistency_by_hand() -> None:
    image, text = np.array([1.0, 0.0]), np.array([0.6, 0.8])
    audio = np.array([0.0, 1.0])
    assert_allclose(distance.inconsistency(image, text, audio), 2 * 0.4 - 1.0)
    assert_allclose(distance.inconsistency(image, image, image), 0.0)
    assert_allclose(distance.inconsistency(image, -image, image), 4.0)
    assert_allclose(distance.inconsistency(image, image, -image), -2.0)
    # 0, and the sound is still far: why d(image, audio) stands beside it
    half = np.array([np.cos(np.pi / 3), np.sin(np.pi / 3)])
    assert_allclose(distance.inconsistency(image, half, audio), 0.0, atol=1e-12)


@few
@given(seeds)
def test_inconsistency_stays_in_its_range(seed: int) -> None:
    image, text, audio = rows(seed, 3, 3)
    assert -2 <= distance.inconsistency(image, text, audio) <= 4
    image, text, audio = np.abs(rows(seed, 3, 3))
    assert -1 <= distance.inconsistency(image, text, audio) <= 2


def test_the_most_consistent_are_those_nearest_to_zero_and_not_the_lowest() -> None:
    values = np.array([-0.9, 0.3, -0.1, 0.2, 0.1])
    assert distance.most_consistent(values, 3).tolist() == [2, 4, 3]


@few
@given(seeds, st.floats(0, 1))
def test_a_candidate_that_is_the_target_is_at_no_distance(seed: int, theta: float) -> None:
    sound, frame, reference = rows(seed, 3)
    for kind in distance.TARGETS:
        aim = distance.target(sound, frame, reference, theta, kind)
        found = distance.evaluate(aim[None], sound, frame[None], reference, theta, kind)
        assert_allclose(found["slerp_euclidean"], [[0]], atol=1e-6)
        assert_allclose(found["slerp_cosine"], [[0]], atol=1e-6)


@few
@given(seeds)
def test_the_ends_of_theta(seed: int) -> None:
    sound, frame, reference = rows(seed, 3)
    unit = [each / np.linalg.norm(each) for each in (frame, reference)]
    assert_allclose(distance.target(sound, frame, reference, 1.0), sound + unit[0], atol=1e-6)
    assert_allclose(distance.target(sound, frame, reference, 0.0), sound + unit[1], atol=1e-6)
    stays = distance.target(sound, frame, reference, 0.0, "analogy")
    assert_allclose(stays, sound, atol=1e-5)
    moved = distance.target(sound, frame, reference, 0.7, "analogy")
    assert_allclose(np.linalg.norm(moved), np.linalg.norm(sound), rtol=1e-6)


def test_the_target_of_the_paper_by_hand() -> None:
    """Frames at right angles, halfway between: (1, 1) / sqrt 2, added to the sound."""
    sound = np.array([0.0, 0.0, 20.0])
    frame, reference = np.array([1.0, 0.0, 0.0]), np.array([0.0, 1.0, 0.0])
    aim = distance.target(sound, frame, reference)
    assert_allclose(aim, [np.sqrt(0.5), np.sqrt(0.5), 20.0], rtol=1e-6)
    found = distance.evaluate(sound[None], sound, frame[None], reference)
    assert_allclose(found["slerp_euclidean"], 1.0, rtol=1e-6)
    assert_allclose(found["slerp_cosine"], 1 - 20 / np.sqrt(401), rtol=1e-4)
    assert_allclose(found["reference_cosine"], 0, atol=1e-12)
    assert_allclose(found["frame_cosine"], 1.0)


def test_every_candidate_meets_every_frame() -> None:
    candidates, frames = rows(0, 5), rows(1, 3)
    found = distance.evaluate(candidates, rows(2, 1)[0], frames, rows(3, 1)[0])
    assert {values.shape for values in found.values()} == {(5, 3)}
    assert np.ptp(found["reference_cosine"], axis=1).max() == 0  # no frame in it
    aim = distance.target(rows(2, 1)[0], frames[1], rows(3, 1)[0])
    assert_allclose(
        found["slerp_euclidean"][4, 1], distance.euclidean(candidates[4], aim), rtol=1e-12
    )


def test_the_frames_share_of_a_rankings_variance() -> None:
    orders = np.array([[0.0], [1.0], [5.0]])
    assert distance.frame_share(orders + np.array([[0.0, 9.0]])) == 0  # frames shift all alike
    assert distance.frame_share(np.array([[1.0, -1.0], [-1.0, 1.0]])) == 1  # each its own order
    # candidate 1 against interaction .5 at four cells each: .25 / 1.25
    both = np.array([[1.5, 0.5], [-1.5, -0.5]])
    assert_allclose(distance.frame_share(both), 0.2)
    assert np.isnan(distance.frame_share(np.ones((2, 2))))


@pytest.mark.parametrize("wrong", [[0.0, 0.0], [np.nan, 1.0], [1.0, 2.0, 3.0]])
def test_vectors_that_mean_nothing_are_refused(wrong: list[float]) -> None:
    with pytest.raises(ValueError, match=r"vector"):
        distance.cosine(np.array([1.0, 0.0]), np.array(wrong))


@few
@given(st.lists(st.integers(0, 5), min_size=1), st.lists(st.integers(0, 5), min_size=1))
def test_auroc_is_that_of_scikit_learn_ties_included(first: list[int], second: list[int]) -> None:
    said = roc_auc_score([1] * len(first) + [0] * len(second), first + second)
    assert_allclose(separation.auroc(first, second), said)
    assert_allclose(separation.cliffs_delta(second, first), 1 - 2 * said, atol=1e-12)


def test_effect_sizes_by_hand() -> None:
    found = separation.evaluate([3.0, 5.0], [0.0, 2.0])
    assert_allclose(found["cohens_d"], 3 / np.sqrt(2))
    assert found["auroc"] == found["cliffs_delta"] == 1.0
    assert np.isnan(separation.cohens_d([1.0, 1.0], [1.0]))
    with pytest.raises(ValueError, match="no value"):
        separation.auroc([], [1.0])
