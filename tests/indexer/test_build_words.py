"""Names and tags: which takes belong together, and what is meant by a sound's words."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import sounds
from libraries import CountingEncoder, build, files

from indexer.audio.window import batched
from indexer.build.words import metadata_text, take_group
from indexer.catalog.answers import SoundInfo
from indexer.library import Library

EMPTY = {"title": "", "category": "", "subcategory": "", "description": ""}


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("dog_bark_01.wav", "dog-bark 2.wav"),
        ("door a.wav", "door b.wav"),
        ("Door-A.wav", "door_c.wav"),
        ("step (1).wav", "step (2).flac"),
        ("step#3.wav", "step#4.wav"),
        ("in/rain 1.wav", "in/rain 22.wav"),
        ("rain.wav", "rain 2.wav"),
        ("rain.1.wav", "rain.2.wav"),
    ],
)
def test_takes_of_one_recording(first: str, second: str) -> None:
    assert take_group(1, first, "") == take_group(1, second, "")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("dog.wav", "cat.wav"),
        ("a/dog 1.wav", "b/dog 2.wav"),
        ("01.wav", "02.wav"),
        ("cat.wav", "cats.wav"),
        ("door open.wav", "door close.wav"),
        ("2 dogs.wav", "3 dogs.wav"),
        ("(1).wav", "(2).wav"),
    ],
)
def test_no_takes(first: str, second: str) -> None:
    assert take_group(1, first, "") != take_group(1, second, "")


def test_takes_share_root_and_pack() -> None:
    assert take_group(1, "dog 1.wav", "") != take_group(2, "dog 1.wav", "")
    assert take_group(1, "dog 1.wav", "x") != take_group(1, "dog 1.wav", "y")


def info(path: str, tags: list[str] | None = None, **columns: Any) -> SoundInfo:
    return SoundInfo({**EMPTY, "tags": tags or [], **columns}, "folder", "/s", path, "present")


@pytest.mark.parametrize(
    ("sound", "text"),
    [
        (info("dog_bark_01.wav"), "dog bark"),
        (info("dogs/01.wav"), "dogs"),
        (info("dogs/more/01.wav"), "more"),
        (info("01.wav"), ""),
        (info("x/dog.wav", title="Dog", category="ANIMALS", subcategory="DOG",
              tags=["bark", "loud"], description="A dog."),
         "Dog. ANIMALS. DOG. bark loud. A dog.. dog"),
        (info("dog.wav", title="dog", description=" "), "dog"),
        (info("dog.wav", title="rain", tags=["rain"]), "rain. dog"),
    ],
)  # fmt: skip
def test_what_is_embedded_of_a_sound(sound: SoundInfo, text: str) -> None:
    assert metadata_text(sound) == text


def test_batches_are_full_but_for_the_last() -> None:
    assert list(batched(iter(range(5)), 2)) == [[0, 1], [2, 3], [4]]
    assert list(batched(iter([]), 2)) == []


def columns(library: Path) -> dict[str, dict[str, Any]]:
    places = files(library)
    with Library.open(library) as opened:
        found = opened.catalog.sounds([sound_id for sound_id, _ in places.values()])
    return {path: dict(found[sound_id].columns) for path, (sound_id, _) in places.items()}


def test_tags_and_names_come_into_the_catalog(tmp_path: Path) -> None:
    folder = tmp_path / "sounds" / "Night Walks"
    folder.mkdir(parents=True)
    plain = sounds.write(tmp_path / "plain.flac", sounds.tone(0.2))
    sounds.retagged(plain, folder / "01.flac", {
        "title": "Owl", "artist": "Ann", "comment": "far away", "keywords": "bird, night",
        "license": "CC0-1.0",
    })  # fmt: skip
    sounds.write(folder / "frog pond 2.wav", sounds.tone(0.3))
    build(tmp_path / "library", tmp_path / "sounds")
    found = columns(tmp_path / "library")
    owl, frog = found["Night Walks/01.flac"], found["Night Walks/frog pond 2.wav"]
    assert (owl["title"], owl["author"], owl["description"]) == ("Owl", "Ann", "far away")
    assert (owl["tags"], owl["licence"], owl["pack"]) == (
        ["bird", "night"], "CC0-1.0", "Night Walks",
    )  # fmt: skip
    assert (frog["title"], frog["licence"], frog["pack"]) == ("frog pond", "", "Night Walks")
    assert frog["take_group"] == "1/Night Walks/Night Walks/frog pond"
    assert (frog["channels"], frog["sample_rate"], frog["bit_depth"]) == (1, 48_000, 16)


def test_each_text_is_embedded_once(tmp_path: Path) -> None:
    (tmp_path / "sounds").mkdir()
    for number, name in enumerate(("rain.wav", "01.wav", "dog.wav")):
        sounds.write(tmp_path / "sounds" / name, sounds.tone(0.1 + 0.1 * number))
    (tmp_path / "sounds/bad dog.wav").write_bytes(b"")
    encoder = CountingEncoder()
    build(tmp_path / "library", tmp_path / "sounds", encoder=encoder)
    assert encoder.read == 3  # 01 says nothing, and is asked but once
    build(tmp_path / "library", tmp_path / "sounds", encoder=encoder)
    assert encoder.read == 3


def test_words_of_stray_bytes_come_clean_into_the_catalog(tmp_path: Path) -> None:
    (tmp_path / "sounds").mkdir()
    name = os.fsdecode(b"caf\xe9 owl\x01.wav")
    sounds.write(tmp_path / "sounds" / name, sounds.tone(0.1))
    build(tmp_path / "library", tmp_path / "sounds")
    (found,) = columns(tmp_path / "library").values()
    assert "owl" in found["title"]
    found["title"].encode()
