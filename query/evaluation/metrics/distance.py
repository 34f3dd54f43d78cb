"""Distances in a joint space: cosine and Euclidean, inconsistency (Eq. 1), SLERP (Eqs. 2 and 3).

Conventions: rows are vectors, (…, dim), and are broadcast against each other; all is worked out
in float64. A cosine distance is 1 - cosine, in 0..2, and no length counts in it. In Euclidean
distances lengths count: give vectors of length 1, or as a model makes them (`raw`).
0 means equal everywhere.
"""

from __future__ import annotations

from collections.abc import Callable
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
    candidates: Rows,
    sound: Rows,
    frames: Rows,
    reference_frame: Rows,
    theta: float = 0.5,
    kind: Target = "literal",
) -> dict[str, Values]:
    """Eq. 3 and what it is to be held against: (n, dim) candidates by (m, dim) frames, (n, m) each.

    slerp_cosine, slerp_euclidean          candidate against the target
    reference_cosine, reference_euclidean  candidate against the reference sound: no frame in it
    frame_cosine                           candidate against the frame: no reference in it
    """
    aims = target(sound, frames, reference_frame, theta, kind)
    references = np.broadcast_to(sound, np.shape(frames))
    return {
        "slerp_cosine": _table(cosine, candidates, aims),
        "slerp_euclidean": _table(euclidean, candidates, aims),
        "reference_cosine": _table(cosine, candidates, references),
        "reference_euclidean": _table(euclidean, candidates, references),
        "frame_cosine": _table(cosine, candidates, frames),
    }


def frame_share(table: NDArray[np.floating]) -> float:
    """How much of the ranking's variance the frame explains: (candidates, frames) distances.

    What orders candidates for a frame is how they differ there; of that variance, the share that
    changes from frame to frame (interaction over candidate and interaction, a two-way table of
    sums of squares), in 0..1: 0 where every frame gives the same order at the same distances.
    NaN for a single frame, and where nothing differs.
    """
    exact = np.asarray(table, np.float64)
    if exact.shape[1] < 2:
        return float("nan")
    differing = exact - exact.mean(axis=0)
    steady = differing.mean(axis=1, keepdims=True)
    total = float((differing**2).sum())
    return float(((differing - steady) ** 2).sum() / total) if total > 0 else float("nan")


def _table(metric: Callable[[Rows, Rows], Values], candidates: Rows, others: Rows) -> Values:
    return np.stack([metric(candidate, others) for candidate in candidates])


def _unit(rows: Rows) -> Values:
    exact = np.asarray(rows, np.float64)
    unit: Values = exact / np.linalg.norm(exact, axis=-1, keepdims=True)
    return unit
