"""Which channels the default windows hear."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from indexer.audio.waveform import Waveform
from indexer.encoders.imagebind.spectrum import spectra

TONE = np.float32(0.02 * np.sin(2 * np.pi * 440 * np.arange(32_000) / 16_000))


def heard(*channels: np.ndarray) -> torch.Tensor:
    return spectra([Waveform(np.stack(channels).astype(np.float32), 16_000)], "all")[0]


@pytest.mark.parametrize("offset", [0.0, 0.1, -0.5])
def test_a_silent_channel_is_not_heard_whatever_its_offset(offset: float) -> None:
    hiss = 1e-5 * np.random.default_rng(1).standard_normal(len(TONE))
    np.testing.assert_allclose(heard(hiss + offset, TONE), heard(TONE), atol=1e-4)


def test_channels_count_by_their_energy() -> None:
    loud, soft = TONE, 0.5 * TONE[::-1]
    mixed = (4 * loud + soft) / 5
    np.testing.assert_allclose(heard(loud, soft), heard(mixed), atol=1e-4)
    assert (heard(loud, soft) - heard((loud + soft) / 2)).abs().max() > 0.01
