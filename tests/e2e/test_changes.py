"""What a build does when something under it changed: the model, the drive."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from libraries import (
    At,
    CountingEncoder,
    build,
    configured,
    contents,
    differences,
    files,
    interrupt,
    run,
    tone,
)
from sqlalchemy import select

from indexer.audio import decode
from indexer.build.report import Options
from indexer.catalog.entries import Described
from indexer.catalog.models import Build
from indexer.encoders.toy import ToyEncoder
from indexer.errors import AudioError
from indexer.library import Library


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


@pytest.mark.slow
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


def imported(library: Path) -> dict[str, str]:
    """What the user said of the sound in each file."""
    with Library.open(library) as opened:
        known = opened.catalog.known(1)
        said = opened.catalog.sounds([file.sound_id for file in known.values()])
        return {path: said[file.sound_id].columns["notes"] for path, file in known.items()}


def describe(library: Path, path: str, notes: str) -> None:
    with Library.open(library) as opened:
        sound_id = opened.catalog.known(1)[path].sound_id
        opened.catalog.record([Described(sound_id, {"notes": notes})])


def swap(folder: Path, first: str, second: str) -> None:
    (folder / first).rename(folder / "aside")
    (folder / second).rename(folder / first)
    (folder / "aside").rename(folder / second)
    for number, name in enumerate((first, second)):
        os.utime(folder / name, (number, number))


def test_files_that_swap_names_keep_what_is_known_of_them(folder: Path, tmp_path: Path) -> None:
    library = tmp_path / "library"
    build(library, folder)
    describe(library, "0.wav", "the low one")
    describe(library, "1.wav", "the higher one")
    swap(folder, "0.wav", "1.wav")
    encoder = CountingEncoder()
    build(library, folder, encoder=encoder)
    said = imported(library)
    assert (said["0.wav"], said["1.wav"]) == ("the higher one", "the low one")
    assert encoder.heard == 0


def test_a_file_that_moved_is_known_though_another_took_its_name(
    folder: Path, tmp_path: Path
) -> None:
    library = tmp_path / "library"
    build(library, folder)
    describe(library, "0.wav", "the low one")
    (folder / "0.wav").rename(folder / "z.wav")
    tone(folder / "0.wav", 5, 0.6)
    encoder = CountingEncoder()
    build(library, folder, encoder=encoder)
    assert encoder.heard == 1  # the new one
    said = imported(library)
    assert (said["z.wav"], said["0.wav"]) == ("the low one", "")
    build(tmp_path / "anew", folder)
    assert len(contents(library)["sounds"]) == len(contents(tmp_path / "anew")["sounds"])


def test_a_file_changed_where_it_lies_keeps_what_was_said_of_it(
    folder: Path, tmp_path: Path
) -> None:
    library = tmp_path / "library"
    build(library, folder)
    describe(library, "0.wav", "the low one")
    tone(folder / "0.wav", 5, 0.6)
    build(library, folder)
    assert imported(library)["0.wav"] == "the low one"
    with Library.open(library) as opened:
        key = opened.catalog.known(1)["0.wav"].sound_id
        assert opened.catalog.sounds([key])[key].columns["raw"].keys() == {"imported"}


def test_a_build_that_stops_gives_no_file_the_words_of_another(
    folder: Path, tmp_path: Path
) -> None:
    library = tmp_path / "library"
    build(library, folder)
    describe(library, "0.wav", "the low one")
    (folder / "0.wav").rename(folder / "z.wav")
    tone(folder / "0.wav", 5, 0.6)
    with pytest.raises(KeyboardInterrupt):
        build(library, folder, progress=At("Listening", interrupt))
    assert imported(library)["0.wav"] == ""
    os.utime(folder / "0.wav", (1, 1))
    build(library, folder)
    said = imported(library)
    assert (said["z.wav"], said["0.wav"]) == ("the low one", "")


def test_a_copy_that_takes_a_name_brings_its_words_to_no_other_file(
    folder: Path, tmp_path: Path
) -> None:
    library = tmp_path / "library"
    build(library, folder)
    describe(library, "0.wav", "the low one")
    shutil.copy(folder / "1.wav", folder / "0.wav")
    build(library, folder)
    assert imported(library)["1.wav"] == ""


def test_words_imported_while_they_are_embedded_are_embedded_again(
    folder: Path, tmp_path: Path
) -> None:
    library = tmp_path / "library"

    class Slow(CountingEncoder):
        def embed_metadata(self, texts: Sequence[str]) -> Any:
            if not self.read:
                with Library.open(library) as other:
                    key = other.catalog.known(1)["0.wav"].sound_id
                    other.catalog.record([Described(key, {"title": "thunder"})])
            return super().embed_metadata(texts)

    build(library, folder, encoder=Slow())
    with Library.open(library) as opened:
        key = opened.catalog.known(1)["0.wav"].sound_id
        space = opened.spaces(ToyEncoder())["metadata"]
        ids, rows = opened.catalog.embeddings.clips(space, [key])
    assert ids.tolist() == [key]
    assert rows[0, 0] > 0  # axis 0 is thunder


def test_a_sound_has_the_words_of_a_file_that_is_left(folder: Path, tmp_path: Path) -> None:
    library = tmp_path / "library"
    shutil.copy(folder / "0.wav", folder / "horn.wav")
    (folder / "0.wav").rename(folder / "bell.wav")
    build(library, folder)
    (folder / "bell.wav").unlink()
    prune = Options(prune=True, whole=True)
    build(library, folder, options=prune)
    build(library, folder)
    with Library.open(library) as opened:
        key = opened.catalog.known(1)["horn.wav"].sound_id
        assert opened.catalog.sounds([key])[key].columns["title"] == "horn"


def test_files_deleted_on_purpose_are_forgotten_when_that_is_said(
    folder: Path, tmp_path: Path
) -> None:
    library = tmp_path / "library"
    build(library, folder)
    held = len(files(library))
    (folder / "0.wav").unlink()
    (folder / "1.wav").unlink()
    report = build(library, folder, options=Options(prune=True))
    assert report.removed == 0
    assert f"(2 of {held})" in report.notes[0]
    assert build(library, folder, options=Options(prune=True, whole=True)).removed == 2
    for path in folder.iterdir():
        path.unlink()
    assert build(library, folder, options=Options(prune=True, whole=True)).removed == 0
    assert len(files(library)) == held - 2


def test_a_build_records_what_it_was_made_with(folder: Path, tmp_path: Path) -> None:
    build(tmp_path / "library", folder)
    with Library.open(tmp_path / "library") as opened, opened.catalog.engine.connect() as reading:
        made = reading.execute(select(Build.encoder, Build.device, Build.report)).one()
    assert (made.encoder, made.device) == ("toy", "cpu")
    assert made.report["model_licence"] == "Apache-2.0"


def test_another_encoder_for_a_library_is_refused(folder: Path, tmp_path: Path) -> None:
    build(tmp_path / "other", folder)
    configured(tmp_path / "other", encoder="starter")
    done = run("build-index", folder, "--encoder", "toy", "--library", tmp_path / "other")
    assert done.code == 1
    assert "use --encoder starter" in done.err
