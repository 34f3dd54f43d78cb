"""A library that one may only read: it is asked like any other, and left as it is."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import databases  # noqa: F401, named in a condition
import pytest
from libraries import COLOURS, Done, build, copied, snapshot, tone
from PIL import Image
from scene_films import video

CHILD = """\
import json, sys
sys.path.append(sys.argv[1])
from libraries import run
print(json.dumps([run(*command) for command in json.load(sys.stdin)]))
"""
# Root may write to everything: here it gives that up.
HUMBLE = "setpriv --bounding-set -dac_override,-dac_read_search --inh-caps -all".split()

pytestmark = [
    pytest.mark.skipif("databases.kind != 'sqlite'", reason="about SQLite's file"),
    pytest.mark.skipif(
        os.name == "nt" or (os.geteuid() == 0 and not shutil.which("setpriv")),
        reason="permissions of POSIX, which hold for who runs this",
    ),
]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("read only")
    for name, axis in (("cat", 3), ("dog", 4), ("wood", 5)):
        tone(made / "sounds" / f"{name}.wav", axis, 2.0)
    Image.new("RGB", (4, 4), COLOURS[3]).save(made / "green.png")
    video(made / "film.mkv")
    build(made / "library", made / "sounds")
    return made


@pytest.fixture
def library(base: Path, tmp_path: Path) -> Iterator[Path]:
    folder = copied(base / "library", tmp_path / "library")
    shut(folder)
    yield folder
    opened(folder)


def shut(folder: Path) -> None:
    for path in [*folder.rglob("*"), folder]:
        path.chmod(0o555 if path.is_dir() else 0o444)


def opened(folder: Path) -> None:
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)


def humbly(*commands: Sequence[object]) -> list[Done]:
    """All of them in one process, which starts slowly."""
    prefix = HUMBLE if os.geteuid() == 0 else []
    told = json.dumps([list(map(str, command)) for command in commands])
    child = [*prefix, sys.executable, "-c", CHILD, str(Path(__file__).parents[1])]
    done = subprocess.run(child, input=told, capture_output=True, text=True, check=True)
    return [Done(*each) for each in json.loads(done.stdout)]


def test_it_is_asked(base: Path, library: Path) -> None:
    before, lines = snapshot(library), ["--format", "json"]
    answers = humbly(
        *(
            [*command, "--library", library]
            for command in (
                ["query-by-text", "cat", "--only", "exact", *lines],
                ["query-by-text", "cat", *lines],
                ["query-by-frame", base / "green.png", "--moments", *lines],
                ["query-by-sound", base / "sounds/cat.wav", "--max-duration", 9, *lines],
                ["video", base / "film.mkv", "--dry-run"],
            )
        )
    )
    assert [done.code for done in answers] == [0] * 5, answers
    for done in answers[:4]:
        assert json.loads(done.out.splitlines()[0])["title"] == "cat"
    assert snapshot(library) == before


def test_what_only_looks_looks(library: Path) -> None:
    commands = ["status", "check", "roots", "credits"]
    looked = humbly(*(["library", command, "--library", library] for command in commands))
    assert [done.code for done in looked] == [0] * 4, looked
    said = ["3 sounds ready", "every index agrees", "3 present", "cat"]
    assert all(words in done.out for words, done in zip(said, looked, strict=True)), looked


def test_what_changes_it_says_that_it_cannot(base: Path, library: Path) -> None:
    before = snapshot(library)
    refused = humbly(
        *(
            [*command, "--library", library]
            for command in (
                ["build-index", base / "sounds"],
                ["library", "rebuild"],
                ["library", "licence", 1, "cc0"],
                ["library", "reembed", "--encoder", "toy", "--yes"],
            )
        )
    )
    assert [done.code for done in refused] == [1] * 4, refused
    for done in refused:
        assert "cannot be written to" in done.err
        assert "copy the library to a place of your own" in done.err
    assert snapshot(library) == before


def test_an_older_one_says_who_can_bring_it_up_to_date(library: Path) -> None:
    opened(library)
    with sqlite3.connect(library / "catalog.sqlite3") as catalog:
        catalog.execute("UPDATE alembic_version SET version_num = '0001'")
    catalog.close()
    shut(library)
    (done,) = humbly(["query-by-text", "cat", "--only", "exact", "--library", library])
    assert done.code == 1
    assert "written by an older sonorize" in done.err


def test_what_another_has_just_written_is_seen(library: Path) -> None:
    opened(library)
    writer = sqlite3.connect(library / "catalog.sqlite3")
    writer.execute("UPDATE sound SET title = 'lion' WHERE title = 'cat'")
    writer.commit()  # it lies in -wal until the writer closes
    shut(library)
    asked = ["query-by-text", "cat", "--only", "exact", "--format", "json", "--library", library]
    (done,) = humbly(asked)
    assert json.loads(done.out.splitlines()[0])["title"] == "lion"
    opened(library)
    writer.close()


WAITING = """
import sys
from pathlib import Path
from sqlalchemy import text
from indexer.catalog.session import make_engine, reading
engine = make_engine(f"sqlite:///{sys.argv[1]}")
print("begun", flush=True)
with reading(engine) as connection:
    print(connection.scalar(text("SELECT count(*) FROM sound")))
"""


def test_one_that_is_just_being_closed_is_waited_for(library: Path) -> None:
    """-wal without -shm cannot be read, and is gone soon."""
    opened(library)
    beside = library / "catalog.sqlite3-wal"
    beside.touch()
    shut(library)
    prefix = HUMBLE if os.geteuid() == 0 else []
    child = [*prefix, sys.executable, "-c", WAITING, str(library / "catalog.sqlite3")]
    with subprocess.Popen(child, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        time.sleep(0.3)
        library.chmod(0o755)
        beside.unlink()
        library.chmod(0o555)
        assert process.stdout.read() == "3\n"
