"""The one channel that models hear of several."""

from __future__ import annotations

import numpy as np

from indexer.audio.waveform import mono


def test_the_mean_of_the_channels() -> None:
    samples = np.array([[1.0, 0.0, -0.5], [0.0, 1.0, -0.5]], dtype=np.float32)
    assert mono(samples).tolist() == [0.5, 0.5, -0.5]


def test_the_loudest_where_they_cancel_each_other() -> None:
    samples = np.array([[0.5, -0.5], [-0.6, 0.6]], dtype=np.float32)
    assert np.array_equal(mono(samples), samples[1])


def test_nothing_stays_nothing() -> None:
    assert mono(np.zeros((2, 0), dtype=np.float32)).shape == (0,)
