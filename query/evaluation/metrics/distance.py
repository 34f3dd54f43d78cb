"""Distances in a joint space: cosine and Euclidean, inconsistency (Eq. 1), SLERP (Eqs. 2 and 3).

Conventions: rows are vectors, (…, dim), and are broadcast against each other; all is worked out
in float64. A cosine distance is 1 - cosine, in 0..2, and no length counts in it. In Euclidean
distances lengths count: give vectors of length 1, or as a model makes them (`raw`).
0 means equal everywhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from indexer import geometry

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Rows = NDArray[np.floating]
    Values = NDArray[np.float64]

Target = Literal["literal", "analogy"]
TARGETS: tuple[Target, ...] = ("literal", "analogy")


def validate(*rows: Rows) -> None:
    """Raises ValueError for other widths, for NaN or infinity, and for vectors of length 0."""
    widths = {np.shape(each)[-1] if np.ndim(each) else 0 for each in rows}
    if len(widths) > 1:
        raise ValueError(f"vectors of different widths {sorted(widths)} cannot be compared")
    for each in rows:
        if not np.isfinite(each).all():
            raise ValueError("a vector holds NaN or infinity")
        if not np.linalg.norm(np.asarray(each, np.float64), axis=-1).all():
            raise ValueError("a vector has length zero, which is no direction")


def cosine(a: Rows, b: Rows) -> Values:
    """1 - cos(a, b), in 0..2."""
    validate(a, b)
    first, second = (_unit(each) for each in (a, b))
    return np.asarray(1.0 - (first * second).sum(axis=-1).clip(-1.0, 1.0))


def euclidean(a: Rows, b: Rows) -> Values:
    """Length of a - b."""
    validate(a, b)
    apart = np.asarray(a, np.float64) - np.asarray(b, np.float64)
    return np.asarray(np.linalg.norm(apart, axis=-1))


def inconsistency(image: Rows, text: Rows, audio: Rows) -> Values:
    """Eq. 1: 2 d(image, text) - d(image, audio), d being the cosine distance; in -2..4.

    The paper says -1..2, which holds where no cosine is negative. 0 also where d(image, audio)
    is twice d(image, text), so show that beside it.
    """
    validate(image, text, audio)
    return 2.0 * cosine(image, text) - cosine(image, audio)


def most_consistent(values: NDArray[np.floating], k: int = 10) -> NDArray[np.intp]:
    """Places of the k values nearest to 0, of equal ones the first first."""
    return np.argsort(np.abs(values), kind="stable")[:k]


def target(
    sound: Rows, frame: Rows, reference_frame: Rows, theta: float = 0.5, kind: Target = "literal"
) -> Values:
    """The sound that `frame` should have, (…, dim), given a pair that is known.

    literal   Eq. 2: sound + SLERP(frame, reference_frame; theta), theta being the weight of frame
    analogy   the sound moved as reference_frame must move to come to frame, by theta of the way;
              as long as the sound is
    Raises ValueError as `geometry.slerp` does.
    """
    validate(sound, frame, reference_frame)
    if kind == "literal":
        made = geometry.slerp_target(sound, frame, reference_frame, theta)
        return made.astype(np.float64)
    length = np.linalg.norm(np.asarray(sound, np.float64), axis=-1, keepdims=True)
    moved: Values = length * geometry.analogy_target(sound, frame, reference_frame, theta)
    return moved


def evaluate(
    candidate: Rows,
    sound: Rows,
    frame: Rows,
    reference_frame: Rows,
    theta: float = 0.5,
    kind: Target = "literal",
) -> dict[str, Values]:
    """Eq. 3 and what it is to be held against, each broadcast to one shape.

    slerp_cosine, slerp_euclidean          candidate against the target
    reference_cosine, reference_euclidean  candidate against the reference sound: no frame in it
    frame_cosine                           candidate against the frame: no reference in it
    """
    aim = target(sound, frame, reference_frame, theta, kind)
    found = {
        "slerp_cosine": cosine(candidate, aim),
        "slerp_euclidean": euclidean(candidate, aim),
        "reference_cosine": cosine(candidate, sound),
        "reference_euclidean": euclidean(candidate, sound),
        "frame_cosine": cosine(candidate, frame),
    }
    return dict(zip(found, np.broadcast_arrays(*found.values()), strict=True))


def _unit(rows: Rows) -> Values:
    exact = np.asarray(rows, np.float64)
    unit: Values = exact / np.linalg.norm(exact, axis=-1, keepdims=True)
    return unit
