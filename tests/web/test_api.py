"""Requests made from the API's own description never break the server."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from web_server import Page, serving

NOT_TRIED = ("build-index", "reveal", "reveal-project")


@pytest.mark.slow
def test_no_request_of_its_kind_is_answered_with_a_server_error(
    web_library: Path, tmp_path: Path
) -> None:
    shutil.copytree(web_library, tmp_path / "library")  # it will be written to
    with serving(tmp_path / "library", roots=[tmp_path]) as page:
        page.ready()
        _fuzz(page, tmp_path)
        assert page.json("/api/status")["version"]


def _fuzz(page: Page, folder: Path) -> None:
    left_out = [word for name in NOT_TRIED for word in ("--exclude-operation-id", name)]
    done = subprocess.run(
        [
            sys.executable, "-m", "schemathesis.cli", "run", f"{page.address}/api/openapi.json",
            "--phases", "fuzzing", "--max-examples", "2", "--checks", "not_a_server_error",
            "--suppress-health-check", "all", "--seed", "1", *left_out,
        ],
        cwd=folder, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    assert "Tested" in done.stdout
