"""Index files: written aside, versioned by change number, read while written; kinds of index."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

import indexer
from indexer.errors import IndexDamaged, LibraryError
from indexer.vectors import registry
from indexer.vectors.files import ASIDE, read_checked, write_aside
from indexer.vectors.index_files import IndexFiles
from indexer.vectors.registry import available, create, default, load, two_faiss_packages

if TYPE_CHECKING:
    from collections.abc import Iterator

    from indexer.vectors.protocol import VectorIndex

DIM = 4
ROOT = str(Path(indexer.__file__).parents[1])


def index_of(count: int, dim: int = DIM) -> VectorIndex:
    index = create("exact", dim)
    index.add(np.arange(1, count + 1), np.eye(count, dim, dtype=np.float32))
    return index


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def run_python(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env={**os.environ, "PYTHONPATH": ROOT},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def files(tmp_path: Path) -> IndexFiles:
    return IndexFiles(tmp_path, "starter", "exact")


def test_what_was_written_is_read(tmp_path: Path) -> None:
    write_aside(tmp_path / "a", [b"one", memoryview(b"two"), b""])
    assert read_checked(tmp_path / "a").tobytes() == b"onetwo"
    assert names(tmp_path) == ["a"]


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    def failing() -> Iterator[bytes]:
        yield b"new"
        raise OSError("no space left on device")

    write_aside(tmp_path / "a", [b"old"])
    with pytest.raises(OSError, match="no space"):
        write_aside(tmp_path / "a", failing())
    assert read_checked(tmp_path / "a").tobytes() == b"old"
    assert names(tmp_path) == ["a"]


def test_a_process_killed_while_writing_leaves_the_old_file(
    tmp_path: Path, files: IndexFiles
) -> None:
    files.save(index_of(3), 5)
    code = (
        "import os, sys; from pathlib import Path; from indexer.vectors.files import write_aside\n"
        "def chunks():\n    yield bytes(1 << 20)\n    os._exit(9)\n"
        "write_aside(Path(sys.argv[1]), chunks())\n"
    )
    for seq in (5, 6):
        killed = run_python(code, str(tmp_path / f"starter-{seq}.exact"))
        assert killed.returncode == 9, killed.stderr
    assert f"starter-6.exact{ASIDE}" in names(tmp_path)
    index, seq = files.open_newest(DIM)
    assert (len(index), seq) == (3, 5)
    files.save(index, 7)
    assert names(tmp_path) == ["starter-5.exact", "starter-7.exact"]


def test_without_files_the_index_is_empty(tmp_path: Path) -> None:
    index, seq = IndexFiles(tmp_path / "none", "starter", "exact").open_newest(DIM)
    assert (index.dim, len(index), seq) == (DIM, 0, 0)


def test_the_folder_is_made(tmp_path: Path) -> None:
    files = IndexFiles(tmp_path / "a" / "b", "starter", "exact")
    files.save(index_of(1), 1)
    assert files.open_newest(DIM)[1] == 1


def test_the_newest_is_opened_and_one_older_kept(tmp_path: Path, files: IndexFiles) -> None:
    for seq in (1, 9, 10):  # 10 after 9: by number, not by letter
        files.save(index_of(seq), seq)
    assert names(tmp_path) == ["starter-10.exact", "starter-9.exact"]
    index, seq = files.open_newest(DIM)
    assert (len(index), seq) == (10, 10)


def test_an_empty_state_counts(files: IndexFiles) -> None:
    files.save(create("exact", DIM), 12)
    index, seq = files.open_newest(DIM)
    assert (len(index), seq) == (0, 12)


def test_a_damaged_file_is_logged_passed_over_and_later_removed(
    tmp_path: Path, files: IndexFiles, caplog: pytest.LogCaptureFixture
) -> None:
    files.save(index_of(2), 2)
    files.save(index_of(3), 3)
    (tmp_path / "starter-3.exact").write_bytes(b"torn")
    with caplog.at_level(logging.WARNING):
        index, seq = files.open_newest(DIM)
    assert (len(index), seq) == (2, 2)
    assert "starter-3.exact" in caplog.text
    files.save(index_of(4), 4)
    assert names(tmp_path) == ["starter-2.exact", "starter-4.exact"]


def test_all_damaged_means_empty(tmp_path: Path, files: IndexFiles) -> None:
    for seq in (1, 2):
        files.save(index_of(seq), seq)
    for path in tmp_path.iterdir():
        path.write_bytes(b"")
    index, seq = files.open_newest(DIM)
    assert (len(index), seq) == (0, 0)


def test_another_width_is_passed_over(
    tmp_path: Path, files: IndexFiles, caplog: pytest.LogCaptureFixture
) -> None:
    files.save(index_of(2, dim=7), 2)
    assert files.open_newest(DIM)[1] == 0
    assert "width 7" in caplog.text
    files.save(index_of(1), 1)
    assert names(tmp_path) == ["starter-1.exact"]


def test_a_state_from_a_lost_future_is_removed(tmp_path: Path, files: IndexFiles) -> None:
    for seq in (3, 50):
        files.save(index_of(2), seq)
    files.save(index_of(2), 7)  # the catalog was restored from a copy made before change 50
    assert names(tmp_path) == ["starter-3.exact", "starter-7.exact"]


def test_other_names_and_kinds_are_left_alone(tmp_path: Path, files: IndexFiles) -> None:
    others = ["starter-1.faiss", "starter-2-1.exact", "starter-x.exact", "xstarter-1.exact"]
    for name in others:
        (tmp_path / name).write_bytes(b"")
    for seq in (2, 3, 4):
        files.save(index_of(1), seq)
    assert names(tmp_path) == sorted([*others, "starter-3.exact", "starter-4.exact"])


def test_a_file_that_cannot_be_removed_stays(
    tmp_path: Path, files: IndexFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on Windows while another process reads it."""

    def refuse(path: Path, missing_ok: bool = False) -> None:
        raise PermissionError(13, "in use", str(path))

    for seq in (1, 2):
        files.save(index_of(1), seq)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", refuse)
        files.save(index_of(1), 3)
    assert len(names(tmp_path)) == 3
    files.save(index_of(1), 4)
    assert names(tmp_path) == ["starter-3.exact", "starter-4.exact"]


