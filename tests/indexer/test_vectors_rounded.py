"""A first pass in int8 changes no answer, whatever the rows are like: bits are the judge's."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

import numpy as np
import pytest

from indexer.errors import IndexDamaged
from indexer.vectors import quick, rounded
from indexer.vectors.exact import ExactIndex
from indexer.vectors.quick import QuickIndex
from indexer.vectors.registry import available, create
from indexer.vectors.rounded import STEPS, Rounded

if TYPE_CHECKING:
    from collections.abc import Iterator

N, DIM = 3_000, 48


pytestmark = pytest.mark.skipif(not rounded.possible(), reason="onnxruntime is not here")


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(quick, "ROUNDED_AFTER", 1)
    monkeypatch.setattr(quick, "ROUNDED_PAY", 0)
    yield
    for thread in threading.enumerate():
        if thread.name == rounded.MAKING:
            thread.join()


def directions(n: int, seed: int = 0) -> np.ndarray:
    rows = np.random.default_rng(seed).standard_normal((n, DIM))
    unit: np.ndarray = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return unit.astype(np.float32)


NEAR = directions(1) + 1e-4 * directions(N)  # int8 cannot tell these apart
LIKE = {
    "apart": directions(N),
    "near": NEAR.astype(np.float32),
    "the same": np.repeat(directions(3), N // 3, axis=0),
    "tiny": directions(N) * np.float32(1e-7),
    "long": directions(N) * np.float32(6e4),
    "too long": directions(N) * np.float32(1e20),
    "of all lengths": directions(N) * np.logspace(-6, 4, N, dtype=np.float32)[:, None],
}


@pytest.mark.parametrize("like", LIKE)
@pytest.mark.parametrize("k", [1, 10, 150, 400])
@pytest.mark.parametrize("kind", ["exact", "faiss"])
def test_questions_are_answered_as_by_the_judge(kind: str, like: str, k: int) -> None:
    if kind not in available():
        pytest.skip("neither extra cpu nor gpu is here")
    index, judge = create(kind, DIM), ExactIndex(DIM)
    assert isinstance(index, QuickIndex)
    for each in (index, judge):
        each.add(np.arange(1, N + 1), LIKE[like])
    copied(index)
    assert (index._rounded is None) == (like == "too long")
    for nq in (1, 7, 16):
        queries = directions(nq, seed=nq)
        for allowed in (None, np.arange(3, N, 2), np.arange(1, N + 1)):
            found, true = index.search(queries, k, allowed), judge.search(queries, k, allowed)
            assert np.array_equal(found.ids, true.ids)
            assert np.array_equal(found.scores, true.scores)


def copied(index: QuickIndex) -> Rounded | None:
    """The index after its copy was made, if it makes one."""
    index.search(directions(1, seed=1), 5)
    if index._rounded is not None:
        index._rounded.wait()
        assert index._rounded.ready
    return index._rounded


def test_the_first_pass_decides_where_rows_lie_apart() -> None:
    """Or the copy would be read in vain."""
    apart = Rounded(directions(N), 1.0)
    apart.wait()
    near = apart.near(directions(20, seed=1), 10)
    assert near is not None
    assert all(10 <= len(one) < 40 for one in near)


@pytest.mark.parametrize("like", LIKE)
def test_no_row_is_moved_further_than_is_said(like: str) -> None:
    rows = LIKE[like]
    middle = rows.mean(axis=0, dtype=np.float64).astype(np.float32)
    whole, scale, lost = rounded.rounded(rows - middle)
    true = rows.astype(np.float64) - middle - whole * scale[:, None].astype(np.float64)
    moved = np.linalg.norm(true, axis=1)
    assert (moved <= lost).all()
    assert np.median(lost) <= 1.01 * np.median(moved) + 1e-5 * np.median(np.abs(rows).max(axis=1))


def test_whole_numbers_are_summed_without_loss() -> None:
    """At the greatest that occur: what an older processor adds in 16 bits must not overflow."""
    dim = 1_024
    rows = np.full((3, dim), 127, np.int8) * np.array([[1], [-1], [1]], np.int8)
    rows[2, ::2] = -127
    planes = np.array([[127], [1], [64]], np.uint8).repeat(dim, axis=1)
    more = np.array([0, 0.5, 0], np.float32)
    session = rounded.packed(rows, np.ones(3, np.float32), more * 128 / STEPS)
    found = session.run(None, {"asked": planes})[0]
    signed = planes.astype(np.int64) - 64
    assert np.array_equal(found, (signed @ rows.T.astype(np.int64)).astype(np.float32) + more)


def test_a_question_of_no_length_is_answered() -> None:
    index, judge = QuickIndex(DIM), ExactIndex(DIM)
    for each in (index, judge):
        each.add(np.arange(1, N + 1), directions(N))
    copied(index)
    queries = np.stack([np.zeros(DIM), directions(1)[0], np.full(DIM, 1e-42)]).astype(np.float32)
    assert np.array_equal(index.search(queries, 5).ids, judge.search(queries, 5).ids)


def test_scores_too_small_for_float32_are_told_apart_as_by_the_judge() -> None:
    rows = directions(N) * np.float32(1e-30)
    index, judge = QuickIndex(DIM), ExactIndex(DIM)
    for each in (index, judge):
        each.add(np.arange(1, N + 1), rows)
    copied(index)
    for queries in (rows[:3], -rows[:3], rows[:3] * np.float32(1e20)):
        assert np.array_equal(index.search(queries, 5).ids, judge.search(queries, 5).ids)


def test_rows_of_which_all_are_damaged_are_called_damaged(tmp_path: Path) -> None:
    """One bit of each makes it too long for any bound to hold."""
    index = QuickIndex(DIM)
    index.add(np.arange(1, N + 1), directions(N))
    index.save(tmp_path / "rows")
    stat = (tmp_path / "rows").stat()
    file = np.memmap(tmp_path / "rows", np.uint32, "r+", offset=stat.st_size - 4 * N * DIM)
    file[::DIM] ^= 1 << 30
    file.flush()
    os.utime(tmp_path / "rows", ns=(stat.st_mtime_ns, stat.st_mtime_ns))
    index = QuickIndex.load(tmp_path / "rows")
    for _ in range(2):  # in float32, in int8
        with pytest.raises(IndexDamaged):
            index.search(directions(1, seed=1), 5)
        assert index._rounded is not None
        index._rounded.wait()


@pytest.mark.filterwarnings("error")
def test_without_a_library_that_loads_float32_answers(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    caplog.set_level("INFO")
    copy = Rounded(directions(N), 1.0)
    copy.wait()
    assert not copy.ready
    assert "float32 alone answers" in caplog.text


COPYING = """
import re
from pathlib import Path
import numpy as np
from indexer.vectors.rounded import Rounded

