"""The modality gap: its measures against counting by hand, and laws of closing it."""

from __future__ import annotations

import itertools
import math
from pathlib import Path

import numpy as np
import pytest

from indexer.encoders.protocol import Vectors
from indexer.encoders.toy import ToyEncoder
from indexer.errors import EncoderMismatch, LibraryError, QueryError
from indexer.geometry import normalize
from indexer.library import Config, Library
from query.gap import FILE, Gap, effect, load_gap, measure

X, Y, Z = (row[None] for row in np.eye(3, dtype=np.float32))
NONE = 0 * X


def cone(towards: int, n: int, dim: int = 16, seed: int = 0) -> np.ndarray:
    """Directions around an axis, as an encoder of one modality gives them."""
    rows = np.random.default_rng(seed).standard_normal((n, dim)) / 4
    rows[:, towards] += 1
    return normalize(rows)


def gap_of(sounds: np.ndarray, pictures: np.ndarray) -> Gap:
    found = measure(sounds, pictures)
    return Gap(found.mean_image, found.mean_audio, "toy", "f")


def test_groups_that_are_the_same_have_no_gap() -> None:
    rows = cone(0, 50)
    found = measure(rows, rows, rows, rows)
    for pair in found.pairs.values():
        assert (pair.gap, pair.angle) == (0.0, 0.0)
        assert pair.across == pytest.approx(found.groups["sounds"].length ** 2)
    assert len(found.pairs) == 6
    question = {"audio": rows}
    np.testing.assert_allclose(gap_of(rows, rows).closed(question)["audio"], rows, atol=1e-6)


def test_by_hand() -> None:
    found = measure(np.concatenate([X, Y, NONE]), np.concatenate([Z, Z]))
    pictures, sounds = found.groups["pictures"], found.groups["sounds"]
    assert (pictures.count, pictures.length, pictures.within) == (2, 1.0, 1.0)
    assert (sounds.count, sounds.within) == (2, 0.0)  # the absent one does not count
    assert sounds.length == pytest.approx(math.sqrt(0.5))
    pair = found.pairs["pictures", "sounds"]
    assert pair.gap == pytest.approx(math.sqrt(1.5))
    assert pair.angle == pytest.approx(90)
    assert pair.across == 0
    assert measure(np.concatenate([X, -X]), Z).pairs["pictures", "sounds"].angle is None
    assert measure(X, Z).groups["pictures"].within is None


def test_the_measures_are_what_counting_pairs_gives() -> None:
    sounds, pictures = cone(0, 7), cone(1, 5, seed=1)
    others, noises = cone(2, 6, seed=2), cone(0, 4, seed=3)
    found = measure(sounds, pictures, others, noises)
    within = np.mean([a @ b for a, b in itertools.combinations(sounds, 2)])
    assert found.groups["sounds"].within == pytest.approx(within, abs=1e-6)
    across = np.mean([a @ b for a in pictures for b in others])
    assert found.pairs["pictures", "outside pictures"].across == pytest.approx(across, abs=1e-6)

    def auroc(inside: np.ndarray, outside: np.ndarray) -> float:
        own = [
            np.linalg.norm(row - np.delete(inside, at, axis=0).mean(axis=0))
            for at, row in enumerate(inside)
        ]
        far = [np.linalg.norm(row - inside.mean(axis=0)) for row in outside]
        return float(np.mean([(b > a) + 0.5 * (b == a) for a in own for b in far]))

    assert found.auroc["outside pictures"] == pytest.approx(auroc(pictures, others))
    assert found.auroc["outside sounds"] == pytest.approx(auroc(sounds, noises))
    assert found.auroc["outside pictures"] == 1
    assert measure(sounds, X[:, :1].repeat(16, 1), others).auroc["outside pictures"] is None


def test_the_same_domain_again_is_not_told_apart() -> None:
    found = measure(cone(0, 9), cone(1, 400), cone(1, 400, seed=5))
    auroc = found.auroc["outside pictures"]
    assert auroc == pytest.approx(0.5, abs=0.05)


def test_closing_brings_the_questions_to_the_sounds() -> None:
    sounds, pictures = cone(0, 60), cone(1, 40, seed=1)
    gap = gap_of(sounds, pictures)
    centre = normalize(gap.mean_audio)
    there = gap.closed({"audio": pictures})["audio"]
    np.testing.assert_allclose(np.linalg.norm(there, axis=1), 1, atol=1e-6)
    before = normalize(pictures.mean(axis=0)) @ centre
    after = normalize(there.mean(axis=0)) @ centre
    assert before < 0.5
    assert after > 0.99
    # a picture that is the mean of all pictures lands on the mean of the sounds
    alone = Gap(pictures[0], gap.mean_audio, "toy", "f").closed({"audio": pictures[:1]})
    np.testing.assert_allclose(alone["audio"][0], centre, atol=1e-6)
    # literally n(q - mean_image + mean_audio)
    moved = pictures[3] - gap.mean_image + gap.mean_audio
    np.testing.assert_allclose(there[3], moved / np.linalg.norm(moved), atol=1e-6)


