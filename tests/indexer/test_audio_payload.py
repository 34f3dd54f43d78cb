from pathlib import Path

import pytest
import soundfile
import sounds

from indexer.audio.payload import payload_hash
from indexer.errors import AudioError

OTHER_TAGS = {"title": "Another title, ümläut", "artist": "Somebody", "comment": "x" * 5_000}


def save(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    "name",
    ["a.wav", "a.flac", "a.mp3", "a.ogg", "a.aiff", "a.opus", "a.m4a", "alac.m4a", "a.wv", "a.mka"],
)
def test_other_tags_same_hash_other_sound_another(tmp_path: Path, name: str) -> None:
    codecs = {"a.opus": "libopus", "a.m4a": "aac", "alac.m4a": "alac", "a.wv": "wavpack"}
    codec = codecs.get(name, "flac" if name == "a.mka" else None)
    hashes = []
    for signal in (sounds.noise(1.2), sounds.tone(1.2)):
        path = tmp_path / name
        sounds.encode(path, signal, codec) if codec else sounds.write(path, signal)
        other = sounds.retagged(path, tmp_path / f"retagged{path.suffix}", OTHER_TAGS)
        assert other.read_bytes() != path.read_bytes()
        assert payload_hash(other) == payload_hash(path)
        hashes.append(payload_hash(path))
    assert hashes[0] != hashes[1]


def test_chunks_of_a_wav_do_not_count(tmp_path: Path) -> None:
    plain = payload_hash(save(tmp_path / "a.wav", sounds.wav()))
    tags = [
        (b"bext", sounds.bext(b"words")), (b"iXML", b"<BWFXML/>"),
        (b"LIST", sounds.info(INAM=b"title")), (b"JUNK", bytes(3_333)),
    ]  # fmt: skip
    assert payload_hash(save(tmp_path / "b.wav", sounds.wav(before=tags))) == plain
    assert payload_hash(save(tmp_path / "c.wav", sounds.wav(after=tags))) == plain
    assert payload_hash(save(tmp_path / "d.wav", sounds.wav(before=tags, after=tags))) == plain


def test_id3_round_an_mp3_does_not_count(tmp_path: Path) -> None:
    whole = sounds.write(tmp_path / "a.mp3", sounds.noise(2.0)).read_bytes()
    plain = payload_hash(tmp_path / "a.mp3")
    picture = sounds.id3v2(TIT2="Title", COMM="x" * 30_000)
    for data in (
        sounds.id3v2(TIT2="Title") + whole,
        picture + whole,
        whole + sounds.id3v1(b"Title"),
        sounds.id3v2(TIT2="Title") + whole + sounds.id3v1(b"Title"),
        whole + sounds.ape(b"Title"),
    ):
        assert payload_hash(save(tmp_path / "b.mp3", data)) == plain


def test_id3_before_a_flac_does_not_count(tmp_path: Path) -> None:
    whole = sounds.write(tmp_path / "a.flac", sounds.noise(2.0)).read_bytes()
    tagged = save(tmp_path / "b.flac", sounds.id3v2(TIT2="Title") + whole)
    assert payload_hash(tagged) == payload_hash(tmp_path / "a.flac")


def test_one_sample_makes_another_sound(tmp_path: Path) -> None:
    signal = sounds.noise(1.0)
    first = payload_hash(save(tmp_path / "a.wav", sounds.wav(signal)))
    signal[0, 40_000] += 0.01
    assert payload_hash(save(tmp_path / "b.wav", sounds.wav(signal))) != first


def test_rate_and_channels_count(tmp_path: Path) -> None:
    signal = sounds.noise(1.0)
    files = [
        sounds.wav(signal), sounds.wav(signal, 44_100), sounds.wav(signal.reshape(2, -1, order="F"))
    ]  # fmt: skip
    assert len({payload_hash(save(tmp_path / "a.wav", data)) for data in files}) == 3


def test_without_packets_the_samples_are_hashed(tmp_path: Path) -> None:
    hashes = []
    for name, signal in (("a", sounds.noise(2.0)), ("b", sounds.noise(2.0)), ("c", sounds.tone())):
        path = tmp_path / f"{name}.mat"
        soundfile.write(path, signal.T, 48_000, format="MAT5", subtype="FLOAT")
        hashes.append(payload_hash(path))
    assert hashes[0] == hashes[1] != hashes[2]


def test_every_readable_file_has_its_own(tmp_path: Path) -> None:
    names: dict[str, set[str]] = {}
    for sound in sounds.readable(tmp_path):
        names.setdefault(payload_hash(sound.path), set()).add(sound.path.name)
    alike = sorted(map(len, (group for group in names.values() if len(group) > 1)))
    # One tone under many names, and one run of big-endian samples in an AIFF and in an AU.
    assert alike == [2, len(sounds.NAMES)]


def test_every_broken_file_is_refused(tmp_path: Path) -> None:
    for sound in sounds.broken(tmp_path):
        with pytest.raises(AudioError, match=sound.says):
            payload_hash(sound.path)


def test_a_damaged_file_has_a_hash_that_stays(tmp_path: Path) -> None:
    whole = sounds.write(tmp_path / "a.flac", sounds.noise(3.0)).read_bytes()
    cut = save(tmp_path / "b.flac", whole[: len(whole) // 2])
    assert payload_hash(cut) == payload_hash(cut) != payload_hash(tmp_path / "a.flac")
