"""Targets by part: what is absent on one side or the other."""

from __future__ import annotations

import math

import numpy as np
import pytest

from indexer.encoders.protocol import Vectors
from indexer.errors import QueryError
from query.targets import Reference, Steering, mean, steered, target

X, Y, Z = (row[None] for row in np.eye(3, dtype=np.float32))
NONE = 0 * X


def both(audio: np.ndarray, metadata: np.ndarray) -> Vectors:
    return {"audio": audio, "metadata": metadata}


def test_each_part_has_its_own_target() -> None:
    found = target(both(Y, Z), both(X, Y), Reference([], both(Z, X), theta=0.25))
    c, s = math.cos(math.pi / 8), math.sin(math.pi / 8)
    half = math.sqrt(0.5)
    np.testing.assert_allclose(found["audio"], [[c * half, s * half, half]], atol=1e-6)
    np.testing.assert_allclose(found["metadata"], [[half, c * half, s * half]], atol=1e-6)


def test_an_absent_part_of_the_sound_leaves_the_way_between_the_frames() -> None:
    for sound in (both(Z, NONE), {"audio": Z}):
        found = target(both(Y, Y), both(X, X), Reference([], sound))  # type: ignore[arg-type]
        np.testing.assert_allclose(found["metadata"], (X + Y) * math.sqrt(0.5), atol=1e-6)
        assert found["audio"][0, 2] == pytest.approx(math.sqrt(0.5))


def test_an_absent_part_of_a_frame_leaves_none() -> None:
    for frame, other in ((NONE, X), (X, NONE)):
        found = target(both(frame, Y), both(other, X), Reference([], both(Z, Z)))
        assert not found["audio"].any()
        assert found["metadata"].any()


def test_literal_and_analogy_have_their_own_weights() -> None:
    moved = target({"audio": Y}, {"audio": X}, Reference([], {"audio": Z}, 1.0, kind="analogy"))
    np.testing.assert_allclose(moved["audio"], Y, atol=1e-6)
    held = Reference([], {"audio": Z}, 1.0, 1.0, "analogy")
    np.testing.assert_allclose(
        target({"audio": Y}, {"audio": X}, held)["audio"], (Y + Z) * math.sqrt(0.5), atol=1e-6
    )


def test_what_cannot_be_asked_is_said_in_a_sentence() -> None:
    with pytest.raises(QueryError, match="opposite directions"):
        target({"audio": X}, {"audio": -X}, Reference([], {"audio": Z}))
    with pytest.raises(QueryError, match="leave nothing"):
        steered({"audio": X}, Steering(away=[(1.0, "x")]), {"x": {"audio": X}})


def test_words_steer_the_parts_that_they_have() -> None:
    words: dict[str, Vectors] = {"y": both(Y, NONE), "z": both(Z, Z)}
    found = steered(both(X, X), Steering([(2.0, "y")], [(1.0, "z")]), words)
    np.testing.assert_allclose(found["audio"], (X + 2 * Y - Z) / math.sqrt(6), atol=1e-6)
    np.testing.assert_allclose(found["metadata"], (X - Z) * math.sqrt(0.5), atol=1e-6)


def test_several_are_asked_by_their_mean() -> None:
    np.testing.assert_allclose(
        mean({"audio": np.concatenate([X, Y])})["audio"], (X + Y) * math.sqrt(0.5), atol=1e-6
    )
