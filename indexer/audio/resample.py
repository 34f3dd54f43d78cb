"""A stream of sound at another rate."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import soxr

from indexer.audio.waveform import Waveform


def resample(blocks: Iterable[Waveform], sample_rate: int) -> Iterator[Waveform]:
    """The same sound at `sample_rate` Hz, as blocks of (channels, n) float32.

    soxr's HQ filter runs across block borders. A stream of n samples at rate r comes out
    with round(n * sample_rate / r) samples, within one. Blocks at that rate already pass
    untouched.
    """
    stream: soxr.ResampleStream | None = None
    channels = 0
    for block in blocks:
        if block.sample_rate == sample_rate:
            yield block
            continue
        if stream is None:
            channels = block.channels
            stream = soxr.ResampleStream(block.sample_rate, sample_rate, channels, quality="HQ")
        yield from _waveform(stream.resample_chunk(block.samples.T), sample_rate)
    if stream is not None:
        rest = np.zeros((0, channels), np.float32)
        yield from _waveform(stream.resample_chunk(rest, last=True), sample_rate)


def _waveform(samples: np.typing.NDArray[np.float32], sample_rate: int) -> Iterator[Waveform]:
    if len(samples):
        yield Waveform(np.ascontiguousarray(samples.reshape(len(samples), -1).T), sample_rate)
