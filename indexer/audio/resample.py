"""A stream of sound at another rate."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Literal

import numpy as np
import soxr

from indexer.audio.waveform import Waveform

if TYPE_CHECKING:
    from numpy.typing import NDArray

Resampler = Literal["soxr", "sinc"]

ZEROS = 6  # crossings of the sinc on either side
ROLLOFF = 0.99
LARGEST_KERNEL = 5_000_000  # numbers: rates with no common factor


def resample(
    blocks: Iterable[Waveform], sample_rate: int, resampler: Resampler = "soxr"
) -> Iterator[Waveform]:
    """The same sound at `sample_rate` Hz, as blocks of (channels, n) float32.

    The filter runs across block borders. n samples at rate r come out as n * sample_rate / r,
    within one with "soxr" (its HQ filter), rounded up with "sinc", which is what models were
    trained with that read sound through torchaudio. Rates whose kernel would be too large for
    memory (44,056 to 16,000 Hz) are left to soxr. Blocks at that rate already pass untouched.
    """
    stream: _Soxr | _Sinc | None = None
    for block in blocks:
        if block.sample_rate == sample_rate:
            yield block
            continue
        if stream is None:
            stream = _stream(block, sample_rate, resampler)
        yield from _waveform(stream.feed(block.samples), sample_rate)
    if stream is not None:
        yield from _waveform(stream.end(), sample_rate)


def _stream(block: Waveform, sample_rate: int, resampler: Resampler) -> _Soxr | _Sinc:
    if resampler == "sinc":
        sinc = _Sinc(block.sample_rate, sample_rate, block.channels)
        if sinc.size <= LARGEST_KERNEL:
            return sinc
    return _Soxr(block.sample_rate, sample_rate, block.channels)


class _Soxr:
    def __init__(self, old: int, new: int, channels: int) -> None:
        self._stream = soxr.ResampleStream(old, new, channels, quality="HQ")
        self._channels = channels

    def feed(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        return self._channels_first(self._stream.resample_chunk(samples.T))

    def end(self) -> NDArray[np.float32]:
        rest = np.zeros((0, self._channels), np.float32)
        return self._channels_first(self._stream.resample_chunk(rest, last=True))

    def _channels_first(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.ascontiguousarray(samples.reshape(-1, self._channels).T)


class _Sinc:
    """Interpolation by a sinc under a Hann window (J. O. Smith, Digital Audio Resampling).

    The rates without their common factor are `old` and `new`: `old` samples in make `new`
    samples out, each by its own row of the kernel.
    """

    def __init__(self, old: int, new: int, channels: int) -> None:
        common = math.gcd(old, new)
        self._old, self._new = old // common, new // common
        self._cutoff = min(self._old, self._new) * ROLLOFF
        self._width = math.ceil(ZEROS * self._old / self._cutoff)
        self._held = np.zeros((channels, self._width), np.float32)
        self._kernel: NDArray[np.float32] | None = None
        self._taken = self._given = 0

    @property
    def size(self) -> int:
        """Numbers in the kernel."""
        return self._new * (2 * self._width + self._old)

    def feed(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        self._taken += samples.shape[1]
        return self._filter(samples)

    def end(self) -> NDArray[np.float32]:
        silence = np.zeros((len(self._held), self._width + self._old), np.float32)
        before, length = self._given, -(-self._taken * self._new // self._old)
        return self._filter(silence)[:, : length - before]

    def _filter(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """As many steps of `old` samples as the held and these allow; the rest is held."""
        held = np.concatenate([self._held, samples], axis=1)
        reach = 2 * self._width + self._old
        steps = max(0, (held.shape[1] - reach) // self._old + 1)
        if self._kernel is None:
            self._kernel = self._made()
        if not steps:
            self._held = held
            return np.zeros((len(held), 0), np.float32)
        seen = np.lib.stride_tricks.sliding_window_view(held, reach, axis=1)[:, :: self._old]
        made = (seen[:, :steps] @ self._kernel).reshape(len(held), -1)
        self._held = held[:, steps * self._old :].copy()
        self._given += made.shape[1]
        return np.asarray(made, np.float32)

    def _made(self) -> NDArray[np.float32]:
        """(2 width + old, new): a column for each sample of a step."""
        at = np.arange(-self._width, self._width + self._old)[:, None] / self._old
        time = (at - np.arange(self._new) / self._new) * self._cutoff
        time = time.clip(-ZEROS, ZEROS)
        hann = np.cos(time * np.pi / ZEROS / 2) ** 2
        return np.asarray(np.sinc(time) * hann * (self._cutoff / self._old), np.float32)


def _waveform(samples: NDArray[np.float32], sample_rate: int) -> Iterator[Waveform]:
    if samples.shape[1]:
        yield Waveform(samples, sample_rate)
