"""Directions on the unit sphere. Rows are vectors; numpy only."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


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
    return normalize(np.asarray(vectors, dtype=np.float64).mean(axis=0))


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
