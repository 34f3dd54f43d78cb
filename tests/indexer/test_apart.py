"""Files read in another process: the same is heard, and what ends the process ends nothing else."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
import sounds

import indexer
from indexer.audio.window import WindowRule
from indexer.build import apart, listen
from indexer.build.apart import Reader, readers
from indexer.build.hearing import Broken, Duplicate, End, Event, Job, Wanted, Windows, hear
from indexer.build.listen import Listener
from indexer.encoders.toy import ToyEncoder
from indexer.errors import SonorizeError

WANTED = Wanted(16_000, "soxr", WindowRule(2.0, 2.0))


def unknown(_hash: str) -> None:
    return None


@pytest.fixture(scope="module")
def reader() -> Iterator[Reader]:
    with closing(Reader()) as made:
        yield made


@pytest.fixture
def long(tmp_path: Path) -> Path:
    return sounds.write(tmp_path / "long.wav", sounds.tone(21.0, 8_000), 8_000)


def flat(events: Iterator[Event]) -> list[object]:
    """Events as what can be compared."""
    return [
        [(w.start, w.end, w.waveform.samples.tobytes()) for w in event.windows]
        if isinstance(event, Windows)
        else event
        for event in events
    ]


def test_the_same_is_heard_as_here(reader: Reader, long: Path, tmp_path: Path) -> None:
    (tmp_path / "words.wav").write_bytes(b"words")
    jobs = [Job(1, long), Job(2, long, head=3), Job(3, tmp_path / "words.wav"),
            Job(4, tmp_path / "gone.wav")]  # fmt: skip
    for job in jobs:
        assert flat(reader(job, WANTED, unknown)) == flat(hear(job, WANTED, unknown))


def test_samples_can_be_written_to(reader: Reader, long: Path) -> None:
    first = next(iter(reader(Job(1, long), WANTED, unknown)))
    assert isinstance(first, Windows)
    samples = first.windows[0].waveform.samples
    samples *= 2  # as torch wants it
    assert samples.dtype == np.float32


def test_the_catalog_is_asked_from_there(reader: Reader, long: Path) -> None:
    asked: list[str] = []

    def find(content_hash: str) -> int:
        asked.append(content_hash)
        return 9

    assert list(reader(Job(1, long), WANTED, find)) == [Duplicate(Job(1, long), 9)]
    assert len(asked) == 1


@pytest.mark.skipif(os.name == "nt", reason="no such signals there")
@pytest.mark.parametrize(
    ("number", "passes"),
    [
        (signal.SIGSEGV, False),
        (signal.SIGABRT, False),
        (signal.SIGKILL, True),
        (signal.SIGTERM, True),
    ],
)
def test_a_file_that_ends_the_process_is_broken_and_the_next_is_heard(
    reader: Reader, long: Path, number: signal.Signals, passes: bool
) -> None:
    def crash(_hash: str) -> None:
        os.kill(reader.pid, number)

    [broken] = reader(Job(1, long), WANTED, crash)
    assert isinstance(broken, Broken)
    assert number.name in broken.reason
    assert broken.vanished == passes  # from outside: tried again
    *_, end = reader(Job(2, long), WANTED, unknown)
    assert isinstance(end, End)


def test_a_decoder_that_goes_in_circles_is_ended_and_the_next_file_is_heard(
    long: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    circles = """
import indexer.audio.payload as payload
identify = payload.identify
def looping(path):
    while path.name == "circles.wav":
        pass
    return identify(path)
