import itertools
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import sounds
from hypothesis import given
from hypothesis import strategies as st

from indexer.audio.decode import blocks
from indexer.audio.waveform import Waveform
from indexer.audio.window import OFFICIAL, Window, WindowRule, windows

RATE = 1000


def cut(
    signal: sounds.Samples, rule: WindowRule, sizes: tuple[int, ...] = (700,), rate: int = RATE
) -> list[Window]:
    """Windows of a signal that arrives in blocks of these sizes, over and over."""

    def arriving() -> Iterator[Waveform]:
        place, turn = 0, 0
        while place < signal.shape[1]:
            size = sizes[turn % len(sizes)]
            yield Waveform(signal[:, place : place + size], rate)
            place, turn = place + size, turn + 1

    return list(windows(arriving(), rule))


def spans(found: list[Window]) -> list[tuple[float, float]]:
    return [(w.start, w.end) for w in found]


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (4.0, [(0, 2), (2, 4)]),
        (5.0, [(0, 2), (2, 4), (3, 5)]),
        (2.0, [(0, 2)]),
        (4.001, [(0, 2), (2, 4), (2.001, 4.001)]),
        (0.023, [(0, 0.023)]),
        (0.001, [(0, 0.001)]),
    ],
)
def test_the_last_window_ends_with_the_file(
    seconds: float, expected: list[tuple[float, float]]
) -> None:
    assert spans(cut(sounds.noise(seconds, RATE), WindowRule())) == expected


def test_a_short_file_is_padded_at_its_end() -> None:
    click = sounds.noise(0.023, 48_000)
    (window,) = cut(click, WindowRule(), rate=48_000)
    assert window.waveform.samples.shape == (1, 96_000)
    assert np.array_equal(window.waveform.samples[:, :1104], click)
    assert not window.waveform.samples[:, 1104:].any()


def test_nothing_gives_nothing() -> None:
    assert list(windows(iter(()), WindowRule())) == []


@pytest.mark.parametrize(("seconds", "hop"), [(2, 0), (2, 2.5), (0, 0), (2, -1), (2, float("nan"))])
def test_a_rule_that_would_leave_gaps_is_refused(seconds: float, hop: float) -> None:
    with pytest.raises(ValueError, match="hop"):
        WindowRule(seconds, hop)


@given(
    length=st.integers(1, 3000),
    seconds=st.floats(0.001, 1.5),
    share=st.floats(0.05, 1.0),
    channels=st.integers(1, 3),
    sizes=st.lists(st.integers(1, 900), min_size=1, max_size=4).map(tuple),
)
def test_windows_cover_the_file_in_order(
    length: int, seconds: float, share: float, channels: int, sizes: tuple[int, ...]
) -> None:
    rule = WindowRule(seconds, max(share * seconds, 1 / RATE) if share < 1 else seconds)
    signal = np.arange(channels * length, dtype=np.float32).reshape(channels, length) + 1
    found = cut(signal, rule, sizes)
    size = max(1, round(seconds * RATE))
    covered = 0
    for window in found:
        start, end = round(window.start * RATE), round(window.end * RATE)
        assert window.waveform.samples.shape == (channels, size)
        assert np.array_equal(window.waveform.samples[:, : end - start], signal[:, start:end])
        assert not window.waveform.samples[:, end - start :].any()
        # A window of a rounded length may miss the next by one sample, never by more.
        assert start <= covered + 1
        covered = max(covered, end)
    assert covered == length
    assert found == sorted(found, key=lambda w: (w.start, w.end))


@given(sizes=st.lists(st.integers(1, 3000), min_size=1, max_size=5).map(tuple))
def test_how_the_blocks_fall_does_not_matter(sizes: tuple[int, ...]) -> None:
    signal = sounds.noise(5.3, RATE, channels=2)
    rule = WindowRule(1.0, 0.4415)
    for one, other in zip(cut(signal, rule, (99,)), cut(signal, rule, sizes), strict=True):
        assert (one.start, one.end) == (other.start, other.end)
        assert np.array_equal(one.waveform.samples, other.waveform.samples)


def test_every_readable_file_is_covered(tmp_path: Path) -> None:
    for sound in sounds.readable(tmp_path):
        found = list(windows(blocks(sound.path), WindowRule(0.4, 0.3)))
        assert found[0].start == 0.0
        assert found[-1].end == pytest.approx(sound.seconds, abs=0.2 if sound.note else 0.03)
        assert all(a.end >= b.start for a, b in itertools.pairwise(found))


@pytest.mark.parametrize(
    ("seconds", "starts", "length"),
    [
        (8.0, (0, 3, 6), 2000),
        (9.5, (0, 3.75, 7.5), 2000),
        (3.0, (0, 1 / 2, 1), 2000),
        (2.0, (0,), 2000),
        (1.2, (0,), 1200),
        (0.023, (0,), 23),
    ],
)
def test_official_windows_lie_at_the_start_the_middle_and_the_end(
    seconds: float, starts: tuple[float, ...], length: int
) -> None:
    ramp = np.arange(round(seconds * RATE), dtype=np.float32)[None]
    found = cut(ramp, OFFICIAL)
    assert tuple(w.start for w in found) == pytest.approx(starts, abs=1e-12)
    assert [w.end for w in found] == pytest.approx([w.start + length / RATE for w in found])
    for window in found:
        assert window.waveform.samples.shape == (1, length)
        assert window.waveform.samples.mean() == pytest.approx(0, abs=0.01)
    # the first one is the ramp about its mean; a mean is taken off over all channels
    assert found[0].waveform.samples[0, 0] == pytest.approx(-(length - 1) / 2)
    (both,) = cut(np.stack([np.zeros(9), np.full(9, 2.0)]).astype(np.float32), OFFICIAL)
    assert both.waveform.samples[:, 0].tolist() == [-1, 1]


@pytest.mark.parametrize("length", range(32_001, 32_030))
def test_official_windows_have_every_sample_of_two_seconds(length: int) -> None:
    found = cut(np.ones((1, length), np.float32), OFFICIAL, rate=16_000)
    assert [w.waveform.samples.shape for w in found] == [(1, 32_000)] * 3
    assert all(type(time) is float for w in found for time in (w.start, w.end))


def test_official_windows_hold_no_long_file_in_memory() -> None:
    block = Waveform(np.ones((2, 16_000), np.float32), 16_000)
    tracemalloc.start()
    try:
        found = list(windows(itertools.repeat(block, 600), OFFICIAL))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert [w.start for w in found] == pytest.approx([0, 299, 598])
    assert peak < 5_000_000  # ten minutes are 77 MB
