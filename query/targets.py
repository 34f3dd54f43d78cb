"""A question as vectors: pictures, a SLERP target of a reference pair, words toward and away.

Everything acts on each part (what is heard, what is written) by itself. A part may be absent, a
row of zeros: words that are absent in a part do not steer it; where the reference sound is absent
the direction between the two frames stands alone; where either frame is absent, so is the target.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from indexer import geometry
from indexer.errors import QueryError

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image

    from indexer.encoders.protocol import Vectors

Kind = Literal["literal", "analogy"]
Weighted = tuple[float, str]


@dataclass(frozen=True, slots=True)
class Steering:
    """Words that a question goes toward and away from, each with its weight ≥ 0."""

    toward: Sequence[Weighted] = ()
    away: Sequence[Weighted] = ()

    def __bool__(self) -> bool:
        return bool(self.toward or self.away)


@dataclass(frozen=True, slots=True)
class Reference:
    """A frame and the sound that is known to fit it.

    sound    (1, dim) vectors for each part
    theta    0..1: 0 is the reference frame, 1 the frame that asks
    weight   of the sound, ≥ 0; None is 1 for literal and 0 for analogy
    kind     literal: Eq. 2 of the paper; analogy: the sound moved as the frame moved
    """

    frames: Sequence[Image]
    sound: Vectors
    theta: float = 0.5
    weight: float | None = None
    kind: Kind = "literal"


def mean(vectors: Vectors) -> Vectors:
    """(n, dim) rows of each part to (1, dim): the direction of their mean."""
    return {part: geometry.mean_direction(rows)[None] for part, rows in vectors.items()}


def target(frame: Vectors, reference_frame: Vectors, reference: Reference) -> Vectors:
    """(1, dim) unit rows for each part of `frame`.

    Raises QueryError where the two frames, or a frame and the sound, are opposite.
    """
    try:
        return {
            part: _part(rows, reference_frame[part], reference.sound.get(part), reference)
            for part, rows in frame.items()
        }
    except ValueError as error:
        raise QueryError(
            "The reference pair and the frame point in opposite directions, so that no one way "
            "leads between them: take another reference."
        ) from error


def _part(
    frame: NDArray[np.float32],
    reference_frame: NDArray[np.float32],
    sound: NDArray[np.float32] | None,
    reference: Reference,
) -> NDArray[np.float32]:
    if not (frame.any() and reference_frame.any()):
        return np.zeros_like(frame)
    if sound is None or not sound.any():
        return geometry.slerp(reference_frame, frame, reference.theta)
    make, weight = (
        (geometry.slerp_target, 1.0)
        if reference.kind == "literal"
        else (geometry.analogy_target, 0.0)
    )
    if reference.weight is not None:
        weight = reference.weight
    return geometry.normalize(make(sound, frame, reference_frame, reference.theta, weight))


def steered(question: Vectors, steering: Steering, words: Mapping[str, Vectors]) -> Vectors:
    """The question moved toward and away from `words`, text → (1, dim) vectors.

    Raises QueryError where they cancel out.
    """

    def of(part: str, chosen: Sequence[Weighted]) -> list[tuple[float, NDArray[np.float32]]]:
        return [(weight, words[text][part]) for weight, text in chosen]  # type: ignore[index]

    try:
        return {
            part: geometry.steer(rows, of(part, steering.toward), of(part, steering.away))
            for part, rows in question.items()
        }
    except ValueError as error:
        raise QueryError(
            "The words toward and away leave nothing of the question: give other words or weights."
        ) from error
