"""Downloads against a server that cuts, forgets, changes and refuses."""

from __future__ import annotations

import hashlib
import sys
import threading
import types
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from indexer.encoders import registry, weights
from indexer.encoders.download import HttpFile
from indexer.encoders.progress import Progress
from indexer.encoders.weights import Component, ModelFiles
from indexer.errors import WeightsDamaged, WeightsMissing

CONTENT = bytes(range(256)) * 12_000  # 3 MB


@dataclass
class Server:
    """What the server has and how it behaves; what it was asked."""

    content: bytes = CONTENT
    etag: str = '"one"'
    cuts: list[int] = field(default_factory=list)
    codes: list[int] = field(default_factory=list)
    ranges: bool = True
    length: int | None = None
    loops: bool = False
    asked: list[str | None] = field(default_factory=list)
    url: str = ""

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        wanted = request.headers["Range"]
        self.asked.append(wanted)
        if self.loops or self.codes:
            request.send_response(302 if self.loops else self.codes.pop(0))
            request.send_header("Location", self.url)
            request.send_header("Content-Length", "0")
            request.end_headers()
            return
        same = request.headers.get("If-Range", self.etag) == self.etag
        begin = int(wanted[6:-1]) if wanted and same and self.ranges else 0
        body = self.content[begin:]
        request.send_response(206 if begin else 200)
        if begin:
            total = len(self.content)
            request.send_header("Content-Range", f"bytes {begin}-{total - 1}/{total}")
        request.send_header("ETag", self.etag)
        request.send_header("Content-Length", str(self.length or len(body)))
        request.end_headers()
        request.wfile.write(body[: self.cuts.pop(0)] if self.cuts else body)
        request.close_connection = True


@pytest.fixture
def server() -> Iterator[Server]:
    state = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state.answer(self)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        state.url = f"http://127.0.0.1:{http.server_address[1]}/big.pth"
        thread = threading.Thread(target=http.serve_forever, args=(0.01,))
        thread.start()
        yield state
        http.shutdown()
        thread.join()


@dataclass
class Model:
    source: HttpFile
    home: Path
    said: list[str]

    @property
    def folder(self) -> Path:
        return self.home / "big"

    def fetch(self) -> bytes:
        [path] = weights.fetch("big", self.home, Progress(self.said.append))
        return path.read_bytes()

    def names(self) -> list[str]:
        return sorted(path.name for path in self.folder.iterdir())


WHOLE = [".lock", "big.bin", "manifest.json"]


def model(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tries: int = 3, room: int = 0
) -> Model:
    sha = hashlib.sha256(CONTENT).hexdigest()
    waits = (0.0,) * tries
    source = HttpFile(server.url, "big.pth", "1", sha, len(CONTENT), room=room, waits=waits)

    def unpack(fetched: Path, folder: Path) -> None:
        (folder / "big.bin").write_bytes(fetched.read_bytes())

    module = types.ModuleType("big_model")
    component = Component(source, "CC0-1.0", ("big.bin",), unpack)
    vars(module)["FILES"] = ModelFiles("big", (component,), lambda _: None)
    monkeypatch.setitem(sys.modules, "big_model", module)
    entry = registry.Entry("big", "none:none", "CC0-1.0", len(CONTENT), "", "big_model:FILES")
    monkeypatch.setitem(registry._entries, "big", entry)
    return Model(source, tmp_path, [])


