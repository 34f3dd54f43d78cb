import struct
import time
from pathlib import Path

import pytest
import sounds
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from indexer.audio.tags import Tags, enrich, read_tags

SOUND = sounds.tone(0.1)

IXML = """<?xml version="1.0" encoding="UTF-8"?>
<BWFXML><IXML_VERSION>3.0</IXML_VERSION><PROJECT>Winter Shoot</PROJECT><SCENE>12A</SCENE>
<TAKE>3</TAKE><NOTE>plane overhead</NOTE>
<LOCATION><LOCATION_NAME>Quarry, Bischofswerda</LOCATION_NAME></LOCATION>
<USER><FXNAME>Dog Bark Angry</FXNAME><CATEGORY>ANIMALS</CATEGORY><SUBCATEGORY>DOG</SUBCATEGORY>
<DESCRIPTION>Große Dogge &amp; Echo</DESCRIPTION><KEYWORDS>dog, bark; angry|dog</KEYWORDS>
<DESIGNER>Ada</DESIGNER><MANUFACTURER>Own Sounds</MANUFACTURER><LIBRARY>Beasts</LIBRARY>
<MICROPHONE>MKH 8040</MICROPHONE><URL>https://example.com</URL></USER></BWFXML>"""


def wav(folder: Path, *chunks: tuple[bytes, bytes]) -> Path:
    path = folder / "a.wav"
    path.write_bytes(sounds.wav(SOUND, before=chunks))
    return path


def test_bext(tmp_path: Path) -> None:
    body = sounds.bext(
        b"Gro\xc3\x9fe Dogge bellt", b"Recorder 7", b"2024-05-06", b"07-08-09", 1_234_567_890_123,
        b"A=PCM,F=48000,W=24\r\n",
    )  # fmt: skip
    tags = read_tags(wav(tmp_path, (b"bext", body)))
    assert tags.description == "Große Dogge bellt"
    assert tags.recorded == "2024-05-06 07:08:09"
    assert tags.time_reference == 1_234_567_890_123
    assert tags.raw["bext.originator"] == "Recorder 7"
    assert tags.raw["bext.coding_history"] == "A=PCM,F=48000,W=24"


def test_what_recorders_write_into_the_description(tmp_path: Path) -> None:
    body = sounds.bext(b"sSPEED=024.000\r\nsTAKE=07\r\nsSCENE=12\r\nsNOTE=wind\r\nA river\r\n")
    tags = read_tags(wav(tmp_path, (b"bext", body)))
    assert (tags.description, tags.take, tags.notes) == ("A river", "07", "wind")
    assert tags.raw["bext.SCENE"] == "12"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le"])
def test_ixml(tmp_path: Path, encoding: str) -> None:
    tags = read_tags(wav(tmp_path, (b"iXML", IXML.encode(encoding) + bytes(20))))
    assert tags.title == "Dog Bark Angry"
    assert tags.description == "Große Dogge & Echo"
    assert tags.keywords == ("dog", "bark", "angry")
    assert (tags.category, tags.subcategory) == ("ANIMALS", "DOG")
    assert (tags.designer, tags.manufacturer, tags.pack) == ("Ada", "Own Sounds", "Beasts")
    assert (tags.microphone, tags.location) == ("MKH 8040", "Quarry, Bischofswerda")
    assert (tags.take, tags.notes, tags.url) == ("3", "plane overhead", "https://example.com")
    assert "problem" not in tags.raw


def test_ixml_is_better_than_the_rest(tmp_path: Path) -> None:
    chunks = [
        (b"LIST", sounds.info(INAM=b"info title", IART=b"info artist")),
        (b"bext", sounds.bext(b"bext description")),
        (b"iXML", IXML.encode()),
    ]
    tags = read_tags(wav(tmp_path, *chunks))
    assert (tags.title, tags.author) == ("Dog Bark Angry", "info artist")
    assert tags.raw["info.INAM"] == "info title"
    assert tags.raw["bext.description"] == "bext description"


