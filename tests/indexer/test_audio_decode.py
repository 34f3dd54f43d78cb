import contextlib
import os
import re
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import soundfile
import sounds

from indexer.audio.decode import Blocks, blocks, probe, read
from indexer.audio.frames import block_size
from indexer.errors import AudioError


@pytest.fixture(scope="module")
def readable(tmp_path_factory: pytest.TempPathFactory) -> list[sounds.Readable]:
    return sounds.readable(tmp_path_factory.mktemp("readable"))


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> list[sounds.Broken]:
    return sounds.broken(tmp_path_factory.mktemp("broken"))


def test_every_readable_file_comes_out_as_it_is(readable: list[sounds.Readable]) -> None:
    for sound in readable:
        stream = blocks(sound.path)
        out = list(stream)
        assert {b.sample_rate for b in out} == {sound.sample_rate}, sound
        assert {b.samples.shape[0] for b in out} == {sound.channels}, sound
        assert all(b.samples.dtype == np.float32 for b in out), sound
        assert all(np.isfinite(b.samples).all() for b in out), sound
        seconds = sum(b.duration for b in out)
        # Lossy codecs round up to whole frames; a cut FLAC ends where its last whole frame does.
        assert seconds == pytest.approx(sound.seconds, abs=0.2 if sound.note else 0.03), sound
        assert stream.invalid_samples == sound.invalid_samples, sound
        assert bool(stream.note) == sound.note, (sound, stream.note)


def test_the_facts_agree_with_the_samples(readable: list[sounds.Readable]) -> None:
    for sound in readable:
        facts = probe(sound.path)
        assert (facts.sample_rate, facts.channels) == (sound.sample_rate, sound.channels), sound
        assert sound.note or facts.duration == pytest.approx(sound.seconds, abs=0.06), sound


def test_every_broken_file_is_one_sentence(broken: list[sounds.Broken]) -> None:
    for sound in broken:
        for reading in (read, *([] if sound.late else [probe])):
            with pytest.raises(AudioError, match=sound.says) as error:
                reading(sound.path)
            assert "\n" not in str(error.value)
            assert sound.path.name in str(error.value)


def test_lossless_kinds_give_the_very_samples(tmp_path: Path) -> None:
    signal = sounds.noise(2.3, channels=2)
    for name, subtype, step in (
        ("a.wav", "PCM_16", 2**-15), ("b.wav", "PCM_24", 2**-23), ("c.wav", "FLOAT", 1e-12),
        ("d.flac", "PCM_24", 2**-23), ("e.aiff", "PCM_16", 2**-15), ("f.wav", "PCM_U8", 2**-7),
    ):  # fmt: skip
        found = read(sounds.write(tmp_path / name, signal, subtype=subtype))
        assert np.abs(found.samples - signal).max() <= step, name


@pytest.mark.parametrize(
    ("name", "depth", "layout", "codec", "container"),
    [
        ("pcm.wav", 16, "stereo", "pcm_s16le", "wav"),
        ("24.wav", 24, "stereo", "pcm_s24le", "wav"),
        ("8bit.wav", 8, "stereo", "pcm_u8", "wav"),
        ("float64.wav", 64, "stereo", "pcm_f64le", "wav"),
        ("free.flac", 16, "stereo", "flac", "flac"),
        ("alac.m4a", 24, "stereo", "alac", "mov"),
        ("aac.m4a", None, "stereo", "aac", "mov"),
        ("lame.mp3", None, "stereo", "mp3", "mp3"),
        ("opus.opus", None, "stereo", "opus", "ogg"),
        ("surround.wav", 16, "6 channels", "pcm_s16le", "wav"),
        ("slow.wav", 16, "mono", "pcm_s16le", "wav"),
    ],
)
def test_facts(
    readable: list[sounds.Readable],
    name: str,
    depth: int | None,
    layout: str,
    codec: str,
    container: str,
) -> None:
    facts = probe(readable[0].path.parent / name)
    assert (facts.bit_depth, facts.channel_layout) == (depth, layout)
    assert (facts.codec, facts.container) == (codec, container)


def test_blocks_stay_near_a_second(tmp_path: Path) -> None:
    sizes = [b.samples.shape[1] for b in blocks(sounds.write(tmp_path / "a.flac", sounds.noise(9)))]
    assert len(sizes) >= 8
    assert max(sizes) < 1.2 * block_size(48_000)


