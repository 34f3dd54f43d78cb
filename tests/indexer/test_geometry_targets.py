"""Great circles and the paper's targets: their laws, and numbers worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from indexer.geometry import analogy_target, cosine, normalize, slerp, slerp_target, steer

seeds = st.integers(0, 2**32 - 1)
shares = st.floats(0, 1)
close = {"atol": 3e-6}


def rows(seed: int, count: int, dim: int = 6) -> np.ndarray:
    return normalize(np.random.default_rng(seed).standard_normal((count, dim)))


def angle(a: np.ndarray, b: np.ndarray) -> float:
    a, b = a.astype(float), b.astype(float)
    return float(2 * np.arctan2(np.linalg.norm(a - b), np.linalg.norm(a + b)))


@given(seed=seeds)
def test_slerp_begins_at_start_and_ends_at_end(seed: int) -> None:
    a, b = rows(seed, 2)
    np.testing.assert_allclose(slerp(a, b, 0), a, **close)
    np.testing.assert_allclose(slerp(a, b, 1), b, **close)


@given(seed=seeds, t=shares)
def test_slerp_swapped_is_slerp_from_the_other_end(seed: int, t: float) -> None:
    a, b = rows(seed, 2)
    np.testing.assert_allclose(slerp(a, b, t), slerp(b, a, 1 - t), **close)


@given(seed=seeds, t=shares)
def test_slerp_goes_at_one_speed_on_the_sphere(seed: int, t: float) -> None:
    a, b = rows(seed, 2)
    there = slerp(a, b, t)
    assert np.linalg.norm(there) == pytest.approx(1, abs=1e-6)
    assert angle(a, there) == pytest.approx(t * angle(a, b), abs=5e-6)
    assert angle(there, b) == pytest.approx((1 - t) * angle(a, b), abs=5e-6)


@given(seed=seeds, t=shares, apart=st.floats(0, 1e-5))
def test_slerp_of_nearly_the_same(seed: int, t: float, apart: float) -> None:
    a, side = rows(seed, 2)
    b = normalize(a + apart * side)
    there = slerp(a, b, t)
    assert np.linalg.norm(there) == pytest.approx(1, abs=1e-6)
    assert angle(a, there) <= angle(a, b) + 1e-6
    assert angle(there, b) <= angle(a, b) + 1e-6


def test_slerp_takes_rows_of_any_length_and_number() -> None:
    a, b = rows(1, 4), rows(2, 4)
    together = slerp(a * 20, b, 0.3)
    for row in range(4):
        np.testing.assert_allclose(together[row], slerp(a[row], b[row], 0.3), atol=1e-6)


def test_what_has_no_way_between_is_refused() -> None:
    a = rows(3, 1)[0]
    for call in (lambda: slerp(a, -a, 0.5), lambda: analogy_target(-a, rows(4, 1)[0], a)):
        with pytest.raises(ValueError, match="opposite"):
            call()
    for call in (lambda: slerp(a, 0 * a, 0.5), lambda: slerp(0 * a, a, 0.0)):
        with pytest.raises(ValueError, match="length zero"):
            call()
    with pytest.raises(ValueError, match="NaN"):
        slerp(a, a * np.nan, 0.5)
    for call in (lambda: slerp(a, a, 1.1), lambda: analogy_target(a, a, a, -0.1)):
        with pytest.raises(ValueError, match=r"0\.\.1"):
            call()
    for make in (slerp_target, analogy_target):
        with pytest.raises(ValueError, match="negative"):
            make(a, a, a, 0.5, -1.0)


def test_equation_two_by_hand() -> None:
    # f0 along x, fj at 80 degrees in the plane x-y, a0 along z. A quarter of the way is 20
    # degrees from f0; Eq. 2 adds that unit vector to a0.
    eighty = math.radians(80)
    f0, fj, a0 = [1.0, 0, 0], [math.cos(eighty), math.sin(eighty), 0], [0, 0, 1.0]
    target = slerp_target(np.array(a0), np.array(fj), np.array(f0), theta=0.25)
    twenty = math.radians(20)
    np.testing.assert_allclose(target, [math.cos(twenty), math.sin(twenty), 1.0], atol=1e-6)
    np.testing.assert_allclose(target, [0.9396926, 0.3420201, 1.0], atol=1e-6)
    # Shoemake's two coefficients: sin 60 / sin 80 for f0, sin 20 / sin 80 for fj
    by_terms = [
        math.sin(math.radians(60)) / math.sin(eighty) * first
        + math.sin(math.radians(20)) / math.sin(eighty) * second
        + third
        for first, second, third in zip(f0, fj, a0, strict=True)
    ]
    np.testing.assert_allclose(target, by_terms, atol=1e-6)
    # ImageBind's raw length of 20: the frames turn the target by less than 3 degrees
    raw = slerp_target(20 * np.array(a0), np.array(fj), np.array(f0), theta=0.25)
    np.testing.assert_allclose(raw, [0.9396926, 0.3420201, 20.0], atol=1e-5)
    assert math.degrees(angle(normalize(raw), np.array(a0))) == pytest.approx(2.8624, abs=1e-3)


def test_equation_two_by_hand_in_the_plane() -> None:
    # f0 at 10 degrees, fj at 130, a0 at 200, weight 2: a quarter of the way is 40 degrees
    def at(degrees: float) -> np.ndarray:
        return np.array([math.cos(math.radians(degrees)), math.sin(math.radians(degrees))])

    target = slerp_target(at(200), at(130), at(10), theta=0.25, weight=2)
    np.testing.assert_allclose(target, 2 * at(200) + at(40), atol=1e-6)
    np.testing.assert_allclose(target, [-1.1133408, -0.0412527], atol=1e-6)
    # the analogy: a0 goes a quarter of the 120 degrees, the same way round
    moved = analogy_target(at(170), at(130), at(10), theta=0.25)
    np.testing.assert_allclose(moved, at(200), atol=1e-6)


def test_the_analogy_by_hand_in_space() -> None:
    # The way from x toward y, carried along the circle from x to z, still leads toward y.
    x, y, z = np.eye(3)
    moved = analogy_target(z, y, x, theta=0.25)
    quarter = math.radians(22.5)
    np.testing.assert_allclose(moved, [0, math.sin(quarter), math.cos(quarter)], atol=1e-6)
    # The way toward z turns with the circle: at z it leads on, toward -x.
    moved = analogy_target(z, (x + z) / math.sqrt(2), x, theta=1)
    np.testing.assert_allclose(moved, [-math.sqrt(0.5), 0, math.sqrt(0.5)], atol=1e-6)


@given(seed=seeds, theta=shares)
def test_the_target_tends_to_the_frames_or_to_the_sound(seed: int, theta: float) -> None:
    sound, frame, reference = rows(seed, 3)
    between = slerp(reference, frame, theta)
    for weight, limit in ((0.0, between), (1e-7, between), (1e7, sound)):
        found = normalize(slerp_target(sound, frame, reference, theta, weight))
        np.testing.assert_allclose(found, limit, atol=2e-6)
    far = [
        angle(normalize(slerp_target(sound, frame, reference, theta, weight)), sound)
        for weight in (0.0, 0.5, 1.0, 2.0, 8.0)
    ]
    assert far == sorted(far, reverse=True)


@given(seed=seeds, theta=shares)
def test_the_analogy_moves_the_sound_as_far_as_the_frame(seed: int, theta: float) -> None:
    sound, frame, reference = rows(seed, 3)
    moved = analogy_target(sound, frame, reference, theta)
    assert np.linalg.norm(moved) == pytest.approx(1, abs=1e-5)
    assert angle(normalize(moved), sound) == pytest.approx(
        theta * angle(reference, frame), abs=1e-5
    )
    np.testing.assert_allclose(analogy_target(sound, reference, reference, theta), sound, atol=1e-5)
    # where the sound is the reference frame, it goes along with it
    np.testing.assert_allclose(
        analogy_target(reference, frame, reference, theta),
        slerp(reference, frame, theta),
        atol=1e-5,
    )
    far = normalize(analogy_target(sound, frame, reference, theta, 1e7))
    np.testing.assert_allclose(far, sound, atol=2e-6)


@given(seed=seeds, weight=st.floats(0.1, 5))
def test_steering_comes_nearer_and_goes_away(seed: int, weight: float) -> None:
    question, word = rows(seed, 2)
    assume(abs(cosine(question[None], word[None])[0, 0]) < 0.99)
    before = cosine(question[None], word[None])[0, 0]
    toward = steer(question, [(weight, word)])
    away = steer(question, (), [(weight, word)])
    assert cosine(away[None], word[None])[0, 0] < before < cosine(toward[None], word[None])[0, 0]
    np.testing.assert_allclose(steer(toward), toward, atol=1e-6)


def test_steering_by_hand() -> None:
    x, y, z = np.eye(3)
    np.testing.assert_allclose(steer(x, [(0.5, y)], [(0.5, z)]), np.array([2, 1, -1]) / 6**0.5)
    np.testing.assert_allclose(steer(x, [(1, 0 * y)]), x)
    np.testing.assert_allclose(steer(0 * x, [(3, y)]), y)
    np.testing.assert_allclose(steer(0 * x), 0 * x)
    with pytest.raises(ValueError, match="cancels out"):
        steer(rows(1, 1), (), [(1.0, rows(1, 1))])
