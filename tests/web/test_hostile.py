"""Requests that mean no good are refused, and the server lives."""

from __future__ import annotations

import io
import json
import os
import re
import socket
import struct
import zlib
from contextlib import closing
from pathlib import Path

import pytest
from conftest import ROOT
from PIL import Image
from web_server import Page, serving

from indexer.errors import LibraryError, LibraryNotFound, PictureError
from query.web import guard, pictures
from query.web.aside import aside
from query.web.decoder import Decoder
from query.web.places import Places

READ = (".html", ".js", ".css", ".svg")


@pytest.fixture(autouse=True)
def _lives(page: Page) -> object:
    yield
    assert page.json("/api/status")["version"]


def bomb(side: int) -> bytes:
    """A PNG of a few kB that claims side × side pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    head = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    rows = zlib.compress(bytes(min(side, 50_000) // 8 + 1) * min(side, 4_000), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no picture",
        b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        b"RIFF\x00\x00\x00\x00WAVE",
        bomb(50_000),
        bomb(2**31 - 1),
        b"GIF89a" + b"\xff" * 1000,
    ],
    ids=["nothing", "text", "svg", "wave", "bomb", "huge", "gif"],
)
def test_what_is_no_picture_is_refused_in_words(page: Page, data: bytes) -> None:
    response = page.client.post("/api/pictures", content=data)
    assert response.status_code == 400
    assert "cannot be read as a picture" in response.json()["error"]
    assert "/" not in response.json()["error"]


def test_a_decoder_that_dies_or_hangs_costs_one_answer(tmp_path: Path) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "fine.png")
    with closing(Decoder()) as decoder:
        for job, seconds, said in (
            ("no such job", 30.0, "It cannot be read"), ("picture", 0.001, "takes more than"),
        ):  # fmt: skip
            with pytest.raises(PictureError, match=said):
                decoder.run(job, seconds, file=tmp_path / "fine.png", into=tmp_path / "out")
        said = decoder.run("picture", file=tmp_path / "fine.png", into=tmp_path / "out")
    assert said == {"width": 8, "height": 8}


def test_a_body_that_is_too_large_is_refused_whatever_it_claims(
    page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard, "MOST_UPLOAD", 10_000)
    assert page.client.post("/api/pictures", content=b"x" * 10_001).status_code == 413
    parts = (b"x" * 1000 for _ in range(20))
    assert page.client.post("/api/pictures", content=parts).status_code == 413


def test_a_body_that_does_not_come_is_not_waited_for(
    page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard, "SECONDS", 0.3)
    host, port = page.address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=20) as slow:
        slow.sendall(
            f"POST /api/pictures HTTP/1.1\r\nHost: {host}:{port}\r\n"
            "Content-Length: 1000\r\n\r\nx".encode()
        )
        assert b" 408 " in slow.recv(200)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"host": "evil.example"}, 400),
        ({"host": "127.0.0.1.evil.example"}, 400),
        ({"host": "evil.example:80", "origin": "http://evil.example:80"}, 400),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}, 403),
    ],
)
def test_other_sites_and_other_names_are_refused(
    page: Page, headers: dict[str, str], status: int
) -> None:
    assert page.client.post("/api/pictures", content=b"x", headers=headers).status_code == status
    assert page.get("/api/status", headers=headers).status_code == status


def test_a_link_from_another_site_opens_the_page_alone(page: Page) -> None:
    headers = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}
    assert page.get("/", headers=headers).status_code == 200
    assert page.get("/api/status", headers=headers).status_code == 403


@pytest.mark.parametrize(
    "path",
    [
        "/static/../app.py", "/static/%2e%2e/app.py", "/static/..%2fapp.py", "/static//etc/passwd",
        "/api/pictures/..%2f..%2fcatalog.sqlite3", "/api/pictures/%2e%2e", "/api/sounds/..%2f1",
        "/api/sounds/1%00", "/api/sounds/-1/audio", "/api/sounds/1e9/audio", "/docs", "/redoc",
    ],
)  # fmt: skip
def test_no_path_leads_out(page: Page, path: str) -> None:
    response = page.get(path)
    assert response.status_code in (400, 404, 422)
    assert b"import" not in response.content
    assert b"root:" not in response.content


def test_whatever_goes_wrong_is_said_in_one_form(
    page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks() -> None:
        raise RuntimeError

    for answer, status in (
        (page.get("/nowhere"), 404), (page.get("/static/nothing.js"), 404),
        (page.client.post("/api/status"), 405), (page.get("/api/query-by-text"), 422),
    ):  # fmt: skip
        assert (answer.status_code, list(answer.json())) == (status, ["error"])
        assert answer.json()["error"].endswith(".")
    monkeypatch.setattr(page.desk.library.catalog, "roots", breaks)
    broken = page.get("/api/overview")
    assert (broken.status_code, list(broken.json())) == (500, ["error"])
    assert "default-src" in broken.headers["content-security-policy"]


def test_pictures_longest_unused_go_when_they_are_too_many(
    page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []
    monkeypatch.setattr(pictures, "MOST_BYTES", 1)
    for green in range(3):
        data = io.BytesIO()
        Image.new("RGB", (64, 64), (9, green, 9)).save(data, "png")
        made.append(page.upload(data.getvalue()))
    assert [page.get(f"/api/pictures/{each}").status_code for each in made] == [400, 400, 200]


def test_every_answer_forbids_foreign_content(page: Page) -> None:
    for path in ("/", "/api/status", "/static/main.js", "/nowhere"):
        headers = page.get(path).headers
        assert "default-src 'none'" in headers["content-security-policy"], path
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert "access-control-allow-origin" not in headers
        assert "server" not in headers


def test_nothing_is_fetched_from_elsewhere() -> None:
    """No address of another host in what the browser reads, but for the name of SVG."""
    read = [path for path in (ROOT / "query/web").rglob("*") if path.suffix in READ]
    assert len(read) > 10
    for path in read:
        text = path.read_text("utf-8").replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"""["'(=]\s*(https?:)?//\w""", text), path


