"""What every kind of vector index promises, against a brute force of its own."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from index_kinds import built, create, directions, every_kind, file_kind, ids, in_use, milvus

from indexer.errors import IndexDamaged
from indexer.vectors.registry import available, load

if TYPE_CHECKING:
    from pathlib import Path

    from indexer.vectors.protocol import Neighbors, VectorIndex

    Model = dict[int, list[float]]

DIM = 3


@pytest.fixture(autouse=True)
def _collections_are_free() -> None:
    in_use.clear()


def brute_force(
    rows: Model, query: list[float], k: int, allowed: list[int] | None = None
) -> tuple[list[float], list[int]]:
    """Scores rounded once from the exact sum; equal ones by id."""
    scores = {
        i: float(np.float32(math.fsum(a * b for a, b in zip(row, query, strict=True))))
        for i, row in rows.items()
        if allowed is None or i in allowed
    }
    best = sorted(scores, key=lambda i: (-scores[i], i))[:k]
    return [scores[i] for i in best], best


def rows_of(values: list[list[float]]) -> np.ndarray:
    return np.array(values, np.float32).reshape(len(values), -1 if values else DIM)


def model(vectors: np.ndarray, numbers: np.ndarray | None = None) -> Model:
    keys = range(1, len(vectors) + 1) if numbers is None else numbers.tolist()
    return dict(zip(keys, vectors.tolist(), strict=True))


def assert_agrees(found: Neighbors, expected: list[tuple[list[float], list[int]]]) -> None:
    assert found.scores.dtype == np.float32
    assert found.ids.dtype == np.int64
    assert found.ids.tolist() == [i for _, i in expected]
    assert found.scores.tolist() == [s for s, _ in expected]


# Few values, so that many rows are equal and many products tie.
vector = st.lists(st.sampled_from([-1.0, -0.5, 0.0, 0.5, 1.0]), min_size=DIM, max_size=DIM)
number = st.integers(1, 40)
step = st.one_of(
    st.tuples(st.just("add"), st.dictionaries(number, vector, max_size=25)),
    st.tuples(st.just("remove"), st.lists(number, max_size=15)),
)


def apply(index: VectorIndex, rows: Model, what: str, payload: object) -> None:
    if what == "add":
        assert isinstance(payload, dict)
        index.add(ids(*payload), rows_of(list(payload.values())))
        rows.update(payload)
    else:
        assert isinstance(payload, list)
        gone = set(payload) & rows.keys()
        assert index.remove(ids(*payload)) == len(gone)
        for i in gone:
            del rows[i]


history = st.tuples(
    st.lists(step, max_size=6),
    st.lists(vector, max_size=7),
    st.integers(0, 45),
    st.none() | st.lists(number, max_size=30),
)


@file_kind
@settings(deadline=None, max_examples=150)
@given(history)
def test_any_history_answers_as_brute_force(kind: str, history: tuple[Any, ...]) -> None:
    assert_history_answers(kind, *history)


@pytest.mark.parametrize("kind", [milvus])
@settings(deadline=None, max_examples=10)
@given(history)
def test_any_history_in_milvus_answers_as_brute_force(kind: str, history: tuple[Any, ...]) -> None:
    assert_history_answers(kind, *history)
    in_use.clear()


def assert_history_answers(
    kind: str,
    steps: list[tuple[str, object]],
    queries: list[list[float]],
    k: int,
    allowed: list[int] | None,
) -> None:
    index, rows = create(kind, DIM), dict[int, list[float]]()
    for what, payload in steps:
        apply(index, rows, what, payload)
    assert len(index) == len(rows)
    assert index.ids().tolist() == sorted(rows)
    chosen = None if allowed is None else ids(*allowed)
    found = index.search(rows_of(queries), k, chosen)
    m = min(k, len(rows if allowed is None else rows.keys() & set(allowed)))
    assert found.ids.shape == found.scores.shape == (len(queries), m)
    assert_agrees(found, [brute_force(rows, q, k, allowed) for q in queries])


@every_kind
@pytest.mark.parametrize("nq", [1, 4, 5, 40])
@pytest.mark.parametrize("share", [None, 0.02, 0.5])
def test_random_directions(kind: str, nq: int, share: float | None) -> None:
    vectors, queries = directions(400, 48), directions(nq, 48, seed=1)
    numbers = np.random.default_rng(2).permutation(1000)[:400] + 1
    allowed = None if share is None else np.sort(numbers[: int(share * 400)])
    found = built(kind, vectors, numbers).search(queries, 10, allowed)
    rows, chosen = model(vectors, numbers), None if allowed is None else allowed.tolist()
    assert_agrees(found, [brute_force(rows, q, 10, chosen) for q in queries.tolist()])


@every_kind
@pytest.mark.parametrize("nq", [1, 8])
@pytest.mark.parametrize("k", [1, 5, 90, 200])
@pytest.mark.parametrize("filtered", [False, True])
def test_equal_rows_are_cut_by_id(kind: str, nq: int, k: int, filtered: bool) -> None:
    """One recording many times over: more ties than an index looks beyond the k-th."""
    vectors = np.repeat(directions(3, 37), 100, axis=0)
    order = np.random.default_rng(3).permutation(300) + 1
    allowed = np.arange(2, 301, 2) if filtered else None
    found = built(kind, vectors, order).search(directions(nq, 37, seed=4), k, allowed)
    rows = model(vectors, order)
    chosen = None if allowed is None else allowed.tolist()
    expected = [brute_force(rows, q, k, chosen) for q in directions(nq, 37, seed=4).tolist()]
    assert_agrees(found, expected)


@every_kind
@pytest.mark.parametrize("nq", [1, 8])
def test_rows_closer_than_float32_rounding(kind: str, nq: int) -> None:
    """A float32 product cannot order these; the answer is that of the exact sums."""
    noise = np.random.default_rng(5).standard_normal((500, 466)) * 2e-8
    vectors = (directions(1, 466) + noise).astype(np.float32)
    queries = directions(nq, 466) + directions(1, 466)
    found = built(kind, vectors).search(queries, 20)
    assert_agrees(found, [brute_force(model(vectors), q, 20) for q in queries.tolist()])


@every_kind
def test_a_batch_answers_as_its_queries_one_by_one(kind: str) -> None:
    index, queries = built(kind, directions(1000, 90)), directions(130, 90, seed=1)
    together = index.search(queries, 25)
    for i in range(len(queries)):
        alone = index.search(queries[i : i + 1], 25)
        assert np.array_equal(alone.ids[0], together.ids[i])
        assert np.array_equal(alone.scores[0], together.scores[i])


@every_kind
def test_long_rows_keep_their_length(kind: str) -> None:
    vectors = directions(50, 8) * np.arange(1, 51, dtype=np.float32)[:, None]
    queries = 1000 * directions(2, 8, seed=1)
    found = built(kind, vectors).search(queries, 5)
    assert_agrees(found, [brute_force(model(vectors), q, 5) for q in queries.tolist()])


@every_kind
def test_an_empty_index_finds_nothing(kind: str) -> None:
    index = create(kind, DIM)
    assert len(index) == 0
    assert index.ids().tolist() == []
    assert index.search(directions(2, DIM), 5).ids.shape == (2, 0)
    assert index.remove(ids(1, 2)) == 0


@every_kind
def test_nothing_allowed_finds_nothing(kind: str) -> None:
    index = built(kind, directions(9, DIM))
    for allowed in (ids(), ids(77, 99)):
        found = index.search(directions(2, DIM), 5, allowed)
        assert found.ids.shape == found.scores.shape == (2, 0)


@every_kind
def test_allowed_in_any_order_and_repeated(kind: str) -> None:
    index, query = built(kind, directions(9, DIM)), directions(1, DIM, seed=1)
    mixed = index.search(query, 9, ids(7, 2, 99, 7, 4, 2))
    assert sorted(mixed.ids[0].tolist()) == [2, 4, 7]
    assert np.array_equal(mixed.ids, index.search(query, 9, ids(2, 4, 7)).ids)


@every_kind
def test_what_add_refuses_leaves_the_index_as_it_was(kind: str) -> None:
    index = built(kind, directions(4, DIM))
    before = index.search(directions(2, DIM, seed=1), 4)
    one = directions(1, DIM)
    for numbers, vectors in (
        (ids(9), directions(1, DIM + 1)),
        (ids(9), one[0]),
        (ids(8, 9), one),
        (ids(9, 9), directions(2, DIM)),
        (ids(0), one),
        (ids(-3), one),
        (ids(9), one * np.float32("nan")),
        (ids(9), one * np.float32("inf")),
    ):
        with pytest.raises(ValueError, match=r"vectors|id"):
            index.add(numbers, vectors)
    after = index.search(directions(2, DIM, seed=1), 4)
    assert index.ids().tolist() == [1, 2, 3, 4]
    assert np.array_equal(before.scores, after.scores)


@every_kind
def test_what_search_refuses(kind: str) -> None:
    index = built(kind, directions(4, DIM))
    for queries in (directions(1, DIM + 1), directions(1, DIM)[0], np.full((1, DIM), np.nan)):
        with pytest.raises(ValueError, match="queries"):
            index.search(queries, 1)
    with pytest.raises(ValueError, match="negative"):
        index.search(directions(1, DIM), -1)


@every_kind
def test_the_index_keeps_its_own_copies(kind: str) -> None:
    vectors, numbers = directions(5, DIM), np.arange(1, 6)
    index = built(kind, vectors, numbers)
    expected = brute_force(model(vectors), [1.0, 0.0, 0.0], 5)
    vectors[:], numbers[:] = 0, 0
    index.ids()[:] = 0
    assert_agrees(index.search(rows_of([[1.0, 0.0, 0.0]]), 5), [expected])


@every_kind
def test_searches_from_several_threads_agree(kind: str) -> None:
    index, queries = built(kind, directions(2000, 64)), directions(8, 64, seed=1)
    alone = index.search(queries, 10).ids.tolist()
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda _: index.search(queries, 10).ids.tolist(), range(12)))
    assert together == [alone] * 12


@file_kind
def test_a_loaded_index_equals_the_saved_one_and_goes_on(kind: str, tmp_path: Path) -> None:
    vectors, path = directions(30, DIM), tmp_path / "a.index"
    index = built(kind, vectors * np.float32(3))
    index.remove(ids(3, 30))
    index.save(path)
    read = load(kind, path)
    assert read.dim == DIM
    for each in (index, read):
        each.add(ids(2, 3, 50), directions(3, DIM, seed=7))
        each.remove(ids(9))
    queries = directions(6, DIM, seed=1)
    assert np.array_equal(read.ids(), index.ids())
    assert np.array_equal(read.search(queries, 40).ids, index.search(queries, 40).ids)
    assert np.array_equal(read.search(queries, 40).scores, index.search(queries, 40).scores)


@file_kind
def test_an_empty_index_is_saved_too(kind: str, tmp_path: Path) -> None:
    create(kind, DIM).save(tmp_path / "a.index")
    read = load(kind, tmp_path / "a.index")
    assert (read.dim, len(read)) == (DIM, 0)
    read.add(ids(4), directions(1, DIM))
    assert read.ids().tolist() == [4]


def sees_gpu() -> bool:
    if "faiss" not in available():
        return False
    from indexer.vectors.faiss_index import gpus

    return gpus() > 0


@pytest.mark.skipif(not sees_gpu(), reason="faiss sees no GPU")
@pytest.mark.parametrize("nq", [1, 8, 200])
@pytest.mark.parametrize("k", [1, 20, 500, 3000])
@pytest.mark.parametrize("near", [False, True])
def test_a_search_on_a_gpu_answers_as_the_judge(nq: int, k: int, near: bool) -> None:
    """After the first search, and after each change: more, in place, fewer."""
    vectors, queries = directions(4000, 466), directions(nq, 466, seed=1)
    if near:  # a float32 product cannot order these
        vectors = (directions(1, 466) + 2e-8 * vectors).astype(np.float32)
    index, judge = built("faiss", vectors), built("exact", vectors)
    changes = [
        lambda each: None,
        lambda each: each.add(np.arange(5000, 5040), directions(40, 466, seed=2)),
        lambda each: each.add(np.arange(1, 90), directions(89, 466, seed=3)),
        lambda each: each.remove(np.arange(50, 150)),
    ]
    for change in changes:
        change(index), change(judge)
        expected = judge.search(queries, k)
        for _ in range(3):
            found = index.search(queries, k)
            assert np.array_equal(found.ids, expected.ids)
            assert np.array_equal(found.scores, expected.scores)
        assert (index._copy is not None) == (k < 2000)  # type: ignore[attr-defined]
        some = np.arange(1, 4000, 3)
        assert np.array_equal(
            index.search(queries, k, some).ids, judge.search(queries, k, some).ids
        )


def test_faiss_files_of_faiss_itself_are_refused(tmp_path: Path) -> None:
    faiss = pytest.importorskip("faiss", reason="neither extra cpu nor gpu is here")
    flat = faiss.IndexFlatIP(DIM)
    flat.add(directions(6, DIM))
    faiss.write_index(flat, str(tmp_path / "a.faiss"))
    with pytest.raises(IndexDamaged):
        load("faiss", tmp_path / "a.faiss")


def test_every_kind_reads_what_another_saved(tmp_path: Path) -> None:
    """Equal rows show that the margin of rounding, too, comes back from the file."""
    vectors, queries = np.repeat(directions(3, 37), 50, axis=0), directions(8, 37, seed=1)
    for writer in available():
        built(writer, vectors).save(tmp_path / writer)
        for reader in available():
            found = load(reader, tmp_path / writer).search(queries, 7)
            assert_agrees(found, [brute_force(model(vectors), q, 7) for q in queries.tolist()])
