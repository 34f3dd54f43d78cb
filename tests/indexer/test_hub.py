"""The Hugging Face hub's answers, from a server of our own."""

from __future__ import annotations

import hashlib
import pickle
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from indexer.encoders import weights
from indexer.encoders.hub import HubFile
from indexer.encoders.makers import AUDIOLDM
from indexer.encoders.pretrained import converted
from indexer.encoders.progress import Progress
from indexer.errors import WeightsDamaged, WeightsMissing

COMMIT = "a" * 40
LARGE = b"weights" * 1000
SMALL = b'{"projection_dim": 16}'
_SMALL = hashlib.sha1(b"blob %d\0" % len(SMALL) + SMALL).hexdigest()
TAGS = {
    "model.safetensors": hashlib.sha256(LARGE).hexdigest(),
    "config.json": _SMALL,
    "unet/config.json": _SMALL,
}


class Hub(BaseHTTPRequestHandler):
    """Answers /OWNER/NAME/resolve/REVISION/FILE as the hub does."""

    spoiled = False
    gated = False
    keys: ClassVar[list[str | None]] = []

    def do_HEAD(self) -> None:
        self.answer(send=False)

    def do_GET(self) -> None:
        self.answer(send=True)

    def answer(self, send: bool) -> None:
        revision, _, name = self.path.split("/resolve/")[1].partition("/")
        self.keys.append(self.headers.get("Authorization"))
        if self.gated:
            self.send_response(401)
            self.send_header("X-Error-Code", "GatedRepo")
            self.end_headers()
            return
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
    monkeypatch.setattr(Hub, "keys", [])
    monkeypatch.delenv("HF_TOKEN", raising=False)
    with ThreadingHTTPServer(("127.0.0.1", 0), Hub) as http:
        thread = threading.Thread(target=http.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{http.server_address[1]}"
        http.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("name", "content"),
    [("model.safetensors", LARGE), ("config.json", SMALL), ("unet/config.json", SMALL)],
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


def test_terms_to_accept_are_said(
    hub: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Hub, "gated", True)
    source = HubFile("owner/model", "main", "config.json", endpoint=hub)
    with pytest.raises(WeightsMissing, match=r"terms to accept: accept them .*HF_TOKEN"):
        source.fetch(tmp_path, Progress(print))


@pytest.mark.parametrize("key", ["", "hf_secret"])
def test_a_key_goes_to_the_hub_and_is_not_told(
    hub: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    if key:
        monkeypatch.setenv("HF_TOKEN", key)
    told: list[str] = []
    source = HubFile("owner/model", "main", "config.json", endpoint=hub)
    source.fetch(tmp_path, Progress(told.append))
    assert set(Hub.keys) == {f"Bearer {key}" if key else None}
    assert not key or key not in "".join(told)


@pytest.mark.parametrize("key", ["hf_sec\x01ret", "hf_s\xe9cret"])
def test_what_is_no_key_is_neither_sent_nor_told(
    hub: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    monkeypatch.setenv("HF_TOKEN", key)
    with pytest.raises(WeightsMissing, match=r"^HF_TOKEN.* set it anew") as refused:
        HubFile("owner/model", "main", "config.json", endpoint=hub).fetch(tmp_path, Progress(print))
    assert key[4:] not in str(refused.value)
    assert Hub.keys == []


@pytest.mark.parametrize(("scheme", "sent"), [("http", ""), ("https", "hf_secret")])
def test_a_key_goes_nowhere_where_it_can_be_read_on_the_way(
    scheme: str, sent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    source = HubFile("owner/model", "main", "config.json", endpoint=f"{scheme}://hub.example")
    assert source._key() == sent


def test_folders_of_a_repository_are_folders_here(tmp_path: Path) -> None:
    made, kept = tmp_path / "made", tmp_path / "kept"
    for path in AUDIOLDM.components:
        file = made / path.source.filename
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(path.source.filename)
    weights.fetch("audioldm", kept, Progress(print), found_in=made)
    assert (kept / "audioldm/unet/config.json").read_text() == "unet/config.json"
    assert len(weights.verify("audioldm", kept)) == len(AUDIOLDM.components)
    (kept / "audioldm/vae/config.json").write_text("vae/config.jsox")
    with pytest.raises(WeightsDamaged, match="models fetch audioldm"):
        weights.verify("audioldm", kept)


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", "model.pkl"])
def test_pickles_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="may hold code"):
        HubFile("owner/model", "main", name)


def test_a_checkpoint_becomes_plain_tensors_and_runs_nothing(tmp_path: Path) -> None:
    import torch
    from safetensors.torch import load_file

    part = converted("owner/model", "MIT", COMMIT)
    assert (part.source.filename, part.source.version) == ("pytorch_model.bin", COMMIT)
    path = tmp_path / "pytorch_model.bin"
    shared = torch.arange(6.0).reshape(2, 3)
    torch.save({"a": shared, "turned": shared.T, "n": torch.tensor([3])}, path)
    part.unpack(path, tmp_path)
    read = load_file(tmp_path / "model.safetensors")
    assert read["turned"].tolist() == shared.T.tolist()
    assert (read["n"].dtype, set(read)) == (torch.int64, {"a", "turned", "n"})
    ran = tmp_path / "ran"
    for bad in (b"PK\x03\x04", pickle.dumps(Runs(ran), protocol=2), pickle.dumps([1], protocol=2)):
        path.write_bytes(bad)
        with pytest.raises(WeightsDamaged, match="fetch it again"):
            part.unpack(path, tmp_path)
    torch.save([shared], path)
    with pytest.raises(WeightsDamaged, match="no weights by name"):
        part.unpack(path, tmp_path)
    assert not ran.exists()


class Runs:
    """What a pickle may hold."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> object:
        return Path.touch, (self._path,)
