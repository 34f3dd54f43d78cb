"""Approximate search: what it finds, what it never gets wrong, and what becomes of its file."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import numpy as np
import pytest

pytest.importorskip("faiss", reason="neither extra cpu nor gpu is here")

from indexer.vectors import approximate
from indexer.vectors.approximate import ApproximateIndex, AutoIndex
from indexer.vectors.exact import ExactIndex
from indexer.vectors.files import BESIDE
from indexer.vectors.index_files import IndexFiles
from indexer.vectors.known import known_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from indexer.vectors.protocol import Neighbors, VectorIndex

    Rows = np.ndarray

N, DIM = 6_000, 96
PARTS = (32, 64)


@pytest.fixture(autouse=True, scope="module")
def _small() -> Iterator[None]:
    """So that few rows are scored again, of the few there are, and few questions asked."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(approximate, "SCORED", (200, 600))
        patch.setattr(approximate, "DEEP", 1 / 4)
        patch.setattr(approximate, "EACH", 40)
        yield


def clustered(n: int, seed: int = 0, spread: float = 0.6) -> Rows:
    """Unit rows in clusters of unequal size, as sounds of a kind lie."""
    random = np.random.default_rng(seed)
    centres = np.random.default_rng(99).standard_normal((60, DIM))
    share = 1 / np.arange(1, 61)
    rows = centres[random.choice(60, n, p=share / share.sum())]
    rows = rows + spread * random.standard_normal((n, DIM))
    unit: Rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return unit.astype(np.float32)


def pair(rows: Rows, ids: Rows | None = None) -> tuple[ApproximateIndex, ExactIndex]:
    """With cells, and the judge of the same rows."""
    ids = np.arange(1, len(rows) + 1) if ids is None else ids
    index, judge = ApproximateIndex(DIM), ExactIndex(DIM)
    for each in (index, judge):
        each.add(ids, rows)
    index.prepare(PARTS)
    return index, judge


@pytest.fixture(scope="module")
def rows() -> Rows:
    return clustered(N)