def test_closing_leaves_absent_rows_and_other_parts() -> None:
    vectors = {"audio": np.concatenate([NONE, Y]), "metadata": np.concatenate([Z, NONE])}
    given = {part: rows.copy() for part, rows in vectors.items()}
    for means in ((X[0], Z[0]), (X[0], X[0])):
        closed = Gap(*means, "toy", "f").closed(vectors)  # type: ignore[arg-type]
        assert not closed["audio"][0].any()
        assert closed["audio"][1].any()
        assert closed["metadata"] is vectors["metadata"]
    assert all((given[part] == vectors[part]).all() for part in given)
    assert Gap(X[0], Z[0], "toy", "f").closed({"metadata": Z}) == {"metadata": Z}


def test_what_cannot_be_measured_or_asked_is_said() -> None:
    with pytest.raises(QueryError, match="nothing to measure in the pictures"):
        measure(X, NONE)
    with pytest.raises(QueryError, match="nothing to measure in the outside sounds"):
        measure(X, Y, None, np.zeros((0, 3), np.float32))
    with pytest.raises(QueryError, match="leaves nothing of a picture"):
        Gap(Y[0], NONE[0], "toy", "f").closed({"audio": Y})


def test_the_effect_by_hand() -> None:
    """Twelve sounds along an axis; the gap turns their order round."""
    angles = np.linspace(0, np.pi / 2, 12)
    sounds = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    picture = sounds[:1]
    turning = Gap(picture[0], np.array([0.0, 0.5]), "toy", "f")
    found = effect(np.concatenate([picture, 0 * picture]), sounds, turning)
    assert (found.overlap, found.kendall) == (pytest.approx(0.8), pytest.approx(-1))
    assert found.before == pytest.approx(np.cos(angles).mean())
    assert found.after == pytest.approx(np.sin(angles).mean())
    many = np.linspace(0, np.pi / 2, 31)
    wide = np.stack([np.cos(many), np.sin(many)], axis=1).astype(np.float32)
    to = many[6] - 0.01  # nearest are numbers 1 to 10, before it was 0 to 9
    nudged = Gap(picture[0], np.array([np.cos(to), np.sin(to)]), "toy", "f")
    assert effect(picture, wide, nudged).overlap == pytest.approx(0.9)
    still = effect(picture, sounds, Gap(picture[0], picture[0], "toy", "f"))
    assert (still.overlap, still.kendall) == (1.0, pytest.approx(1.0))
    assert effect(picture, sounds[:10], turning).overlap is None
    assert effect(picture, sounds[:1], turning).kendall is None


class OtherToy(ToyEncoder):
    def fingerprint(self, part: str) -> str:
        return "another"


class OtherEyes(ToyEncoder):
    seen = np.eye(8, dtype=np.float32)[:2]

    def embed_images(self, images: object) -> Vectors:
        return {"audio": self.seen}


def test_what_was_measured_is_kept_and_not_believed_of_another_model(tmp_path: Path) -> None:
    toy = ToyEncoder()
    with Library.create(tmp_path / "library", Config(encoder="toy")) as library:
        with pytest.raises(LibraryError, match="has not been measured: run `sonorize library gap"):
            load_gap(library, toy)
        gap = Gap(np.arange(8) / 10, np.ones(8), "toy", toy.fingerprint("audio"))
        gap.save(library, toy)
        read = load_gap(library, toy)
        np.testing.assert_array_equal(read.mean_image, gap.mean_image)
        np.testing.assert_array_equal(read.mean_audio, gap.mean_audio)
        assert [path.name for path in library.folder.glob("gap*")] == [FILE]
        with pytest.raises(EncoderMismatch, match="other weights or windows: run"):
            load_gap(library, OtherToy())
        with pytest.raises(EncoderMismatch, match="saw pictures in another way: run"):
            load_gap(library, OtherEyes())
        blind = np.zeros((2, 8), np.float32)
        for rows in (blind, blind[:, :7]):
            OtherEyes.seen = rows
            with pytest.raises(EncoderMismatch, match="saw pictures"):
                load_gap(library, OtherEyes())


def test_a_damaged_file_is_said_and_measured_over(tmp_path: Path) -> None:
    toy = ToyEncoder()
    with Library.create(tmp_path / "library", Config(encoder="toy")) as library:
        gap = Gap(np.zeros(8), np.ones(8), "toy", toy.fingerprint("audio"))
        gap.save(library, toy)
        path = library.folder / FILE
        whole = path.read_bytes()
        flipped = bytearray(whole)
        flipped[whole.index(b"mean_image.npy") + 150] ^= 8
        for harm in (b"", b"no numbers " * 40, whole[:-30], whole[: len(whole) // 2], flipped):
            path.write_bytes(harm)
            with pytest.raises(LibraryError, match=r"gap.npz is damaged: run `sonorize"):
                load_gap(library, toy)
        for means in ((np.zeros(8), np.ones(7)), (np.zeros(8), np.full(8, np.nan))):
            Gap(*means, "toy", toy.fingerprint("audio")).save(library, toy)
            with pytest.raises(LibraryError, match="damaged"):
                load_gap(library, toy)
        gap.save(library, toy)
        assert load_gap(library, toy).encoder == "toy"
