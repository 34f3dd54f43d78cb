"""How a library hears, and whether it embeds words: chosen at first, or changed later."""

from __future__ import annotations

from pathlib import Path

import deep
import pytest
from libraries import asked, contents, run, tone

from indexer.encoders import registry
from indexer.library import Config, read_config

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry._entries, "deep", deep.ENTRY)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    tone(tmp_path / "sounds/short.wav", 4)
    return tone(tmp_path / "sounds/thing 2.wav", 2, 9.0).parent


def test_an_encoder_with_one_rule_knows_no_official_windows(folder: Path, tmp_path: Path) -> None:
    library = tmp_path / "new"
    done = run("build-index", folder, "--encoder", "toy", "--windows", "official",
               "--library", library)  # fmt: skip
    assert done.code == 1
    assert "use imagebind" in done.err
    assert not library.exists()


def test_official_windows_are_the_librarys(folder: Path, tmp_path: Path) -> None:
    library = tmp_path / "new"
    done = run("build-index", folder, "--encoder", "deep", "--windows", "official",
               "--library", library)  # fmt: skip
    assert done.code == 0, done.err
    assert read_config(library) == Config("deep", "official")
    starts = {key[3] for key in contents(library)["vectors"]
              if key[0] == "thing 2.wav" and key[3] is not None}  # fmt: skip
    assert starts == {0, 3.5, 7}
    assert asked(library, 2)[0]["score"] == 1.0
    status = run("library", "status", "--library", library).out
    assert "built with deep --windows official (" in status
    other = run("build-index", folder, "--windows", "all", "--library", library)
    assert f"reembed --encoder deep --windows all --library {library}`" in other.err
    again = run("library", "reembed", "--encoder", "deep", "--windows", "all", "--yes",
                "--library", library)  # fmt: skip
    assert again.code == 0, again.err
    assert read_config(library) == Config("deep", "all")


def test_metadata_can_be_switched_on_later(folder: Path, tmp_path: Path) -> None:
    library = tmp_path / "new"

    def built(*options: str) -> set[str]:
        done = run("build-index", folder, "--library", library, *options)
        assert done.code == 0, done.err
        return {key[2] for key in contents(library)["vectors"]}

    assert built("--encoder", "deep") == {"audio"}
    assert built("--metadata", "--dry-run") == {"audio"}
    assert read_config(library) == Config("deep")
    assert built("--metadata") == {"audio", "metadata"}
    assert read_config(library) == Config("deep", metadata=True)
    assert built() == {"audio", "metadata"}
