"""First windows of long files are heard before the rest, and embedded once."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sounds
from libraries import At, CountingEncoder, build, contents

from indexer.build import run as build_run
from indexer.build.hearing import Job
from indexer.build.listen import Stage

RATE = 16_000


def noise(path: Path, seconds: float, seed: int) -> None:
    samples = 0.1 * np.random.default_rng(seed).standard_normal((1, round(seconds * RATE)))
    sounds.write(path, samples.astype(np.float32), RATE)


def test_no_window_is_embedded_twice(tmp_path: Path) -> None:
    (tmp_path / "sounds").mkdir()
    noise(tmp_path / "sounds/long.wav", 9.0, 0)
    noise(tmp_path / "sounds/short.wav", 3.0, 1)
    encoder = CountingEncoder()
    report = build(tmp_path / "library", tmp_path / "sounds", encoder=encoder)
    assert (encoder.heard, report.windows) == (7, 7)


def test_a_long_file_that_vanished_is_said_once(tmp_path: Path) -> None:
    folder = tmp_path / "sounds"
    folder.mkdir()
    noise(folder / "long.wav", 9.0, 0)
    gone = At("Reading names", (folder / "long.wav").unlink, advanced=True)
    assert build(tmp_path / "library", folder, progress=gone).failed == 1


def test_a_file_that_changes_in_between_is_heard_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "sounds"
    folder.mkdir()
    noise(folder / "long.wav", 9.0, 0)
    encoder = CountingEncoder()
    inner = build_run._jobs

    def jobs(*given: Any) -> Iterator[Job | Stage]:
        for job in inner(*given):
            if isinstance(job, Job) and job.head is None:
                noise(folder / "long.wav", 9.0, 1)
            yield job

    monkeypatch.setattr(build_run, "_jobs", jobs)
    build(tmp_path / "library", folder, encoder=encoder)
    assert encoder.heard == 3 + 5
    noise(folder / "long.wav", 9.0, 1)
    build(tmp_path / "again", folder)
    assert contents(tmp_path / "library")["vectors"] == contents(tmp_path / "again")["vectors"]
