"""A library changes to another encoder, whatever comes between, and can go back."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import deep
import pytest
from deep import DeepEncoder
from libraries import (
    At,
    CountingEncoder,
    asked,
    build,
    contents,
    copied,
    differences,
    interrupt,
    run,
    tone,
)
from sqlalchemy import select

from indexer.audio.waveform import Waveform
from indexer.build.reembed import reembed
from indexer.build.report import BuildReport, Progress
from indexer.build.run import build_index
from indexer.catalog.models import Build
from indexer.encoders import registry
from indexer.encoders.protocol import Vectors
from indexer.errors import EncoderMismatch, LibraryBusy, LibraryError
from indexer.library import Config, Library, read_config
from indexer.sources.folder import FolderSource

pytestmark = pytest.mark.slow

FILES = 10
DEEP = Config("deep", metadata=True)


class Stopping(DeepEncoder):
    """Is interrupted when it is to hear for the first time; what it was to hear is kept."""

    def __init__(self) -> None:
        super().__init__()
        self._left = 1

    def embed_audio(self, waveforms: Sequence[Waveform]) -> Vectors:
        self._left -= 1
        if not self._left:
            raise KeyboardInterrupt
        return super().embed_audio(waveforms)


@pytest.fixture(autouse=True)
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry._entries, "deep", deep.ENTRY)


@pytest.fixture(scope="module")
def master(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Short ones and long ones, two alike, one that is no sound; and a library of them."""
    made = tmp_path_factory.mktemp("master") / "sounds"
    for number in range(FILES - 2):
        tone(made / f"thing {number}.wav", number % 8, 9.0 if number in (2, 5) else 0.5 + number)
    shutil.copy(made / "thing 3.wav", made / "thing copy.wav")
    (made / "thing broken.wav").write_bytes(b"these are no samples")
    build(made.with_name("library"), made)
    return made.parent


@pytest.fixture
def folder(tmp_path: Path, master: Path) -> Path:
    return shutil.copytree(master / "sounds", tmp_path / "sounds")


@pytest.fixture
def library(folder: Path, master: Path) -> Path:
    copy = copied(master / "library", folder.with_name("library"))
    with Library.open(copy) as opened:
        opened.catalog.move_root(1, str(folder))
    return copy


@pytest.fixture
def undisturbed(library: Path) -> dict[str, Any]:
    copy = library.with_name("undisturbed")
    copied(library, copy)
    change(copy)
    return contents(copy)


def change(
    library: Path,
    encoder: Any = None,
    progress: Progress | None = None,
    *,
    config: Config = DEEP,
    without_them: bool = False,
) -> BuildReport:
    with Library.open(library) as opened:
        here = replace(config, catalog=opened.config.catalog)
        return reembed(opened, here, encoder or DeepEncoder(), progress, without_them=without_them)


def vectors(library: Path, encoder: str) -> dict[str, Any]:
    """Those of one encoder, as `contents` has them."""
    found = contents(library)["vectors"]
    return {"vectors": {key: row for key, row in found.items() if key[1] == encoder}}


