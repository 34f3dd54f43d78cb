"""The library on disk: its settings, its lock, and indexes that follow the catalog."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import text

from indexer.catalog.entries import Heard, Named, Place, Written
from indexer.encoders.toy import ToyEncoder
from indexer.errors import (
    EncoderMismatch,
    LibraryBusy,
    LibraryError,
    LibraryNotFound,
    LibraryTooNew,
)
from indexer.library import Config, Library, exists, read_config
from indexer.vectors.protocol import VectorIndex

TOY = ToyEncoder()


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    with Library.create(tmp_path / "library", Config(encoder="toy")) as made:
        made.catalog.root("folder", "/sounds")
        yield made


def axis(number: int) -> np.ndarray:
    return np.eye(8, dtype=np.float32)[number]


def add(library: Library, name: str, heard: int | None, meant: int | None = None) -> int:
    """A sound with its audio and metadata on these axes."""
    catalog, spaces = library.catalog, library.spaces(TOY)
    catalog.record([Named(Place(1, name, 1, 1), {"title": name})])
    sound_id = catalog.known(1)[name].sound_id
    if heard is not None:
        clip = {spaces["audio"]: axis(heard)}
        catalog.record([Heard(sound_id, True, {}, [], clip, {}, content_hash=name)])
    if meant is not None:
        catalog.record([Written(sound_id, spaces["metadata"], axis(meant))])
    return sound_id


def index(library: Library, save: bool = False) -> VectorIndex:
    spaces = library.spaces(TOY)
    return library.index([spaces["audio"], spaces["metadata"]], [8, 8], save=save)


def rows(found: VectorIndex) -> dict[int, list[int]]:
    """Axes by id: which of the 16 numbers of each row are 1."""
    answers = found.search(np.eye(16, dtype=np.float32), len(found))
    table: dict[int, list[int]] = {int(key): [] for key in found.ids()}
    for place, (scores, ids) in enumerate(zip(answers.scores, answers.ids, strict=True)):
        for score, key in zip(scores, ids, strict=True):
            if score:
                assert score == 1.0
                table[int(key)].append(place)
    return table


def test_a_library_is_made_once_and_opened_as_it_is(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "library"
    assert not exists(folder)
    Library.create(folder, Config(encoder="toy", metadata=True)).close()
    assert exists(folder)
    assert read_config(folder) == Config(encoder="toy", metadata=True)
    with Library.create(folder, Config(encoder="other")) as again:
        assert again.config.encoder == "toy"
    assert sorted(path.name for path in folder.iterdir() if path.suffix == ".toml") == [
        "library.toml"
    ]


def test_there_is_none(tmp_path: Path) -> None:
    with pytest.raises(LibraryNotFound, match=r"no library in .*: make one with"):
        Library.open(tmp_path)


@pytest.mark.parametrize(
    ("said", "error"),
    [
        (b"encoder = ", LibraryError),
        (b"", LibraryError),
        (b"\xff\xfe", LibraryError),
        (b'encoder = "toy"\ncolour = "red"\n', LibraryError),
        (b'encoder = "toy"\nformat = "new"\n', LibraryError),
        (b'encoder = "toy"\nformat = 2\n', LibraryTooNew),
        (b'encoder = "toy"\nformat = 2\ncolour = "red"\n', LibraryTooNew),
        (b'encoder = "toy"\ncatalog = "rubbish"\n', LibraryError),
        (b'encoder = "toy"\ncatalog = "nosuch://host/name"\n', LibraryError),
    ],
)
def test_settings_that_make_no_sense_are_refused_in_words(
    tmp_path: Path, said: bytes, error: type[LibraryError]
) -> None:
    (tmp_path / "library.toml").write_bytes(said)
    with pytest.raises(LibraryError) as raised:
        Library.open(tmp_path)
    assert type(raised.value) is error


def test_a_catalog_of_a_newer_sonorize_is_refused(library: Library) -> None:
    with library.catalog.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'from 2031'"))
    with pytest.raises(LibraryTooNew, match="update sonorize"):
        Library.open(library.folder)


def test_a_place_where_none_can_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(LibraryError, match="name another place with --library"):
        Library.create(tmp_path / "file" / "library", Config(encoder="toy"))


def test_the_catalog_lies_in_the_library_or_where_its_url_says(tmp_path: Path) -> None:
    with Library.create(tmp_path / "one", Config(encoder="toy")):
        assert (tmp_path / "one/catalog.sqlite3").is_file()
    url = f"sqlite:///{tmp_path / 'elsewhere.sqlite3'}"
    with Library.create(tmp_path / "two", Config(encoder="toy", catalog=url)):
        assert (tmp_path / "elsewhere.sqlite3").is_file()
    assert os.listdir(tmp_path / "two") == ["library.toml"]  # noqa: PTH208


def test_one_writer_at_a_time(library: Library) -> None:
    with library.lock(), Library.open(library.folder) as second:
        with pytest.raises(LibraryBusy, match="Another build is writing to"), second.lock():
            raise AssertionError
        assert index(second).ids().size == 0  # who only reads is not held up
    with library.lock():
        pass


def test_another_encoder_is_refused(library: Library) -> None:
    class Other(ToyEncoder):
        name = "other"

    with pytest.raises(EncoderMismatch, match="built with toy, not other"):
        library.spaces(Other())


def test_an_encoder_that_changed_has_spaces_of_its_own(library: Library) -> None:
    class Retrained(ToyEncoder):
        def fingerprint(self, part: object) -> str:
            return f"new {part}"

    old, new = library.spaces(TOY), library.spaces(Retrained())
    assert not set(old.values()) & set(new.values())
    assert library.spaces(TOY) == old


def test_parts_stand_side_by_side_and_may_be_absent(library: Library) -> None:
    both = add(library, "both", 2, 5)
    audio = add(library, "audio", 3)
    metadata = add(library, "metadata", None, 0)
    add(library, "neither", None)
    assert rows(index(library)) == {both: [2, 13], audio: [3], metadata: [8]}


def test_an_index_follows_the_catalog(library: Library) -> None:
    first, second = add(library, "a", 1), add(library, "b", 2)
    assert rows(index(library, save=True)) == {first: [1], second: [2]}
    spaces = library.spaces(TOY)
    library.catalog.record([Written(first, spaces["metadata"], axis(7))])
    third = add(library, "c", 6)
    assert rows(index(library)) == {first: [1, 15], second: [2], third: [6]}
    with library.catalog.engine.begin() as connection:
        connection.execute(text("UPDATE file SET state = 'missing' WHERE relative_path = 'b'"))
    assert library.catalog.prune([1]) == 1
    assert rows(index(library)) == {first: [1, 15], third: [6]}


def saved_in(library: Library) -> list[Path]:
    return [path for path in (library.folder / "index").iterdir() if path.suffix != ".json"]


def test_only_a_save_writes_files(library: Library) -> None:
    add(library, "a", 1)
    index(library)
    assert not (library.folder / "index").exists()
    index(library, save=True)
    (saved,) = saved_in(library)
    before = saved.stat().st_mtime_ns
    index(library, save=True)  # nothing changed
    assert [path.stat().st_mtime_ns for path in saved_in(library)] == [before]


@pytest.mark.parametrize("cut", [0, 3, 20, -1])
def test_a_damaged_index_is_replaced_from_the_catalog(library: Library, cut: int) -> None:
    sound_id = add(library, "a", 1, 4)
    index(library, save=True)
    (saved,) = saved_in(library)
    saved.write_bytes(saved.read_bytes()[:cut])
    assert rows(index(library, save=True)) == {sound_id: [1, 12]}
    assert rows(index(library)) == {sound_id: [1, 12]}
    assert saved_in(library) == [saved]


def test_an_index_of_another_catalog_is_not_believed(library: Library, tmp_path: Path) -> None:
    for number, name in enumerate("abc"):
        add(library, name, number)
    index(library, save=True)
    with Library.create(tmp_path / "other", Config(encoder="toy")) as other:
        other.catalog.root("folder", "/sounds")
        sound_id = add(other, "x", 7)
        (library.folder / "index").rename(other.folder / "index")
        assert rows(index(other)) == {sound_id: [7]}
