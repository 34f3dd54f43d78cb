"""What a build will take, tried on its own first files."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import sounds
from libraries import CountingEncoder, build

from indexer.audio import payload
from indexer.build import trial
from indexer.build.apart import readers
from indexer.build.estimate import cost
from indexer.build.heads import Heads
from indexer.build.trial import Pace, pace
from indexer.encoders.protocol import Vectors
from indexer.encoders.toy import ToyEncoder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "sounds").mkdir()
    for number, seconds in enumerate((9.0, 1.0, 3.0)):
        samples = 0.1 * np.random.default_rng(number).standard_normal((1, int(seconds * 16_000)))
        sounds.write(tmp_path / "sounds" / f"{number}.wav", samples.astype(np.float32), 16_000)
    return tmp_path / "sounds"


def test_what_is_tried_is_not_embedded_again(folder: Path, tmp_path: Path) -> None:
    calls: list[int] = []

    class Calls(CountingEncoder):
        def embed_audio(self, waveforms: Sequence[object]) -> Vectors:
            calls.append(len(waveforms))
            return super().embed_audio(waveforms)  # type: ignore[arg-type]

    encoder = Calls()
    report = build(tmp_path / "library", folder, encoder=encoder)
    assert encoder.heard == report.windows == 8
    assert sum(calls) == 8  # no silence either


def test_files_that_cannot_be_read_or_are_known_are_no_help(folder: Path) -> None:
    (folder / "0.wav").write_bytes(b"words")
    known = {payload.payload_hash(folder / "1.wav"): 7}
    heads, encoder = Heads(), CountingEncoder()
    pace(encoder, sorted(folder.iterdir()), known.get, heads)
    assert encoder.heard == 2  # both of 2.wav
    pace(encoder, [])
    assert encoder.heard == 2  # silence


def test_where_reading_takes_longer_it_counts(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder, inner = ToyEncoder(), trial.hear

    def slow(*given: object) -> object:
        time.sleep(0.2)
        return inner(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(trial, "hear", slow)
    speed = pace(encoder, sorted(folder.iterdir()))
    assert 0.13 < speed.second < 2  # .2 s for 1 s of sound, .2 s for 3 s
    assert cost(encoder, 10, 600.0, speed)[0] == pytest.approx(10 * speed.second)
    assert cost(encoder, 10, 600.0, Pace(1.0, 0.1))[0] == pytest.approx(310 / 60)


def test_files_that_are_read_apart_are_tried_apart(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trial, "hear", None)
    heads, encoder = Heads(), CountingEncoder()
    with readers(1) as hears:
        speed = pace(encoder, sorted(folder.iterdir()), heads=heads, hears=hears)
    assert encoder.heard == 2
    assert speed.second > 0
