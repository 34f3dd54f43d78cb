"""Rows that a build carries over from an old index file into a new one."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from libraries import build, run, tone

from indexer.build.report import Options
from indexer.library import Library
from indexer.vectors.files import read_rows


def index_of(library: Path) -> Path:
    (path,) = (path for path in (library / "index").iterdir() if path.suffix != ".json")
    return path


def harm(path: Path) -> None:
    """Another bit in the last row, as a failing disk gives: the time stays."""
    facts, data = path.stat(), bytearray(path.read_bytes())
    data[-6] ^= 0x10
    path.write_bytes(data)
    os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))


@pytest.mark.parametrize("change", ["more", "fewer", "words"])
def test_none_is_carried_over_that_is_not_as_it_was_written(
    tmp_path: Path, change: str, caplog: pytest.LogCaptureFixture
) -> None:
    folder, library = tmp_path / "sounds", tmp_path / "library"
    for number in range(6):
        tone(folder / f"{number}.wav", number, 0.5)
    build(library, folder)
    old = index_of(library)
    harm(old)
    assert build(library, folder).skipped == 6
    assert index_of(library) == old  # what changes nothing reads no row
    assert "checksum" not in caplog.text
    if change == "more":
        tone(folder / "more.wav", 6, 0.5)
    elif change == "fewer":
        (folder / "0.wav").unlink()
    else:
        (folder / "0.wav").rename(folder / "whistle.wav")
    build(library, folder, options=Options(prune=True, whole=True))
    assert "the checksum of a row does not fit" in caplog.text
    assert index_of(library) != old
    with Library.open(library) as opened:
        ids, rows = opened.rows([1, 2], [8, 8], None)
    stored = read_rows(index_of(library))
    assert stored.ids.tolist() == ids.tolist()
    assert np.array_equal(stored.rows, rows)
    assert run("library", "check", "--library", library).code == 0
