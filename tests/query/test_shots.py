"""Cuts, drift and change of films whose shots are known."""

from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from films import Pixels, film, number

from query import shots
from query.video import facts, sampled

pytestmark = pytest.mark.slow

HIGH, WIDE = 90, 160


def scenery(seed: int, frame: int) -> Pixels:
    """A view of blocks and edges of its own, that a camera pans over, with noise."""
    blocks = np.random.default_rng(seed).integers(10, 200, (9, 24, 3)).astype(np.uint8)
    view = np.kron(blocks, np.ones((10, 10, 1), np.uint8))
    noise = np.random.default_rng(frame).integers(0, 6, (HIGH, WIDE, 1)).astype(np.uint8)
    shift = abs(80 - frame % 160)
    return view[:, shift : shift + WIDE] + noise


def six_shots(frame: int) -> Pixels:
    return scenery(sum(frame >= start for start in STARTS), frame)


STARTS = (31, 55, 61, 100, 124)


@pytest.mark.parametrize("rate", [Fraction(24000, 1001), Fraction(60)])
@pytest.mark.parametrize("kind", ["mp4", "mkv"])
def test_cuts_are_exact_to_the_frame(tmp_path: Path, rate: Fraction, kind: str) -> None:
    path = film(tmp_path / f"film.{kind}", 140, rate, draw=six_shots)
    edges = (0, *STARTS, 140)
    assert shots.shots(path) == list(pairwise(edges))


def test_cuts_between_dark_shots_are_seen(tmp_path: Path) -> None:
    path = film(tmp_path / "film.mp4", 60, draw=lambda n: scenery(n // 30, n) // 4)
    assert shots.shots(path) == [(0, 30), (30, 60)]


def flash(length: int) -> Callable[[int], Pixels]:
    return lambda n: (
        np.full((HIGH, WIDE, 3), 255, np.uint8) if 30 <= n < 30 + length else scenery(1, n)
    )


def faded(length: int) -> Callable[[int], Pixels]:
    """Out to black and in again."""
    return lambda n: (scenery(1, n) * min(1.0, abs(n - 30) / length)).astype(np.uint8)


def dissolved(length: int) -> Callable[[int], Pixels]:
    def draw(n: int) -> Pixels:
        share = min(1.0, max(0.0, (n - 25) / length))
        return ((1 - share) * scenery(1, n) + share * scenery(2, n)).astype(np.uint8)

    return draw


@pytest.mark.parametrize(
    "draw", [flash(1), flash(3), faded(3), faded(20), dissolved(12)],
    ids=["flash", "longer flash", "quick fade", "fade", "dissolve"],
)  # fmt: skip
def test_flashes_fades_and_dissolves_are_no_cuts(
    tmp_path: Path, draw: Callable[[int], Pixels]
) -> None:
    assert shots.shots(film(tmp_path / "film.mp4", 60, draw=draw)) == [(0, 60)]


def test_a_cut_that_a_white_frame_covers_is_one_cut(tmp_path: Path) -> None:
    def draw(n: int) -> Pixels:
        return np.full((HIGH, WIDE, 3), 255, np.uint8) if n == 30 else scenery(n // 30, n)

    assert shots.shots(film(tmp_path / "film.mp4", 60, draw=draw)) == [(0, 30), (30, 60)]


def test_one_pass_gives_samples_shots_and_changes(tmp_path: Path) -> None:
    path = film(tmp_path / "film.mp4", 200, draw=lambda n: scenery(n // 90, n))
    done = shots.Pass(path, every=2.0, size=45)
    pictures = dict(done)
    assert done.facts == facts(path)
    assert done.shots == [(0, 90), (90, 180), (180, 200)]
    assert list(pictures) == [25, 75, 115, 165, 199]
    assert {picture.size for picture in pictures.values()} == {(80, 45)}
    assert pictures == dict(sampled(path, [25, 75, 115, 165, 199], size=45))
    assert done.changes.shape == (200,)
    assert done.changes[0] == 0
    assert set(done.changes.argsort()[-2:]) == {90, 180}


def test_the_strongest_change_is_the_flash(tmp_path: Path) -> None:
    done = shots.Pass(film(tmp_path / "film.mp4", 60, draw=flash(1)))
    list(done)
    assert done.changes.argmax() in (30, 31)
    assert done.changes.max() == pytest.approx(0.58, abs=0.1)


def test_every_shot_has_a_sample(tmp_path: Path) -> None:
    path = film(tmp_path / "film.mp4", 140, draw=six_shots)
    done = shots.Pass(path, every=10.0)
    frames = [frame for frame, _ in done]
    assert [sum(start <= n < end for n in frames) for start, end in done.shots] == [1] * 6
    assert [seen.frame for seen in shots.watch(path, [0, 7, 7, 139]) if seen.picture] == [0, 7, 139]


def test_one_frame_is_one_shot(tmp_path: Path) -> None:
    done = shots.Pass(film(tmp_path / "one.mp4", 1))
    assert [(n, number(p)) for n, p in done] == [(0, 0)]
    assert done.shots == [(0, 1)]


def toward(count: int, angle: float) -> np.ndarray:
    """Unit vectors near one that lies at this angle from the first axis."""
    noise = np.random.default_rng(3).normal(0, 0.05, (count, 8))
    rows = noise + np.array([np.cos(angle), np.sin(angle), *np.zeros(6)])
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def test_long_shots_are_split_where_their_content_becomes_another() -> None:
    rate = Fraction(25)
    frames = list(range(12, 1500, 25))
    vectors = np.concatenate([toward(20, 0), toward(12, 1), toward(28, 2.5)])
    split = shots.split_by_drift([(0, 1500)], frames, vectors, rate)
    assert split == [(0, 500), (500, 800), (800, 1500)]
    assert shots.split_by_drift([(0, 1500)], frames, toward(60, 0), rate) == [(0, 1500)]
    assert shots.split_by_drift([(0, 490), (490, 1500)], frames, vectors, rate) == [
        (0, 490), (490, 800), (800, 1500),
    ]  # fmt: skip
    assert shots.split_by_drift([(0, 1500)], frames, vectors, rate, shortest=31) == [(0, 1500)]
    assert shots.split_by_drift([(0, 1500)], [], vectors[:0], rate) == [(0, 1500)]


def test_what_cannot_be_read_is_said(tmp_path: Path) -> None:
    path = film(tmp_path / "film.mp4", 150, options={"movflags": "faststart"})
    known = facts(path)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    heard: list[str] = []
    done = shots.Pass(path, known=known, note=heard.append)
    assert 0 < max(frame for frame, _ in done) < 150
    [sentence] = heard
    assert "cannot be read past 00:00:0" in sentence
    assert done.shots[-1][1] == 150


def test_a_sample_may_be_taken_when_the_file_is_read_to_its_end(tmp_path: Path) -> None:
    path = film(tmp_path / "film.mp4", 40, draw=lambda n: scenery(0, n))
    taken = list(shots.Pass(path, every=1e9, size=16))
    assert [min(picture.size) for _, picture in taken] == [16]
