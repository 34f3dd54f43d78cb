"""sonorize doctor, on real libraries and real environments that lack something."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import tiny_imagebind
from click.testing import CliRunner, Result
from sqlalchemy import text

from indexer import settings
from indexer.build.run import build_index
from indexer.cli.doctor import doctor
from indexer.encoders import registry
from indexer.library import Config, Library
from indexer.sources.folder import FolderSource
from indexer.vectors import registry as vectors

pytestmark = pytest.mark.slow


def look(*arguments: str) -> tuple[list[dict[str, str]], int]:
    """Findings and exit code."""
    result: Result = CliRunner().invoke(doctor, ["--format", "json", *arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return [json.loads(line) for line in result.stdout.splitlines()], result.exit_code


def of(findings: list[dict[str, str]], about: str, state: str) -> list[dict[str, str]]:
    return [each for each in findings if each["about"] == about and each["state"] == state]


def install(site: Path, name: str, *files: str) -> None:
    """A distribution of that name on sys.path, with files that are empty."""
    info = site / f"{name.replace('-', '_')}-9.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 9.0\n")
    (info / "RECORD").write_text("".join(f"{file},,\n" for file in files))
    for file in files:
        (site / file).parent.mkdir(parents=True, exist_ok=True)
        (site / file).touch()


@pytest.fixture
def sounds(tmp_path: Path) -> Path:
    folder = tmp_path / "sounds"
    folder.mkdir()
    seconds = np.arange(16_000) / 16_000
    for pitch in (100, 300, 3000):
        soundfile.write(folder / f"tone {pitch}.wav", np.sin(6.28 * pitch * seconds) / 2, 16_000)
    (folder / "broken.wav").write_bytes(b"RIFF, but no sound")
    return folder


@pytest.fixture
def library(sounds: Path) -> Path:
    """The library that doctor finds without being told where."""
    found = settings.load()
    toy = registry.load("toy", models_dir=found.models)
    with Library.create(found.library, Config(encoder="toy", index="exact")) as made:
        build_index(made, [FolderSource(sounds)], toy)
    return found.library


def test_without_a_library_it_says_how_to_make_one_and_nothing_is_broken() -> None:
    findings, code = look()
    assert code == 0
    [note] = of(findings, "library", "note")
    assert "sonorize build-index" in note["says"]
    [packages] = of(findings, "packages", "ok")
    assert f"numpy {np.__version__}" in packages["says"]


def test_a_library_is_counted_and_its_unreadable_file_named(library: Path) -> None:
    findings, code = look()
    assert code == 0
    [ok] = of(findings, "library", "ok")
    assert ok["says"].startswith("3 sounds ready, 3 windows, built with toy")
    [note] = of(findings, "library", "note")
    assert note["says"] == "Unreadable files: 1."
    assert "--retry-failed" in note["do"]


def test_a_table_shows_what_to_do_below_each_finding(library: Path) -> None:
    lines = CliRunner().invoke(doctor, ["--library", str(library)]).stdout.splitlines()
    at = next(i for i, line in enumerate(lines) if line.endswith("Unreadable files: 1."))
    assert lines[at].startswith("note    library")
    assert lines[at + 1].lstrip().startswith("→ sonorize library status")


def test_a_folder_that_is_gone_can_be_moved(library: Path, sounds: Path) -> None:
    sounds.rename(sounds.with_name("elsewhere"))
    findings, code = look()
    assert code == 0
    assert any("roots --move 1 PLACE" in note["do"] for note in of(findings, "library", "note"))


def test_a_model_that_the_library_needs_and_is_not_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SONORIZE_MODELS", str(tmp_path / "models"))
    Library.create(tmp_path / "library", Config(encoder="starter")).close()
    findings, code = look("--library", str(tmp_path / "library"))
    assert code == 0
    assert [note["do"] for note in of(findings, "library", "note")] == [
        "sonorize models fetch starter"
    ]
    assert [note["do"].split()[3] for note in of(findings, "models", "note")] == ["starter"]
    [others] = [fine["says"] for fine in of(findings, "models", "ok")]
    assert others.startswith("others, not here: imagebind, ")


def test_index_files_that_are_far_behind(library: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("indexer.library.SAVE_AFTER", 2)
    assert not any("rebuild" in note["do"] for note in of(look()[0], "library", "note"))
    shutil.rmtree(library / "index")
    notes = of(look()[0], "library", "note")
    assert any(note["do"] == "sonorize library rebuild" for note in notes)


def test_a_damaged_index_file_is_named_once(library: Path) -> None:
    assert not any("index file" in note["says"] for note in of(look()[0], "library", "note"))
    (path,) = (library / "index").glob("clips-*.exact")
    path.write_bytes(path.read_bytes()[:-3])
    findings, code = look()
    assert code == 0
    (note,) = [note for note in of(findings, "library", "note") if str(path) in note["says"]]
    assert note["do"] == "sonorize library rebuild"


@pytest.mark.skipif(vectors.default() != "faiss", reason="faiss is not used here")
def test_faiss_says_where_it_searches() -> None:
    from indexer.vectors.faiss_index import built_for_gpu

    [found] = of(look()[0], "faiss", "ok")
    assert ("built for GPUs" if built_for_gpu() else "built for the CPU") in found["says"]


def test_a_catalog_of_a_newer_sonorize_is_broken(library: Path) -> None:
    with Library.open(library) as opened, opened.catalog.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    findings, code = look()
    assert code == 1
    [broken] = of(findings, "library", "broken")
    assert "newer sonorize" in broken["says"]


def test_an_index_that_is_not_here_is_broken(tmp_path: Path) -> None:
    Library.create(tmp_path / "lib", Config(encoder="toy", index="milvus")).close()
    findings, code = look("--library", str(tmp_path / "lib"))
    assert code == 1
    assert "milvus" in of(findings, "library", "broken")[0]["says"]


def test_an_encoder_nobody_knows_is_broken(tmp_path: Path) -> None:
    Library.create(tmp_path / "lib", Config(encoder="ears")).close()
    findings, code = look("--library", str(tmp_path / "lib"))
    assert code == 1
    assert "ears" in of(findings, "library", "broken")[0]["says"]


def test_two_faiss_packages_are_broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("faiss-cpu", "faiss-gpu"):
        install(tmp_path / "site", name)
    monkeypatch.syspath_prepend(tmp_path / "site")
    findings, code = look()
    assert code == 1
    [broken] = of(findings, "faiss", "broken")
    assert "pip uninstall faiss-cpu faiss-gpu" in broken["do"]


def test_another_package_of_our_name_is_broken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path / "site", "sql-tools", "query/__init__.py")
    monkeypatch.syspath_prepend(tmp_path / "site")
    findings, code = look()
    assert code == 1
    [broken] = of(findings, "packages", "broken")
    assert broken["says"] == "sql-tools also installs a package named query."


def test_a_device_that_is_not_here_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SONORIZE_DEVICE", "abacus")
    findings, code = look()
    assert code == 1
    [broken] = of(findings, "device", "broken")
    assert "abacus" in broken["says"]


@pytest.mark.slow
def test_a_package_that_cannot_be_imported_is_broken_and_the_rest_is_still_said(
    tmp_path: Path,
) -> None:
    (tmp_path / "soxr.py").write_text("raise ImportError('libsoxr.so: no such file')")
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); from query.cli.main import main"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}; main()", "doctor"], capture_output=True, text=True
    )
    assert done.returncode == 1, done.stderr
    assert "broken  packages  soxr cannot be imported: libsoxr.so: no such file." in done.stdout
    assert "sonorize build-index" in done.stdout


def test_a_model_that_came_in_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SONORIZE_MODELS", str(tmp_path))
    tiny_imagebind.write(tmp_path / "imagebind")
    (tmp_path / "imagebind/audio.safetensors").unlink()
    says = [note["says"] for note in of(look()[0], "models", "note")]
    assert "imagebind is not all here (CC-BY-NC-SA-4.0)." in says
