"""Faults that were put into sounds are found, and not where there are none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sounds
from numpy.testing import assert_allclose
from scipy.signal import butter, sosfilt

from indexer.audio.quality import Quality, measure
from indexer.errors import AudioError

RATE = 44_100


def measured(folder: Path, samples: Any, rate: int = RATE) -> Quality:
    return measure(sounds.write(folder / "a.wav", np.atleast_2d(samples).astype(np.float32), rate))


def sine(hertz: float, seconds: float = 2.0, peak: float = 1.0) -> Any:
    return peak * np.sin(2 * np.pi * hertz * np.arange(round(seconds * RATE)) / RATE)


def noise(seconds: float = 2.0, sd: float = 0.1, seed: int = 0) -> Any:
    return np.random.default_rng(seed).normal(0, sd, round(seconds * RATE))


@pytest.mark.parametrize("hertz", [20, 50, 440, 5000])
@pytest.mark.parametrize("peak", [0.999, 0.3])
def test_a_sine_is_not_clipped_however_low_and_loud(
    hertz: float, peak: float, tmp_path: Path
) -> None:
    assert measured(tmp_path, sine(hertz, peak=peak)).clipping == 0


@pytest.mark.parametrize(
    ("subtype", "decibels"), [("PCM_16", -50), ("PCM_16", -70), ("PCM_U8", -6)]
)
def test_coarse_steps_are_no_clipping(subtype: str, decibels: float, tmp_path: Path) -> None:
    """Of a soft sound in 16 bits, and of any in 8, many samples stand on the highest step."""
    soft = 10 ** (decibels / 20) * sine(443.3)[None].astype(np.float32)
    assert measure(sounds.write(tmp_path / "a.wav", soft, RATE, subtype)).clipping == 0
    cut = np.clip(2 * soft, soft.min(), soft.max())
    assert measure(sounds.write(tmp_path / "a.wav", cut, RATE, subtype)).clipping > 0.6


def test_antiphase_is_no_silence(tmp_path: Path) -> None:
    one = noise()
    found, mono = measured(tmp_path, np.stack([one, -one])), measured(tmp_path, one)
    assert found.faults == ()
    assert_allclose(found.noise_floor, mono.noise_floor, atol=0.01)
    assert found.bandwidth == mono.bandwidth


@pytest.mark.parametrize("gain", [1.1, 2.0])
@pytest.mark.parametrize("after", [0.999, 0.4])  # made softer after it was clipped
def test_a_clipped_sine_is(gain: float, after: float, tmp_path: Path) -> None:
    cut = np.clip(gain * sine(441), -1, 1)
    found = measured(tmp_path, after * cut)
    expected = 1 - 2 / np.pi * np.arcsin(1 / gain)  # time that a sine of this peak is beyond 1
    assert_allclose(found.clipping, expected, atol=0.03)
    assert "clipped" in found.faults


def test_noise_is_not_clipped_and_clipped_noise_is(tmp_path: Path) -> None:
    assert measured(tmp_path, noise(sd=0.2)).clipping == 0
    found = measured(tmp_path, np.clip(noise(sd=0.5), -0.99, 0.99))
    assert_allclose(found.clipping, 0.0477, atol=0.005)  # two standard deviations


@pytest.mark.parametrize("cutoff", [1_000, 4_500, 10_000])
def test_bandwidth_is_where_the_sound_ends(cutoff: float, tmp_path: Path) -> None:
    low = sosfilt(butter(16, cutoff, fs=RATE, output="sos"), noise())
    found = measured(tmp_path, low)
    # 16th order: 70 dB down at 1.65 times the cutoff
    assert cutoff * 1.2 < found.bandwidth < cutoff * 1.8
    assert ("narrow" in found.faults) == (cutoff == 1_000)
    assert measured(tmp_path, noise()).bandwidth > 21_900


def test_the_noise_floor_is_what_is_left_in_the_pauses(tmp_path: Path) -> None:
    hiss = noise(4.0, 0.001)
    speech = np.where(np.arange(len(hiss)) // RATE % 2 == 0, noise(4.0, 0.2, 1), 0)
    found = measured(tmp_path, hiss + speech)
    assert_allclose(found.noise_floor, -60, atol=1)
    assert found.faults == ()


def test_offset_is_that_of_the_worse_channel(tmp_path: Path) -> None:
    found = measured(tmp_path, np.stack([noise(), noise() + 0.05]))
    assert_allclose(found.offset, 0.05, atol=0.001)
    assert found.faults == ("offset",)


def test_silence_and_very_short_sounds(tmp_path: Path) -> None:
    empty = measured(tmp_path, np.zeros(RATE))
    assert (empty.faults, empty.noise_floor, empty.bandwidth) == (("empty",), None, 0)
    short = measured(tmp_path, noise(0.002))
    assert short.clipping == 0
    assert short.noise_floor is not None


def test_a_file_that_is_no_sound(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"no samples")
    with pytest.raises(AudioError):
        measure(tmp_path / "a.wav")
