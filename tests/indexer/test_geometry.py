"""Laws of directions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.geometry import cosine, fuse, mean_direction, normalize

seeds = st.integers(0, 2**32 - 1)
weights = st.floats(0, 1)


def gaussian(seed: int, n: int, dim: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, dim))


@given(seed=seeds, scale=st.floats(1e-150, 1e150))
def test_normalize_gives_unit_rows_whatever_the_scale(seed: int, scale: float) -> None:
    rows = gaussian(seed, 4, 6)
    unit = normalize(scale * rows)
    assert unit.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(unit, axis=1), 1, rtol=1e-6)
    np.testing.assert_allclose(unit, normalize(rows), rtol=1e-5, atol=1e-7)


@given(seed=seeds)
def test_normalize_twice_is_normalize(seed: int) -> None:
    once = normalize(gaussian(seed, 3, 5))
    np.testing.assert_allclose(normalize(once), once, atol=1e-7)


def test_normalize_keeps_the_shape_and_the_direction() -> None:
    np.testing.assert_allclose(normalize(np.array([3.0, -4.0])), [0.6, -0.8], rtol=1e-7)
    assert normalize(np.ones((2, 3, 4))).shape == (2, 3, 4)
    assert normalize(np.empty((0, 4))).shape == (0, 4)


def test_an_absent_part_stays_zeros() -> None:
    assert normalize(np.array([[0.0, 0.0], [0.0, 2.0]])).tolist() == [[0, 0], [0, 1]]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_normalize_refuses_what_is_not_finite(bad: float) -> None:
    with pytest.raises(ValueError, match="NaN or infinity"):
        normalize(np.array([[1.0, bad]]))


def test_normalize_leaves_its_argument_alone() -> None:
    rows = np.array([[3.0, 4.0]])
    normalize(rows)
    assert rows.tolist() == [[3.0, 4.0]]


@given(seed=seeds)
def test_the_mean_direction_of_copies_is_their_own(seed: int) -> None:
    unit = normalize(gaussian(seed, 1, 7))
    np.testing.assert_allclose(mean_direction(np.repeat(unit, 5, axis=0)), unit[0], atol=1e-6)


@given(seed=seeds)
def test_the_mean_direction_has_the_largest_mean_cosine(seed: int) -> None:
    rows = normalize(gaussian(seed, 5, 4))
    best = cosine(mean_direction(rows)[None], rows).mean()
    assert best >= cosine(gaussian(seed + 1, 20, 4), rows).mean(axis=1).max() - 1e-6


def test_the_mean_direction_by_hand() -> None:
    np.testing.assert_allclose(mean_direction(np.eye(2)), [0.5**0.5] * 2, rtol=1e-7)
    assert mean_direction(np.array([[1.0, 0.0], [-1.0, 0.0]])).tolist() == [0, 0]
    thirds = np.radians([10, 130, 250])
    balanced = np.stack([np.cos(thirds), np.sin(thirds)], axis=1).astype(np.float32)
    assert np.linalg.norm(balanced.sum(axis=0, dtype=np.float64)) > 0  # float32 leaves something
    assert mean_direction(balanced).tolist() == [0, 0]
    assert mean_direction(1e-9 * np.eye(2)).tolist() == pytest.approx([0.5**0.5] * 2)


@given(seed=seeds)
def test_cosine_is_symmetric_and_within_bounds(seed: int) -> None:
    a, b = gaussian(seed, 3, 5), 100 * gaussian(seed + 1, 4, 5)
    table = cosine(a, b)
    assert table.shape == (3, 4)
    assert np.abs(table).max() <= 1
    np.testing.assert_allclose(table, cosine(b, a).T, atol=1e-6)
    np.testing.assert_allclose(np.diag(cosine(a, 7 * a)), 1, atol=1e-6)
    np.testing.assert_allclose(np.diag(cosine(a, -a)), -1, atol=1e-6)


def test_cosine_by_hand() -> None:
    table = cosine(np.array([[2.0, 0.0], [0.0, 0.0]]), np.array([[0.0, 5.0], [1.0, 1.0]]))
    np.testing.assert_allclose(table, [[0, 0.5**0.5], [0, 0]], atol=1e-7)


@given(seed=seeds, w=weights)
def test_a_fused_product_is_the_weighted_sum_of_cosines(seed: int, w: float) -> None:
    q_audio, audio = gaussian(seed, 3, 6), normalize(gaussian(seed + 1, 4, 6))
    q_words, words = gaussian(seed + 2, 3, 2), normalize(gaussian(seed + 3, 4, 2))
    products = fuse(q_audio, q_words, w) @ np.concatenate([audio, words], axis=1).T
    expected = (1 - w) * cosine(q_audio, audio) + w * cosine(q_words, words)
    np.testing.assert_allclose(products, expected, atol=1e-6)


@given(seed=seeds, w=weights)
def test_an_absent_part_counts_nothing(seed: int, w: float) -> None:
    audio, words = normalize(gaussian(seed, 2, 6)), normalize(gaussian(seed + 1, 2, 3))
    row = np.concatenate([audio, words], axis=1)
    only_audio = fuse(audio, np.zeros((2, 3)), w)
    only_words = fuse(np.zeros((2, 6)), words, w)
    np.testing.assert_allclose((only_audio * row).sum(axis=1), 1 - w, atol=1e-6)
    np.testing.assert_allclose((only_words * row).sum(axis=1), w, atol=1e-6)
    no_words = np.concatenate([audio, np.zeros((2, 3))], axis=1)
    np.testing.assert_allclose((fuse(audio, words, w) * no_words).sum(axis=1), 1 - w, atol=1e-6)


def test_fuse_at_its_ends_holds_one_part() -> None:
    audio, words = np.array([[0.0, 2.0]]), np.array([[3.0]])
    assert fuse(audio, words, 0).tolist() == [[0, 1, 0]]
    assert fuse(audio, words, 1).tolist() == [[0, 0, 1]]
    assert fuse(audio, words, 0.25).dtype == np.float32


@pytest.mark.parametrize("weight", [-0.01, 1.01, np.nan])
def test_fuse_refuses_a_weight_outside_0_to_1(weight: float) -> None:
    with pytest.raises(ValueError, match="weight"):
        fuse(np.ones((1, 2)), np.ones((1, 2)), weight)
