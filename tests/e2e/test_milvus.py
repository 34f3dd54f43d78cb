"""Libraries whose index lies in Milvus, here a file that milvus-lite reads."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from libraries import copied, make_sounds, run

from indexer.care import migrate
from indexer.encoders.toy import ToyEncoder
from indexer.errors import LibraryError
from indexer.library import Library
from indexer.vectors.quick import QuickIndex

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (find_spec("pymilvus") and find_spec("milvus_lite")),
        reason="pymilvus or milvus-lite is not installed",
    ),
]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with sounds and a library of them."""
    base = tmp_path_factory.mktemp("milvus")
    make_sounds(base / "sounds", 30)
    ran("build-index", base / "sounds", "--encoder", "toy", "--library", base / "library", code=3)
    return base


@pytest.fixture
def folder(built: Path, tmp_path: Path) -> Path:
    copied(built / "library", tmp_path / "library")
    return tmp_path / "library"


def ran(*arguments: object, code: int = 0) -> str:
    done = run(*arguments)
    assert done.code == code, done.err
    return done.out


def answers(built: Path, folder: Path) -> list[tuple[Any, ...]]:
    sound = built / "sounds/0/thing 000.wav"
    out = ran("query-by-sound", sound, "-k", 9, "--format", "json", "--library", folder)
    return [(hit["path"], hit["score"]) for hit in map(json.loads, out.splitlines())]


def closed(rows: Path) -> None:
    """This process has it open no more."""
    from milvus_lite.server_manager import server_manager_instance

    server_manager_instance.release_server(str(rows))


def kind(folder: Path) -> str:
    with Library.open(folder) as library:
        return library.config.index


def test_a_library_is_moved_there_and_back(built: Path, folder: Path) -> None:
    before = answers(built, folder)
    assert len(before) > 5
    for index in ("milvus:rows.db", "auto"):
        assert "compared" in ran("library", "migrate", "--index", index, "--library", folder)
        assert kind(folder) == index
        assert answers(built, folder) == before
    assert (folder / "rows.db").exists()


def test_a_build_keeps_it_in_step(built: Path, tmp_path: Path) -> None:
    shutil.copytree(built / "sounds", tmp_path / "sounds")
    build = ("build-index", tmp_path / "sounds", "--library", tmp_path / "library")
    ran(*build, "--encoder", "toy", "--index", "milvus:rows.db", code=3)
    assert kind(tmp_path / "library") == "milvus:rows.db"
    (tmp_path / "sounds/1/thing 001.wav").unlink()
    make_sounds(tmp_path / "sounds/more", 3)
    ran(*build, "--prune", "--yes", code=0)
    agrees = ("library", "check", "--library", tmp_path / "library")
    assert "every index agrees" in ran(*agrees)
    ran("library", "rebuild", "--library", tmp_path / "library")
    assert "every index agrees" in ran(*agrees)


