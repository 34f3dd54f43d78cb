"""A build that is stopped, at any stage and in any way, is gone on with."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest
from libraries import COLOURS, At, build, contents, differences, interrupt, run, tone
from PIL import Image

from indexer.audio.waveform import Waveform
from indexer.build import apart, words
from indexer.build import run as build_run
from indexer.build.report import Progress
from indexer.encoders.protocol import Vectors
from indexer.encoders.toy import ToyEncoder
from indexer.library import Library

FILES = 16
HEARD = "Listening to the start"


class Stopping(ToyEncoder):
    """Raises when it is to hear the `last` window after a trial, which hears two."""

    def __init__(self, last: int, error: type[BaseException]) -> None:
        self._left, self._error = last + 2, error

    def embed_audio(self, waveforms: Sequence[Waveform]) -> Vectors:
        self._left -= len(waveforms)
        if self._left <= 0:
            raise self._error("stopped")
        return super().embed_audio(waveforms)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Short ones and long ones, two alike, one that is no sound."""
    made = tmp_path_factory.mktemp("interrupted") / "sounds"
    for number in range(FILES - 2):
        seconds = 9.0 if number in (4, 9) else 0.1 + 0.05 * number
        tone(made / f"{number % 3}" / f"thing {number}.wav", number % 8, seconds)
    shutil.copy(made / "2/thing 5.wav", made / "0/thing copy.wav")
    (made / "1/thing broken.wav").write_bytes(b"these are no samples")
    return made


@pytest.fixture(scope="module")
def undisturbed(folder: Path) -> dict[str, Any]:
    build(folder.with_name("undisturbed"), folder)
    return contents(folder.with_name("undisturbed"))


def counts(library: Path) -> dict[str, int]:
    with Library.open(library) as opened:
        return opened.catalog.counts()


def found_by_name(library: Path) -> int:
    done = run("query-by-text", "thing", "--only", "exact", "-k", 99, "--all-takes",
               "--format", "json", "--library", library)  # fmt: skip
    assert done.code == 0
    return len(done.out.splitlines())


@pytest.mark.parametrize(
    ("stage", "advanced"),
    [
        ("Reading names", True),
        (HEARD, True),
        ("rest of long", True),
        pytest.param("Reading names", False, marks=pytest.mark.slow),
        pytest.param("Embedding names", False, marks=pytest.mark.slow),  # the last there is
        pytest.param(HEARD, False, marks=pytest.mark.slow),
        pytest.param("rest of long", False, marks=pytest.mark.slow),
    ],
)
def test_stopped_at_any_stage_it_goes_on(
    folder: Path,
    undisturbed: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    stage: str,
    advanced: bool,
) -> None:
    monkeypatch.setattr(words, "FIRST", FILES)
    library = tmp_path / "library"
    with pytest.raises(KeyboardInterrupt):
        build(library, folder, progress=At(stage, interrupt, advanced=advanced))
    named = stage != "Reading names" or advanced
    over = stage == "Embedding names"
    copied = over or stage == "rest of long"  # the two that are alike are known to be by then
    assert found_by_name(library) == (FILES - 1 - copied if named else 0)
    before = counts(library)
    assert (before["ready"] == counts(folder.with_name("undisturbed"))["ready"]) == over
    assert (before["partial"] > 0) == (stage == "rest of long")
    report = build(library, folder)
    assert report.added + report.skipped + report.failed == FILES
    assert differences(undisturbed, contents(library)) == ([], 1.0)
    assert build(library, folder).skipped == FILES


@pytest.mark.parametrize("stopped", [False, True])
def test_what_is_heard_while_others_are_named_is_the_same(
    folder: Path,
    undisturbed: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    stopped: bool,
) -> None:
    monkeypatch.setattr(words, "NAMED", 2)
    library = tmp_path / "library"
    if stopped:
        with pytest.raises(KeyboardInterrupt):
            build(library, folder, progress=At(HEARD, interrupt))
        assert 0 < found_by_name(library) <= FILES - 1
    build(library, folder)
    assert differences(undisturbed, contents(library)) == ([], 1.0)


