"""The Hugging Face hub's answers, from a server of our own."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from indexer.encoders.hub import HubFile
from indexer.encoders.progress import Progress
from indexer.errors import WeightsDamaged, WeightsMissing

COMMIT = "a" * 40
LARGE = b"weights" * 1000
SMALL = b'{"projection_dim": 16}'
TAGS = {
    "model.safetensors": hashlib.sha256(LARGE).hexdigest(),
    "config.json": hashlib.sha1(b"blob %d\0" % len(SMALL) + SMALL).hexdigest(),
}


class Hub(BaseHTTPRequestHandler):
    """Answers /OWNER/NAME/resolve/REVISION/FILE as the hub does."""

    spoiled = False

    def do_HEAD(self) -> None:
        self.answer(send=False)

    def do_GET(self) -> None:
        self.answer(send=True)

    def answer(self, send: bool) -> None:
        *_, revision, name = self.path.split("/")
        if name not in TAGS or revision not in ("main", COMMIT):
            self.send_response(404)
            self.send_header("X-Error-Code", "EntryNotFound")
            self.end_headers()
            return
        content = LARGE if name == "model.safetensors" else SMALL
        self.send_response(200)
        self.send_header("ETag", f'"{TAGS[name]}"')
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if send:
            assert revision == COMMIT
            self.wfile.write(content[::-1] if self.spoiled else content)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr(Hub, "spoiled", False)
    with ThreadingHTTPServer(("127.0.0.1", 0), Hub) as http:
        thread = threading.Thread(target=http.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{http.server_address[1]}"
        http.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("name", "content"), [("model.safetensors", LARGE), ("config.json", SMALL)]
)
def test_a_file_comes_as_the_hub_has_it(
    hub: str, tmp_path: Path, name: str, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = HubFile("owner/model", "main", name, endpoint=hub)
    path, came = source.fetch(tmp_path, Progress(print))
    assert (path.read_bytes(), came) == (content, COMMIT)
    monkeypatch.setattr(Hub, "spoiled", True)
    (tmp_path / f"{name}.part").unlink()
    with pytest.raises(WeightsDamaged, match="did not come whole"):
        source.fetch(tmp_path, Progress(print))
    assert not (tmp_path / f"{name}.part").exists()


def test_what_the_hub_has_not_is_said(hub: str, tmp_path: Path) -> None:
    source = HubFile("owner/model", "main", "other.json", endpoint=hub)
    with pytest.raises(WeightsMissing, match=r"owner/model .*fetch other\.json elsewhere.*--from"):
        source.fetch(tmp_path, Progress(print))


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", "model.pkl"])
def test_pickles_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="may hold code"):
        HubFile("owner/model", "main", name)