def test_readers_never_miss_while_a_writer_saves(tmp_path: Path, files: IndexFiles) -> None:
    files.save(index_of(1), 1)
    done = threading.Event()

    def write() -> None:
        for seq in range(2, 60):
            files.save(index_of(seq), seq)
        done.set()

    writer = threading.Thread(target=write)
    writer.start()
    seen = []
    while not done.is_set():
        index, seq = IndexFiles(tmp_path, "starter", "exact").open_newest(DIM)
        assert len(index) == seq
        seen.append(seq)
    writer.join()
    assert seen[0] >= 1
    assert seen == sorted(seen)


def test_the_kinds_here() -> None:
    assert available()[0] == "exact"
    for kind in available():
        assert create(kind, 5).dim == 5


def test_an_unknown_kind_is_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(LibraryError, match="exact"):
        create("annoy", 5)
    with pytest.raises(LibraryError, match="annoy"):
        load("annoy", tmp_path / "a")


def test_a_missing_file_is_damaged(tmp_path: Path) -> None:
    with pytest.raises(IndexDamaged, match="No such file"):
        load("exact", tmp_path / "a")


def test_the_default_is_exact_on_macos(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("faiss", reason="neither extra cpu nor gpu is here")
    monkeypatch.setattr(sys, "platform", "linux")
    assert default() == "faiss"
    monkeypatch.setattr(sys, "platform", "darwin")
    assert default() == "exact"


def test_without_faiss_exact_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "faiss", None)
    monkeypatch.delitem(sys.modules, "indexer.vectors.faiss_index", raising=False)
    assert available() == ("exact",)
    assert default() == "exact"
    with pytest.raises(LibraryError, match=r"sonorize\[cpu\]"):
        create("faiss", 5)


def test_an_empty_folder_named_faiss_is_no_faiss(tmp_path: Path) -> None:
    (tmp_path / "faiss").mkdir()
    code = (
        "import sys; sys.path[:] = [p for p in sys.path if 'site-packages' not in p]\n"
        "sys.path.append(sys.argv[1])\n"
        "import faiss; from indexer.vectors.registry import available; print(*available())"
    )
    ran = run_python(code, str(tmp_path))
    assert ran.stdout.split() == ["exact"], ran.stderr


def test_two_faiss_packages_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def install(name: str) -> None:
        info = tmp_path / f"{name}-1.15.1.dist-info"
        info.mkdir()
        text = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.15.1\n"
        (info / "METADATA").write_text(text)

    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    assert not two_faiss_packages()
    install("faiss_cpu")
    assert not two_faiss_packages()
    install("faiss_gpu")
    assert two_faiss_packages()
    with pytest.raises(LibraryError, match="pip uninstall"):
        registry.create("faiss", 5)


def test_asking_for_the_kinds_imports_neither_numpy_nor_faiss() -> None:
    code = (
        "import sys; from indexer.vectors.registry import default; default()\n"
        "print(*{'numpy', 'faiss'} & sys.modules.keys())"
    )
    ran = run_python(code)
    assert (ran.returncode, ran.stdout.split()) == (0, []), ran.stderr


@pytest.mark.parametrize("kind", available())
def test_rows_of_a_file_change_in_memory_alone(kind: str, tmp_path: Path) -> None:
    """In place, at the end, in the middle; and the file may be replaced or removed meanwhile."""
    path = tmp_path / "a"
    create(kind, DIM).save(path)
    made = index_of(4)
    made.save(path)
    before = path.read_bytes()
    index, other = load(kind, path), load(kind, path)
    index.add(np.array([2, 9]), np.full((2, DIM), 0.5, np.float32))
    index.remove(np.array([1]))
    assert path.read_bytes() == before
    index_of(2).save(path)
    path.unlink()
    query = np.array([[0.0, 1.0, 0.0, 0.0]], np.float32)
    assert other.search(query, 1).ids.tolist() == [[2]]
    assert other.search(query, 1).scores.tolist() == [[1.0]]
    assert index.search(query, 9).ids.tolist() == [[2, 9, 3, 4]]


def test_the_kinds_that_are_named_are_those_that_are_taken() -> None:
    with pytest.raises(LibraryError, match="choose one of: auto, ") as raised:
        registry.require("annoy")
    kinds = str(raised.value).partition("one of: ")[2].removesuffix(".").split(", ")
    assert kinds[0] == "auto"
    assert kinds[-2:] == ["milvus:ADDRESS", "milvus:FILE.db"]
    for kind in (*kinds[:-2], "milvus:FILE.db"):
        registry.require(kind)
