"""Sound quality of a library: measured once, kept with the recording, and a filter."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import sounds
from libraries import build, run, tone

from indexer.library import Library


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """Two clean noises, one clipped, and a hum that is narrow."""
    (tmp_path / "sounds").mkdir()
    rng = np.random.default_rng(0)
    for name, sd in (("wind", 0.1), ("rain", 0.2), ("loud", 0.9)):
        wave = np.clip(rng.normal(0, sd, (1, 16_000)), -0.9, 0.9).astype(np.float32)
        sounds.write(tmp_path / f"sounds/{name}.wav", wave, 16_000)
    tone(tmp_path / "sounds/hum.wav", 0)
    build(tmp_path / "library", tmp_path / "sounds")
    return tmp_path / "library"


def found(library: Path) -> set[str]:
    done = run("query-by-text", "rain", "--faultless", "--all-takes", "--format", "json",
               "--library", library)  # fmt: skip
    assert done.code == 0, done.err
    return {json.loads(line)["title"] for line in done.out.splitlines()}


def test_measured_shown_and_filtered(library: Path, tmp_path: Path) -> None:
    done = run(
        "query-by-text",
        "rain",
        "--faultless",
        "--all-takes",
        "--library",
        library,
        "--format",
        "json",
    )
    assert done.out == ""  # nothing is known to be faultless
    done = run("evaluate", "quality", "--library", library, "--format", "json", "--out", tmp_path)
    assert done.code == 0, done.err
    rows = [json.loads(line) for line in done.out.splitlines()]
    assert {row["path"]: row["faults"] for row in rows} == {
        "hum.wav": "narrow", "loud.wav": "clipped", "rain.wav": "", "wind.wav": "",
    }  # fmt: skip
    assert [bool(row["faults"]) for row in rows] == [True, True, False, False]
    assert all(-60 < row["loudness"] < 0 for row in rows)
    with (tmp_path / "quality.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == 4
    done = run(
        "query-by-text",
        "rain",
        "--faultless",
        "--all-takes",
        "--library",
        library,
        "--format",
        "json",
    )
    titles = {json.loads(line)["title"] for line in done.out.splitlines()}
    assert titles == {"rain", "wind"}
    done = run("evaluate", "quality", "--library", library)
    assert "Measuring" not in done.err  # once is enough
    assert "2 of 2 with faults" in done.out


def test_another_recording_under_the_name_is_measured_anew(library: Path, tmp_path: Path) -> None:
    run("evaluate", "quality", "--library", library)
    rng = np.random.default_rng(1)
    clean = rng.normal(0, 0.1, (1, 20_000)).astype(np.float32)
    sounds.write(tmp_path / "sounds/loud.wav", clean, 16_000)
    build(library, tmp_path / "sounds")
    with Library.open(library) as opened:
        [lacking] = opened.catalog.quality.lacking()
        assert lacking.path.name == "loud.wav"
    done = run("evaluate", "quality", "--library", library, "--format", "json")
    faults = {row["path"]: row["faults"] for row in map(json.loads, done.out.splitlines())}
    assert faults["loud.wav"] == ""


def test_a_file_that_went_away_is_said(library: Path, tmp_path: Path) -> None:
    (tmp_path / "sounds/wind.wav").unlink()
    done = run("evaluate", "quality", "--library", library, "--format", "csv")
    assert done.code == 3
    assert "failed: " in done.err
    assert len(done.out.splitlines()) == 1 + 3