def test_moving_that_was_stopped_goes_on(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("indexer.library.SENT", 7)
    from indexer.vectors.milvus import MilvusIndex

    add, sent = MilvusIndex.add, list[int]()

    def stopping(index: MilvusIndex, ids: Any, rows: Any) -> None:
        if len(sent) == 2:
            sent.append(0)
            raise KeyboardInterrupt
        sent.append(len(ids))
        add(index, ids, rows)

    monkeypatch.setattr(MilvusIndex, "add", stopping)
    with Library.open(folder) as library:
        with pytest.raises(KeyboardInterrupt):
            migrate(library, ToyEncoder(), "milvus:rows.db")
        assert library.config.index == "auto"
        count = migrate(library, ToyEncoder(), "milvus:rows.db")
    assert sum(sent) == count > 20


def test_an_index_that_answers_otherwise_is_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    search = QuickIndex.search

    def wrong(index: QuickIndex, queries: Any, k: int, allowed: Any = None) -> Any:
        turned = np.roll(queries, 1, axis=0) if type(index) is QuickIndex else queries
        return search(index, turned, k, allowed)

    monkeypatch.setattr(QuickIndex, "search", wrong)
    with (
        Library.open(folder) as library,
        pytest.raises(LibraryError, match="questions otherwise than the old one"),
    ):
        migrate(library, ToyEncoder(), "exact")
    assert kind(folder) == "auto"


def test_a_milvus_that_is_lost_can_be_left(built: Path, folder: Path) -> None:
    here = answers(built, folder)
    with Library.open(folder) as library:
        library.configure(replace(library.config, index="milvus:http://127.0.0.1:9"))
    assert "compared" in ran("library", "migrate", "--index", "auto", "--library", folder)
    assert answers(built, folder) == here


def test_an_error_is_one_sentence(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    from indexer.vectors.milvus import MilvusIndex, forget

    index = MilvusIndex(str(tmp_path / "rows.db"), "rows", 2)
    forget(str(tmp_path / "rows.db"), ["rows"])
    with pytest.raises(LibraryError, match=r"rows\.db cannot be used: .*not"):
        len(index)
    assert capfd.readouterr().err == ""  # pymilvus logs it too, with a traceback


@pytest.mark.parametrize("files", ["data_*.parquet", "manifest.json*", "schema.json"])
def test_a_damaged_file_is_made_again_by_the_command_that_is_named(
    built: Path, folder: Path, files: str
) -> None:
    ran("library", "migrate", "--index", "milvus:rows.db", "--library", folder)
    before = answers(built, folder)
    closed(folder / "rows.db")
    damaged = list((folder / "rows.db").rglob(files))
    assert len(damaged) > 3  # also of the index that is only asked, and of states
    for path in damaged:
        path.write_bytes(b"")
    question = ["query-by-sound", built / "sounds/0/thing 000.wav"]
    for command in (question, ["library", "check"]):
        done = run(*command, "--library", folder)
        assert (done.code, "Traceback" in done.err) == (1, False), done.err
        [said] = re.findall("`(sonorize .*?)`", done.err)
    ran(*shlex.split(said)[1:], "--library", folder)
    closed(folder / "rows.db")
    assert "every index agrees" in ran("library", "check", "--library", folder)
    assert answers(built, folder) == before


def test_a_file_that_another_has_open_is_said_so(folder: Path) -> None:
    ran("library", "migrate", "--index", "milvus:rows.db", "--library", folder)
    closed(folder / "rows.db")
    code = "import sys, pymilvus as milvus; milvus.MilvusClient(sys.argv[1]); print(flush=True)"
    command = [sys.executable, "-c", f"{code}; sys.stdin.read()", folder / "rows.db"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"\n"
        done = run("library", "check", "--library", folder)
        other.communicate()
    assert (done.code, done.err.count("\n")) == (1, 1), done.err
    assert "one process at a time may, so close the other" in done.err


def test_a_password_is_not_kept_in_an_address(folder: Path) -> None:
    done = run(
        "library", "migrate", "--index", "milvus:http://root:pw@127.0.0.1:9", "--library", folder
    )
    assert done.code == 1
    assert "SONORIZE_MILVUS_TOKEN" in done.err
    assert "pw" not in done.err
    assert kind(folder) == "auto"


@pytest.mark.parametrize("index", ["milvus:http://127.0.0.1:9", "milvus:rows", "annoy"])
def test_what_is_not_there_is_told(folder: Path, index: str) -> None:
    done = run("library", "migrate", "--index", index, "--library", folder)
    assert done.code == 1
    said = {"annoy": "no kind of index", "milvus:rows": "names no Milvus: write milvus:http://HOST"}
    assert said.get(index, "does not answer") in done.err
    assert kind(folder) == "auto"


def test_the_kind_of_a_library_is_changed_by_the_command_that_is_suggested(
    built: Path, folder: Path
) -> None:
    folder = folder.rename(folder.with_name("a library"))
    build = ("build-index", built / "sounds", "--library", folder, "--index")
    for index in ("milvus:all rows.db", "auto"):
        done = run(*build, index)
        assert done.code == 1
        [said] = re.findall("`(sonorize .*?)`", done.err)
        assert "compared" in ran(*shlex.split(said)[1:])
        assert kind(folder) == index
    assert "names no Milvus" in run(*build, "milvus:rows").err
