"""Where sounds begin, by how fast their spectrum rises."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

MOST_ONSETS = 200
_BANDS = 32
_LOWEST = 50.0
_FLOOR = 1e-8
"""Power of a band, full-scale sine = 1, under which nothing is heard to rise (-80 dB)."""

_APART = 5
_AROUND = 50
"""Hops: an onset is the highest within `_APART` of itself, against a mean over `_AROUND`."""

_MOST_HELD = 6_000
"""Hops."""

_RISE = 3.0
"""dB, in the mean over bands, that an onset must rise above its surroundings."""


def hop_size(sample_rate: int) -> int:
    """Samples in 10 ms, at least 16."""
    return max(16, round(0.01 * sample_rate))


class Rise:
    """The spectral flux of a stream, one value per hop of 10 ms, and its peaks.

    Hann windows of two hops; power summed in 32 bands evenly spaced by octave; flux is the
    mean over bands of the rise in dB since the last hop, falls counting 0. Holds a minute.
    """

    def __init__(self, sample_rate: int) -> None:
        self._rate = sample_rate
        self._hop = hop_size(sample_rate)
        # A full-scale sine has the magnitude sum(window) / 2, which is hop / 2.
        self._window = (np.hanning(2 * self._hop + 1)[:-1] * 2 / self._hop).astype(np.float32)
        self._edges = _band_edges(sample_rate, self._hop)
        self._last_hop = np.zeros((1, self._hop), np.float32)
        self._last_level = np.full((1, len(self._edges)), _decibels(_FLOOR), np.float32)
        self._flux = np.zeros(0, np.float32)
        self._base = self._judged = 0
        self._places = np.zeros(0, np.intp)
        self._strengths = np.zeros(0)

    def feed(self, hops: NDArray[np.float32]) -> None:
        """(k, hop) consecutive stretches of one channel."""
        if not len(hops):
            return
        every = np.concatenate([self._last_hop, hops])
        spectrum = np.fft.rfft(np.hstack([every[:-1], every[1:]]) * self._window, axis=1)
        power = spectrum.real**2 + spectrum.imag**2
        level = _decibels(np.add.reduceat(power, self._edges, axis=1))
        rise = np.diff(np.concatenate([self._last_level, level]), axis=0)
        self._last_hop, self._last_level = every[-1:], level[-1:]
        self._flux = np.concatenate([self._flux, np.maximum(rise, 0).mean(axis=1)])
        if len(self._flux) > _MOST_HELD:
            self._judge(self._base + len(self._flux) - _AROUND)

    def onsets(self) -> list[float]:
        """Seconds, ascending, exact to about 10 ms; the strongest 200 if there are more."""
        self._judge(self._base + len(self._flux))
        return [float(hop * self._hop / self._rate) for hop in self._places]

    def _judge(self, end: int) -> None:
        """Look for onsets among the hops up to `end`, and let go of what is not needed again."""
        excess = self._flux - _moving_mean(self._flux, _AROUND)
        found = (excess > _RISE) & (self._flux >= _moving_max(self._flux, _APART))
        places = np.flatnonzero(found[: end - self._base])
        places = places[places + self._base >= self._judged]
        self._places = np.concatenate([self._places, places + self._base])
        self._strengths = np.concatenate([self._strengths, excess[places]])
        strongest = np.sort(np.argsort(-self._strengths, kind="stable")[:MOST_ONSETS])
        self._places, self._strengths = self._places[strongest], self._strengths[strongest]
        self._judged, keep = end, max(self._base, end - _AROUND)
        self._flux, self._base = self._flux[keep - self._base :], keep


def _decibels(power: NDArray[np.float32] | float) -> NDArray[np.float32]:
    return np.float32(10) * np.log10(np.maximum(power, np.float32(_FLOOR)))


def _band_edges(sample_rate: int, hop: int) -> NDArray[np.intp]:
    """First bin of each band, from 50 Hz up; low bands that share a bin become one."""
    spacing = sample_rate / (2 * hop)
    edges = np.geomspace(min(max(1.0, _LOWEST / spacing), hop / 2), hop, _BANDS + 1)[:-1]
    return np.unique(edges.astype(np.intp))


def _moving_mean(values: NDArray[np.float32], reach: int) -> NDArray[np.float64]:
    total = np.concatenate([[0.0], np.cumsum(values, dtype=np.float64)])
    places = np.arange(len(values))
    first = np.maximum(places - reach, 0)
    last = np.minimum(places + reach + 1, len(values))
    mean: NDArray[np.float64] = (total[last] - total[first]) / (last - first)
    return mean


def _moving_max(values: NDArray[np.float32], reach: int) -> NDArray[np.float32]:
    padded = np.pad(values, reach, constant_values=-1)
    views: NDArray[np.float32] = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1)
    highest: NDArray[np.float32] = views.max(axis=1)
    return highest