def test_stopped_while_processes_read_it_goes_on(
    folder: Path, undisturbed: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build_run, "MUCH", 0.0)
    library = tmp_path / "library"
    with pytest.raises(KeyboardInterrupt):
        build(library, folder, progress=At(HEARD, interrupt, advanced=True))
    assert counts(library)["named"] > 0
    build(library, folder)
    assert differences(undisturbed, contents(library)) == ([], 1.0)


@pytest.mark.parametrize(
    ("last", "error"),
    [
        (12, KeyboardInterrupt),
        pytest.param(1, KeyboardInterrupt, marks=pytest.mark.slow),
        pytest.param(1, RuntimeError, marks=pytest.mark.slow),
        pytest.param(12, RuntimeError, marks=pytest.mark.slow),
    ],
)
def test_stopped_in_the_encoder_it_goes_on(
    folder: Path,
    undisturbed: dict[str, Any],
    tmp_path: Path,
    last: int,
    error: type[BaseException],
) -> None:
    library = tmp_path / "library"
    with pytest.raises(error, match="stopped"):
        build(library, folder, encoder=Stopping(last, error))
    if last > 1:
        assert counts(library)["ready"] > 0  # what was heard is kept
    build(library, folder)
    assert differences(undisturbed, contents(library)) == ([], 1.0)


def test_while_it_builds_questions_are_answered_by_what_is_heard(tmp_path: Path) -> None:
    for axis in range(3):
        tone(tmp_path / "sounds" / f"{axis}.wav", axis, 8.0)
    Image.new("RGB", (8, 8), COLOURS[1]).save(tmp_path / "orange.png")
    answers = []

    def ask() -> None:
        done = run("query-by-frame", tmp_path / "orange.png", "--format", "json",
                   "--metadata-weight", 0, "--library", tmp_path / "library")  # fmt: skip
        answers.append([json.loads(line) for line in done.out.splitlines()])

    build(tmp_path / "library", tmp_path / "sounds", progress=At("rest of long", ask))
    ask()
    for hits in answers:
        assert [hit["score"] for hit in hits] == [1.0, 0.0, 0.0]
        assert Path(hits[0]["path"]).name == "1.wav"
    assert answers[0][0]["duration"] == 8.0


def test_stopped_before_it_began_nothing_is_written(folder: Path, tmp_path: Path) -> None:
    class No(Progress):
        def planned(self, plan: object) -> None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build(tmp_path / "library", folder, progress=No())
    with Library.open(tmp_path / "library") as opened:
        assert opened.catalog.roots() == []
        assert set(opened.catalog.counts().values()) == {0}


WAITING = """
import signal, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it
from indexer.encoders.toy import ToyEncoder
hear, waited = ToyEncoder.embed_audio, []
def embed_audio(self, waveforms):
    if not waited and any(w.samples.any() for w in waveforms):
        waited.append(True)
        time.sleep(60)
    return hear(self, waveforms)
ToyEncoder.embed_audio = embed_audio
"""
"""Hears nothing (a trial with silence apart) before it is stopped."""