def test_it_holds_what_a_library_built_so_would_hold(
    folder: Path, library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = contents(library)
    with monkeypatch.context() as patched:  # what was measured is not measured again
        patched.setattr("indexer.audio.analysis.Analyzer", None)
        assert change(library).added == FILES - 2
    with Library.create(tmp_path / "anew", DEEP) as anew:
        build_index(anew, [FolderSource(folder)], DeepEncoder())
    assert vectors(library, "deep")["vectors"]
    assert differences(vectors(tmp_path / "anew", "deep"), vectors(library, "deep")) == ([], 1.0)
    after = contents(library)
    for name in ("sounds", "files", "same", "takes", "analysis"):
        assert after[name] == before[name]
    assert vectors(library, "toy")["vectors"] == before["vectors"]
    assert _said(library) == DEEP
    assert [hit["score"] for hit in asked(library, 4)] == [1.0]
    with Library.open(library) as opened, pytest.raises(EncoderMismatch, match="reembed"):
        opened.spaces(CountingEncoder())


@pytest.mark.parametrize(
    ("stage", "advanced"),
    [
        ("Listening with deep", True),
        ("Listening with deep", False),
        ("Embedding names", False),
        ("Embedding names", True),
    ],
)
def test_stopped_at_any_stage_it_goes_on(
    library: Path, undisturbed: dict[str, Any], stage: str, advanced: bool
) -> None:
    with pytest.raises(KeyboardInterrupt):
        change(library, progress=At(stage, interrupt, advanced=advanced))
    assert read_config(library).encoder == "toy"
    assert [hit["score"] for hit in asked(library, 4)] == [1.0]
    change(library)
    assert differences(undisturbed, contents(library)) == ([], 1.0)


def test_stopped_in_the_encoder_it_makes_no_vector_twice(
    library: Path, undisturbed: dict[str, Any]
) -> None:
    whole, first, rest, said = DeepEncoder(), Stopping(), DeepEncoder(), []
    with pytest.raises(KeyboardInterrupt):
        change(library, first, progress=At("Stopping", lambda: said.append(True), advanced=False))
    assert said
    change(library, rest)
    copy = library.with_name("copy")
    build(copy, library.with_name("sounds"))
    change(copy, whole)
    assert 0 < first.heard < whole.heard
    assert 0 < rest.heard < whole.heard
    assert first.read + rest.read == whole.read
    assert differences(undisturbed, contents(library)) == ([], 1.0)


@pytest.mark.parametrize("stage", ["Listening with deep", "Embedding names"])
def test_killed_it_goes_on(library: Path, undisturbed: dict[str, Any], stage: str) -> None:
    code = (
        "import os, signal, sys; from pathlib import Path; from libraries import At\n"
        "from deep import DeepEncoder; from indexer.build.reembed import reembed\n"
        "from dataclasses import replace; from indexer.library import Library\n"
        "kill = lambda: os.kill(os.getpid(), signal.SIGKILL)\n"
        "with Library.open(Path(sys.argv[1])) as opened:\n"
        "    config = replace(opened.config, encoder='deep', metadata=True)\n"
        "    reembed(opened, config, DeepEncoder(), At(sys.argv[2], kill, advanced=True))\n"
    )
    here = Path(__file__).parents[1]
    paths = f"import sys; sys.path[:0] = {[str(here), str(here.parent)]!r}\n"
    done = subprocess.run([sys.executable, "-c", paths + code, str(library), stage])
    assert done.returncode == -9
    assert read_config(library).encoder == "toy"
    # the first batch of the first stage may still be on its way to the catalog
    assert vectors(library, "deep")["vectors"] or stage == "Embedding names"
    change(library)
    assert differences(undisturbed, contents(library)) == ([], 1.0)


def test_going_back_hears_only_what_came_since(folder: Path, library: Path) -> None:
    before = vectors(library, "toy")
    change(library)
    back = CountingEncoder()
    assert change(library, back, config=Config("toy")).added == 0
    assert (back.heard, back.read) == (0, 0)
    assert _said(library) == Config("toy")
    assert vectors(library, "toy") == before

    change(library)
    tone(folder / "later.wav", 1)
    with Library.open(library) as opened:
        build_index(opened, [FolderSource(folder)], DeepEncoder())
    assert change(library, back, config=Config("toy")).added == 1
    assert (back.heard, back.read) == (1, 1)


def test_a_build_between_works_with_the_old_one(
    folder: Path, library: Path, undisturbed: dict[str, Any]
) -> None:
    with pytest.raises(KeyboardInterrupt):
        change(library, Stopping())
    tone(folder / "later.wav", 6, 3.0)
    build(library, folder)
    assert read_config(library).encoder == "toy"
    assert Path(asked(library, 6)[0]["path"]).suffix == ".wav"
    change(library)
    held = contents(library)["vectors"]
    assert undisturbed["vectors"].items() <= held.items()
    assert ("later.wav", "deep", "audio", 2.0, 3.0) in held


def test_what_is_away_is_waited_for(folder: Path, library: Path) -> None:
    other = tone(folder.with_name("drive") / "far.wav", 7).parent
    build(library, other)
    away = other.rename(other.with_name("unplugged"))
    with pytest.raises(LibraryError, match=r"stays with toy: 1 sound .*1 because .* away") as said:
        change(library)
    assert "--without-them" in str(said.value)
    assert read_config(library).encoder == "toy"
    assert asked(library, 7)[0]["score"] == 1.0
    copied(library, library.with_name("without"))

    change(library.with_name("without"), without_them=True)
    assert read_config(library.with_name("without")).encoder == "deep"

    away.rename(other)
    encoder = DeepEncoder()
    assert change(library, encoder).added == 1
    assert encoder.heard == 1
    assert _said(library) == DEEP


def test_another_recording_in_a_file_is_left_to_a_build(folder: Path, library: Path) -> None:
    tone(folder / "thing 0.wav", 3, 2.5)
    encoder = DeepEncoder()
    with pytest.raises(LibraryError, match=r"1 sound .*changed.*build-index") as said:
        change(library, encoder)
    assert "as " in str(said.value)
    assert "thing 0.wav, for it is another recording now" in str(said.value)
    assert encoder.heard == 44  # seconds of the others, rounded up
    assert not [key for key in vectors(library, "deep")["vectors"]
                if key[0] == "thing 0.wav" and key[2] == "audio"]  # fmt: skip
    build(library, folder)
    change(library)
    assert ("thing 0.wav", "deep", "audio", 1.5, 2.5) in contents(library)["vectors"]


def test_only_one_writes_at_a_time(library: Path) -> None:
    with Library.open(library) as opened, opened.lock(), pytest.raises(LibraryBusy):
        change(library)


def test_a_build_that_began_before_does_not_change_the_library_back(
    folder: Path, library: Path
) -> None:
    with Library.open(library) as opened:
        change(library)
        with pytest.raises(LibraryBusy, match="changed to deep meanwhile: run it again"):
            build_index(opened, [FolderSource(folder)], CountingEncoder())
        with pytest.raises(LibraryBusy, match="meanwhile"):
            reembed(opened, Config("toy"), CountingEncoder())
    assert _said(library) == DEEP


def test_a_build_that_loads_its_model_meanwhile_says_so(
    folder: Path, library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slowly(config: Config, device: str | None = None) -> CountingEncoder:
        change(library)
        return CountingEncoder()

    monkeypatch.setattr("indexer.cli.build.load_encoder", slowly)
    done = run("build-index", folder, "--library", library)
    assert (done.code, done.out) == (1, "")
    assert "built with deep, not toy" in done.err
    assert _said(library) == DEEP


def test_words_are_not_switched_on_while_it_runs(folder: Path, library: Path) -> None:
    def other() -> None:
        done = run("build-index", folder, "--metadata", "--library", library)
        assert done.code == 1
        assert "Another build" in done.err
        assert not read_config(library).metadata

    change(library, progress=At("Listening", other), config=Config("deep"))
    assert _said(library) == Config("deep")


def test_it_is_recorded_with_the_licence_of_its_model(library: Path) -> None:
    with Library.open(library) as opened:
        built = opened.catalog.last_built()
    change(library)
    with Library.open(library) as opened, opened.catalog.engine.connect() as reading:
        *_, made = reading.execute(select(Build).order_by(Build.id)).all()
        assert opened.catalog.last_built() == built  # its takes have not been looked for
    assert (made.encoder, made.device) == ("deep", "cpu")
    assert made.report["model_licence"] == "Apache-2.0"
    assert made.report["added"] == FILES - 2


# The commands


def test_reembed_says_what_is_ahead_and_status_what_is_kept(library: Path) -> None:
    done = run("library", "reembed", "--encoder", "deep", "--metadata", "--library", library)
    assert done.code == 1  # nobody is there to say yes
    assert "8 sounds to hear with deep, " in done.err
    assert read_config(library).encoder == "toy"
    done = run("library", "reembed", "--encoder", "deep", "--metadata", "--yes",
               "--library", library)  # fmt: skip
    assert done.code == 0, done.err
    assert "8 sounds heard" in done.out
    assert "go back to toy" in done.out
    assert _said(library) == DEEP
    said = json.loads(run("library", "status", "--format", "json", "--library", library).out)
    assert said["heard"] == {"deep": 8, "toy": 8}
    assert "8 sounds by deep, 8 sounds by toy" in run("library", "status", "--library", library).out
    assert run("library", "check", "--library", library).code == 0


def test_files_that_could_not_be_heard_are_named(folder: Path, library: Path) -> None:
    tone(folder / "thing 0.wav", 3, 2.5)
    done = run("library", "reembed", "--encoder", "deep", "--yes", "--without-them",
               "--library", library)  # fmt: skip
    assert done.code == 3
    assert "thing 0.wav: it is another recording now" in done.err
    assert "7 sounds heard" in done.out
    assert _said(library) == Config("deep")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--encoder", "deep"), "reembed --encoder deep --library {library}`"),
        (("--windows", "official"), "toy does not know --windows official"),
    ],
)
def test_a_library_built_otherwise_is_refused(
    folder: Path, library: Path, options: Sequence[str], words: str
) -> None:
    done = run("build-index", folder, *options, "--library", library)
    assert done.code == 1
    assert words.format(library=library) in done.err


def _said(library: Path) -> Config:
    """The library's settings, wherever its catalog lies."""
    return replace(read_config(library), catalog=DEEP.catalog)
