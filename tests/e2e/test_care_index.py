"""Care of a library: indexes that are damaged, or of another time."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import libraries
import pytest
from drives import Drive
from libraries import At, build, contents, differences, run, tone

from indexer.build.report import Options
from indexer.vectors import registry

if TYPE_CHECKING:
    from pathlib import Path

PRUNE = Options(prune=True)


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 4
    path.write_bytes(data)


@pytest.mark.parametrize(
    "harm",
    [
        flip,
        lambda path: path.write_bytes(path.read_bytes()[:-7]),
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b"words " * 100),
    ],
    ids=["flipped", "cut", "emptied", "replaced"],
)
def test_a_damaged_index_is_found_and_answers_stay(
    drive: Drive, harm: object, caplog: pytest.LogCaptureFixture
) -> None:
    before = drive.answers()
    (index,) = drive.indexes()
    assert callable(harm)
    harm(index)
    assert drive.answers() == before
    caplog.clear()
    done = run("library", "check", "--library", drive.library)
    assert done.code == 1
    assert (done.out + caplog.text).count(os.fspath(index)) == 1
    assert "run `sonorize library rebuild`" in done.err
    done = run("library", "rebuild", "--library", drive.library)
    assert (done.code, done.out) == (0, "Indexes made anew from the catalog: 11 sounds.\n")
    assert run("library", "check", "--library", drive.library).code == 0
    assert drive.answers() == before


@pytest.mark.parametrize("how", ["gone", "damaged"])
def test_the_next_build_writes_the_index_again(drive: Drive, how: str) -> None:
    before = drive.answers()
    (index,) = drive.indexes()
    if how == "gone":
        shutil.rmtree(drive.library / "index")
    else:
        flip(index)
    assert build(drive.library, drive.folder).skipped == 11
    assert run("library", "check", "--library", drive.library).code == 0
    assert drive.indexes() == [index]
    assert drive.answers() == before


def test_the_indexes_of_all_kinds_answer_alike(drive: Drive) -> None:
    answers = []
    for kind in registry.available():
        libraries.configured(drive.library, index=kind)
        build(drive.library, drive.folder)
        assert {path.suffix for path in drive.indexes()} >= {f".{registry.ending(kind)}"}
        answers.append(drive.answers())
    assert answers.count(answers[0]) == len(answers)


def test_an_index_newer_than_the_catalog_is_not_believed(drive: Drive, tmp_path: Path) -> None:
    libraries.copied(drive.library, tmp_path / "backup")
    before = drive.answers()
    tone(drive.folder / "new.wav", 3, 0.9)
    build(drive.library, drive.folder)
    libraries.put_back(tmp_path / "backup", drive.library)
    assert drive.answers() == before
    assert build(drive.library, drive.folder).added == 1
    assert len(drive.answers()) == 12
    anew = tmp_path / "anew"
    build(anew, drive.folder)
    assert differences(contents(anew), contents(drive.library)) == ([], 1.0)


@pytest.mark.slow
def test_an_index_of_another_future_is_not_believed(drive: Drive, tmp_path: Path) -> None:
    libraries.copied(drive.library, tmp_path / "backup")
    tone(drive.folder / "new.wav", 3, 0.9)
    build(drive.library, drive.folder)
    libraries.put_back(tmp_path / "backup", drive.library)
    (drive.folder / "new.wav").unlink()
    tone(drive.folder / "other.wav", 0, 0.7)  # takes the same change numbers
    build(drive.library, drive.folder)
    order = [hit["path"] for hit in drive.answers()]
    drive.library = tmp_path / "anew"
    build(drive.library, drive.folder)
    assert order == [hit["path"] for hit in drive.answers()]


def test_no_index_is_made_anew_during_a_build(drive: Drive) -> None:
    said: list[tuple[int, str]] = []

    def rebuild() -> None:
        done = run("library", "rebuild", "--library", drive.library)
        said.append((done.code, done.err))

    tone(drive.folder / "new.wav", 3, 0.9)
    build(drive.library, drive.folder, progress=At("Listening", rebuild))
    ((code, sentence),) = said
    assert code == 1
    assert sentence.startswith(f"sonorize: Another build is writing to {drive.library}")