def test_a_server_for_others_asks_for_its_token(web_library: Path) -> None:
    with serving(web_library, token="the-token") as other:
        assert other.get("/").status_code == 200
        assert other.get("/static/main.js").status_code == 200
        assert other.get("/api/status").status_code == 401
        assert other.get("/api/openapi.json").status_code == 401
        wrong = other.client.post("/api/login", json={"token": "the-tokem"})
        assert wrong.status_code == 400
        named = f"{guard.cookie_of('the-token')}=wrong"
        assert other.get("/api/status", headers={"cookie": named}).status_code == 401
        assert other.client.post("/api/login", json={"token": "the-token"}).status_code == 204
        assert other.get("/api/status").status_code == 200
        with serving(web_library, token="its-own-token") as third:  # another port of that host
            third.client.cookies = other.client.cookies
            assert third.get("/api/status").status_code == 401
            entered = third.client.post("/api/login", json={"token": "its-own-token"})
            assert entered.status_code == 204
            assert third.get("/api/status").status_code == 200
            cookies = third.client.cookies.jar
            assert [each.has_nonstandard_attr("HttpOnly") for each in cookies] == [True, True]


def test_a_guard_for_any_host_needs_a_token() -> None:
    with pytest.raises(ValueError, match="token"):
        guard.Guard(lambda *_: None, frozenset(), "")  # type: ignore[arg-type,return-value]


def test_what_a_killed_server_left_in_a_cache_goes(tmp_path: Path) -> None:
    for name in ("part-old", "part-new"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "part.flac").write_bytes(b"half")
    (tmp_path / "made.flac").write_bytes(b"whole")
    os.utime(tmp_path / "part-old", (0, 0))
    os.utime(tmp_path / "made.flac", (0, 0))
    with aside(tmp_path) as folder:
        assert {path.name for path in tmp_path.iterdir()} == {"made.flac", "part-new", folder.name}
    assert not folder.exists()


def test_a_cache_that_cannot_be_written_to_is_said(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("in the way")
    with pytest.raises(LibraryError, match="cannot be written to"), aside(tmp_path / "cache"):
        pass
    with pytest.raises(LibraryNotFound, match="connect its drive"), aside(tmp_path / "no/cache/in"):
        pass
    assert not (tmp_path / "no").exists()


def test_a_drive_that_cannot_be_looked_at_is_no_place(tmp_path: Path) -> None:
    assert Places([Path("/" + 300 * "x"), tmp_path]).roots == [tmp_path.resolve()]


def test_a_picture_is_decoded_upright_and_small(page: Page) -> None:
    data = io.BytesIO()
    Image.new("RGB", (3000, 1000), "#00ff00").save(data, "jpeg")
    frame = page.upload(data.getvalue())
    shown = page.get(f"/api/pictures/{frame}")
    assert shown.headers["content-type"] == "image/jpeg"
    assert Image.open(io.BytesIO(shown.content)).size == (640, 213)
    assert page.upload(data.getvalue()) == frame


def test_the_api_describes_itself(page: Page) -> None:
    said = json.loads(page.get("/api/openapi.json").content)
    names = {each["operationId"] for path in said["paths"].values() for each in path.values()}
    assert {"query-by-frame", "query-by-text", "query-by-sound", "audio"} <= names
