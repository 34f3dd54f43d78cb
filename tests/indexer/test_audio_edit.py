from pathlib import Path

import numpy as np
import pytest
import sounds

from indexer.audio.decode import read
from indexer.audio.edit import edit_points
from indexer.audio.waveform import Waveform


def region(signal: sounds.Samples) -> Waveform:
    return Waveform(signal, 48_000)


def test_from_just_before_the_onset_to_the_decay() -> None:
    begin, end = edit_points(region(sounds.clicks([1.234])), 1.0, 3.0)
    assert 0.001 <= 1.234 - begin <= 0.015
    assert 1.25 <= end <= 1.29


def test_an_onset_before_the_window_is_taken_in() -> None:
    signal = np.zeros((1, 144_000), np.float32)
    signal[0, 43_200:] = sounds.tone(2.1)[0]
    begin, end = edit_points(region(signal), 1.0, 3.0)
    assert 0.885 <= begin <= 0.9
    assert end == pytest.approx(3.0, abs=0.011)


def test_a_later_onset_than_the_loudest_part_is_not() -> None:
    signal = sounds.clicks([1.0]) + 0.1 * sounds.clicks([2.0])
    begin, _ = edit_points(region(signal), 0.8, 2.8)
    assert begin == pytest.approx(1.0, abs=0.015)


def test_both_points_lie_at_zero_crossings() -> None:
    signal = sounds.tone(3.0, hertz=333, channels=2)
    for start, end in ((0.0, 2.0), (0.5, 2.5), (1.0, 3.0)):
        for point in edit_points(region(signal), start, end):
            place = round(point * 48_000)
            mix = signal.mean(axis=0)
            assert place in (0, 144_000) or mix[place] == 0 or mix[place - 1] * mix[place] <= 0


def test_times_are_those_of_the_file() -> None:
    signal = sounds.clicks([1.234])
    whole = edit_points(region(signal), 1.0, 3.0)
    part = edit_points(region(signal[:, 24_000:]), 1.0, 3.0, offset=0.5)
    assert part == pytest.approx(whole, abs=1e-3)


def test_where_a_region_was_cut_is_no_onset() -> None:
    signal = sounds.tone(3.0, hertz=333)
    begin, _ = edit_points(region(signal[:, 43_200:]), 1.0, 2.9, offset=0.9)
    assert begin == pytest.approx(1.0, abs=0.011)


@pytest.mark.parametrize(
    ("start", "end"), [(0.0, 1.0), (0.5, 0.5), (0.9, 0.2), (5.0, 7.0), (0.0, 0.001)]
)
def test_where_nothing_can_be_said_the_window_stays(start: float, end: float) -> None:
    assert edit_points(region(np.zeros((1, 48_000), np.float32)), start, end) == (start, end)
    if end <= start or start > 1:
        assert edit_points(region(sounds.noise(1.0)), start, end) == (start, end)


def test_points_of_every_readable_file_lie_in_order_in_the_file(tmp_path: Path) -> None:
    for sound in sounds.readable(tmp_path):
        whole = read(sound.path)
        begin, end = edit_points(whole, 0.0, whole.duration)
        assert 0.0 <= begin < end <= whole.duration, sound
