"""Care of a library: files that are gone, drives that are away."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import databases
import libraries
import pytest
from drives import Drive
from libraries import CountingEncoder, build, files, run, tone

from indexer.build.report import Options
from indexer.encoders.toy import ToyEncoder
from indexer.library import Library

PRUNE = Options(prune=True)
GONE = "in/03.wav"


def test_a_file_that_is_gone_stays_until_it_is_pruned(drive: Drive) -> None:
    before = drive.answers()
    (drive.folder / GONE).unlink()
    done = run("build-index", drive.folder, "--library", drive.library)
    assert (done.code, drive.states()) == (0, {"missing": 1, "present": 10})
    assert f"1 file is gone from {drive.folder}: --prune forgets what is gone." in done.err
    assert drive.answers() == before
    table = run("query-by-frame", drive.picture, "--library", drive.library).out
    assert [line for line in table.splitlines() if "03.wav" in line and "missing" in line]
    status = run("library", "status", "--library", drive.library).out
    assert "10 present, 1 gone" in status
    done = run("build-index", drive.folder, "--prune", "--yes", "--library", drive.library,
               "--format", "json")  # fmt: skip
    report = json.loads(done.out)
    assert (report["removed"], report["sounds"], report["skipped"]) == (1, 10, 10)
    assert "--prune forgets" not in done.err
    assert drive.states() == {"present": 10}
    left = [{**hit, "rank": 0} for hit in before if hit["path"] != "03.wav"]
    assert [{**hit, "rank": 0} for hit in drive.answers()] == left
    assert run("library", "check", "--library", drive.library).code == 0


@pytest.mark.parametrize(("said", "code", "left"), [(b"y\n", 0, 10), (b"n\n", 1, 11), (b"", 1, 11)])
def test_pruning_asks_first(drive: Drive, said: bytes, code: int, left: int) -> None:
    (drive.folder / GONE).unlink()
    done = run("build-index", drive.folder, "--prune", "--library", drive.library, stdin=said)
    assert done.code == code
    assert "Forget up to 1 file that is gone? [y/N]" in done.err
    assert len(files(drive.library)) == left


@pytest.mark.parametrize(("said", "code", "left"), [(b"y\n", 0, 8), (b"n\n", 1, 11)])
def test_much_is_forgotten_when_the_user_says_so_twice(
    drive: Drive, said: bytes, code: int, left: int
) -> None:
    for number in range(3):
        (drive.folder / f"in/{number:02}.wav").unlink()
    command = ["build-index", drive.folder, "--library", drive.library, "--prune"]
    done = run(*command, stdin=b"y\n")
    assert (done.code, len(files(drive.library))) == (0, 11)
    assert "(3 of 11)" in done.err
    assert "if they were deleted, say --prune --whole" in done.err
    done = run(*command, "--whole", stdin=said)
    assert (done.code, len(files(drive.library))) == (code, left)
    doubt = f"{drive.folder} lacks 3 of 11 files: a failed drive looks like this."
    assert done.err.index(doubt) < done.err.index("Forget up to 3 files that are gone? [y/N]")


@pytest.mark.parametrize("how", ["away", "empty"])
def test_nothing_is_forgotten_of_a_drive_without_any_file(drive: Drive, how: str) -> None:
    drive.folder.rename(drive.folder.with_name("aside"))
    if how == "empty":
        drive.folder.mkdir()
    done = run("build-index", drive.folder, "--library", drive.library, "--prune", "--whole",
               "--yes")  # fmt: skip
    assert (done.code, drive.states()) == (0, {"offline": 11})
    assert "or give its new place with `sonorize library roots --move`." in done.err


def test_only_the_roots_named_are_pruned(drive: Drive, tmp_path: Path) -> None:
    for number in range(11):
        tone(tmp_path / "other" / f"x{number}.wav", number % 8, 0.3 + 0.01 * number)
    build(drive.library, tmp_path / "other")
    (drive.folder / GONE).unlink()
    (tmp_path / "other/x5.wav").unlink()
    build(drive.library, tmp_path / "other", drive.folder)
    assert build(drive.library, drive.folder, options=PRUNE).removed == 1
    assert drive.states() == {"missing": 1, "present": 20}
    assert files(drive.library)["x5.wav"][1] == "missing"


def test_a_copy_that_is_pruned_leaves_the_sound(drive: Drive) -> None:
    shutil.copy(drive.folder / GONE, drive.folder / "in/owl.wav")
    build(drive.library, drive.folder)
    (drive.folder / "in/owl.wav").unlink()
    build(drive.library, drive.folder)
    assert build(drive.library, drive.folder, options=PRUNE).removed == 1
    assert len(drive.answers()) == 11
    with Library.open(drive.library) as opened:
        assert opened.catalog.search_text("owl", 9) == []


@pytest.mark.parametrize("how", ["away", "empty", "torn"])
def test_a_drive_in_trouble_loses_nothing(drive: Drive, how: str) -> None:
    before, aside = drive.answers(), drive.folder.with_name("aside")
    moved = drive.folder / "in" if how == "torn" else drive.folder
    moved.rename(aside)
    if how == "torn":  # more than a tenth is gone
        libraries.copied(aside, moved)
        for number in (0, 1):
            (moved / f"{number:02}.wav").unlink()
    elif how == "empty":
        drive.folder.mkdir()
    done = run("build-index", drive.folder, "--prune", "--yes", "--library", drive.library)
    assert done.code == 0
    assert f"{drive.folder} is offline or lacks many of its files" in done.err
    expected = {"offline": 2, "present": 9} if how == "torn" else {"offline": 11}
    assert drive.states() == expected
    assert drive.answers() == before
    table = run("query-by-frame", drive.picture, "--library", drive.library, "-k", 20,
                "--all-takes")  # fmt: skip
    assert table.out.count("offline") == expected["offline"]
    if how != "away":
        shutil.rmtree(moved)
    aside.rename(moved)
    encoder = CountingEncoder()
    report = build(drive.library, drive.folder, encoder=encoder)
    assert (report.added, report.skipped, encoder.heard, encoder.read) == (0, 11, 0, 0)
    assert drive.states() == {"present": 11}
    assert drive.answers() == before


def test_a_drive_plugged_in_elsewhere_is_not_heard_again(drive: Drive, tmp_path: Path) -> None:
    before = drive.answers()
    drive.folder.rename(tmp_path / "elsewhere")
    build(drive.library, drive.folder)
    done = run("library", "roots", "--library", drive.library, "--move", 1, tmp_path / "elsewhere")
    assert (done.code, done.err) == (0, "11 files are there.\n")
    assert f"folder:{tmp_path / 'elsewhere'}" in done.out
    encoder = CountingEncoder()
    report = build(drive.library, tmp_path / "elsewhere", encoder=encoder)
    assert (report.added, report.skipped, encoder.heard) == (0, 11, 0)
    assert drive.answers() == before
    (tmp_path / "elsewhere").rename(drive.folder)
    assert run("library", "roots", "--library", drive.library, "--move", 1, drive.folder).code == 0
    assert build(drive.library, drive.folder, encoder=encoder).skipped == 11
    assert (drive.states(), encoder.heard) == ({"present": 11}, 0)


def test_a_drive_built_anew_elsewhere_is_recognised(drive: Drive, tmp_path: Path) -> None:
    drive.folder.rename(tmp_path / "elsewhere")
    build(drive.library, drive.folder)
    encoder = CountingEncoder()
    report = build(drive.library, tmp_path / "elsewhere", encoder=encoder)
    assert (report.sounds, encoder.heard) == (11, 0)
    with Library.open(drive.library) as opened:
        sounds = opened.catalog.sounds([sound for sound, _ in files(drive.library).values()])
        assert {sound.state for sound in sounds.values()} == {"present"}


def test_a_root_cannot_be_moved_anywhere(drive: Drive, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    tone(tmp_path / "other" / "in/00.wav", 5)
    build(drive.library, tmp_path / "other")
    for root, place, says in (
        ("7", tmp_path / "other", "There is no root 7"),
        ("1", tmp_path / "empty", "holds none of the 11 files of root 1"),
        ("1", tmp_path / "no", "There is no folder"),
        ("1", tmp_path / "other", "is another root of this library already"),
    ):
        done = run("library", "roots", "--library", drive.library, "--move", root, place)
        assert (done.code, done.out) == (1, "")
        assert says in done.err
        assert done.err.count("\n") == 1
    done = run("library", "roots", "--library", drive.library, "--move", "1", drive.folder)
    assert (done.code, done.err) == (0, "11 files are there.\n")


def test_roots_and_status_for_scripts(drive: Drive) -> None:
    command = ["--library", drive.library, "--format", "json"]
    (line,) = run("library", "roots", *command).out.splitlines()
    root = json.loads(line)
    assert Path(root.pop("name")).name == "drive"
    assert root == {"id": 1, "kind": "folder", "location": os.fspath(drive.folder), "present": 11,
                    "missing": 0, "offline": 0}  # fmt: skip
    status = json.loads(run("library", "status", *command).out)
    status["roots"][0].pop("name")
    assert status == {
        "library": os.fspath(drive.library), "encoder": "toy", "model_licence": "Apache-2.0",
        "encoder_windows": "all", "heard": {"toy": 11},
        "named": 0, "partial": 0,
        "ready": 11, "failed": 0, "windows": 11, "copies": 0, "roots": [root], "failures": [],
        "approximate": {},
    }  # fmt: skip


def test_what_is_no_sound_or_a_copy_is_counted(drive: Drive) -> None:
    for name in ("cover.jpg", "in/notes.txt", ".hidden"):
        (drive.folder / name).write_bytes(b"x")
    for name in ("copy a.wav", "copy b.wav"):
        shutil.copy(drive.folder / GONE, drive.folder / name)
    command = ["build-index", drive.folder, "--library", drive.library]
    done = run(*command)
    assert "0 removed, 2 other files passed over; the library holds 11 sounds" in done.out
    copies = "2 files hold a recording that another file holds too"
    assert done.out.endswith(f"; {copies}\n")
    assert f"\n{copies}.\n" in run("library", "status", "--library", drive.library).out
    report = json.loads(run(*command, "--format", "json").out)
    assert (report["copies"], report["passed_over"]) == (2, 2)
    (drive.folder / "copy a.wav").unlink()
    assert json.loads(run(*command, "--format", "json").out)["copies"] == 1


def test_a_catalog_that_is_damaged_is_told(drive: Drive) -> None:
    if databases.kind == "postgresql":
        pytest.skip("the file is SQLite's own: PostgreSQL looks after its files itself")
    path = drive.library / "catalog.sqlite3"
    path.write_bytes(b"no catalog " * 1000)
    for command in (["library", "status"], ["query-by-text", "x"], ["library", "check"]):
        done = run(*command, "--library", drive.library)
        assert (done.code, done.out) == (1, "")
        assert f"{path} is not a catalog" in done.err
        assert done.err.count("\n") == 1


def test_takes_are_counted_without_what_failed(drive: Drive) -> None:
    for number in (1, 2):
        tone(drive.folder / f"dog {number}.wav", 3, 1.0 + number)
    (drive.folder / "dog 3.wav").write_bytes(b"no sound")
    build(drive.library, drive.folder, encoder=ToyEncoder())
    done = run("query-by-text", "dog", "--library", drive.library, "--format", "json", "-k", 1)
    assert json.loads(done.out)["takes"] == 1
