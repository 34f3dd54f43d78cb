"""What is broken, odd or gone stops no build, is reported once, and can be tried again."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import sounds
from libraries import At, build, files, run, seq, tone
from PIL import Image

from indexer.build.report import Options
from indexer.library import Library


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library of sounds with awkward names, one in a folder that has one too."""
    base = tmp_path_factory.mktemp("names")
    folder = base / os.fsdecode(b"caf\xe9 \n'\"folder")
    folder.mkdir()
    for number, name in enumerate(sounds.NAMES):
        tone(folder / os.fsdecode(name), number, 0.3)
        (folder / os.fsdecode(b"broken " + name[-200:])).write_bytes(b"words")
    Image.new("RGB", (2, 2), "#ff8000").save(base / "orange.png")
    done = run("build-index", folder, "--encoder", "toy", "--library", base / "library")
    assert done.code == 3
    assert len([line for line in done.err.splitlines() if "failed: " in line]) == len(sounds.NAMES)
    return base


@pytest.fixture
def library(tmp_path: Path) -> Path:
    return tmp_path / "library"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number in range(11):
        tone(tmp_path / "sounds" / "in" / f"{number:02}.wav", number % 8, 0.1 + 0.01 * number)
    return tmp_path / "sounds"


def failures(library: Path) -> dict[str, str]:
    with Library.open(library) as opened:
        found = opened.catalog.failures()
        return {Path(path).name: reason for path, state, reason in found if state == "failed"}


def test_each_broken_file_is_reported_once_and_the_rest_is_built(
    library: Path, folder: Path
) -> None:
    made = [each for each in sounds.broken(folder) if each.path.is_file()]
    there = {
        each.path.name: each.says for each in made if each.path.suffix in (".wav", ".mp3", ".flac")
    }
    assert len(there) == 8
    report = build(library, folder)
    assert (report.added, report.skipped, report.failed) == (11, 0, 8)
    assert report.sounds == 11
    assert dict.fromkeys(Path(path).name for path, _ in report.failures).keys() == there.keys()
    assert failures(library).keys() == there.keys()
    for name, reason in failures(library).items():
        assert there[name] in reason
    before = seq(library)
    report = build(library, folder)
    assert (report.added, report.skipped, report.failed) == (0, 19, 0)
    assert report.notes == [
        f"8 files are still unreadable in {folder}: `sonorize library status` lists them, "
        "--retry-failed tries them again."
    ]
    assert seq(library) == before
    report = build(library, folder, options=Options(retry_failed=True))
    assert (report.added, report.skipped, report.failed, report.notes) == (0, 11, 8, [])
    assert run("library", "check", "--library", library).code == 0


def test_what_was_mended_is_read_again(library: Path, folder: Path) -> None:
    good = sounds.write(folder / "good.flac", sounds.tone(1.0))
    tagged = sounds.retagged(good, folder / "mended.flac", {"title": "Owl at night"})
    whole, facts = tagged.read_bytes(), tagged.stat()
    good.unlink()
    tagged.write_bytes(bytes(len(whole)))
    os.utime(tagged, ns=(facts.st_mtime_ns, facts.st_mtime_ns))
    assert build(library, folder).failed == 1
    tagged.write_bytes(whole)  # as large and as old as before
    os.utime(tagged, ns=(facts.st_mtime_ns, facts.st_mtime_ns))
    assert build(library, folder).skipped == 12
    assert failures(library).keys() == {"mended.flac"}
    done = run("build-index", folder, "--retry-failed", "--library", library)
    assert done.code == 0
    assert "1 file to read" in done.err
    assert failures(library) == {}
    done = run("query-by-text", "title:owl", "--library", library, "--format", "json")
    hit = json.loads(done.out)
    assert hit["title"] == "Owl at night"


def test_a_failed_sound_is_no_answer(library: Path, folder: Path) -> None:
    sounds.broken(folder)  # header-only.wav breaks only when it is heard
    tone(folder / "zero thing.wav", 3)
    build(library, folder)
    for words in ("header", "zero"):
        done = run("query-by-text", words, "--library", library, "--only", "exact", "--all-takes",
                   "--format", "json")  # fmt: skip
        titles = [json.loads(line)["title"] for line in done.out.splitlines()]
        assert titles == (["zero thing"] if words == "zero" else [])


