import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from libraries import empty_catalog

from indexer.build.scan import CLOCK, HOUR, Scan, is_same_file, scan
from indexer.catalog.answers import Known
from indexer.catalog.entries import Failed, Named, Unseen
from indexer.catalog.store import Catalog
from indexer.errors import SourceError
from indexer.sources.folder import FolderSource
from indexer.sources.protocol import Item


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    opened = Catalog(empty_catalog(tmp_path))
    yield opened
    opened.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "sounds"
    made.mkdir()
    for number in range(20):
        path = made / f"{number:02}.wav"
        path.write_bytes(b"x" * (number + 1))
        os.utime(path, ns=(0, 1_000_000_000 * (number + 1)))
    return made


def recorded(catalog: Catalog, folder: Path) -> Scan:
    """The folder is in the catalog now; what a new scan then finds."""
    first = scan(catalog, FolderSource(folder))
    catalog.record(Named(first.place(item), {}) for item in first.new)
    return scan(catalog, FolderSource(folder))


def again(catalog: Catalog, folder: Path) -> Scan:
    found = scan(catalog, FolderSource(folder))
    catalog.record(found.sightings())
    return found


@pytest.mark.parametrize(
    ("shift", "same"),
    [
        (0, True),
        (CLOCK, True),
        (-CLOCK, True),
        (CLOCK + 1_000_000, False),
        (HOUR, True),
        (-2 * HOUR + CLOCK, True),
        (HOUR // 2, False),
        (14 * HOUR, True),
        (15 * HOUR, False),
    ],
)
def test_a_clock_may_be_coarse_or_in_another_zone(shift: int, same: bool) -> None:
    known = Known(1, 1, 10, 100 * HOUR, "present", "ready")
    assert is_same_file(known, Item("a.wav", 10, 100 * HOUR + shift)) is same


def test_another_size_is_another_file() -> None:
    known = Known(1, 1, 10, 100 * HOUR, "present", "ready")
    assert not is_same_file(known, Item("a.wav", 11, 100 * HOUR))


def test_a_second_scan_finds_nothing_new(catalog: Catalog, folder: Path) -> None:
    found = recorded(catalog, folder)
    assert (found.new, found.changed, found.unseen, found.unchanged) == ([], [], {}, 20)


def test_one_file_gone_is_missing(catalog: Catalog, folder: Path) -> None:
    recorded(catalog, folder)
    (folder / "03.wav").unlink()
    found = again(catalog, folder)
    assert not found.offline
    assert catalog.known(found.root_id)["03.wav"].state == "missing"


def test_more_than_a_tenth_gone_is_a_drive_in_trouble(catalog: Catalog, folder: Path) -> None:
    recorded(catalog, folder)
    for number in range(3):
        (folder / f"{number:02}.wav").unlink()
    found = again(catalog, folder)
    assert found.offline
    assert catalog.known(found.root_id)["01.wav"].state == "offline"
    assert catalog.known(found.root_id)["05.wav"].state == "present"


def test_moved_within_the_root_is_not_gone(catalog: Catalog, folder: Path) -> None:
    recorded(catalog, folder)
    (folder / "sub").mkdir()
    for number in range(15):
        (folder / f"{number:02}.wav").rename(folder / "sub" / f"{number:02}.wav")
    found = again(catalog, folder)
    assert not found.offline
    assert len(found.new) == 15


@pytest.mark.parametrize("how", ["removed", "emptied"])
def test_away_and_back_again(catalog: Catalog, folder: Path, tmp_path: Path, how: str) -> None:
    recorded(catalog, folder)
    folder.rename(tmp_path / "unplugged")
    if how == "emptied":
        folder.mkdir()
    found = again(catalog, folder)
    assert found.offline
    assert {known.state for known in catalog.known(found.root_id).values()} == {"offline"}
    if how == "emptied":
        folder.rmdir()
    shutil.move(tmp_path / "unplugged", folder)
    found = again(catalog, folder)
    assert not found.offline
    assert {known.state for known in catalog.known(found.root_id).values()} == {"present"}


def test_an_unknown_folder_that_is_not_there_is_refused(catalog: Catalog, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no folder"):
        scan(catalog, FolderSource(tmp_path / "never"))
    assert catalog.roots() == []


def test_files_are_looked_up_in_batches(
    catalog: Catalog, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """New, changed, failed, offline and gone ones, wherever a batch ends; names of all letters."""
    (folder / "é 雨.wav").write_bytes(b"y")
    (folder / os.fsdecode(b"\xff.wav")).write_bytes(b"z")
    found = recorded(catalog, folder)
    assert found.unchanged == found.unheard == found.known == 22
    known = catalog.known(found.root_id)
    catalog.record([Failed(known["00.wav"].sound_id, "torn")])
    catalog.record([Unseen(known["01.wav"].file_id, "offline")])
    (folder / "02.wav").write_bytes(b"longer than it was before")
    (folder / "03.wav").unlink()
    (folder / "new.wav").write_bytes(b"y")
    for size in (1, 7, 23, 99):
        monkeypatch.setattr("indexer.build.scan.BATCH", size)
        found = scan(catalog, FolderSource(folder), retry_failed=True)
        assert [item.relative_path for item in found.new] == ["new.wav"]
        assert [item.relative_path for _, item in found.changed] == ["00.wav", "02.wav"]
        assert [(k.state, item.relative_path) for k, item in found.back] == [("offline", "01.wav")]
        assert found.unseen.keys() == {"03.wav"}
        assert (found.unchanged, found.unheard, found.known, found.lost) == (18, 19, 22, 1)
