"""A Milvus server that is killed and comes back has lost nothing that it acknowledged.

Run where SONORIZE_TEST_MILVUS_SERVER names a `milvus-server` (of the package milvus 2.3.5, in an
environment of its own). It listens on every interface, so give it a network of its own:

    unshare -n sh -c 'ip link set lo up; SONORIZE_TEST_MILVUS_SERVER=…/bin/milvus-server \\
        python -m pytest -n 0 tests/e2e/test_milvus_killed.py'
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import numpy as np
import pytest
from libraries import build, make_sounds

from indexer.care import check, migrate
from indexer.encoders.toy import ToyEncoder
from indexer.errors import LibraryError
from indexer.library import Library
from indexer.vectors.exact import ExactIndex
from indexer.vectors.milvus import MilvusIndex

SERVER = os.environ.get("SONORIZE_TEST_MILVUS_SERVER", "")
DIM = 64
COMES = (
    300  # seconds in which a server is there; it waits for the leases of the one that was killed
)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not SERVER, reason="SONORIZE_TEST_MILVUS_SERVER names no milvus-server"),
]


class Server:
    """A Milvus whose data lie in a folder, whether it runs or not."""

    def __init__(self, folder: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.uri = f"http://127.0.0.1:{self.port}"
        self._command = [SERVER, "--data", folder, "--proxy-port", str(self.port)]
        self._log = folder / "said.log"

    def start(self) -> None:
        until = monotonic() + COMES
        while not self._free():  # else the server would take another port, and say nothing
            assert monotonic() < until, f"port {self.port} is in use"
            sleep(0.5)
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, stdout=log, stderr=log, start_new_session=True
            )
        while not self._answers():
            assert monotonic() < until, self._log.read_text()
            sleep(0.5)

    def stop(self, how: signal.Signals) -> None:
        """Both the process that was started and the server that it started."""
        os.killpg(self._process.pid, how)
        self._process.wait()
        while self._runs():
            sleep(0.2)

    def _runs(self) -> bool:
        group = (line.rpartition(") ")[2].split() for line in _processes())
        return any(int(words[2]) == self._process.pid and words[0] != "Z" for words in group)

    def _free(self) -> bool:
        """No, for a minute after a connection was closed here."""
        with socket.socket() as tried, suppress(OSError):
            tried.bind(("", self.port))
            return True
        return False

    def _answers(self) -> bool:
        try:
            MilvusIndex(self.uri, "asked", 2).close()
        except LibraryError:
            return False
        return True


def _processes() -> Iterator[str]:
    """What /proc says of each: its name in brackets, state, parent, group."""
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            yield path.read_text()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    made = Server(tmp_path_factory.mktemp("milvus"))
    made.start()
    yield made
    made.stop(signal.SIGKILL)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_what_was_acknowledged_is_there_again(server: Server, how: signal.Signals) -> None:
    random = np.random.default_rng(how)
    rows = random.standard_normal((20_000, DIM), dtype=np.float32)
    ids = np.arange(1, len(rows) + 1)
    judge, index = ExactIndex(DIM), MilvusIndex(server.uri, f"rows_{how}", DIM)
    judge.add(ids, rows)
    index.add(ids, rows)
    for each in (judge, index):
        assert each.remove(ids[::100]) == 200
        each.add(ids[1:3], -rows[1:3])
    index.mark({"seq": 7})
    server.stop(how)
    server.start()
    index = MilvusIndex(server.uri, f"rows_{how}", DIM)
    assert index.state()["seq"] == 7
    assert np.array_equal(index.ids(), judge.ids())
    queries = np.concatenate([rows[:50], random.standard_normal((50, DIM), dtype=np.float32)])
    found, right = index.search(queries, 10), judge.search(queries, 10)
    assert np.array_equal(found.ids, right.ids)
    assert np.array_equal(found.scores, right.scores)


def test_a_library_is_moved_to_a_server_that_is_killed_meanwhile(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_sounds(tmp_path / "sounds", 30)
    build(tmp_path / "library", tmp_path / "sounds")
    monkeypatch.setattr("indexer.library.SENT", 7)
    add, times = MilvusIndex.add, list[int]()

    def killed_before_the_second(index: MilvusIndex, ids: Any, rows: Any) -> None:
        times.append(len(ids))
        if len(times) == 2:
            server.stop(signal.SIGKILL)
        add(index, ids, rows)

    monkeypatch.setattr(MilvusIndex, "add", killed_before_the_second)
    with Library.open(tmp_path / "library") as library:
        with pytest.raises(LibraryError, match="does not answer"):
            migrate(library, ToyEncoder(), f"milvus:{server.uri}")
        assert library.config.index == "auto"
        server.start()
        count = migrate(library, ToyEncoder(), f"milvus:{server.uri}")
        assert check(library, ToyEncoder()) == []
    assert sum(times) == count + 7  # none was sent twice but those that did not arrive
