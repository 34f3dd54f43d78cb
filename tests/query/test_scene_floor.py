"""The floor of a library, and what makes shots one place."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
from libraries import build, tone
from PIL.Image import Image

from indexer.encoders.protocol import Vectors
from indexer.encoders.toy import ToyEncoder
from indexer.library import Library
from query.ask import Ask
from query.scene import floor
from query.scene.floor import FILE, Floor, floor_of, measured, pictures, standing
from query.scene.places import places, rows_of
from query.search import Searcher


class Watching(ToyEncoder):
    seen = 0

    def embed_images(self, images: list[Image]) -> Vectors:
        self.seen += len(images)
        return super().embed_images(images)


def test_borders_are_percentiles() -> None:
    found = floor_of([float(number) for number in range(101)])
    assert found == Floor(50.0, 95.0, 99.0)
    assert [found.strength(at) for at in (94.9, 95.0, 98.9, 99.0)] == [
        "weak", "likely", "likely", "strong",
    ]  # fmt: skip
    assert floor_of([1.0, 2.0], 100, 100).likely == 2.0
    assert standing(0.5, (0.1, 0.2)) == pytest.approx((0.5 * 2 * 2) ** (1 / 3))
    assert standing(0.1, (0.2, 0.1)) == standing(-0.1, (-0.5, 0.1)) == 0
    assert standing(0.8, (0.1, 0.3)) > standing(0.4, (0.1, 0.13))  # as far away, and lower
    assert np.isfinite(standing(0.5, (0.1, 0.0)))


def test_pictures_are_the_same_everywhere_and_each_another() -> None:
    made = [np.asarray(each) for each in pictures(3)]
    assert all(each.shape == (224, 224, 3) for each in made)
    assert all((a == np.asarray(b)).all() for a, b in zip(made, pictures(3), strict=True))
    assert all((a != b).any() for a, b in itertools.combinations(made, 2))


@pytest.mark.slow
def test_it_is_measured_once_and_again_when_stale(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(floor, "COUNT", 2)
    for axis in range(2):
        tone(tmp_path / "sounds" / f"{axis}.wav", axis, 0.2)
    build(tmp_path / "library", tmp_path / "sounds")
    encoder = Watching()

    def looked(ask: Ask = Ask()) -> int:
        encoder.seen = 0
        with Library.open(tmp_path / "library") as library:
            first = measured(Searcher(library, encoder), ask)
            count = encoder.seen
            assert measured(Searcher(library, encoder), ask) == first
            assert encoder.seen == count + 1
        return count

    assert [looked(), looked()] == [3, 1]  # one to see whether it holds, and all
    assert [looked(Ask(k=3, metadata_weight=0.0)), looked()] == [3, 1]
    tone(tmp_path / "sounds" / "new.wav", 7, 0.2)
    build(tmp_path / "library", tmp_path / "sounds")
    assert [looked(), looked()] == [3, 1]
    path = tmp_path / "library" / FILE
    assert len(json.loads(path.read_text())) == 3
    path.write_text("[")
    assert [looked(), looked()] == [3, 1]


def test_one_place() -> None:
    a, b, c = np.eye(3)
    near = np.array([0.9, np.sqrt(1 - 0.81), 0.0])
    rows = np.array([a, b, near, 0 * a, c, a, 0 * a])
    assert places(rows) == [0, 1, 0, 2, 3, 0, 4]
    assert places(rows, 0.99) == [0, 1, 2, 3, 4, 0, 5]
    assert places(rows[:1]) == [0]
    far = np.array([a, np.array([0.69, np.sqrt(1 - 0.69**2), 0])])
    assert places(far) == [0, 1]
    assert places(far, 0.68) == [0, 0]


def test_rows_of_shots_multiply_like_scores() -> None:
    x, y = (np.eye(2, dtype=np.float32)[[axis]] for axis in (0, 1))
    shots: list[Vectors] = [{"audio": x, "metadata": x}, {"audio": x, "metadata": y}]
    rows = rows_of(shots, {"audio": 0.3, "metadata": 0.7})
    assert rows[0] @ rows[1] == pytest.approx(0.3)