def test_samples_since_midnight_in_two_halves(tmp_path: Path) -> None:
    text = (
        b"<BWFXML><SPEED><TIMESTAMP_SAMPLES_SINCE_MIDNIGHT_HI>1</TIMESTAMP_SAMPLES_SINCE_MIDNIGHT_HI>"
        b"<TIMESTAMP_SAMPLES_SINCE_MIDNIGHT_LO>5</TIMESTAMP_SAMPLES_SINCE_MIDNIGHT_LO></SPEED></BWFXML>"
    )
    assert read_tags(wav(tmp_path, (b"iXML", text))).time_reference == (1 << 32) + 5
    assert read_tags(wav(tmp_path, (b"bext", sounds.bext()))).time_reference is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"plain", "plain"),
        ("Füße".encode(), "Füße"),
        ("Füße".encode("cp1252"), "Füße"),
        ("Füße – “so”".encode("cp1252"), "Füße – “so”"),
        ("Füße".encode().decode("latin-1").encode(), "Füße"),
    ],
)
def test_info_in_any_encoding(tmp_path: Path, value: bytes, expected: str) -> None:
    assert read_tags(wav(tmp_path, (b"LIST", sounds.info(INAM=value)))).title == expected


def test_text_that_fills_its_field_may_end_within_a_letter(tmp_path: Path) -> None:
    body = sounds.bext(("x" + "ä" * 200).encode()[:256])
    assert read_tags(wav(tmp_path, (b"bext", body))).description == "x" + "ä" * 127


TAGS = {"title": "Ein Hund", "artist": "Ada", "album": "Tiere", "date": "2024-05-06"}


@pytest.mark.parametrize("name", ["a.flac", "a.ogg", "a.mp3", "a.m4a", "a.opus", "a.wav", "a.mka"])
def test_the_tags_of_every_container(tmp_path: Path, name: str) -> None:
    source = tmp_path / f"source{Path(name).suffix}"
    codec = {"a.m4a": "aac", "a.opus": "libopus", "a.mka": "flac"}.get(name)
    sounds.encode(source, SOUND, codec) if codec else sounds.write(source, SOUND)
    copyright_ = "https://creativecommons.org/licenses/by-nc/4.0/"
    written = {**TAGS, "comment": "bellt lange", "copyright": copyright_}
    tags = read_tags(sounds.retagged(source, tmp_path / name, written))
    assert (tags.title, tags.author, tags.pack) == ("Ein Hund", "Ada", "Tiere")
    assert (tags.description, tags.recorded) == ("bellt lange", "2024-05-06")
    assert (tags.licence, tags.licence_url) == ("CC-BY-NC-4.0", copyright_)


def test_vorbis_comments_of_any_name(tmp_path: Path) -> None:
    source = sounds.write(tmp_path / "b.flac", SOUND)
    written = {
        "KEYWORDS": "rain, roof", "LICENSE": "CC0 1.0", "MICROPHONE": "MKH 40", "url": "https://a.b"
    }  # fmt: skip
    tags = read_tags(sounds.retagged(source, tmp_path / "a.flac", written))
    assert tags.keywords == ("rain", "roof")
    assert (tags.licence, tags.microphone, tags.url) == ("CC0-1.0", "MKH 40", "https://a.b")


@pytest.mark.parametrize(
    ("text", "licence"),
    [
        ("http://creativecommons.org/publicdomain/zero/1.0/", "CC0-1.0"),
        ("creativecommons.org/licenses/by-sa/3.0/de/", "CC-BY-SA-3.0"),
        ("Licensed CC BY-NC-ND 4.0, see notes", "CC-BY-NC-ND-4.0"),
        ("CC0", "CC0-1.0"),
        ("Attribution NonCommercial", "CC-BY-NC-4.0"),
        ("(c) 2024 Ada. All rights reserved.", ""),
        ("CCTV", ""),
        ("https://creativecommons.org/licenses/sampling+/1.0/", "LicenseRef-Sampling-Plus-1.0"),
    ],
)
def test_licences(tmp_path: Path, text: str, licence: str) -> None:
    assert read_tags(wav(tmp_path, (b"LIST", sounds.info(ICOP=text.encode())))).licence == licence


