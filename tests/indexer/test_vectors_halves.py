"""A first pass in float16 changes no answer, whatever the rows are like: bits are the judge's."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Event

import numpy as np
import pytest
import torch

pytest.importorskip("faiss", reason="neither extra cpu nor gpu is here")

from indexer.vectors import faiss_index, halves
from indexer.vectors.exact import ExactIndex
from indexer.vectors.faiss_index import FaissIndex
from indexer.vectors.halves import Halves

N, DIM = 3_000, 48


pytestmark = pytest.mark.skipif(not halves.possible(), reason="torch has no FBGEMM here")


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faiss_index, "HALVES_AFTER", 1)
    monkeypatch.setattr(faiss_index, "HALVES_PAY", 0)


def directions(n: int, seed: int = 0) -> np.ndarray:
    rows = np.random.default_rng(seed).standard_normal((n, DIM))
    unit: np.ndarray = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return unit.astype(np.float32)


NEAR = directions(1) + 1e-4 * directions(N)  # float16 cannot tell these apart
LIKE = {
    "apart": directions(N),
    "near": NEAR.astype(np.float32),
    "the same": np.repeat(directions(3), N // 3, axis=0),
    "tiny": directions(N) * np.float32(1e-7),
    "long": directions(N) * np.float32(6e4),
    "too long": directions(N) * np.float32(1e6),
    "of all lengths": directions(N) * np.logspace(-6, 4, N, dtype=np.float32)[:, None],
}


@pytest.mark.parametrize("like", LIKE)
@pytest.mark.parametrize("k", [1, 10, 150, 400])
def test_questions_are_answered_as_by_the_judge(like: str, k: int) -> None:
    index, judge = FaissIndex(DIM), ExactIndex(DIM)
    for each in (index, judge):
        each.add(np.arange(1, N + 1), LIKE[like])
    halved(index)
    assert (index._halves is None) == (like == "too long")
    for nq in (1, 7, 16):
        queries = directions(nq, seed=nq)
        for allowed in (None, np.arange(3, N, 2), np.arange(1, N + 1)):
            found, true = index.search(queries, k, allowed), judge.search(queries, k, allowed)
            assert np.array_equal(found.ids, true.ids)
            assert np.array_equal(found.scores, true.scores)


def halved(index: FaissIndex) -> Halves | None:
    """The index after its copy was made, if it makes one."""
    index.search(directions(1, seed=1), 5)
    if index._halves is not None:
        index._halves.wait()
        assert index._halves.ready
    return index._halves


def test_the_first_pass_decides_where_rows_lie_apart() -> None:
    """Or the copy would be read in vain."""
    apart = Halves(directions(N), 1.0)
    apart.wait()
    near = apart.near(directions(20, seed=1), 10)
    assert near is not None
    assert all(10 <= len(one) < 40 for one in near)


def test_rows_that_float16_cannot_tell_apart_are_left_to_float32(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(halves, "MOST", 100)
    alike = Halves(NEAR.astype(np.float32), 1.0)
    alike.wait()
    assert alike.near(directions(1, seed=1), 10) is None
    monkeypatch.setattr(halves, "MOST", 10)  # fewer than a group of rows
    assert alike.near(directions(1, seed=1), 10) is None


def test_the_copy_goes_when_rows_change() -> None:
    index, judge = FaissIndex(DIM), ExactIndex(DIM)
    query = directions(1, seed=1)
    for each in (index, judge):
        each.add(np.arange(1, N + 1), directions(N))
    assert halved(index) is not None
    for each in (index, judge):
        each.add(np.array([7, N + 1]), np.repeat(query, 2, axis=0))
        each.remove(np.array([1, 2, 3]))
    assert index._halves is None
    assert index.search(query, 5).ids.tolist() == judge.search(query, 5).ids.tolist()
    assert index.search(query, 5).ids[0, :2].tolist() == [7, N + 1]


def test_a_copy_that_is_dropped_is_not_made_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(halves, "BLOCK", 64)
    begun, may = Event(), Event()
    pack = halves.packed

    def waiting(rows: np.ndarray) -> object:
        begun.set()
        assert may.wait(10)
        return pack(rows)

    monkeypatch.setattr(halves, "packed", waiting)
    copy = Halves(directions(N), 1.0)
    assert begun.wait(10)
    assert not copy.ready
    copy.drop()
    may.set()
    copy.wait()
    assert not copy.ready


def test_while_the_copy_is_made_float32_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    may = Event()
    pack = halves.packed
    monkeypatch.setattr(halves, "packed", lambda rows: may.wait(10) and pack(rows))
    index, judge = FaissIndex(DIM), ExactIndex(DIM)
    for each in (index, judge):
        each.add(np.arange(1, N + 1), directions(N))
    queries = directions(3, seed=1)
    for _ in range(2):
        assert np.array_equal(index.search(queries, 5).ids, judge.search(queries, 5).ids)
        assert index._halves is not None
        may.set()
        index._halves.wait()


def test_few_questions_and_few_rows_make_no_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faiss_index, "HALVES_AFTER", 5)
    index = FaissIndex(DIM)
    index.add(np.arange(1, N + 1), directions(N))
    for nq in (1, 2, 1, 40):
        index.search(directions(nq, seed=1), 5)
        assert index._halves is None
    assert halved(index) is not None
    monkeypatch.setattr(faiss_index, "HALVES_PAY", N * DIM + 1)
    smaller = FaissIndex(DIM)
    smaller.add(np.arange(1, N + 1), directions(N))
    for _ in range(6):
        assert halved(smaller) is None


def test_no_more_than_a_share_of_the_memory_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    index = FaissIndex(DIM)
    index.add(np.arange(1, N + 1), directions(N))
    monkeypatch.setattr(faiss_index, "memory", lambda: 16 * N * DIM - 1)
    assert halved(index) is None
    monkeypatch.setattr(faiss_index, "memory", lambda: 16 * N * DIM)
    assert halved(index) is not None


def test_the_search_makes_no_team_and_leaves_that_of_others() -> None:
    team = torch.get_num_threads()
    assert halves.alone().submit(torch.get_num_threads).result() == 1
    assert torch.get_num_threads() == team
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(torch.get_num_threads).result() == team
