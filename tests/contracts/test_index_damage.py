"""A damaged index file is refused, or its rows are, before an answer is made of them."""

from __future__ import annotations

import math
import os
import struct
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from index_kinds import built, directions, file_kind, ids

from indexer.errors import IndexDamaged
from indexer.vectors.files import FORMER, FORMER_HEADER, HEADER, MAGIC, write_aside
from indexer.vectors.registry import load

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

DIM = 3


@file_kind
def test_a_file_cut_anywhere_is_damaged(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "a.index"
    built(kind, directions(6, DIM)).save(path)
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(IndexDamaged):
            load(kind, path)


@file_kind
def test_a_byte_changed_anywhere_is_damage(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "a.index"
    built(kind, directions(6, DIM)).save(path)
    whole = path.read_bytes()
    for at in range(len(whole)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x10]) + whole[at + 1 :])
        with pytest.raises(IndexDamaged):
            load(kind, path)


def harm(path: Path, row: int, to: float) -> None:
    """Another number at the end of a row of DIM, as a failing disk gives: the time stays."""
    facts, data = path.stat(), bytearray(path.read_bytes())
    end = len(data) - 4 * DIM * (6 - row - 1)
    data[end - 4 : end] = struct.pack("<f", to)
    path.write_bytes(data)
    os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))


@file_kind
@pytest.mark.parametrize("to", [9.0, -9.0, math.nan])
@pytest.mark.parametrize("k", [1, 6])
def test_no_answer_holds_a_damaged_row(kind: str, to: float, k: int, tmp_path: Path) -> None:
    """It is opened without its rows being read; one that is damaged is seen when it is found."""
    path, vectors = tmp_path / "a.index", np.abs(directions(6, DIM))
    built(kind, vectors).save(path)
    harm(path, 3, to)
    index = load(kind, path)
    try:
        found = index.search(vectors[:1], k)
    except IndexDamaged:
        with pytest.raises(IndexDamaged):  # from now on it is checked whole
            load(kind, path)
    else:
        assert to != 9.0  # near to all
        assert found.ids.tolist() == [[1]]


@file_kind
def test_damaged_rows_are_not_written_again(kind: str, tmp_path: Path) -> None:
    path, vectors = tmp_path / "a.index", directions(6, DIM)
    built(kind, vectors).save(path)
    changes: list[Callable[[Any], object]] = [
        lambda index: index.add(ids(9), vectors[:1]),
        lambda index: index.add(ids(1), vectors[1:2]),
        lambda index: index.remove(ids(1)),
        lambda index: index.save(path),
    ]
    for change in changes:
        built(kind, vectors).save(path)
        harm(path, 3, 0.5)
        with pytest.raises(IndexDamaged):
            change(load(kind, path))


@file_kind
def test_a_file_that_was_touched_is_checked_whole_and_once(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "a.index"
    built(kind, directions(6, DIM)).save(path)
    written = path.stat().st_mtime_ns
    os.utime(path)
    load(kind, path)
    assert path.stat().st_mtime_ns == written
    harm(path, 3, 0.5)
    load(kind, path)
    os.utime(path)
    with pytest.raises(IndexDamaged):
        load(kind, path)


@file_kind
def test_a_file_of_the_former_layout_is_read(kind: str, tmp_path: Path) -> None:
    path, vectors = tmp_path / "a.index", directions(6, DIM)
    head = FORMER_HEADER.pack(FORMER, DIM, 6, 1.0)
    write_aside(path, [head, np.arange(1, 7).astype("<i8").tobytes(), vectors.tobytes()])
    index, judge = load(kind, path), built(kind, vectors)
    for each in (index, judge):
        each.remove(ids(2))
    assert np.array_equal(index.search(vectors, 3).ids, judge.search(vectors, 3).ids)
    index.save(path)
    assert path.read_bytes().startswith(MAGIC)
    path.write_bytes(path.read_bytes().replace(MAGIC, FORMER))
    with pytest.raises(IndexDamaged):
        load(kind, path)


@file_kind
def test_foreign_files_are_refused(kind: str, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "text").write_text("these are not the rows you are looking for\n" * 9)
    np.save(tmp_path / "rows.npy", directions(6, DIM))
    write_aside(tmp_path / "short", [b"SONO"])
    write_aside(tmp_path / "other", [b"NOTOURS1" + bytes(HEADER.size)])
    row = struct.pack("<q3f", 1, 1, 0, 0)
    write_aside(tmp_path / "narrow", [HEADER.pack(MAGIC, 2, 1, 1.0, 0), row])
    write_aside(tmp_path / "wide", [HEADER.pack(MAGIC, 2**40, 2**40, 1.0, 0), row])
    write_aside(tmp_path / "former", [FORMER_HEADER.pack(FORMER, 2, 1, 1.0), row])
    names = ("folder", "text", "rows.npy", "short", "other", "narrow", "wide", "former", "missing")
    for name in names:
        with pytest.raises(IndexDamaged, match=name):
            load(kind, tmp_path / name)
