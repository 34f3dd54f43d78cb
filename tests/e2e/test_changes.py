"""What a build does when something under it changed: the model, the drive."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from libraries import CountingEncoder, build, contents, differences, tone

from indexer.audio import decode
from indexer.errors import AudioError


class Retrained(CountingEncoder):
    """The same model with other weights, as far as anyone can tell."""

    def fingerprint(self, part: object) -> str:
        return f"new {part}"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "sounds"
    for axis in range(3):
        tone(made / f"{axis}.wav", axis, 0.5)
    tone(made / "long.wav", 3, 9.0)
    return made


def test_a_model_that_changed_hears_and_reads_all_again_once(folder: Path, tmp_path: Path) -> None:
    build(tmp_path / "library", folder)
    new = Retrained()
    assert build(tmp_path / "library", folder, encoder=new).failed == 0
    assert (new.heard > 4, new.read) == (True, 4)
    again = Retrained()
    build(tmp_path / "library", folder, encoder=again)
    assert (again.heard, again.read) == (0, 0)
    one_model = Retrained()
    build(tmp_path / "anew", folder, encoder=one_model)
    assert contents(tmp_path / "library")["sounds"] == contents(tmp_path / "anew")["sounds"]


def test_a_drive_that_fails_while_names_are_read_costs_nothing(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build(tmp_path / "library", folder)
    before = contents(tmp_path / "library")
    os.utime(folder / "1.wav", (1, 1))  # so it may have changed

    def failing(_path: Path) -> None:
        raise AudioError("it cannot be read") from OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(decode, "probe", failing)
        build(tmp_path / "library", folder)
    lost = differences(before, contents(tmp_path / "library"))
    assert lost == ([], 1.0)
    build(tmp_path / "library", folder)
    assert len(contents(tmp_path / "library")["sounds"]) == 4
