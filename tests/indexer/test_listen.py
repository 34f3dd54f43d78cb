"""Decoding ahead: what the listener says of each file, and how it ends."""

from __future__ import annotations

import errno
import os
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import sounds

from indexer.audio import payload
from indexer.audio.payload import payload_hash
from indexer.build.hearing import Broken, Duplicate, End, Event, Job, Tap, Windows, hear
from indexer.build.listen import Listener, Stage
from indexer.encoders.toy import ToyEncoder
from indexer.errors import AudioError


def unknown(_hash: str) -> None:
    return None


def heard(jobs: list[Job], find: Callable[[str], int | None] = unknown) -> list[Event | Stage]:
    listener = Listener(jobs, ToyEncoder(), find, [hear, hear])
    try:
        return list(listener)
    finally:
        listener.close()


@pytest.fixture
def long(tmp_path: Path) -> Path:
    return sounds.write(tmp_path / "long.wav", sounds.tone(21.0, 8_000), 8_000)


def spans(events: Sequence[Event | Stage]) -> list[tuple[float, float]]:
    return [
        (window.start, window.end)
        for event in events
        if isinstance(event, Windows)
        for window in event.windows
    ]


def test_a_whole_file_comes_in_windows_and_ends(long: Path) -> None:
    *before, end = heard([Job(7, long)])
    assert spans(before) == [*((2.0 * n, 2.0 * n + 2) for n in range(10)), (19.0, 21.0)]
    assert isinstance(end, End)
    assert (end.job.sound_id, end.content_hash, end.note) == (7, payload_hash(long), "")
    assert end.columns["duration"] == 21.0
    assert end.columns["sample_rate"] == 8000
    assert end.analysis is not None
    assert end.analysis["true_peak"] == pytest.approx(-6.0, abs=0.1)


