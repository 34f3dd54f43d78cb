"""Loudness and true peak after ITU-R BS.1770-4 and EBU R 128, by FFmpeg's ebur128 filter."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import av
import numpy as np

from indexer.audio.frames import layout_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

_GATE = -70.0
"""LUFS; what never rises above it is silence to the standard."""

_WINDOW = 0.4
_TICK = 0.1
"""Seconds: one measuring window, and the step between two."""

_RATES = (8_000, 192_000)
"""Hz; outside, the weighting filter or the peak oversampling would not hold."""

_WHOLE = 48_000
"""Hz, of which a tick is a whole number of samples."""

_MOST_CHANNELS = 64
_KEY = "lavfi.r128."


@dataclass(frozen=True, slots=True)
class Loudness:
    """LUFS, LUFS, dBTP; None where there is only silence."""

    integrated: float | None
    max_momentary: float | None
    true_peak: float | None


class Meter:
    """Fed (channels, n) float32 blocks, finite, all of one rate and channel count.

    Up to eight channels are weighted as the usual speaker layout of that many (an LFE
    counts nothing); of more than 64, the first 64 are heard.
    """

    def __init__(self, sample_rate: int, channels: int) -> None:
        self._rate = sample_rate
        self._channels = min(channels, _MOST_CHANNELS)
        self._samples = 0
        self._integrated = self._momentary = -math.inf
        self._peak = 0.0
        self._build()

    def _build(self) -> None:
        av.logging.set_level(None)
        self._graph = av.filter.Graph()
        self._source = self._graph.add_abuffer(
            sample_rate=self._rate, format="flt", layout=layout_of(self._channels)
        )
        within = min(max(self._rate, _RATES[0]), _RATES[1])
        if within % round(1 / _TICK):  # else FFmpeg counts ticks of other lengths: at 11,025 Hz
            within = _WHOLE
        resampler = self._graph.add("aresample", str(within))
        meter = self._graph.add("ebur128", "metadata=1:peak=true:framelog=quiet")
        self._sink = self._graph.add("abuffersink")
        self._graph.link_nodes(self._source, resampler, meter, self._sink).configure()

    def feed(self, samples: NDArray[np.float32]) -> None:
        self._peak = max(self._peak, float(np.abs(samples).max(initial=0)))
        self._push(samples)
        self._samples += samples.shape[1]

    def finish(self) -> Loudness:
        """What was heard in all. Shorter than 0.4 s: see `Analysis.loudness`."""
        duration = self._samples / self._rate
        integrated = self._integrated
        # FFmpeg tells of whole ticks only, and its peak filter lags: silence drives both on.
        pad = max(2 * _TICK, _WINDOW + _TICK - duration)
        self._push(np.zeros((self._channels, math.ceil(pad * self._rate)), np.float32))
        if duration < _WINDOW:
            integrated = self._momentary + 10 * math.log10(_WINDOW / duration)
        elif integrated <= _GATE:
            # A resampler lags: the one window that there is was told of with the silence.
            integrated = self._momentary
        return Loudness(
            integrated=_audible(integrated),
            max_momentary=_audible(self._momentary),
            true_peak=20 * math.log10(self._peak) if self._peak > 0 else None,
        )

    def _push(self, samples: NDArray[np.float32]) -> None:
        if not samples.shape[1]:
            return
        packed = np.ascontiguousarray(samples[: self._channels].T).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(packed, format="flt", layout=layout_of(self._channels))
        frame.sample_rate = self._rate
        self._source.push(frame)
        self._read()

    def _read(self) -> None:
        while True:
            try:
                found = self._sink.pull().metadata
            except (BlockingIOError, EOFError):
                return
            if _KEY + "M" in found:
                self._momentary = max(self._momentary, float(found[_KEY + "M"]))
                self._integrated = float(found[_KEY + "I"])
                self._peak = max(self._peak, float(found[_KEY + "true_peak"]))


def _audible(loudness: float) -> float | None:
    return loudness if loudness > _GATE else None