@pytest.fixture(scope="module")
def saved(rows: Rows, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path: Path = tmp_path_factory.mktemp("index") / "a"
    pair(rows)[0].save(path)
    return path


@pytest.fixture
def made(saved: Path) -> tuple[ApproximateIndex, ExactIndex]:
    return ApproximateIndex.load(saved), ExactIndex.load(saved)


def beside(path: Path) -> Path:
    return path.with_name(path.name + BESIDE)


def recall(found: Neighbors, true: Neighbors) -> float:
    return float((found.scores >= true.scores[:, -1:]).mean())


def assert_true(found: Neighbors, index: VectorIndex, judge: ExactIndex, asked: Rows) -> None:
    """Each score is the judge's of that row, and they stand in its order."""
    for query, scores, ids in zip(asked, found.scores, found.ids, strict=True):
        alone = judge.search(query[None], len(ids), ids)
        assert ids.tolist() == alone.ids[0].tolist()
        assert scores.tolist() == alone.scores[0].tolist()


def test_what_is_measured_holds_for_other_questions(
    made: tuple[ApproximateIndex, ExactIndex], rows: Rows
) -> None:
    index, judge = made
    assert index.known is not None
    assert 0 < index.known.probed < index.known.cells  # not every row was looked at
    assert set(index.known.recall) == {
        "like a sound", "between two sounds", "far from all", "heard alone", "written alone",
    }  # fmt: skip
    assert min(index.known.recall.values()) >= 0.99
    random = np.random.default_rng(7)
    words = np.zeros((200, DIM), np.float32)
    words[:, 32:] = rows[random.choice(N, 200), 32:]
    away = 0.3 * rows[:200] + 0.1 * random.standard_normal((200, DIM)).astype(np.float32)
    for asked in (clustered(200, seed=5), words, away.astype(np.float32)):
        found = index.search(asked, 10)
        assert recall(found, judge.search(asked, 10)) >= 0.98
        assert_true(found, index, judge, asked)
    assert index.note().startswith("Search of 6,000 sounds is approximate: of the ten nearest, ")


@pytest.mark.parametrize("share", [0.01, 0.2, 0.9])
def test_filters_give_exactly_what_is_allowed(
    made: tuple[ApproximateIndex, ExactIndex], share: float
) -> None:
    index, judge = made
    random, asked = np.random.default_rng(3), clustered(50, seed=8)
    allowed = random.choice(N, int(share * N), replace=False) + 1
    found = index.search(asked, 10, np.append(allowed, [N + 5, allowed[0]]))
    true = judge.search(asked, 10, allowed)
    assert found.ids.shape == (50, 10)
    assert np.isin(found.ids, allowed).all()
    assert recall(found, true) >= (1.0 if share < 1 / 32 else 0.99)
    assert_true(found, index, judge, asked)


def test_a_filter_that_only_far_sounds_pass_finds_them(
    made: tuple[ApproximateIndex, ExactIndex], rows: Rows
) -> None:
    """None of them lies in a cell near the question."""
    index, judge = made
    asked = rows[:20]
    far = np.argsort(rows @ asked.mean(axis=0))[:1000] + 1
    found = index.search(asked, 10, far)
    assert recall(found, judge.search(asked, 10, far)) >= 0.99


@pytest.mark.parametrize("k", [1, 150, 2_000, N + 9])
def test_any_number_of_results(made: tuple[ApproximateIndex, ExactIndex], k: int) -> None:
    index, judge = made
    asked = clustered(5, seed=9)
    found = index.search(asked, k)
    assert found.ids.shape == (5, min(k, N))
    assert all(len(set(each)) == len(each) for each in found.ids.tolist())
    assert recall(found, judge.search(asked, k)) >= (0.97 if k < 2_000 else 1.0)


def test_changes_are_found_and_what_went_is_not(
    made: tuple[ApproximateIndex, ExactIndex], rows: Rows, saved: Path, tmp_path: Path
) -> None:
    index, judge = made  # mapped: faiss itself must not add to it
    before = (saved.read_bytes(), beside(saved).read_bytes())
    new = clustered(300, seed=11)
    numbers = np.append(np.arange(1, 101), np.arange(90_001, 90_201))
    for each in (index, judge):
        each.add(numbers, new)
        assert each.remove(np.arange(200, 400)) == 200
    asked = np.concatenate([new, rows[199:300]])
    found = index.search(asked, 10)
    assert found.ids[:300, 0].tolist() == numbers.tolist()
    assert not np.isin(found.ids, np.arange(200, 400)).any()
    assert recall(found, judge.search(asked, 10)) >= 0.98
    assert len(index) == len(judge)
    assert (saved.read_bytes(), beside(saved).read_bytes()) == before
    index.save(tmp_path / "b")
    again = ApproximateIndex.load(tmp_path / "b")
    assert np.array_equal(again.search(asked, 10).ids, found.ids)


def test_the_same_rows_make_the_same_file(rows: Rows, tmp_path: Path) -> None:
    for name in "ab":
        pair(rows[:2000])[0].save(tmp_path / name)
    assert beside(tmp_path / "a").read_bytes() == beside(tmp_path / "b").read_bytes()


def test_a_reader_finds_what_the_writer_found(rows: Rows, tmp_path: Path) -> None:
    index, _ = pair(rows[:2000])
    index.save(tmp_path / "a")
    read, asked = ApproximateIndex.load(tmp_path / "a"), clustered(30, seed=5)
    assert read.known == index.known == known_of(beside(tmp_path / "a"))
    assert np.array_equal(read.search(asked, 10).ids, index.search(asked, 10).ids)


@pytest.mark.parametrize("harm", ["gone", "cut", "changed", "of other rows", "empty"])
def test_without_its_cells_search_is_exact(
    saved: Path, tmp_path: Path, harm: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "a"
    path.write_bytes(saved.read_bytes())
    whole = beside(saved).read_bytes()
    middle = len(whole) // 2
    if harm == "of other rows":
        fewer = ExactIndex.load(path)
        fewer.remove(np.array([1]))
        fewer.save(path)
    harmed = {
        "cut": whole[:middle],
        "changed": whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :],
        "of other rows": whole,
        "empty": b"",
    }
    if harm != "gone":
        beside(path).write_bytes(harmed[harm])
    with caplog.at_level(logging.WARNING):
        read = ApproximateIndex.load(path)
    assert ("cells" in caplog.text) == (harm != "gone")
    asked, judge = clustered(20, seed=5), ExactIndex.load(path)
    assert np.array_equal(read.search(asked, 10).ids, judge.search(asked, 10).ids)
    assert read.unprepared  # the next build makes them again


def test_cells_are_made_anew_when_the_library_grew_much(rows: Rows) -> None:
    index, _ = pair(rows[:2000])
    index.add(np.arange(2001, 2600), rows[2000:2599])
    assert not index.unprepared
    index.add(np.arange(2600, 3100), rows[2599:3099])
    assert index.unprepared
    index.prepare(PARTS)
    assert index.known is not None
    assert index.known.rows == 3099
    index.remove(np.arange(500, 3100))
    index.prepare(PARTS)
    assert index.known is None  # too few


def test_cells_are_made_anew_when_many_rows_became_others(rows: Rows, tmp_path: Path) -> None:
    """Centres that fitted the former rows: of the ten nearest, half were found."""
    index, judge = pair(rows[:2000])
    random = np.random.default_rng(3).standard_normal((2000, DIM)).astype(np.float32)
    for part in (slice(0, 700), slice(700, 2000)):
        assert not index.unprepared
        for each in (index, judge):
            each.add(np.arange(1, 2001)[part], random[part])
        index.save(tmp_path / "a")
        index = ApproximateIndex.load(tmp_path / "a")
    assert index.unprepared
    index.prepare(PARTS)
    assert index.known is not None
    assert (index.known.put, index.unprepared) == (0, False)
    assert recall(index.search(random, 10), judge.search(random, 10)) >= 0.99


def test_where_too_little_is_found_search_stays_exact(
    rows: Rows, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(approximate, "SCORED", (12,))
    monkeypatch.setattr(approximate, "SCORED_EACH", 0)
    index, judge = pair(rows[:2000])
    assert index.known is not None
    assert index.known.probed == 0
    assert index.note().startswith("Search of 2,000 sounds is exact, since an approximate one")
    index.save(tmp_path / "a")
    read, asked = ApproximateIndex.load(tmp_path / "a"), clustered(20, seed=5)
    assert not read.unprepared  # it is not tried at every build
    for each in (index, read):
        each.add(np.array([5000]), rows[:1])
        each.remove(np.array([5000, 7]))
    judge.remove(np.array([7]))
    for each in (index, read):
        assert np.array_equal(each.search(asked, 10).ids, judge.search(asked, 10).ids)


def test_auto_is_approximate_where_rows_are_many(
    rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = AutoIndex(DIM)
    index.add(np.arange(1, 2001), rows[:2000])
    assert not index.unprepared
    monkeypatch.setattr(AutoIndex, "_least", 2000 * DIM)
    assert index.unprepared
    index.prepare(PARTS)
    assert index.known is not None


def test_cells_go_with_their_rows(rows: Rows, tmp_path: Path) -> None:
    files = IndexFiles(tmp_path, "clips-1", "approximate")
    index, _ = pair(rows[:1200])
    (tmp_path / f"clips-1-3.faiss{BESIDE}.part").write_bytes(b"left by a killed process")
    for seq in (3, 5, 9):
        files.save(index, seq)
    expected = ["clips-1-5.faiss", "clips-1-9.faiss"]
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == sorted([*expected, *(f"{name}{BESIDE}" for name in expected)])
    opened, seq = IndexFiles(tmp_path, "clips-1", "approximate").open_newest(DIM)
    assert (seq, opened.note()) == (9, index.note())
    exact, seq = IndexFiles(tmp_path, "clips-1", "faiss").open_newest(DIM)
    assert (seq, exact.note()) == (9, "")
