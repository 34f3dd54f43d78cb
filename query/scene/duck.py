"""Making room: a level that goes down under what is known to come."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

ATTACK = 0.25  # s, in which the level goes down; it is there when the other sound begins
RELEASE = 1.0  # s, in which it comes back


class Duck:
    """`depth` dB down during `spans` (first sample, sample after the last), which may overlap.

    Down and up again by a raised cosine in dB. Where there is no time to come back in between, it
    stays down.
    """

    def __init__(self, spans: Iterable[tuple[int, int]], depth: float, sample_rate: int) -> None:
        self._depth = depth
        self._attack, self._release = ATTACK * sample_rate, RELEASE * sample_rate
        self._spans = _joined(spans, self._attack + self._release)

    def gain(self, at: int, count: int) -> NDArray[np.float32]:
        """(count,): the factor of each sample from `at` on."""
        down = np.zeros(count)
        time = np.arange(at, at + count)
        for first, last in self._spans:
            if first - self._attack < at + count and at < last + self._release:
                before = (time - first) / self._attack + 1
                after = (last - time) / self._release + 1
                np.maximum(down, np.minimum(before, after).clip(0, 1), out=down)
        decibels = -self._depth * np.sin(down * np.pi / 2) ** 2
        return np.asarray(10 ** (decibels / 20), np.float32)


def _joined(spans: Iterable[tuple[int, int]], gap: float) -> list[tuple[int, int]]:
    joined: list[tuple[int, int]] = []
    for first, last in sorted(spans):
        if joined and first - joined[-1][1] < gap:
            joined[-1] = (joined[-1][0], max(joined[-1][1], last))
        else:
            joined.append((first, last))
    return joined
