from pathlib import Path

import numpy as np
import pytest
import sounds

from indexer.audio.decode import probe, read
from indexer.audio.waveform import Waveform
from indexer.audio.write import write_wav


@pytest.mark.parametrize("bits", [16, 24, 32])
@pytest.mark.parametrize("channels", [1, 2, 6])
def test_comes_back_as_written(tmp_path: Path, bits: int, channels: int) -> None:
    signal = sounds.noise(0.3, 44_100, channels)
    write_wav(tmp_path / "a.wav", Waveform(signal, 44_100), bits)
    assert probe(tmp_path / "a.wav").bit_depth == bits
    found = read(tmp_path / "a.wav")
    assert found.sample_rate == 44_100
    assert np.abs(found.samples - signal).max() <= 2.0 ** (1 - bits)
    assert [path.name for path in tmp_path.iterdir()] == ["a.wav"]


def test_too_loud_is_clipped_not_wrapped(tmp_path: Path) -> None:
    write_wav(tmp_path / "a.wav", Waveform(np.array([[2.0, -2.0]], np.float32), 48_000), 16)
    assert read(tmp_path / "a.wav").samples.tolist() == [[pytest.approx(1, abs=1e-4), -1.0]]


def test_a_failure_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(b"old")
    with pytest.raises(Exception, match=r"."):
        write_wav(path, Waveform(sounds.noise(0.1), -1))
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.wav"]
