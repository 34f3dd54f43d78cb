"""A library that is searched approximately: what builds, status and doctor say of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from libraries import build, run, tone

from indexer.library import Library

pytest.importorskip("faiss", reason="neither extra cpu nor gpu is here")

from indexer.vectors import approximate
from indexer.vectors.approximate import ApproximateIndex

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def _few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(approximate, "FEWEST", 8)


def test_it_is_said_how_search_is_and_a_stopped_build_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(10):
        tone(tmp_path / "sounds" / f"{number:02}.wav", number % 8, 0.1 + 0.01 * number)
    library = tmp_path / "library"
    command = ("build-index", tmp_path / "sounds", "--library", library)

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:  # stopped while the cells are made: the rows are there
        patch.setattr(ApproximateIndex, "prepare", stop)
        assert run(*command, "--encoder", "toy", "--index", "approximate").code == 130
    assert {path.suffix for path in (library / "index").iterdir()} == {".faiss", ".json"}
    assert run("query-by-text", "00", "--library", library).code == 0

    done = run(*command)
    assert "Search of 10 sounds is approximate: of the ten nearest, 100.0% are found" in done.err
    assert len(list((library / "index").glob("*.cells"))) == 1
    told = run("library", "status", "--library", library).out
    assert "Search is approximate: of the ten nearest, 100.0% are found" in told
    status = json.loads(run("library", "status", "--library", library, "--format", "json").out)
    (known,) = status["approximate"].values()
    assert min(known["recall"].values()) == 1.0
    assert "Search is approximate" in run("doctor", "--library", library).out

    (cells,) = (library / "index").glob("*.cells")
    cells.write_bytes(cells.read_bytes()[:-9])
    assert run("library", "check", "--library", library).code == 1
    assert run("query-by-text", "00", "--library", library).code == 0
    assert run("library", "rebuild", "--library", library).code == 0
    assert run("library", "check", "--library", library).code == 0


def test_it_can_be_forbidden_and_wanted_again(tmp_path: Path) -> None:
    for number in range(10):
        tone(tmp_path / "sounds" / f"{number:02}.wav", number % 8, 0.1 + 0.01 * number)
    build(tmp_path / "library", tmp_path / "sounds")
    for kind, count in (("approximate", 1), ("faiss", 0), ("auto", 0), ("approximate", 1)):
        done = run("library", "migrate", "--index", kind, "--library", tmp_path / "library")
        assert done.code == 0, done.err
        told = run("library", "status", "--library", tmp_path / "library").out
        assert told.count("Search is approximate") == count
        with Library.open(tmp_path / "library") as library:
            assert library.config.index == kind
