"""What the sound network takes in: one block of 100 frames, as samples and as bands of mel.

The network's authors give sampling rate, frame, hop, number of bands and the scale of the log
energies. Bands that add up to 1, power, and half of full scale as the peak are the settings
under which the means and variances of its layers come nearest to the ones kept from training.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from indexer.audio.waveform import mono

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from indexer.audio.waveform import Waveform

VERSION = "1"
"""Changes with anything in this module or in `audio` that changes a vector."""

SAMPLE_RATE = 44100
FFT = 2048
HOP = 1024
FRAMES = 100
BLOCK = FRAMES * HOP
"""Samples in a window."""

_BANDS = 96
_PEAK = 0.5
_SILENCE = 1e-4  # -80 dBFS
_FAINTEST = 1e-3  # -60 dBFS: what is fainter stays faint


def block(waveform: Waveform) -> NDArray[np.float32]:
    """One channel of BLOCK samples with its peak at half of full scale; zeros where silent."""
    if waveform.sample_rate != SAMPLE_RATE:
        raise ValueError(f"the sound is at {waveform.sample_rate} Hz, not {SAMPLE_RATE}")
    samples = mono(waveform.samples)
    if len(samples) > BLOCK:
        raise ValueError(f"a window of {len(samples)} samples; at most {BLOCK} fit")
    block = np.zeros(BLOCK, dtype=np.float32)
    peak = float(np.abs(samples).max(initial=0.0))
    if peak >= _SILENCE:
        block[: len(samples)] = samples * (_PEAK / max(peak, _FAINTEST))
    return block


def mel_bands() -> NDArray[np.float32]:
    """(96, 1025) triangles from 0 to 22,050 Hz, equally far apart in mel, each adding up to 1.

    mel = 2595 log10(1 + Hz / 700), O'Shaughnessy 1987.
    """
    top = 2595.0 * np.log10(1.0 + SAMPLE_RATE / 2 / 700.0)
    corners = 700.0 * (10.0 ** (np.linspace(0.0, top, _BANDS + 2) / 2595.0) - 1.0)
    frequency = np.fft.rfftfreq(FFT, 1.0 / SAMPLE_RATE)
    left, middle, right = corners[:-2, None], corners[1:-1, None], corners[2:, None]
    rising, falling = (frequency - left) / (middle - left), (right - frequency) / (right - middle)
    bands = np.maximum(0.0, np.minimum(rising, falling))
    return np.asarray(bands / bands.sum(axis=1, keepdims=True), dtype=np.float32)
