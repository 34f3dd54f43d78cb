"""The minute and the day of Freesound's requests, with a clock that need not be waited for."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import pytest

from indexer.errors import LimitReached, SourceError
from indexer.sources.freesound.budget import STALE, Budget

KEY = "k" * 40
START = 1_800_000_000.0


class Time:
    """now: s since 1970; sleeping moves it on."""

    def __init__(self) -> None:
        self.now = START
        self.slept: list[float] = []

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def time() -> Time:
    return Time()


def budget(folder: Path, time: Time, minute: int = 60, day: int = 2_000) -> Budget:
    return Budget(folder, KEY, minute, day, clock=time.clock, sleep=time.sleep)


def taken(asked: Budget, time: Time, count: int) -> list[float]:
    """When each of `count` requests was sent, from the start on."""
    times = []
    for _ in range(count):
        asked.take()
        times.append(time.now - START)
    return times


def log(folder: Path) -> Path:
    [path] = folder.glob("*.log")
    return path


def test_one_request_a_second(tmp_path: Path, time: Time) -> None:
    assert taken(budget(tmp_path, time), time, 3) == pytest.approx([0, 1, 2])
    time.now += 10
    assert taken(budget(tmp_path, time), time, 1) == pytest.approx([12])


@pytest.mark.parametrize("limit", [5, 60])
def test_no_minute_holds_more_than_its_limit(tmp_path: Path, time: Time, limit: int) -> None:
    times = taken(budget(tmp_path, time, minute=limit), time, 3 * limit)
    assert all(later - first > 60 for first, later in zip(times, times[limit:], strict=False))
    assert times[-1] < 3 * 61


def test_a_full_day_says_when_it_goes_on(tmp_path: Path, time: Time) -> None:
    asked = budget(tmp_path, time, day=3)
    taken(asked, time, 3)
    with pytest.raises(LimitReached) as reached:
        asked.take()
    until = reached.value.until
    assert until.tzinfo is UTC
    assert 86_400 < until.timestamp() - START <= 86_460
    assert f"{until:%Y-%m-%d %H:%M} UTC" in str(reached.value)
    time.now = until.timestamp()
    asked.take()


def test_the_day_is_kept_across_runs_and_apart_by_key(tmp_path: Path, time: Time) -> None:
    taken(budget(tmp_path, time, day=3), time, 3)
    with pytest.raises(LimitReached):
        budget(tmp_path, time, day=3).take()
    Budget(tmp_path, "l" * 40, 60, 3, clock=time.clock, sleep=time.sleep).take()


@pytest.mark.slow
def test_two_processes_share_the_pace_and_the_day(tmp_path: Path) -> None:
    code = f"""
import time
from pathlib import Path
from indexer.errors import LimitReached
from indexer.sources.freesound.budget import Budget
asked = Budget(Path({str(tmp_path)!r}), {KEY!r}, 1000, 200,
               clock=lambda: {START} + time.monotonic() * 500, sleep=lambda s: time.sleep(s / 500))
for count in range(201):
    try:
        asked.take()
    except LimitReached:
        break
print(count)
"""
    both = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    counts = [int(process.communicate(timeout=60)[0]) for process in both]
    assert sum(counts) == 200
    assert min(counts) > 0
    times = [float(line) for line in log(tmp_path).read_text().split()]
    assert min(later - first for first, later in pairwise(times)) > 0.99


def test_a_torn_line_costs_nothing_else(tmp_path: Path, time: Time) -> None:
    taken(budget(tmp_path, time), time, 5)
    path = log(tmp_path)
    path.write_bytes(path.read_bytes()[:-8])
    taken(budget(tmp_path, time, day=6), time, 2)
    with pytest.raises(LimitReached):
        budget(tmp_path, time, day=6).take()


def test_bytes_that_are_no_log_are_passed_over(tmp_path: Path, time: Time) -> None:
    taken(budget(tmp_path, time), time, 1)
    with log(tmp_path).open("ab") as file:
        file.write(b"\n\xff\x00 100/da\nnan\n1e400\n")
    assert taken(budget(tmp_path, time, day=2), time, 1) == pytest.approx([1])


def test_a_clock_put_back_neither_waits_nor_forgets(tmp_path: Path, time: Time) -> None:
    taken(budget(tmp_path, time), time, 3)
    time.now -= 5_000_000
    asked = budget(tmp_path, time, day=4)
    asked.take()
    assert sum(time.slept) < 10
    with pytest.raises(LimitReached) as reached:
        asked.take()
    assert reached.value.until.timestamp() - time.now < 86_500


def test_the_log_stays_small_and_holds_no_key(tmp_path: Path, time: Time) -> None:
    taken(budget(tmp_path, time), time, 1)
    path = log(tmp_path)
    path.write_text("\n".join(f"{START - 90_000 + n:.3f}" for n in range(STALE + 1)))
    taken(budget(tmp_path, time), time, 1)
    assert len(path.read_text().split()) == 1
    assert KEY not in path.name + path.read_text()


def test_a_minute_refused_waits_for_its_end(tmp_path: Path, time: Time) -> None:
    asked = budget(tmp_path, time)
    taken(asked, time, 10)
    asked.refused("minute", 10)
    assert 60 < time.now - START < 62
    later = taken(asked, time, 20)
    assert all(then - first > 60 for first, then in zip(later, later[10:], strict=False))


@pytest.mark.parametrize("limit", [60, None])
def test_a_minute_filled_by_others_is_waited_for_whole(
    tmp_path: Path, time: Time, limit: int | None
) -> None:
    asked = budget(tmp_path, time)
    asked.take()
    asked.refused("minute", limit)
    assert 60 <= time.slept[-1] <= 62


def test_a_day_refused_is_remembered_by_its_rate(tmp_path: Path, time: Time) -> None:
    asked = budget(tmp_path, time)
    taken(asked, time, 10)
    with pytest.raises(LimitReached) as reached:
        asked.refused("day", 10)
    assert 86_400 < reached.value.until.timestamp() - START < 86_470
    with pytest.raises(LimitReached) as again:
        budget(tmp_path, time).take()
    assert again.value.until == reached.value.until
    time.now = reached.value.until.timestamp()
    budget(tmp_path, time).take()


def test_a_day_filled_by_others_is_over_after_a_day_at_the_latest(
    tmp_path: Path, time: Time
) -> None:
    asked = budget(tmp_path, time)
    asked.take()
    with pytest.raises(LimitReached) as reached:
        asked.refused("day", 2_000)
    assert reached.value.until <= datetime.fromtimestamp(START + 86_460, UTC)


def test_a_higher_rate_is_used_for_a_day(tmp_path: Path, time: Time) -> None:
    asked = budget(tmp_path, time, day=3)
    taken(asked, time, 3)
    with pytest.raises(LimitReached):
        asked.refused("day", 5)
    taken(budget(tmp_path, time, day=3), time, 2)
    time.now += 90_000
    asked = budget(tmp_path, time, day=3)
    taken(asked, time, 3)
    with pytest.raises(LimitReached):
        asked.take()


def test_a_folder_that_is_none_is_said(tmp_path: Path, time: Time) -> None:
    (tmp_path / "state").write_text("")
    with pytest.raises(SourceError, match="SONORIZE_STATE"):
        budget(tmp_path / "state", time).take()
