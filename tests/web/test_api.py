"""Requests made from the API's own description never break the server."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest
from libraries import copied
from web_server import running, serving
from web_study import LOOPBACK, Door, on_disk

from query.web.study import create_study_app

NOT_TRIED = ("build-index", "reveal", "reveal-project")


@pytest.mark.slow
def test_no_request_of_its_kind_is_answered_with_a_server_error(
    web_library: Path, tmp_path: Path
) -> None:
    copied(web_library, tmp_path / "library")  # it will be written to
    with serving(tmp_path / "library", roots=[tmp_path]) as page:
        page.ready()
        left_out = [word for name in NOT_TRIED for word in ("--exclude-operation-id", name)]
        _fuzz(tmp_path, f"{page.address}/api/openapi.json", *left_out)
        assert page.json("/api/status")["version"]


@pytest.mark.slow
def test_nor_is_one_of_a_study(tmp_path: Path) -> None:
    """By someone who takes part; a study does not describe itself, so this is done for it here."""
    made = on_disk(tmp_path)
    room = made.room()
    app = create_study_app(room, LOOPBACK)
    (tmp_path / "study.json").write_text(json.dumps(app._app.openapi()))  # type: ignore[attr-defined]
    with running(app) as page, ExitStack() as held:
        client, _ = Door(held).joined(page)
        [cookie] = client.cookies.items()
        rater = ("--header", f"cookie: {'='.join(cookie)}")
        _fuzz(tmp_path, str(tmp_path / "study.json"), "--url", page.address, *rater)
        assert page.json("/api/state")["stage"] == "consent"


def _fuzz(folder: Path, described: str, *options: str) -> None:
    done = subprocess.run(
        [
            sys.executable, "-m", "schemathesis.cli", "run", described,
            "--phases", "fuzzing", "--max-examples", "2", "--checks", "not_a_server_error",
            "--suppress-health-check", "all", "--seed", "1", *options,
        ],
        cwd=folder, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    assert "Tested" in done.stdout