@pytest.mark.slow
def test_what_vanishes_while_it_is_built_is_reported_and_looked_for_again(
    library: Path, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("indexer.build.words.FIRST", 99)
    for path, named in [(folder / "in/03.wav", False), (folder / "in/07.wav", True)]:
        aside = tmp_path / "aside.wav"
        away = At("Reading names", lambda p=path, a=aside: p.rename(a), advanced=named)
        report = build(library, folder, progress=away)
        assert [(Path(p).name, why) for p, why in report.failures] == [
            (path.name, "it vanished while the library was built")
        ]
        assert failures(library) == {}
        aside.rename(path)
        report = build(library, folder)
        assert (report.added, report.failed) == (1, 0)
        shutil.rmtree(library)


def test_a_drive_lost_while_it_is_read_fails_no_sound(
    library: Path, folder: Path, tmp_path: Path
) -> None:
    report = build(library, folder, progress=At("Reading", lambda: folder.rename(tmp_path / "x")))
    assert (report.added, report.failed) == (0, 11)
    assert failures(library) == {}
    (tmp_path / "x").rename(folder)
    assert build(library, folder).added == 11


def test_links_in_circles_and_to_nowhere(library: Path, folder: Path) -> None:
    (folder / "in/again").symlink_to(folder)
    (folder / "a").symlink_to("b")
    (folder / "b").symlink_to("a")
    (folder / "self.wav").symlink_to("self.wav")
    (folder / "gone.wav").symlink_to("nowhere.wav")
    report = build(library, folder)
    assert (report.added, report.failed) == (11, 0)
    assert sorted(note.partition(": ")[0] for note in report.notes) == [
        os.fspath(folder / "gone.wav"), os.fspath(folder / "self.wav")
    ]  # fmt: skip


@pytest.mark.parametrize("how", ["unlistable", "link"])
def test_files_in_a_folder_that_cannot_be_looked_at_are_not_gone(
    library: Path, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    inside = tone(tmp_path / "drive" / "x.wav", 5, 0.7)
    (folder / "link").symlink_to(tmp_path / "drive")
    build(library, folder)
    if how == "link":
        (tmp_path / "drive").rename(tmp_path / "unplugged")
    else:
        listing = os.scandir

        def scandir(place: Path) -> Iterator[os.DirEntry[str]]:
            if place == folder / "link":
                raise PermissionError(13, "Permission denied")
            return listing(place)

        monkeypatch.setattr(os, "scandir", scandir)
    report = build(library, folder, options=Options(prune=True))
    assert report.removed == 0
    assert any("Permission denied" in note for note in report.notes) == (how != "link")
    assert files(library)["link/x.wav"][1] == "offline"
    assert [state for _, state in files(library).values()].count("present") == 11
    monkeypatch.undo()
    if how == "link":
        (tmp_path / "unplugged").rename(tmp_path / "drive")
    assert inside.is_file()
    assert build(library, folder).skipped == 12
    assert files(library)["link/x.wav"][1] == "present"


def test_a_source_that_is_missing_stops_before_anything_is_read(
    library: Path, folder: Path
) -> None:
    done = run("build-index", folder, folder / "no", "--encoder", "toy", "--library", library)
    assert done.code == 1
    assert done.err.startswith(f"sonorize: There is no folder {folder / 'no'}: ")
    assert not library.exists()


def test_any_name_in_any_format(names: Path) -> None:
    command = ["query-by-frame", names / "orange.png", "--library", names / "library", "-k", 20]
    command += ["--metadata-weight", 0]
    answers = {form: run(*command, "--format", form) for form in ("json", "csv", "table")}
    assert {done.code for done in answers.values()} == {0}
    hits = [json.loads(line) for line in answers["json"].out.splitlines()]
    assert len(hits) == len(sounds.NAMES)
    assert hits[0]["path"].endswith(os.fsdecode(sounds.NAMES[1]))
    assert {os.fsencode(Path(hit["path"]).name) for hit in hits} == set(sounds.NAMES)
    assert all(Path(hit["path"]).is_file() for hit in hits)
    rows = list(csv.DictReader(io.StringIO(answers["csv"].out, newline="")))
    assert [row["path"] for row in rows] == [
        hit["path"].encode(errors="backslashreplace").decode() for hit in hits
    ]
    assert [row["title"] for row in rows] == [
        hit["title"].encode(errors="backslashreplace").decode() for hit in hits
    ]
    assert r"two\nlines.wav" in answers["table"].out
    assert "🐕 bellt übers Feld.wav" in answers["table"].out
    assert r"caf\udce9.wav" in answers["table"].out


@pytest.mark.parametrize("form", ["table", "json"])
@pytest.mark.parametrize("command", ["status", "roots"])
def test_any_name_in_status(names: Path, command: str, form: str) -> None:
    done = run("library", command, "--library", names / "library", "--format", form)
    assert (done.code, done.err) == (0, "")
    if form == "json":
        (line,) = done.out.splitlines()
        found = json.loads(line)
        (root,) = found["roots"] if command == "status" else [found]
        assert Path(root["location"]).is_dir()
        assert (root["present"], root["missing"], root["offline"]) == (2 * len(sounds.NAMES), 0, 0)
        if command == "status":
            assert len(found["failures"]) == len(sounds.NAMES)
            assert all(Path(path).is_file() for path, _, _ in found["failures"])
    elif command == "status":
        assert len([line for line in done.out.splitlines() if line.startswith("failed")]) == len(
            sounds.NAMES
        )


@pytest.mark.slow
def test_any_name_from_stdin(names: Path) -> None:
    code = "from query.cli.main import main; main()"
    command = [sys.executable, "-c", code, "query-by-sound", "-", "--library", names / "library"]
    folder = next(path for path in names.iterdir() if b"folder" in os.fsencode(path))
    (names / "plain").symlink_to(folder)  # a line ends a question
    lines = [names / "plain" / os.fsdecode(name) for name in sounds.NAMES if b"\n" not in name]
    done = subprocess.run(
        list(map(os.fspath, command)), input=b"\n".join(map(os.fsencode, lines)),
        capture_output=True, env={**os.environ, "PYTHONIOENCODING": "utf-8"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [Path(answer["question"]) for answer in answers] == lines
    assert [Path(answer["hits"][0]["path"]).name for answer in answers] == [p.name for p in lines]