def test_id3_of_an_mp3_and_inside_a_wav(tmp_path: Path) -> None:
    tag = sounds.id3v2(TIT2="Ein Hund", TPE1="Ада", TALB="Tiere")
    mp3 = sounds.write(tmp_path / "a.mp3", SOUND)
    mp3.write_bytes(tag + mp3.read_bytes())
    for path in (mp3, wav(tmp_path, (b"id3 ", tag))):
        tags = read_tags(path)
        assert (tags.title, tags.author, tags.pack) == ("Ein Hund", "Ада", "Tiere")
    mp3.write_bytes(
        sounds.write(tmp_path / "b.mp3", SOUND).read_bytes() + sounds.id3v1(b"F\xfc\xdfe")
    )
    assert read_tags(mp3).title == "Füße"


def test_aiff_text_chunks(tmp_path: Path) -> None:
    path = sounds.write(tmp_path / "a.aiff", SOUND)
    data = path.read_bytes()
    for name, text in ((b"NAME", b"Ein Hund"), (b"AUTH", b"Ada"), (b"ANNO", b"bellt lange")):
        data += name + struct.pack(">I", len(text)) + text + bytes(len(text) % 2)
    path.write_bytes(data[:4] + struct.pack(">I", len(data) - 8) + data[8:])
    tags = read_tags(path)
    assert (tags.title, tags.author, tags.description) == ("Ein Hund", "Ada", "bellt lange")


def test_chunks_of_an_rf64(tmp_path: Path) -> None:
    plain = sounds.wav(SOUND, after=[(b"LIST", sounds.info(INAM=b"after the sound"))])
    size = plain[plain.index(b"data") + 4 :][:4]
    ds64 = struct.pack("<QQQI", len(plain) - 8 + 36, int.from_bytes(size, "little"), 0, 0)
    body = plain[12:].replace(b"data" + size, b"data\xff\xff\xff\xff")
    path = tmp_path / "a.wav"
    path.write_bytes(b"RF64\xff\xff\xff\xffWAVE" + sounds.chunk(b"ds64", ds64) + body)
    assert read_tags(path).title == "after the sound"


@pytest.mark.parametrize(
    ("chunk", "told"),
    [
        ((b"iXML", b"<BWFXML><TAKE>4</TAKE><NOTE>un"), "iXML"),
        ((b"iXML", b'<!DOCTYPE a [<!ENTITY b "c">]><BWFXML><TAKE>&b;</TAKE></BWFXML>'), "entities"),
        ((b"iXML", b"<a>" * 300_000), "deep"),
        ((b"iXML", b"\x00\x01\x02"), "iXML"),
        ((b"bext", b"short"), "bext"),
    ],
)
def test_bad_tags_are_noted_and_the_rest_is_read(
    tmp_path: Path, chunk: tuple[bytes, bytes], told: str
) -> None:
    tags = read_tags(wav(tmp_path, chunk, (b"LIST", sounds.info(INAM=b"Title"))))
    assert told in tags.raw["problem"]
    assert tags.title == "Title"


def test_what_comes_before_the_damage_is_kept(tmp_path: Path) -> None:
    assert read_tags(wav(tmp_path, (b"iXML", b"<B><TAKE>4</TAKE><NOTE>un"))).take == "4"


def test_a_loose_ampersand_is_forgiven(tmp_path: Path) -> None:
    tags = read_tags(wav(tmp_path, (b"iXML", b"<B><NOTE>wind & rain &amp; R&B</NOTE></B>")))
    assert tags.notes == "wind & rain & R&B"
    assert "problem" not in tags.raw