def resident():
    return 1024 * int(re.search(r"RssAnon:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])

rows = np.zeros((40_000, 512), np.float32)
rows[:, 0] = 1
Rounded(rows[:100], 1.0).wait()  # the libraries
before, copy = resident(), Rounded(rows, 1.0)
copy.wait()
assert copy.ready
print((resident() - before) / rows.size)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_copy_takes_a_quarter_of_what_the_rows_take() -> None:
    """In a process of its own: others take memory too."""
    done = subprocess.run([sys.executable, "-c", COPYING], capture_output=True, check=True)
    assert float(done.stdout) < 2.5  # bytes a number, four where each session keeps its model


def test_damaged_rows_are_not_copied() -> None:
    rows = directions(N)
    rows[-1, 3] = np.nan
    copy = Rounded(rows, 1.0)
    copy.wait()
    assert not copy.ready


def test_rows_that_int8_cannot_tell_apart_are_left_to_float32(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rounded, "MOST", 100)
    alike = Rounded(NEAR.astype(np.float32), 1.0)
    alike.wait()
    assert alike.near(directions(1, seed=1), 10) is None
    monkeypatch.setattr(rounded, "MOST", 10)  # fewer than a group of rows
    assert alike.near(directions(1, seed=1), 10) is None


def test_the_copy_goes_when_rows_change() -> None:
    index, judge = QuickIndex(DIM), ExactIndex(DIM)
    query = directions(1, seed=1)
    for each in (index, judge):
        each.add(np.arange(1, N + 1), directions(N))
    assert copied(index) is not None
    for each in (index, judge):
        each.add(np.array([7, N + 1]), np.repeat(query, 2, axis=0))
        each.remove(np.array([1, 2, 3]))
    assert index._rounded is None
    assert index.search(query, 5).ids.tolist() == judge.search(query, 5).ids.tolist()
    assert index.search(query, 5).ids[0, :2].tolist() == [7, N + 1]


def test_a_copy_that_is_dropped_is_not_made_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rounded, "BLOCK", 64)
    begun, may = Event(), Event()
    pack = rounded.packed

    def waiting(*block: np.ndarray) -> object:
        begun.set()
        assert may.wait(10)
        return pack(*block)

    monkeypatch.setattr(rounded, "packed", waiting)
    copy = Rounded(directions(N), 1.0)
    assert begun.wait(10)
    assert not copy.ready
    copy.drop()
    may.set()
    copy.wait()
    assert not copy.ready


def test_while_the_copy_is_made_float32_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    may = Event()
    pack = rounded.packed
    monkeypatch.setattr(rounded, "packed", lambda *block: may.wait(10) and pack(*block))
    index, judge = QuickIndex(DIM), ExactIndex(DIM)
    for each in (index, judge):
        each.add(np.arange(1, N + 1), directions(N))
    queries = directions(3, seed=1)
    for _ in range(2):
        assert np.array_equal(index.search(queries, 5).ids, judge.search(queries, 5).ids)
        assert index._rounded is not None
        may.set()
        index._rounded.wait()


def test_few_questions_and_few_rows_make_no_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quick, "ROUNDED_AFTER", 5)
    index = QuickIndex(DIM)
    index.add(np.arange(1, N + 1), directions(N))
    for nq in (1, 2, 1, 40):
        index.search(directions(nq, seed=1), 5)
        assert index._rounded is None
    assert copied(index) is not None
    monkeypatch.setattr(quick, "ROUNDED_PAY", N * DIM + 1)
    smaller = QuickIndex(DIM)
    smaller.add(np.arange(1, N + 1), directions(N))
    for _ in range(6):
        assert copied(smaller) is None


def test_no_more_than_a_share_of_the_memory_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    index = QuickIndex(DIM)
    index.add(np.arange(1, N + 1), directions(N))
    monkeypatch.setattr(quick, "memory", lambda: 8 * N * DIM - 1)
    assert copied(index) is None
    monkeypatch.setattr(quick, "memory", lambda: 8 * N * DIM)
    assert copied(index) is not None
