from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
import soundfile
import sounds

from indexer.audio.decode import probe, read
from indexer.audio.tags import read_tags
from indexer.audio.waveform import Waveform
from indexer.audio.write import Bext, wav_writer, write_wav


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


def test_others_may_read_it_where_they_may_read_any_file(tmp_path: Path) -> None:
    (tmp_path / "any").touch()
    write_wav(tmp_path / "a.wav", Waveform(sounds.noise(0.1), 48_000))
    assert (tmp_path / "a.wav").stat().st_mode == (tmp_path / "any").stat().st_mode


def test_blocks_make_one_file_that_others_read(tmp_path: Path) -> None:
    signal = sounds.noise(0.5, 48_000, 5)
    with wav_writer(tmp_path / "a.wav", 48_000, 5) as file:
        for block in np.split(signal, [1, 1000, 1000, 20_000], axis=1):
            file.write(block)
    found, rate = soundfile.read(tmp_path / "a.wav", dtype="float32")
    assert (rate, soundfile.info(tmp_path / "a.wav").subtype) == (48_000, "PCM_24")
    assert np.abs(found.T - signal).max() <= 2.0**-23


def test_no_sound_is_a_wav_too(tmp_path: Path) -> None:
    write_wav(tmp_path / "a.wav", Waveform(np.zeros((2, 0), np.float32), 48_000))
    assert soundfile.info(tmp_path / "a.wav").frames == 0


def test_says_where_it_lies_and_what_it_is(tmp_path: Path) -> None:
    late = 48_000 * 60 * 60 * 23 + 7
    bext = Bext(late, "Türknarren " + "ä" * 200, "so", "S-1", datetime(2026, 1, 2, 3, 4, 5))
    with wav_writer(tmp_path / "a.wav", 48_000, 1, bext=bext) as file:
        file.write(sounds.tone(0.1))
    tags = read_tags(tmp_path / "a.wav")
    assert tags.time_reference == late
    assert tags.description == "Türknarren " + "ä" * 122
    assert tags.recorded == "2026-01-02 03:04:05"
    assert tags.raw["bext.originator"] == "so"
    assert tags.raw["bext.originator_reference"] == "S-1"
    assert len(soundfile.read(tmp_path / "a.wav")[0]) == 4800


def test_speakers_keep_their_places(tmp_path: Path) -> None:
    with wav_writer(tmp_path / "a.wav", 48_000, 4, layout="quad") as file:
        file.write(sounds.noise(0.1, channels=4))
    write_wav(tmp_path / "b.wav", Waveform(sounds.noise(0.1, channels=4), 48_000))
    assert probe(tmp_path / "a.wav").channel_layout == "quad"
    assert probe(tmp_path / "b.wav").channel_layout == "4 channels"