def test_a_chunk_that_claims_four_gigabytes_is_read_within_bounds(tmp_path: Path) -> None:
    path = wav(tmp_path)
    huge = b"bext" + struct.pack("<I", 0xFFFFFFF0) + sounds.bext(b"words")
    with path.open("ab") as file:
        file.write(huge)
        file.truncate(3 << 30)
    start = time.perf_counter()
    assert read_tags(path).description == "words"
    assert time.perf_counter() - start < 1.0


def test_a_large_bad_ixml_takes_no_time(tmp_path: Path) -> None:
    lines = b"<B><NOTE>" + b"a\n" * 400_000 + b"</NOTE></B>"
    start = time.perf_counter()
    notes = read_tags(wav(tmp_path, (b"iXML", lines))).notes
    assert time.perf_counter() - start < 2.0
    assert 0 < len(notes) <= 10_000


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(name=st.sampled_from([b"bext", b"iXML", b"LIST", b"id3 "]), data=st.binary(max_size=700))
def test_no_chunk_raises(tmp_path: Path, name: bytes, data: bytes) -> None:
    assert isinstance(read_tags(wav(tmp_path, (name, b"INFO" * (name == b"LIST") + data))), Tags)


def test_every_file_has_some_tags_or_a_problem(tmp_path: Path) -> None:
    for sound in sounds.readable(tmp_path):
        assert "problem" not in read_tags(sound.path).raw
    (tmp_path / "bad").mkdir()
    for bad in sounds.broken(tmp_path / "bad"):
        assert bad.late or bad.path.suffix == ".flac" or read_tags(bad.path).raw["problem"]


def test_enrich_by_a_ucs_name() -> None:
    found = enrich("Beasts/ANMLDog_Bark Angry Big_ADA_BEASTS_close.wav", Tags())
    assert found.title == "Bark Angry Big"
    assert (found.category, found.subcategory) == ("ANIMALS", "DOG")
    assert (found.designer, found.pack, found.notes) == ("ADA", "BEASTS", "close")
    assert "dog" in found.keywords


def test_enrich_overwrites_nothing() -> None:
    said = Tags(
        title="My dog", category="Pets", subcategory="Mine", keywords=("mine",), designer="Me",
        pack="Home", notes="no",
    )  # fmt: skip
    assert enrich("Beasts/ANMLDog_Bark_ADA_BEASTS_close.wav", said) == said


def test_enrich_by_a_name_that_freesound_gave() -> None:
    found = enrich("Downloads/9__a.user_1__voice-gong_02.wav", Tags())
    assert (found.title, found.author) == ("voice gong", "a.user_1")
    assert found.url == "https://freesound.org/s/9/"
    assert found.licence == ""  # the name does not say it
    said = Tags(title="Gong", author="Me", url="https://example.org/gong")
    found = enrich("9__a.user_1__voice-gong.wav", said)
    assert (found.title, found.author, found.url) == (said.title, said.author, said.url)


def test_enrich_by_plain_names_and_folders() -> None:
    found = enrich("Own Sounds/Rain_Vol_2/WAV/rain_on-roof_03.wav", Tags())
    assert (found.title, found.pack) == ("rain on roof", "Rain Vol 2")
    assert enrich("0001.wav", Tags()) == Tags()


def test_enrich_by_the_catid_in_the_tags() -> None:
    found = enrich("x.wav", Tags(raw={"ixml.USER.CATID": "ANMLDog"}))
    assert (found.category, found.subcategory) == ("ANIMALS", "DOG")
    assert "dog" in found.keywords


@pytest.mark.parametrize("name", [n.decode("utf-8", "surrogateescape") for n in sounds.NAMES])
def test_enrich_takes_any_name(name: str) -> None:
    assert isinstance(enrich(f"folder/{name}", Tags()), Tags)


def test_a_title_that_says_nothing_gives_way_to_a_name_that_does() -> None:
    assert enrich("animals/cat.mp3", Tags(title="1889")).title == "cat"
    assert enrich("animals/0007.mp3", Tags(title="1889")).title == "1889"
    assert enrich("animals/cat.mp3", Tags(title="Old Tom")).title == "Old Tom"
