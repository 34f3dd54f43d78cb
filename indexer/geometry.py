"""Directions on the unit sphere. Rows are vectors; numpy only."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

OPPOSITE = 1e-5  # radians from opposite within which float32 rows show no way to go
NOTHING = 1e-6  # share of their lengths that rounding to float32 leaves of rows that cancel out


def normalize(vectors: NDArray[np.floating]) -> NDArray[np.float32]:
    """(…, d) rows scaled to length 1; a row of zeros stays zeros (an absent part).

    Raises ValueError if any entry is not finite.
    """
    rows = np.asarray(vectors, dtype=np.float64)
    if not np.isfinite(rows).all():
        raise ValueError("a vector holds NaN or infinity")
    length = np.linalg.norm(rows, axis=-1, keepdims=True)
    unit: NDArray[np.float64] = np.divide(rows, length, out=np.zeros_like(rows), where=length > 0)
    return unit.astype(np.float32)


def mean_direction(vectors: NDArray[np.floating]) -> NDArray[np.float32]:
    """(n, d) unit rows to the (d,) direction of their mean; zeros where they cancel out."""
    rows = np.asarray(vectors, dtype=np.float64)
    mean = rows.mean(axis=0)
    size = np.linalg.norm(rows, axis=-1).mean()
    return normalize(mean if np.linalg.norm(mean) > NOTHING * size else np.zeros_like(mean))


def cosine(a: NDArray[np.floating], b: NDArray[np.floating]) -> NDArray[np.float32]:
    """(n, d) and (m, d) to (n, m) cosines in [-1, 1]; 0 where either row is zeros."""
    cosines: NDArray[np.float32] = normalize(a) @ normalize(b).T
    return cosines.clip(-1.0, 1.0)


def fuse(
    audio: NDArray[np.floating], metadata: NDArray[np.floating], weight: float
) -> NDArray[np.float32]:
    """A question's two parts side by side, [(1 - w) q_audio | w q_metadata], rows (n, d_a + d_m).

    Its inner product with a stored row [audio | metadata] is
    (1 - w) cos_audio + w cos_metadata. `weight` in [0, 1].
    """
    if not 0.0 <= weight <= 1.0:
        raise ValueError(f"the metadata weight is {weight}; it must lie in 0..1")
    return np.concatenate(
        [(1.0 - weight) * normalize(audio), weight * normalize(metadata)], axis=-1
    ).astype(np.float32)


def slerp(start: NDArray[np.floating], end: NDArray[np.floating], t: float) -> NDArray[np.float32]:
    """Unit rows on the great circle from `start` (t = 0) to `end` (t = 1), each (…, d).

    sin((1 - t) w) / sin w * start + sin(t w) / sin w * end, w being the angle between them:
    Shoemake 1985, "Animating Rotation with Quaternion Curves". Lengths do not count.
    Raises ValueError for rows of length zero, for opposite ones, and for `t` outside 0..1.
    """
    if not 0.0 <= t <= 1.0:
        raise ValueError(f"t is {t}; it must lie in 0..1")
    a, b = _directions(start), _directions(end)
    angle = _angle(a, b)
    sine = np.sin(angle)
    # Rows this close are a straight line's ends, and sin(angle) is too small to divide by.
    near = sine < 1e-6
    whole = np.where(near, 1.0, sine)
    first = np.where(near, 1.0 - t, np.sin((1.0 - t) * angle) / whole)
    second = np.where(near, t, np.sin(t * angle) / whole)
    return normalize(first * a + second * b)


def slerp_target(
    sound: NDArray[np.floating],
    frame: NDArray[np.floating],
    reference_frame: NDArray[np.floating],
    theta: float = 0.5,
    weight: float = 1.0,
) -> NDArray[np.float32]:
    """weight * sound + slerp(reference_frame, frame, theta), rows (…, d), not normalized.

    Eq. 2 of the paper: a_target = a0 + SLERP(fj, f0; theta); theta = 1 is the frame, 0 the
    reference frame. The direction tends to that of the SLERP alone as `weight` goes to 0, and to
    the sound's as it grows. Raises ValueError as `slerp` does, and for a negative weight.
    """
    if weight < 0:
        raise ValueError(f"the reference weight is {weight}; it must not be negative")
    added = weight * np.asarray(sound, np.float64) + slerp(reference_frame, frame, theta)
    return added.astype(np.float32)


def analogy_target(
    sound: NDArray[np.floating],
    frame: NDArray[np.floating],
    reference_frame: NDArray[np.floating],
    theta: float = 0.5,
    weight: float = 0.0,
) -> NDArray[np.float32]:
    """weight * sound + the sound moved as reference_frame must move to come to frame; (…, d) rows.

    The way from one frame to the other is the log map at reference_frame; it is carried to the
    sound by parallel transport along the great circle between them, scaled by `theta` (0: the
    sound stays, 1: the whole way) and gone from there by the exp map (Absil, Mahony & Sepulchre
    2008, "Optimization Algorithms on Matrix Manifolds", the sphere). `weight` has the limits it
    has in `slerp_target`: 0 is the moved sound alone, much is the sound where it was.
    Raises ValueError as `slerp_target` does, and where sound and reference_frame are opposite.
    """
    if not 0.0 <= theta <= 1.0:
        raise ValueError(f"theta is {theta}; it must lie in 0..1")
    if weight < 0:
        raise ValueError(f"the reference weight is {weight}; it must not be negative")
    a0, f0, fj = map(_directions, (sound, reference_frame, frame))
    angle = _angle(f0, fj)
    _angle(f0, a0)
    across = fj - _dot(f0, fj) * f0
    length = np.linalg.norm(across, axis=-1, keepdims=True)
    way = np.divide(across, length, out=np.zeros_like(across), where=length > 0)
    carried = way - _dot(a0, way) / (1.0 + _dot(f0, a0)) * (f0 + a0)
    moved = np.cos(theta * angle) * a0 + np.sin(theta * angle) * carried
    target: NDArray[np.float64] = weight * a0 + moved
    return target.astype(np.float32)


def steer(
    question: NDArray[np.floating],
    toward: Iterable[tuple[float, NDArray[np.floating]]] = (),
    away: Iterable[tuple[float, NDArray[np.floating]]] = (),
) -> NDArray[np.float32]:
    """n(q + sum of w v over `toward` - sum of w u over `away`): unit rows (…, d).

    A row of zeros adds nothing. Raises ValueError where what is there cancels out.
    """
    terms = [np.asarray(question, np.float64)]
    terms += [weight * np.asarray(row, np.float64) for weight, row in toward]
    terms += [-weight * np.asarray(row, np.float64) for weight, row in away]
    total = np.sum(terms, axis=0)
    sizes = np.sum([np.linalg.norm(term, axis=-1) for term in terms], axis=0)
    if ((np.linalg.norm(total, axis=-1) <= NOTHING * sizes) & (sizes > 0)).any():
        raise ValueError("what is asked toward and away cancels out")
    return normalize(total)


def _directions(vectors: NDArray[np.floating]) -> NDArray[np.float64]:
    """Unit rows in float64. Raises ValueError for a row of length zero or one not finite."""
    rows = np.asarray(vectors, dtype=np.float64)
    length = np.linalg.norm(rows, axis=-1, keepdims=True)
    if not np.isfinite(length).all():
        raise ValueError("a vector holds NaN or infinity")
    if (length == 0).any():
        raise ValueError("a vector has length zero, which is no direction")
    unit: NDArray[np.float64] = rows / length
    return unit


def _angle(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """(…, 1) angles between unit rows, radians. Raises ValueError for opposite ones."""
    apart = np.linalg.norm(a - b, axis=-1, keepdims=True)
    together = np.linalg.norm(a + b, axis=-1, keepdims=True)
    # Kahan: exact for small angles too, where the arc cosine is not
    angle: NDArray[np.float64] = 2.0 * np.arctan2(apart, together)
    if (angle > np.pi - OPPOSITE).any():
        raise ValueError("two vectors point in opposite directions: no one way leads between them")
    return angle


def _dot(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    product: NDArray[np.float64] = np.sum(a * b, axis=-1, keepdims=True)
    return product
