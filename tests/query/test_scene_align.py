from fractions import Fraction

import numpy as np
import pytest

from query.scene.align import LEAD, offset_for, placed, strongest_change
from query.timecode import RATES


def flash(frames: int, *at: int) -> np.ndarray:
    changes = np.full(frames, 0.01)
    changes[list(at)] = 0.5
    return changes


def test_the_cut_is_no_change_of_the_shot() -> None:
    changes = flash(100, 20, 33)
    changes[20] = 0.99
    assert strongest_change(changes, (20, 60)) == 33
    assert strongest_change(changes, (0, 20)) is None
    assert strongest_change(changes, (20, 60), last=32) is None


def test_a_flash_is_met_as_it_comes() -> None:
    """It changes the picture as much when it goes, and coding makes either the stronger."""
    changes = flash(100, 30)
    changes[32] = 0.5001
    assert strongest_change(changes, (0, 100)) == 30
    changes[32] = 0.7
    assert strongest_change(changes, (0, 100)) == 32


def test_motion_in_every_second_frame_is_no_event() -> None:
    changes = np.tile([0.0, 0.02], 50)
    changes[41] = 0.03
    assert strongest_change(changes, (0, 100)) is None


@pytest.mark.parametrize("changes", [np.zeros(50), np.ones(50), np.full(50, np.nan)])
def test_nothing_stands_out(changes: np.ndarray) -> None:
    assert strongest_change(changes, (0, 50)) is None
    assert strongest_change(changes, (7, 8)) is None


def test_noise_of_coding_is_no_event() -> None:
    still = np.zeros(50)
    still[9] = 1e-5  # what a codec mends of a title card, the frame after its key frame
    assert strongest_change(still, (0, 50)) is None
    still[12] = 0.03  # a mouse that moves
    assert strongest_change(still, (0, 50)) == 12


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("onset", [0.0, 0.013, 0.31, 2.7])
def test_the_onset_meets_the_change_exactly(rate: Fraction, onset: float) -> None:
    """Frame and offset together give the time of the change, to the sample and beyond."""
    shot = (1000, 1400)
    for frame in (1001, 1003, 1009):
        at = placed(onset, shot, rate, flash(1400, frame))
        heard = at.start / rate + Fraction(onset) - Fraction(at.offset)
        assert abs(float(heard - frame / rate)) < 1e-9
        assert at.start >= shot[0]
        assert 0 <= at.offset <= onset
        assert onset - at.offset <= LEAD + 1e-9
        usual = shot[0] / rate + Fraction(min(onset, LEAD))
        assert at.slip == pytest.approx(float(heard - usual))


def test_a_change_anywhere_in_the_shot_is_met() -> None:
    shot, rate = (0, 200), Fraction(25)
    assert placed(0.1, shot, rate, flash(200, 150), after=0.5).slip == pytest.approx(5.9)
    assert placed(2.0, shot, rate) == placed(2.0, shot, rate, np.zeros(200)) == (0, 1.75, 0.0)


@pytest.mark.parametrize(("after", "last"), [(0.0, 199), (0.8, 190), (2.0, 187), (60.0, 187)])
def test_room_is_left_for_the_sound(after: float, last: int) -> None:
    """For half of what follows its onset, or half a second of it."""
    shot, rate = (0, 200), Fraction(25)
    assert placed(0.0, shot, rate, flash(200, last), after=after).start == last
    if last < 199:
        assert placed(0.0, shot, rate, flash(200, last + 1), after=after) == (0, 0.0, 0.0)


def test_a_short_shot_has_its_event_too() -> None:
    shot, rate = (300, 320), Fraction(60)
    assert placed(0.0, shot, rate, flash(400, 310), after=2.0).start == 310
    assert placed(0.0, shot, rate, flash(400, 311), after=2.0).start == 300


def test_another_clip_meets_it_too() -> None:
    assert offset_for(1.5, 10, Fraction(1), Fraction(25)) == pytest.approx(0.9)
    assert offset_for(0.1, 10, Fraction(1), Fraction(25)) == 0.0
