import numpy as np
import pytest
import sounds
import soxr
from hypothesis import given
from hypothesis import strategies as st

from indexer.audio.resample import resample
from indexer.audio.waveform import Waveform


def streamed(signal: sounds.Samples, rate: int, to: int, size: int) -> sounds.Samples:
    places = range(0, signal.shape[1], size)
    blocks = (Waveform(signal[:, place : place + size], rate) for place in places)
    out = list(resample(blocks, to))
    assert {w.sample_rate for w in out} <= {to}
    return np.concatenate([np.zeros((len(signal), 0), np.float32), *(w.samples for w in out)], 1)


@pytest.mark.parametrize("to", [16_000, 44_100, 96_000])
@pytest.mark.parametrize("channels", [1, 2, 6, 16])
def test_a_stream_comes_out_as_if_done_at_once(channels: int, to: int) -> None:
    signal = sounds.noise(1.3, channels=channels)
    out = streamed(signal, 48_000, to, 4_801)
    whole = soxr.resample(signal.T, 48_000, to, quality="HQ").T
    assert abs(out.shape[1] - whole.shape[1]) <= 1
    shared = min(out.shape[1], whole.shape[1])
    assert np.abs(out[:, :shared] - whole[:, :shared]).max() < 1e-5


@given(length=st.integers(1, 60_000), size=st.integers(1, 50_000))
def test_no_time_is_lost(length: int, size: int) -> None:
    out = streamed(np.ones((2, length), np.float32), 44_100, 16_000, max(size, length // 50))
    assert abs(out.shape[1] - length * 16_000 / 44_100) <= 1


def test_a_tone_keeps_its_pitch_and_level() -> None:
    out = streamed(sounds.tone(2.0, 44_100, hertz=1_000), 44_100, 16_000, 44_100)[0, 4_000:20_000]
    spectrum = np.abs(np.fft.rfft(out))
    assert spectrum.argmax() == 1_000
    assert spectrum.max() / 8_000 == pytest.approx(0.5, abs=0.001)


def test_what_has_the_rate_passes_untouched() -> None:
    block = Waveform(sounds.noise(0.1), 48_000)
    assert list(resample([block], 48_000)) == [block]


def test_nothing_gives_nothing() -> None:
    assert list(resample([], 16_000)) == []