def test_without_measuring_the_same_is_heard(long: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    *before, _ = heard([Job(7, long)])
    monkeypatch.setattr("indexer.audio.analysis.Analyzer", None)
    listener = Listener([Job(7, long)], ToyEncoder(), unknown, [hear], measure=False)
    *windows, end = list(listener)
    listener.close()
    assert spans(windows) == spans(before)
    assert isinstance(end, End)
    assert (end.analysis, end.content_hash) == (None, payload_hash(long))


def test_a_head_is_heard_without_an_identity(long: Path) -> None:
    *before, end = heard([Job(7, long, head=3)])
    assert spans(before) == [(0.0, 2.0), (2.0, 4.0), (4.0, 6.0)]
    assert isinstance(end, End)
    assert (end.content_hash, end.analysis) == (None, None)


def test_a_sound_that_is_known_is_not_decoded(long: Path) -> None:
    known = {payload_hash(long): 3}
    (event,) = heard([Job(7, long)], known.get)
    assert event == Duplicate(Job(7, long), 3)
    events = heard([Job(3, long)], known.get)  # itself, heard in part before
    assert isinstance(events[-1], End)


def test_what_is_broken_or_gone_says_so_and_the_rest_is_heard(tmp_path: Path, long: Path) -> None:
    (tmp_path / "words.wav").write_bytes(b"words")
    jobs = [Job(1, tmp_path / "words.wav"), Job(2, tmp_path / "gone.wav"), Job(3, tmp_path),
            Job(4, long, head=1)]  # fmt: skip
    ends = {event.job.sound_id: event for event in heard(jobs) if not isinstance(event, Windows)}
    words, gone, folder = (ends[key] for key in (1, 2, 3))
    assert isinstance(words, Broken)
    assert isinstance(gone, Broken)
    assert isinstance(folder, Broken)
    assert ("not a sound file" in words.reason, words.vanished) == (True, False)
    assert (gone.reason, gone.vanished) == ("it vanished while the library was built", True)
    assert not folder.vanished
    assert isinstance(ends[4], End)


def test_damage_and_what_is_no_number_are_noted(tmp_path: Path) -> None:
    samples = sounds.tone(1.0)
    samples[0, :1234] = np.nan
    path = sounds.write(tmp_path / "holes.wav", samples, subtype="FLOAT")
    path.write_bytes(path.read_bytes()[:-4000])
    end = heard([Job(1, path)])[-1]
    assert isinstance(end, End)
    assert "cut short" in end.note
    assert "1,234 samples without a number" in end.note


def test_one_decode_serves_windows_and_measurements(long: Path) -> None:
    tap = Tap(long)
    assert sum(block.duration for block in tap) == pytest.approx(21.0)
    duration, measured = tap.finish()
    assert duration == 21.0
    assert "duration" not in measured
    assert tap.note == ""


def test_every_file_is_heard_once_in_the_order_of_its_windows(tmp_path: Path) -> None:
    jobs = [
        Job(n, sounds.write(tmp_path / f"{n}.wav", sounds.tone(n % 7 + 0.1, 8_000), 8_000))
        for n in range(1, 30)
    ]
    events = heard(jobs)
    ends = [event.job.sound_id for event in events if isinstance(event, End)]
    assert sorted(ends) == list(range(1, 30))
    for job in jobs:
        own = spans([event for event in events if event.job == job])
        assert own == sorted(own)
        assert own[-1][1] == pytest.approx(job.sound_id % 7 + 0.1)


def test_an_error_that_is_no_fault_of_a_file_ends_the_build(long: Path) -> None:
    def find(_hash: str) -> int | None:
        raise RuntimeError("the catalog is away")

    with pytest.raises(RuntimeError, match="the catalog is away"):
        heard([Job(1, long)], find)


def test_a_stage_begins_when_all_before_it_was_read(long: Path) -> None:
    first, second = Stage("first", 210.0), Stage("second", 21.0)
    jobs = [Job(n, long) for n in range(1, 6)]
    listener = Listener([first, *jobs, second, Job(6, long)], ToyEncoder(), unknown, [hear] * 3)
    events = list(listener)
    listener.close()
    before = events[: events.index(second)]
    assert before[0] == first
    assert sorted(e.job.sound_id for e in before if isinstance(e, End)) == [1, 2, 3, 4, 5]
    assert isinstance(events[-1], End)


def test_closing_ends_the_threads_that_wait_for_a_stage(long: Path) -> None:
    before = threading.active_count()
    jobs = [Job(1, long), Stage("rest", 0.0), Job(2, long)]
    listener = Listener(jobs, ToyEncoder(), unknown, [hear, hear], ahead=1)
    next(iter(listener))  # the first file is not read to its end, since nobody takes the rest
    listener.close()
    assert threading.active_count() == before


def test_closing_early_ends_the_threads(long: Path) -> None:
    before = threading.active_count()
    listener = Listener([Job(n, long) for n in range(50)], ToyEncoder(), unknown, [hear, hear])
    event = next(iter(listener))
    assert isinstance(event, Windows)
    listener.close()
    assert threading.active_count() == before
    assert listener.seconds > 0


def test_a_listener_nobody_listened_to_closes() -> None:
    Listener([], ToyEncoder(), unknown, [hear, hear]).close()
    assert heard([]) == []


@pytest.mark.parametrize("code", [errno.EIO, errno.ESTALE])
def test_a_drive_that_fails_says_nothing_of_the_file(
    long: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def failing(_path: Path) -> str:
        raise AudioError("it cannot be read") from OSError(code, os.strerror(code))

    monkeypatch.setattr(payload, "identify", failing)
    (event,) = heard([Job(1, long)])
    assert isinstance(event, Broken)
    assert event.vanished


def test_a_playlist_that_is_called_a_sound_opens_nothing(long: Path, tmp_path: Path) -> None:
    trap = tmp_path / "trap.wav"
    trap.write_text(f"ffconcat version 1.0\nfile {long.name}\n")
    (event,) = heard([Job(1, trap)])
    assert isinstance(event, Broken)


def test_as_much_is_read_ahead_of_short_files_as_of_long_ones(tmp_path: Path) -> None:
    sounds.write(tmp_path / "short.wav", sounds.tone(0.5, 8_000), 8_000)
    read: list[str] = []
    jobs = [Job(number, tmp_path / "short.wav") for number in range(1, 100)]
    listener = Listener(jobs, ToyEncoder(), read.append, [hear, hear], ahead=24)
    try:
        next(iter(listener))
        deadline = time.monotonic() + 20
        while len(read) < 12 and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.1)
    finally:
        listener.close()
    assert 12 <= len(read) <= 15  # a window and an end of each, and a file in each thread