@pytest.mark.parametrize(
    "name", ["pcm.wav", "free.flac", "vorbis.ogg", "lame.mp3", "alac.m4a", "opus.opus", "free.mka"]
)
@pytest.mark.parametrize(
    "start", [0.1, 5.9, *(pytest.param(s, marks=pytest.mark.slow) for s in (0.777, 3.2))]
)
def test_a_late_start_gives_the_same_samples(tmp_path: Path, name: str, start: float) -> None:
    path = tmp_path / name
    codec = {".m4a": "alac", ".opus": "libopus", ".mka": "flac"}.get(path.suffix)
    signal = sounds.noise(6.0, channels=2)
    sounds.encode(path, signal, codec) if codec else sounds.write(path, signal)
    whole = read(path).samples
    late = np.concatenate([b.samples for b in blocks(path, start=start)], axis=1)
    assert late.shape[1] == whole.shape[1] - round(start * 48_000)
    assert np.abs(late - whole[:, -late.shape[1] :]).max() < 1e-4


def test_past_the_end_there_is_nothing(readable: list[sounds.Readable]) -> None:
    for sound in readable:
        assert list(blocks(sound.path, start=1000.0)) == []


def test_a_stream_that_changes_keeps_the_rate_and_channels_it_began_with(tmp_path: Path) -> None:
    first = sounds.write(tmp_path / "a.mp3", sounds.tone(1.0, 48_000, 2), 48_000).read_bytes()
    second = sounds.write(tmp_path / "b.mp3", sounds.tone(1.0, 44_100, 1), 44_100).read_bytes()
    both = tmp_path / "both.mp3"
    both.write_bytes(first + second)
    found = read(both)
    assert found.duration == pytest.approx(2.0, abs=0.1)
    for start in (0.2, 1.2):
        part = found.samples[0, round(start * found.sample_rate) :][: found.sample_rate // 2]
        assert np.abs(np.fft.rfft(part)).argmax() * 2 == pytest.approx(440, abs=3)


def test_what_ffmpeg_cannot_read_soundfile_may(tmp_path: Path) -> None:
    signal = sounds.tone(1.5)
    path = tmp_path / "a.mat"
    soundfile.write(path, signal.T, 48_000, format="MAT5", subtype="FLOAT")
    assert np.array_equal(read(path).samples, signal)
    assert probe(path).duration == pytest.approx(1.5)
    late = np.concatenate([b.samples for b in blocks(path, start=0.5)], axis=1)
    assert np.array_equal(late, signal[:, 24_000:])


def test_absurd_samples_are_no_sound(tmp_path: Path) -> None:
    signal = sounds.tone(0.5).astype(np.float64)
    signal[0, [10, 20, 30, 40]] = 1e300, -1e30, 1e7, 30_000.0
    path = tmp_path / "a.wav"
    soundfile.write(path, signal.T, 48_000, subtype="DOUBLE")
    stream = blocks(path)
    (block,) = stream
    assert stream.invalid_samples == 3
    assert block.samples[0, [10, 20, 30, 40]].tolist() == [0, 0, 0, 30_000]


def test_damage_anywhere_is_survived(
    tmp_path: Path, readable: list[sounds.Readable], capfd: pytest.CaptureFixture[str]
) -> None:
    random = np.random.default_rng(3)
    for sound in readable:
        data = bytearray(sound.path.read_bytes())
        for place in random.integers(0, min(len(data), 400), 6):
            data[place] = random.integers(256)
        path = tmp_path / f"a{sound.path.suffix}"
        path.write_bytes(data)
        for reading in (probe, read, lambda path: list(blocks(path, start=0.3))):
            with contextlib.suppress(AudioError):
                reading(path)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("kind", ["FLAC", "Ogg", "WAV", "AIFF", "CAF"])
def test_a_file_that_is_cut_off_in_its_head_is_told_as_such(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a"
    soundfile.write(path, np.zeros(8_000), 8_000, format=kind)
    path.write_bytes(path.read_bytes()[:20])
    with pytest.raises(AudioError, match=f"begins like {kind}, but is cut off or damaged"):
        read(path)


def test_damage_in_the_middle_leaves_the_rest(tmp_path: Path) -> None:
    data = bytearray(sounds.write(tmp_path / "a.flac", sounds.noise(10)).read_bytes())
    data[len(data) // 2 : len(data) // 2 + 20_000] = bytes(20_000)
    (tmp_path / "b.flac").write_bytes(data)
    stream = blocks(tmp_path / "b.flac")
    assert 8.0 < sum(b.duration for b in stream) < 10.0
    assert "damaged" in stream.note


def test_a_file_nobody_may_read(tmp_path: Path) -> None:
    path = sounds.write(tmp_path / "a.wav", sounds.tone(0.1))
    path.chmod(0)
    user = os.geteuid()
    try:
        if user == 0:
            os.seteuid(65534)
        with pytest.raises(AudioError, match="may not be read"):
            list(blocks(path))
    finally:
        os.seteuid(user)


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="needs Linux")
def test_a_drive_that_fails_is_told_as_such() -> None:
    with pytest.raises(AudioError, match="check its drive"):
        list(blocks(Path("/proc/self/mem")))


def test_ffmpeg_keeps_quiet(broken: list[sounds.Broken], capfd: pytest.CaptureFixture[str]) -> None:
    for sound in broken:
        with pytest.raises(AudioError):
            list(blocks(sound.path))
    assert capfd.readouterr() == ("", "")


def bytes_read() -> int:
    """Of this process, so far."""
    found = re.search(r"rchar: (\d+)", Path("/proc/self/io").read_text("ascii"))
    assert found
    return int(found[1])


@pytest.mark.skipif(not Path("/proc/self/io").exists(), reason="needs Linux")
def test_of_a_wav_little_is_read_to_open_it(tmp_path: Path) -> None:
    path = sounds.write(tmp_path / "a.wav", sounds.noise(60, channels=2))
    probe(path)
    before = bytes_read()
    probe(path)
    assert bytes_read() - before < 300_000 < path.stat().st_size / 10


def test_close_lets_go_of_the_file(tmp_path: Path) -> None:
    stream = blocks(sounds.write(tmp_path / "a.wav", sounds.noise(5)))
    next(stream)
    stream.close()
    assert list(stream) == []


@pytest.mark.parametrize(
    ("codec", "form"), [("pcm_s16le", "s16"), ("pcm_u8", "u8"), ("aac", "fltp")]
)
def test_where_the_times_leave_a_gap_there_is_silence_if_asked(
    tmp_path: Path, codec: str, form: str
) -> None:
    path = with_a_gap(tmp_path / "gap.mkv", codec, form)
    joined, apart = read(path).samples[0], np.concatenate([b.samples[0] for b in gapped(path)])
    assert len(joined) / HERTZ == pytest.approx(1.0, abs=0.1)
    assert len(apart) / HERTZ == pytest.approx(3.0, abs=0.1)
    assert np.abs(apart[HERTZ * 7 // 10 : HERTZ * 23 // 10]).max() == 0
    last = int((np.abs(apart) > 0.05).nonzero()[0][-1]) / HERTZ
    assert last == pytest.approx(3.0, abs=0.1)
    later = np.concatenate([b.samples[0] for b in gapped(path, 1.2)])  # within it
    assert int((np.abs(later) > 0.05).argmax()) / HERTZ == pytest.approx(1.3, abs=0.02)


HERTZ = 48_000


def gapped(path: Path, start: float = 0.0) -> Blocks:
    return blocks(path, start=start, gaps=True)


def with_a_gap(path: Path, codec: str, form: str) -> Path:
    """Half a second of a tone from 0 s, and the other half from 2.5 s."""
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(HERTZ // 2) / HERTZ)
    scale = {"s16": lambda x: (x * 32767).astype(np.int16), "fltp": np.float32}
    samples = scale.get(form, lambda x: (x * 127 + 128).astype(np.uint8))(tone)[None]
    with av.open(path, "w") as container:
        stream: Any = container.add_stream(codec, rate=HERTZ, layout="mono")
        stream.format = form
        for first in (0, 5 * HERTZ // 2):
            frame = av.AudioFrame.from_ndarray(samples, format=form, layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = HERTZ, first, Fraction(1, HERTZ)
            for packet in stream.encode(frame):
                container.mux(packet)
        container.mux(stream.encode(None))
    return path
