"""A pull that is stopped, anywhere and in any way, goes on without asking twice."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from freesound_server import FreesoundServer, corpus
from libraries import contents, differences, freesound, run

TERMS = ("rain", "dog bark", "door")
WANTED = 16  # two sounds are of two terms

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def made() -> Any:
    return corpus(TERMS, each=12)


@pytest.fixture
def server(made: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[FreesoundServer]:
    with freesound(made, monkeypatch) as server:
        server.delay = 0.05
        yield server


@pytest.fixture
def arguments(tmp_path: Path) -> list[str]:
    (tmp_path / "terms.txt").write_text("\n".join(TERMS))
    return [
        "build-index", f"freesound:@{tmp_path / 'terms.txt'}", "--encoder", "toy", "--format",
        "json", "--per-term", "6", "--license", "cc0,by,by-nc,sampling+",
    ]  # fmt: skip


def stopped(server: FreesoundServer, host: str, count: int, how: int, *arguments: object) -> int:
    """The exit code of a build that gets the signal when a server has seen so many requests."""
    process = subprocess.Popen(
        [sys.executable, "-c", "import sys; from indexer.sources.freesound import budget;"
         "budget.PACE = 0; from query.cli.main import main; main()", *map(str, arguments)],
        env=os.environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )  # fmt: skip
    while server.count(host) < count:
        assert process.poll() is None
        time.sleep(0.005)
    process.send_signal(how)
    return process.wait()


@pytest.mark.parametrize(
    ("host", "count", "how"),
    [
        ("site", 2, signal.SIGKILL),
        ("previews", 1, signal.SIGKILL),
        ("previews", WANTED - 1, signal.SIGKILL),
        ("previews", 5, signal.SIGINT),
    ],
)
def test_it_goes_on_and_ends_as_if_undisturbed(
    server: FreesoundServer,
    arguments: list[str],
    tmp_path: Path,
    host: str,
    count: int,
    how: signal.Signals,
) -> None:
    assert stopped(server, host, count, how, *arguments, "--library", tmp_path / "a") != 0
    done = run(*arguments, "--library", tmp_path / "a")
    assert json.loads(done.out)["sounds"] == WANTED, done.err
    assert server.count("site") <= len(TERMS) + 1
    assert server.count("previews") <= WANTED + 2
    if how == signal.SIGINT:  # what runs comes to its end
        assert server.count("previews") == WANTED
    assert run(*arguments, "--library", tmp_path / "b").code == 0
    assert differences(contents(tmp_path / "a"), contents(tmp_path / "b")) == ([], 1.0)
    assert not list((tmp_path / "a").rglob("*.part*"))


def test_trouble_on_the_way_is_waited_out_and_changes_nothing(
    server: FreesoundServer, arguments: list[str], tmp_path: Path
) -> None:
    server.pause = 0.001
    server.fail("search", "400 down")
    for how in ("500 html", "truncate", "hang up", "redirect", "trickle"):
        server.fail("preview", how)
    done = run(*arguments, "--library", tmp_path / "a")
    assert (done.code, json.loads(done.out)["sounds"]) == (0, WANTED), done.err
    for path in (tmp_path / "a/sounds/freesound/previews").iterdir():
        assert path.read_bytes() == server.files[int(path.name.partition("__")[0])][0]