payload.identify = looping
main()"""
    monkeypatch.setattr(apart, "_BEGIN", apart._BEGIN.replace("\nmain()", circles))
    monkeypatch.setattr(apart, "STUCK", 2.0)
    path = tmp_path / "circles.wav"
    path.write_bytes(long.read_bytes())
    with closing(Reader()) as reader:
        [stuck] = reader(Job(1, path), WANTED, unknown)
        assert isinstance(stuck, Broken)
        assert "nothing more could be read of it" in stuck.reason
        assert not stuck.vanished  # recorded, and not tried again by itself
        pid = reader.pid
        monkeypatch.setattr(apart, "STUCK", 60.0)
        *_, end = reader(Job(2, long), WANTED, unknown)
        assert isinstance(end, End)
        assert reader.pid != pid


def test_who_takes_long_to_take_what_was_heard_is_no_fault_of_the_file(
    reader: Reader, long: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    list(reader(Job(1, long), WANTED, unknown))  # it has started
    monkeypatch.setattr(apart, "STUCK", 3.0)
    events = reader(Job(1, long), WANTED, unknown)
    next(events)
    time.sleep(3.5)
    *_, end = events
    assert isinstance(end, End)


def test_an_error_that_is_no_fault_of_a_file_is_raised(reader: Reader, long: Path) -> None:
    nonsense = Wanted("no rate", "soxr", WANTED.window)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        list(reader(Job(1, long), nonsense, unknown))

    def away(_hash: str) -> int:
        raise RuntimeError("the catalog is away")

    with pytest.raises(RuntimeError, match="the catalog is away"):
        list(reader(Job(1, long), WANTED, away))
    *_, end = reader(Job(2, long), WANTED, unknown)
    assert isinstance(end, End)


def test_stopped_within_a_file_the_next_is_heard_from_its_start(reader: Reader, long: Path) -> None:
    seen: list[Event] = []
    for event in reader(Job(1, long), WANTED, unknown, lambda: len(seen) > 0):
        seen.append(event)
    assert len(seen) < len(list(hear(Job(1, long), WANTED, unknown)))
    assert flat(reader(Job(1, long), WANTED, unknown)) == flat(hear(Job(1, long), WANTED, unknown))


def test_a_process_that_cannot_start_ends_the_build_and_blames_no_file(
    long: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apart, "_BEGIN", "raise SystemExit(1)")
    with closing(Reader()) as reader, pytest.raises(SonorizeError, match="does not start"):
        list(reader(Job(1, long), WANTED, unknown))


def test_it_imports_from_where_this_process_does(
    long: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when a checkout is run from its folder, where "" is what sys.path says."""
    monkeypatch.chdir(Path(indexer.__file__).parents[1])
    monkeypatch.setattr(sys, "path", ["", *(place for place in sys.path if place)])
    with closing(Reader()) as reader:
        monkeypatch.chdir("/")
        *_, end = reader(Job(2, long), WANTED, unknown)
    assert isinstance(end, End)


def test_what_find_raises_is_not_taken_for_the_end_of_the_process(
    reader: Reader, long: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apart, "SOON", 0.1)

    def away(_hash: str) -> int:
        raise OSError("the catalog is away")

    with pytest.raises(OSError, match="the catalog is away"):
        list(reader(Job(1, long), WANTED, away))


@pytest.mark.skipif(os.name == "nt", reason="no such signals there")
def test_a_process_that_hangs_is_not_waited_for(
    long: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listen, "PATIENCE", 0.1)
    hung = threading.Event()
    with readers(1) as hears:

        def hang(_hash: str) -> None:
            os.kill(hears[0].pid, signal.SIGSTOP)
            hung.set()

        listener = Listener([Job(1, long)], ToyEncoder(), hang, hears)
        threading.Thread(target=next, args=[iter(listener), None], daemon=True).start()
        assert hung.wait(20)
        listener.close()


@pytest.mark.skipif(os.name == "nt", reason="os.kill ends a process there")
def test_processes_end_with_their_block(long: Path) -> None:
    with readers(2) as hears:
        listener = Listener([Job(n, long) for n in range(1, 6)], ToyEncoder(), unknown, hears)
        ends = [event for event in listener if isinstance(event, End)]
        listener.close()
        pids = [each.pid for each in hears]
        assert os.getpgid(0) not in map(os.getpgid, pids)  # Ctrl-C is not for them
    assert len(ends) == 5
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
