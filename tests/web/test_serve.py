"""`sonorize serve` as a process."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest
from libraries import run

from query.web.serve import is_loopback


@pytest.mark.slow
def test_it_serves_says_where_and_ends_on_an_interrupt(tmp_path: Path) -> None:
    command = "from query.cli.main import main; main()"
    arguments = ["serve", "--library", str(tmp_path / "none"), "--port", "0", "--no-open"]
    with subprocess.Popen(
        [sys.executable, "-c", command, *arguments], stderr=subprocess.PIPE, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    ) as server:  # fmt: skip
        assert server.stderr is not None
        said = server.stderr.readline()
        address = re.search(r"http://127\.0\.0\.1:\d+/", said)
        assert address, said
        assert "sonorize" in httpx2.get(address[0], timeout=60).text
        assert httpx2.get(f"{address[0]}api/status").json()["model"]["state"] == "none"
        server.send_signal(signal.SIGINT)
        rest = server.stderr.read()
    assert server.returncode == 130, rest
    assert "Traceback" not in rest
    assert not list(tmp_path.iterdir())


def test_a_port_that_is_taken_is_said(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        done = run("serve", "--no-open", "--port", other.getsockname()[1], "--library", tmp_path)
    assert done.code == 1
    assert "choose another with --port" in done.err


def test_only_this_machine_is_trusted_without_a_token() -> None:
    assert all(map(is_loopback, ("127.0.0.1", "127.1.2.3", "::1", "localhost")))
    assert not any(map(is_loopback, ("0.0.0.0", "::", "192.168.1.5", "localhost.example", "")))
