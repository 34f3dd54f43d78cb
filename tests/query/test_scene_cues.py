import itertools
from fractions import Fraction

import pytest

from query.scene.cues import CROSSFADE, Clip, Cue, Film, pieces

FILM = Film("film.mov", Fraction(24000, 1001), 2400)


def cue(duration: float, frames: int, **more) -> Cue:
    clip = Clip("a.wav", "hash", "a", duration, 48_000, 2)
    return Cue("1", "ambience", 0, 240, frames, clip, **more)


def test_positions_are_exact() -> None:
    assert FILM.at(240) == Fraction(1001, 100)
    assert FILM.seconds == Fraction(1001, 10)


def test_a_cue_ends_with_its_clip_unless_it_is_repeated() -> None:
    (piece,) = pieces(cue(3.0, 240, offset=1.0, fade_in=0.1, fade_out=0.5), FILM)
    assert (piece.seconds, piece.offset, piece.fade_in, piece.fade_out) == (2.0, 1.0, 0.1, 0.5)
    assert piece.start == pytest.approx(10.01)


def test_a_long_clip_is_cut_to_its_cue() -> None:
    (piece,) = pieces(cue(60.0, 240, loop=True), FILM)
    assert piece.seconds == pytest.approx(10.01)


@pytest.mark.parametrize("duration", [0.3, 2.0, 5.0, 9.5])
def test_a_repeated_clip_covers_its_cue_with_crossfades(duration: float) -> None:
    made = list(pieces(cue(duration, 240, loop=True, fade_in=0.2, fade_out=0.4), FILM))
    assert made[0].start == pytest.approx(10.01)
    assert made[-1].end == pytest.approx(20.02)
    for before, after in itertools.pairwise(made):
        overlap = before.end - after.start
        assert 0 < overlap <= CROSSFADE
        assert before.fade_out == pytest.approx(overlap)
        assert after.fade_in == pytest.approx(overlap)
    assert all(piece.fade_in + piece.fade_out <= piece.seconds + 1e-9 for piece in made)
    assert all(piece.offset + piece.seconds <= duration + 1e-9 for piece in made)


def test_nothing_is_left_of_a_clip_that_ended_before() -> None:
    assert list(pieces(cue(1.0, 240, offset=1.0), FILM)) == []