def start(folder: Path, library: Path, first: str = "") -> subprocess.Popen[str]:
    code = f"{first}\nfrom query.cli.main import main; main()"
    command = [sys.executable, "-c", code, "build-index", folder, "--library", library]
    return subprocess.Popen(
        [*map(os.fspath, command), "--encoder", "toy"],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def line_with(process: subprocess.Popen[str], words: str) -> str:
    assert process.stderr is not None
    return next((line for line in process.stderr if words in line), "")


def test_progress_never_passes_its_end(folder: Path, tmp_path: Path) -> None:
    class Seconds(Progress):
        ends: ClassVar[dict[str, tuple[float, float]]] = {}  # done and promised, of each stage
        last = ""

        def stage(self, name: str, total: float, unit: str = "files") -> None:
            done, before = self.ends.get(name, (0.0, 0.0))
            self.ends[name], self.last = (done, before + total), name

        def advance(self, count: float = 1) -> None:
            done, total = self.ends[self.last]
            assert done + count <= total + 1e-6
            self.ends[self.last] = (done + count, total)

    build(tmp_path / "library", folder, progress=Seconds())
    assert len(Seconds.ends) == 4
    for done, total in Seconds.ends.values():
        assert done == pytest.approx(total)


def test_the_stages_tell_one_story(tmp_path: Path) -> None:
    for number in range(12):
        seconds = 20.0 if number % 4 == 0 else 2.0
        tone(tmp_path / f"sounds/{number:02}.wav", number % 8, seconds)
    done = run("build-index", tmp_path / "sounds", "--encoder", "toy",
               "--library", tmp_path / "library")  # fmt: skip
    assert done.code == 0, done.err
    told = [line for line in done.err.splitlines() if line.startswith(("Reading", "Listening"))]
    assert told == [
        "Reading names and tags to begin with: 8 files",
        "Listening to the start of every file",
        # three files of 20 s, of which 6 s were heard
        "Listening to the rest of long files: 42 s of sound",
    ]


@pytest.mark.slow
def test_killed_three_times_it_goes_on(
    folder: Path, undisturbed: dict[str, Any], tmp_path: Path
) -> None:
    library = tmp_path / "library"
    delays = random.Random(5)
    killed = 0
    for stage in ("Reading names", HEARD, HEARD):
        with start(folder, library) as process:
            line_with(process, stage)  # a fast machine may have come to the end of it before
            time.sleep(delays.uniform(0, 0.1))
            process.kill()
        killed += process.returncode == -signal.SIGKILL
    assert killed
    with start(folder, library) as process:
        assert "Traceback" not in process.communicate()[1]
    assert process.returncode == 0  # the one that is no sound was reported before
    assert differences(undisturbed, contents(library)) == ([], 1.0)
    assert run("library", "check", "--library", library).code == 0


@pytest.mark.slow
def test_ctrl_c_is_answered_in_words(
    folder: Path, undisturbed: dict[str, Any], tmp_path: Path
) -> None:
    library = tmp_path / "library"
    with start(folder, library, WAITING) as process:
        assert HEARD in line_with(process, HEARD)
        process.send_signal(signal.SIGINT)
        said = process.communicate()[1]
    assert process.returncode == 130
    *before, stopped = said.strip().splitlines()
    assert stopped == "sonorize: stopped; what was recorded is kept, run it again to go on."
    assert all(line.startswith("Stopping: recording what was heard: ") for line in before)
    build(library, folder)
    assert differences(undisturbed, contents(library)) == ([], 1.0)


@pytest.mark.slow
def test_a_build_that_is_stopped_at_its_index_did_not_die(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tone(tmp_path / "sounds/dog.wav", 3)
    monkeypatch.setattr(build_run, "save_indexes", lambda *_: interrupt())
    with pytest.raises(KeyboardInterrupt):
        build(tmp_path / "library", tmp_path / "sounds")
    with Library.open(tmp_path / "library") as library:
        assert not library.catalog.died()


@pytest.mark.slow
def test_after_a_build_that_died_files_are_read_in_processes(
    folder: Path, undisturbed: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that crashes its decoder ends that build, and then costs itself alone."""
    counts: list[int] = []

    def readers(count: int) -> Any:
        counts.append(count)
        return apart.readers(count)

    monkeypatch.setattr(build_run, "readers", readers)
    library = tmp_path / "library"
    with pytest.raises(KeyboardInterrupt):
        build(library, folder, encoder=Stopping(3, KeyboardInterrupt))
    with start(folder, library) as process:
        line_with(process, HEARD)
        process.kill()
    assert process.returncode == -signal.SIGKILL
    for _ in range(2):
        build(library, folder)
    # none to hear is left for the last one; one that could say that it was stopped did not die
    assert [count > 0 for count in counts] == [False, True, False]
    assert differences(undisturbed, contents(library)) == ([], 1.0)


def test_two_builds_at_once_are_refused_in_words(folder: Path, tmp_path: Path) -> None:
    library = tmp_path / "library"
    said = []

    def second() -> None:
        with start(folder, library) as process:
            said.append(process.communicate()[1])
        assert process.returncode == 1

    build(library, folder, progress=At(HEARD, second))
    assert said == [f"sonorize: Another build is writing to {library}: wait for it, or stop it "
                    "first.\n"]  # fmt: skip
