"""First windows of long files are heard before the rest, and embedded once."""

from pathlib import Path

import numpy as np
import sounds
from libraries import At, CountingEncoder, build, contents

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


def test_a_file_that_changes_in_between_is_heard_as_it_is(tmp_path: Path) -> None:
    folder = tmp_path / "sounds"
    folder.mkdir()
    noise(folder / "long.wav", 9.0, 0)
    encoder = CountingEncoder()
    other = At("rest of long", lambda: noise(folder / "long.wav", 9.0, 1))
    build(tmp_path / "library", folder, encoder=encoder, progress=other)
    assert encoder.heard == 3 + 5
    noise(folder / "long.wav", 9.0, 1)
    build(tmp_path / "again", folder)
    assert contents(tmp_path / "library")["vectors"] == contents(tmp_path / "again")["vectors"]
