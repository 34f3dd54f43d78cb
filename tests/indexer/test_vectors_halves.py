"""A first pass in float16 changes no answer, whatever the rows are like: bits are the judge's."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("faiss", reason="neither extra cpu nor gpu is here")

from indexer.vectors import faiss_index
from indexer.vectors.exact import ExactIndex
from indexer.vectors.faiss_index import FaissIndex
from indexer.vectors.halves import Halves

N, DIM = 3_000, 48


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
def test_one_question_is_answered_as_by_the_judge(like: str, k: int) -> None:
    index, judge = FaissIndex(DIM), ExactIndex(DIM)
    for each in (index, judge):
        each.add(np.arange(1, N + 1), LIKE[like])
    for query in directions(12, seed=1):
        found, true = index.search(query[None], k), judge.search(query[None], k)
        assert np.array_equal(found.ids, true.ids)
        assert np.array_equal(found.scores, true.scores)
    assert (index._halves is None) == (like == "too long" or k > 200)


def test_the_first_pass_decides_where_rows_lie_apart() -> None:
    """Or the copy would be read in vain."""
    rows = directions(N)
    halves = Halves(rows, 1.0)
    assert all(halves.nearest(q[None], rows, 26) for q in directions(20, seed=1))
    assert halves.nearest(directions(1, seed=1), NEAR.astype(np.float32), 26) is None


def test_the_copy_goes_when_rows_change() -> None:
    index, judge = FaissIndex(DIM), ExactIndex(DIM)
    query = directions(1, seed=1)
    for each in (index, judge):
        each.add(np.arange(1, N + 1), directions(N))
    index.search(query, 5)
    assert index._halves is not None
    for each in (index, judge):
        each.add(np.array([7, N + 1]), np.repeat(query, 2, axis=0))
        each.remove(np.array([1, 2, 3]))
    assert index._halves is None
    assert index.search(query, 5).ids.tolist() == judge.search(query, 5).ids.tolist()
    assert index.search(query, 5).ids[0, :2].tolist() == [7, N + 1]


def test_few_questions_and_few_rows_make_no_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faiss_index, "HALVES_AFTER", 3)
    index = FaissIndex(DIM)
    index.add(np.arange(1, N + 1), directions(N))
    for _ in range(2):
        index.search(directions(1, seed=1), 5)
        index.search(directions(2, seed=1), 5)
    assert index._halves is None
    index.search(directions(1, seed=1), 5)
    assert index._halves is not None
    monkeypatch.setattr(faiss_index, "HALVES_FIT", N * DIM - 1)
    larger = FaissIndex(DIM)
    larger.add(np.arange(1, N + 1), directions(N))
    for _ in range(4):
        larger.search(directions(1, seed=1), 5)
    assert larger._halves is None
