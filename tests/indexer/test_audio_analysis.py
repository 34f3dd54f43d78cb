import math
import time
from pathlib import Path

import numpy as np
import pyloudnorm
import pytest
import sounds

from indexer.audio.analysis import MOST_PEAKS, Analysis, Analyzer, Peaks
from indexer.audio.decode import blocks
from indexer.audio.onsets import MOST_ONSETS
from indexer.audio.waveform import Waveform


def analysed(signal: sounds.Samples, sample_rate: int = 48_000, size: int = 50_000) -> Analysis:
    analyzer = Analyzer()
    for place in range(0, signal.shape[1], size):
        analyzer.feed(Waveform(signal[:, place : place + size], sample_rate))
    return analyzer.finish()


def pairs(analysis: Analysis) -> np.ndarray:
    return np.frombuffer(analysis.peaks, np.int8).reshape(-1, 2)


@pytest.mark.parametrize("seconds", [0.45, 1.0, 7.3])
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("sample_rate", [44_100, 48_000, 96_000])
def test_loudness_is_what_pyloudnorm_finds(seconds: float, channels: int, sample_rate: int) -> None:
    signal = sounds.noise(seconds, sample_rate, channels)
    signal[:, : signal.shape[1] // 3] *= 0.1
    found = analysed(signal, sample_rate).loudness
    expected = pyloudnorm.Meter(sample_rate).integrated_loudness(signal.T)
    assert found == pytest.approx(expected, abs=0.15)


def test_the_reference_tone_of_the_standard() -> None:
    # ITU-R BS.1770: a 997 Hz sine at full scale in one channel reads -3.01 LKFS.
    found = analysed(sounds.tone(5.0, hertz=997, peak=1.0))
    assert found.loudness == pytest.approx(-3.01, abs=0.05)
    assert found.max_momentary == pytest.approx(-3.01, abs=0.05)


@pytest.mark.parametrize("seconds", [0.02, 0.1, 0.39, 0.4, 0.41])
def test_short_sounds_have_the_loudness_of_the_whole_clip(seconds: float) -> None:
    # The same 997 Hz tone however short: nothing jumps at the standard's 0.4 s.
    assert analysed(sounds.tone(seconds, hertz=997)).loudness == pytest.approx(-9.03, abs=0.7)


@pytest.mark.parametrize("seconds", [0.05, 0.39, 0.4, 0.45, 0.49, 0.5])
def test_a_single_window_is_heard_at_any_rate(seconds: float) -> None:
    """A tenth of a second is no whole number of samples at 11,025 Hz."""
    found = analysed(sounds.tone(seconds, 11_025, hertz=997), 11_025)
    assert found.loudness == pytest.approx(-9.03, abs=0.7)


@pytest.mark.parametrize("seconds", [0.1, 0.3, 2.0])
def test_silence_has_no_loudness(seconds: float) -> None:
    found = analysed(np.zeros((2, round(48_000 * seconds)), np.float32))
    assert (found.loudness, found.max_momentary, found.true_peak) == (None, None, None)
    assert found.silence == 1.0
    assert not pairs(found).any()
    assert found.onsets == ()


def test_true_peak_sees_between_the_samples() -> None:
    # A quarter of the rate, 45 degrees off: every sample is 3 dB under the peak of the wave.
    time_ = np.arange(48_000)
    signal = np.sin(np.pi / 2 * time_ + np.pi / 4).astype(np.float32)[None] * 0.5
    signal *= np.minimum(1, np.arange(48_000, 0, -1) / 4_800) * np.minimum(1, time_ / 4_800)
    assert 20 * math.log10(np.abs(signal).max()) == pytest.approx(-9.03, abs=0.01)
    assert analysed(signal.astype(np.float32)).true_peak == pytest.approx(-6.02, abs=0.2)


def test_a_peak_in_the_very_last_sample_counts() -> None:
    signal = sounds.tone(1.0, peak=0.1)
    signal[0, -1] = 0.9
    assert analysed(signal).true_peak == pytest.approx(20 * math.log10(0.9), abs=0.5)


def test_the_loudest_moment() -> None:
    signal = sounds.noise(6.0, peak=0.01)
    signal[0, 96_000:144_000] = sounds.tone(1.0, hertz=997)[0]
    found = analysed(signal)
    assert found.max_momentary == pytest.approx(-9.03, abs=0.1)
    assert found.loudness < found.max_momentary - 1


def test_peaks_are_the_extremes_of_equal_stretches() -> None:
    signal = sounds.noise(3.21, channels=2)
    found = pairs(analysed(signal, size=7_777))
    assert MOST_PEAKS // 2 <= len(found) <= MOST_PEAKS
    step = 2 ** math.ceil(math.log2(signal.shape[1] / MOST_PEAKS))
    starts = range(0, signal.shape[1], step)
    low = [round(127 * float(signal[:, s : s + step].min())) for s in starts]
    high = [round(127 * float(signal[:, s : s + step].max())) for s in starts]
    assert found.tolist() == [list(pair) for pair in zip(low, high, strict=True)]


def test_peaks_of_a_few_samples_are_the_samples() -> None:
    signal = np.array([[0.0, 1.0, -1.0, 2.0, 0.5]], np.float32)
    assert pairs(analysed(signal))[:, 0].tolist() == [0, 127, -127, 127, 64]


@pytest.mark.parametrize("length", [1, 2, 1023, 1024, 1025, 2049, 99_999])
def test_peaks_do_not_depend_on_the_blocks(length: int) -> None:
    signal = np.random.default_rng(length).uniform(-1, 1, length).astype(np.float32)
    found = set()
    for size in (1 if length < 3000 else 333, 100, 1024, length):
        peaks = Peaks()
        for place in range(0, length, size):
            part = signal[place : place + size]
            peaks.feed(part, part)
        found.add(peaks.pairs())
    assert len(found) == 1


def test_the_share_of_silence() -> None:
    signal = sounds.noise(4.0)
    signal[0, 48_000:96_000] = 0.0005
    assert analysed(signal).silence == pytest.approx(0.25, abs=0.01)
    half = np.concatenate([sounds.noise(2.0), np.zeros((1, 96_000), np.float32)])
    assert analysed(half).silence == 0.0


def test_onsets_are_where_things_begin() -> None:
    times = [0.5, 1.234, 2.0, 2.25]
    for floor in (0.0, 0.003):
        signal = sounds.clicks(times) + sounds.noise(3.0, peak=0.5)[::-1] * 2 * floor
        found = [t for t in analysed(signal).onsets if t > 0.1]
        assert found == pytest.approx(times, abs=0.015)


def test_a_sound_that_starts_at_once_has_its_onset_at_zero() -> None:
    assert analysed(sounds.tone(2.0)).onsets == (0.0,)


def test_the_end_of_a_file_is_no_onset() -> None:
    signal = np.concatenate([np.zeros((1, 48_000), np.float32), sounds.tone(1.003)], axis=1)
    assert analysed(signal).onsets == pytest.approx((1.0,), abs=0.015)


def test_of_very_many_onsets_the_strongest_stay() -> None:
    times = [0.1 + 0.1 * i for i in range(400)]
    signal = sounds.clicks(times, 41.0)
    signal[0, : 20 * 48_000] *= 0.05
    found = analysed(signal).onsets
    assert len(found) == MOST_ONSETS
    assert list(found) == sorted(found)
    assert sum(t > 20 for t in found) > 0.9 * MOST_ONSETS


def test_onsets_of_a_long_sound_are_where_they_are() -> None:
    times = [float(t) for t in np.arange(0.5, 170, 1.7)]
    found = analysed(sounds.clicks(times, 170.0, 8_000), 8_000, size=8_000).onsets
    assert found == pytest.approx(times, abs=0.015)


def test_blocks_do_not_change_the_figures() -> None:
    signal = sounds.clicks([0.2, 0.9], 1.7) + 0.01 * sounds.noise(1.7)
    assert analysed(signal, size=331) == analysed(signal, size=48_000)


@pytest.mark.parametrize(
    ("sample_rate", "channels"),
    [(1, 1), (10, 2), (100, 1), (4_000, 6), (8_000, 65), (11_025, 9), (48_000, 16), (384_000, 3)],
)
def test_any_rate_and_channel_count(sample_rate: int, channels: int) -> None:
    found = analysed(sounds.noise(1.0, sample_rate, channels), sample_rate)
    assert found.duration == 1.0
    assert -20 < found.true_peak < 0
    assert sample_rate < 4_000 or found.loudness is not None


def test_every_readable_file(tmp_path: Path) -> None:
    for sound in sounds.readable(tmp_path):
        analyzer, stream = Analyzer(), blocks(sound.path)
        for block in stream:
            analyzer.feed(block)
        found = analyzer.finish(invalid_samples=stream.invalid_samples)
        assert found.invalid_samples == sound.invalid_samples
        assert found.duration == pytest.approx(sound.seconds, abs=0.2 if sound.note else 0.03)
        figures = (found.loudness, found.max_momentary, found.true_peak, found.silence)
        assert all(figure is None or math.isfinite(figure) for figure in figures), sound


def test_nothing_fed_is_an_error() -> None:
    with pytest.raises(ValueError, match="no sound"):
        Analyzer().finish()


def test_a_minute_takes_a_small_part_of_a_minute() -> None:
    signal = sounds.noise(20.0, channels=2)
    start = time.perf_counter()
    analysed(signal)
    assert time.perf_counter() - start < 2.0