@pytest.fixture
def big(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Model:
    return model(server, tmp_path, monkeypatch)


@pytest.fixture
def hasty(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Model:
    return model(server, tmp_path, monkeypatch, tries=0)


def test_a_whole_file(server: Server, big: Model) -> None:
    assert big.fetch() == CONTENT
    assert server.asked == [None]
    assert big.names() == WHOLE
    assert any("MB/s" in line and "left" in line for line in big.said)


def test_it_goes_on_after_every_cut(server: Server, big: Model) -> None:
    server.cuts = [1_500_000, 700_000]
    assert big.fetch() == CONTENT
    assert server.asked == [None, "bytes=1500000-", "bytes=2200000-"]


def cut_off(server: Server, hasty: Model) -> None:
    """One call that brought a part and then nothing."""
    server.cuts, server.asked = [1_000_000], []
    answer = server.answer

    def then_broken(request: BaseHTTPRequestHandler) -> None:
        server.codes = [503] if server.asked else []
        answer(request)

    server.answer = then_broken  # type: ignore[method-assign]
    with pytest.raises(WeightsMissing, match=r"503.*run the same again.*--from"):
        hasty.fetch()
    server.answer = answer  # type: ignore[method-assign]
    server.asked, server.codes = [], []


def test_it_goes_on_in_the_next_run(server: Server, hasty: Model) -> None:
    cut_off(server, hasty)
    assert "big.pth.part" in hasty.names()
    assert weights.status("big", hasty.home).state == "missing"
    assert hasty.fetch() == CONTENT
    assert server.asked == ["bytes=1000000-"]
    assert hasty.names() == WHOLE


def test_another_version_starts_again(server: Server, hasty: Model) -> None:
    part = hasty.folder / "big.pth.part"
    cut_off(server, hasty)
    part.write_bytes(b"x" * part.stat().st_size)
    server.etag = '"two"'
    assert hasty.fetch() == CONTENT
    assert server.asked == ["bytes=1000000-"]


def test_a_server_without_ranges_starts_again(server: Server, big: Model) -> None:
    server.ranges, server.cuts = False, [1_000_000]
    assert big.fetch() == CONTENT
    assert server.asked == [None, "bytes=1000000-"]


def test_a_range_that_is_refused_starts_again(server: Server, hasty: Model, big: Model) -> None:
    cut_off(server, hasty)
    server.codes = [416]
    with pytest.raises(WeightsMissing, match="416"):
        hasty.source.fetch(hasty.folder, Progress(print))
    assert not (hasty.folder / "big.pth.part").exists()
    assert big.fetch() == CONTENT


def test_not_found_is_said_at_once(server: Server, big: Model) -> None:
    server.codes = [404]
    with pytest.raises(WeightsMissing, match=r"answered 404"):
        big.fetch()
    assert len(server.asked) == 1


def test_a_wrong_file_is_not_kept(server: Server, big: Model) -> None:
    server.content = b"x" * len(CONTENT)
    with pytest.raises(WeightsDamaged, match="not the file it should be"):
        big.fetch()
    assert big.names() == [".lock"]
    server.content = CONTENT
    assert big.fetch() == CONTENT


def test_a_file_of_another_size_is_refused_before_it_comes(server: Server, big: Model) -> None:
    server.content = CONTENT + b"more"
    with pytest.raises(WeightsMissing, match=r"offers 3,072,004 bytes, not 3,072,000"):
        big.fetch()
    assert big.names() == [".lock"]


def test_redirects_end(server: Server, big: Model) -> None:
    server.loops = True
    with pytest.raises(WeightsMissing, match="redirects"):
        big.fetch()
    assert len(server.asked) <= 7


def test_a_small_disk_is_said_before_anything_is_asked(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    huge = model(server, tmp_path, monkeypatch, room=10**18)
    with pytest.raises(WeightsMissing, match=r"needs .* GB of disk.*SONORIZE_MODELS"):
        huge.fetch()
    assert server.asked == []


def test_ctrl_c_keeps_the_part(server: Server, big: Model) -> None:
    class Impatient(Progress):
        def bytes(self, done: int, total: int) -> None:
            if done > 1_000_000:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        weights.fetch("big", big.home, Impatient(print))
    assert (big.folder / "big.pth.part").stat().st_size > 1_000_000
    assert big.fetch() == CONTENT
    assert server.asked[1] is not None
