"""What the audio tower takes in: a window as log energies of 128 bands of mel.

Kaldi's filter bank (frames of 25 ms every 10 ms, no dither, DC removed per frame, pre-emphasis .97,
Hann, power, triangles in mel from 20 Hz to 8 kHz), as ImageBind's authors set it.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from indexer.audio.waveform import Waveform
    from indexer.encoders.protocol import Windows

VERSION = "2"
"""Changes with anything in this module that changes a vector."""

SAMPLE_RATE = 16000
FRAME, STEP = 400, 160
FFT = 512
BANDS = 128
FRAMES = 204
LOWEST, HIGHEST = 20.0, SAMPLE_RATE / 2
EMPHASIS = 0.97
MEAN, DEVIATION = -4.268, 9.138
_FAINTEST = float(np.finfo(np.float32).eps)
_SILENT = 1e-8  # of the loudest channel's energy, -80 dB


def spectra(waveforms: Sequence[Waveform], rule: Windows) -> torch.Tensor:
    """(n, 1, 128, 204) float32, one for each window of at most 2 s.

    `rule` "official" hears channel 0 alone, "all" every channel that is not silent.
    """
    return torch.stack([_spectrum(_channel(w, rule)) for w in waveforms])


def _channel(waveform: Waveform, rule: Windows) -> NDArray[np.float32]:
    if waveform.sample_rate != SAMPLE_RATE:
        raise ValueError(f"the sound is at {waveform.sample_rate} Hz, not {SAMPLE_RATE}")
    samples = waveform.samples
    if samples.size == 0:
        return np.zeros(FRAME, dtype=np.float32)
    if rule == "official":
        return np.asarray((samples - _mean(samples))[0])
    # each channel's own offset: a silent one that has one would pass for loud
    return _mono(samples - _mean(samples, axis=1))


def _mean(samples: NDArray[np.float32], axis: int | None = None) -> NDArray[np.float32]:
    return np.asarray(samples.mean(axis=axis, dtype=np.float64, keepdims=True), dtype=np.float32)


def _mono(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """The channels weighted by their energies; where they cancel each other, the loudest."""
    energies = np.square(samples, dtype=np.float64).sum(axis=1)
    loudest = energies.max()
    if loudest == 0:
        return np.asarray(samples[0])
    weights = np.where(energies > _SILENT * loudest, energies, 0.0)
    mixed = (weights / weights.sum()) @ samples
    heard = np.square(mixed).sum() >= 0.01 * loudest
    return np.asarray(mixed if heard else samples[int(energies.argmax())], dtype=np.float32)


def _spectrum(samples: NDArray[np.float32]) -> torch.Tensor:
    """(n,) samples to (1, 128, 204): frames past the sound are 0 before the scaling."""
    bands = _filter_bank(torch.from_numpy(np.pad(samples, (0, max(0, FRAME - len(samples))))))
    padded = F.pad(bands.T[:, :FRAMES], (0, max(0, FRAMES - len(bands))))
    return ((padded - MEAN) / DEVIATION)[None]


def _filter_bank(samples: torch.Tensor) -> torch.Tensor:
    """(n,) samples to (frames, 128) natural logarithms of energy."""
    frames = samples.unfold(0, FRAME, STEP)
    frames = frames - frames.mean(dim=1, keepdim=True)
    before = torch.cat([frames[:, :1], frames[:, :-1]], dim=1)
    shaped = (frames - EMPHASIS * before) * torch.hann_window(FRAME, periodic=False)
    power = torch.fft.rfft(F.pad(shaped, (0, FFT - FRAME))).abs().square()
    energies: torch.Tensor = power @ _triangles().T
    return energies.clamp_min(_FAINTEST).log()


@cache
def _triangles() -> torch.Tensor:
    """(128, 257) float32. mel = 1127 ln(1 + Hz / 700), as Kaldi has it; Nyquist counts nothing."""
    frequencies = np.arange(FFT // 2) * (SAMPLE_RATE / FFT)
    corners = np.linspace(_mel(LOWEST), _mel(HIGHEST), BANDS + 2)
    left, middle, right = corners[:-2, None], corners[1:-1, None], corners[2:, None]
    mels = _mel(frequencies)
    rising, falling = (mels - left) / (middle - left), (right - mels) / (right - middle)
    bands = np.maximum(0.0, np.minimum(rising, falling))
    return torch.from_numpy(np.pad(bands, ((0, 0), (0, 1))).astype(np.float32))


def _mel(hertz: float | NDArray[np.floating]) -> NDArray[np.float64]:
    return np.asarray(1127.0 * np.log1p(np.asarray(hertz) / 700.0), dtype=np.float64)
