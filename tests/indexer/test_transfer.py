"""Bytes over HTTP, from servers that say exactly what a test has written down."""

from __future__ import annotations

import contextlib
import itertools
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from small_disk import make_room, small_disk

from indexer import transfer
from indexer.errors import DiskFull, TransferFailed
from indexer.transfer import Again, Answer, Pace

BODY = bytes(range(256)) * 1000  # 256 kB
SIZE = len(BODY)


def reply(body: bytes = b"", code: int = 200, length: int | None = -1, **headers: str) -> bytes:
    """An answer; a `length` of None is not said."""
    said = {name.replace("_", "-"): value for name, value in headers.items()}
    if length is not None:
        said["Content-Length"] = str(len(body) if length < 0 else length)
    lines = [f"HTTP/1.1 {code} x", *(f"{name}: {value}" for name, value in said.items())]
    return "\r\n".join([*lines, "Connection: close", "", ""]).encode() + body


def rest(begin: int, end: int = SIZE, cut: int = SIZE) -> bytes:
    """From `begin` to `end`, but for what lies behind `cut`."""
    span = f"bytes {begin}-{end - 1}/{SIZE}"
    return reply(BODY[begin : min(end, cut)], 206, end - begin, Content_Range=span)


class Server:
    """Gives each connection the next answer, "" being none at all; keeps what was asked."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}/file"
        self.answers: list[bytes] = []
        self.asked: list[dict[str, str]] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._socket.accept()
                with connection, contextlib.suppress(OSError):
                    self._answer(connection)

    def _answer(self, connection: socket.socket) -> None:
        lines = connection.recv(65536).decode().split("\r\n")[1:-2]
        self.asked.append({k.lower(): v for k, v in (line.split(": ", 1) for line in lines)})
        connection.sendall(self.answers.pop(0) if self.answers else b"")
        connection.shutdown(socket.SHUT_WR)
        connection.recv(1)  # a close with bytes unread would be a reset

    def ranges(self) -> list[str | None]:
        return [each.get("range") for each in self.asked]

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


@pytest.fixture
def server() -> Iterator[Server]:
    with contextlib.closing(Server()) as one:
        yield one


@pytest.fixture
def other() -> Iterator[Server]:
    with contextlib.closing(Server()) as one:
        yield one


@pytest.fixture
def part(tmp_path: Path) -> Path:
    return tmp_path / "file.part"


def bring(server: Server, part: Path, *, pace: Pace = Pace((0, 0)), **more: Any) -> bytes:
    with transfer.web_client() as client:
        transfer.bring(client, server.url, part, pace=pace, **more)
    assert not server.answers
    return part.read_bytes()


def refused(server: Server, part: Path, why: str, **more: Any) -> None:
    with pytest.raises(TransferFailed, match=rf"{why}.*: run the same again"):
        bring(server, part, **more)


def begun(part: Path, count: int, version: str = '"one"') -> None:
    part.write_bytes(BODY[:count])
    part.with_name("file.version.part").write_text(version)


# Sizes


def test_a_cut_is_noticed_without_knowing_the_size(server: Server, part: Path) -> None:
    server.answers = [reply(BODY[:5000], length=SIZE, ETag='"one"'), rest(5000)]
    told: list[tuple[int, int | None]] = []
    assert bring(server, part, told=lambda done, total: told.append((done, total))) == BODY
    assert server.ranges() == [None, "bytes=5000-"]
    assert server.asked[1]["if-range"] == '"one"'
    assert told[0] == (0, SIZE)
    assert (5000, SIZE) in told
    assert told[-1] == (SIZE, SIZE)


def test_a_shorter_range_than_asked_for_is_taken(server: Server, part: Path) -> None:
    begun(part, 1000)
    server.answers = [rest(1000, 3000), rest(3000)]
    assert bring(server, part) == BODY


def test_another_range_than_asked_for_begins_again(server: Server, part: Path) -> None:
    begun(part, 1000)
    server.answers = [rest(2000), reply(BODY)]
    assert bring(server, part) == BODY
    assert server.ranges() == ["bytes=1000-", None]


def test_chunks_end_with_the_last_one(server: Server, part: Path) -> None:
    chunk = b"3E8\r\n" + BODY[:1000] + b"\r\n"
    server.answers = [
        reply(chunk, length=None, Transfer_Encoding="chunked"),
        reply(chunk + b"0\r\n\r\n", length=None, Transfer_Encoding="chunked"),
    ]
    assert bring(server, part) == BODY[:1000]


def test_a_length_that_nobody_knows_is_refused(server: Server, part: Path) -> None:
    server.answers = [reply(BODY, length=None)]
    refused(server, part, "does not say how long it is")
    assert not part.exists()


def test_the_size_alone_is_enough(server: Server, part: Path) -> None:
    server.answers = [reply(BODY[:2000], length=None), reply(BODY, length=None)]
    assert bring(server, part, size=SIZE) == BODY


def test_more_than_promised_is_refused(server: Server, part: Path) -> None:
    server.answers = [reply(BODY + b"x", length=None)]
    refused(server, part, "sent more than 256,000 bytes", size=SIZE)
    assert list(part.parent.iterdir()) == []


def test_nothing_is_a_file_too(server: Server, part: Path) -> None:
    server.answers = [reply(b"")]
    assert bring(server, part, size=0) == b""
    assert bring(server, part, size=0) == b""
    assert len(server.asked) == 1


def test_packed_bytes_are_refused(server: Server, part: Path) -> None:
    server.answers = [reply(BODY, Content_Encoding="gzip")]
    refused(server, part, "packed")
    assert server.asked[0]["accept-encoding"] == "identity"


# What lies there already


def test_a_whole_part_of_unknown_size_is_not_fetched_again(server: Server, part: Path) -> None:
    begun(part, SIZE)
    server.answers = [reply(code=416, Content_Range=f"bytes */{SIZE}")]
    assert bring(server, part) == BODY


def test_a_part_longer_than_the_file_begins_again(server: Server, part: Path) -> None:
    begun(part, SIZE)
    server.answers = [reply(code=416, Content_Range="bytes */1000"), reply(BODY[:1000])]
    assert bring(server, part) == BODY[:1000]


def test_a_part_longer_than_the_known_size_begins_again(server: Server, part: Path) -> None:
    begun(part, SIZE)
    server.answers = [reply(BODY[:1000])]
    assert bring(server, part, size=1000) == BODY[:1000]
    assert server.ranges() == [None]


def test_a_part_of_no_known_version_goes_on_only_if_the_size_is_known(
    server: Server, part: Path
) -> None:
    part.write_bytes(b"x" * 1000)
    server.answers = [reply(BODY)]
    assert bring(server, part) == BODY
    part.write_bytes(BODY[:1000])
    server.answers = [rest(1000)]
    assert bring(server, part, size=SIZE) == BODY
    assert server.ranges() == [None, "bytes=1000-"]


@pytest.mark.parametrize("how", [Path.symlink_to, Path.hardlink_to])
@pytest.mark.parametrize("name", ["file.part", "file.version.part"])
def test_links_are_not_followed(server: Server, tmp_path: Path, how: Any, name: str) -> None:
    outside = tmp_path / "outside"
    outside.write_text("secret")
    folder = tmp_path / "in"
    folder.mkdir()
    begun(folder / "file.part", 1000)
    (folder / name).unlink()
    how(folder / name, outside)
    server.answers = [reply(BODY, ETag='"one"')]
    assert bring(server, folder / "file.part") == BODY
    assert outside.read_text() == "secret"
    assert server.ranges() == [None]
    assert not (folder / "file.part").is_symlink()


# Patience


class Watch:
    """A clock on which `step` seconds pass between two looks; sleeping is written down."""

    def __init__(self, step: float = 0.0) -> None:
        self.slept: list[float] = []
        looks = itertools.count(0.0, step)
        self.pace = Pace(sleep=self.slept.append, clock=lambda: next(looks))


def test_every_try_waits_longer_and_never_alike(server: Server, part: Path) -> None:
    watch = Watch()
    server.answers = [b"", reply(b"<p>", 502), reply(code=503, Retry_After="40")]
    server.answers += [reply(BODY[:9], length=10)]
    refused(server, part, "peer closed", pace=watch.pace)
    first, second, third = watch.slept
    assert 1 < first < 1.5
    assert 5 < second < 7.5
    assert third == 40
    assert part.read_bytes() == BODY[:9]


def test_what_brings_much_is_not_counted(server: Server, part: Path) -> None:
    cuts = [
        reply(BODY[:110_000], length=SIZE, ETag='"one"'),
        reply(code=500),
        rest(110_000, cut=220_000),
        reply(code=500),
    ]
    server.answers = [*cuts, rest(220_000)]
    assert bring(server, part, pace=Pace((0,))) == BODY


def test_what_brings_little_is_counted(server: Server, part: Path) -> None:
    server.answers = [
        reply(BODY[:1000], length=SIZE, ETag='"one"'),
        rest(1000, cut=2000),
    ]
    refused(server, part, "peer closed", pace=Pace((0,)))
    assert part.read_bytes() == BODY[:2000]


def test_a_trickle_is_cut_off_and_what_came_is_kept(server: Server, part: Path) -> None:
    watch = Watch(step=61.0)
    server.answers = [reply(BODY[:9000], length=SIZE, ETag='"one"')]
    server.answers += [rest(n * 9000, cut=(n + 1) * 9000) for n in (1, 2, 3)]
    refused(server, part, "less than 1,000 bytes a second", pace=watch.pace)
    assert len(watch.slept) == 3
    assert part.read_bytes() == BODY[:36000]


def test_silence_ends(server: Server, part: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer, "SECONDS", 0.05)
    server._answer = lambda connection: connection.recv(65536) and connection.recv(1)  # type: ignore[method-assign]
    refused(server, part, "timed out", pace=Pace(()))


def test_the_judge_sees_errors_and_may_ask_for_another_try(server: Server, part: Path) -> None:
    seen: list[Answer] = []

    def judge(answer: Answer) -> None:
        seen.append(answer)
        if "tomorrow" in answer.text:
            raise LookupError
        if answer.status == 404:
            raise Again("not yet", 60)

    watch = Watch()
    server.answers = [reply(b"x" * 9999, 404), reply(BODY)]
    assert bring(server, part, judge=judge, pace=watch.pace) == BODY
    assert [(each.status, each.text) for each in seen] == [(404, "x" * 4096), (200, "")]
    assert watch.slept == [60]
    transfer.forget(part)
    server.answers = [reply(b"tomorrow", 429)]
    with pytest.raises(LookupError):
        bring(server, part, judge=judge)


# Other hosts


def test_own_headers_go_to_their_host_alone(server: Server, other: Server, part: Path) -> None:
    server.answers = [reply(code=302, Location="/elsewhere"), reply(code=307, Location=other.url)]
    other.answers = [reply(code=301, Location=server.url)]
    server.answers += [reply(BODY)]
    places: list[tuple[str, bool]] = []
    before = lambda url, own: places.append((url, own))  # noqa: E731
    assert bring(server, part, headers={"Authorization": "Bearer b"}, before=before) == BODY
    elsewhere = server.url.replace("file", "elsewhere")
    assert places == [
        *((server.url, True), (elsewhere, True), (other.url, False), (server.url, False))
    ]
    assert [each.get("authorization") for each in server.asked] == ["Bearer b", "Bearer b", None]
    assert "authorization" not in other.asked[0]


@pytest.mark.parametrize(
    "place", ["ftp://127.0.0.1/file", "file:///etc/passwd", "http://[::1", "http://a..b", ""]
)
def test_strange_places_are_not_gone_to(server: Server, part: Path, place: str) -> None:
    server.answers = [reply(code=302, Location=place)] * (1 if place else 6)
    with pytest.raises(TransferFailed):
        bring(server, part)
    assert not part.exists()


def test_https_is_not_given_up(part: Path) -> None:
    asked = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        asked.append(str(request.url))
        return httpx2.Response(302, headers={"Location": "http://example.org/file"})

    with (
        httpx2.Client(transport=httpx2.MockTransport(answer)) as client,
        pytest.raises(TransferFailed, match="without https"),
    ):
        transfer.bring(client, "https://example.org/file", part)
    assert asked == ["https://example.org/file"]


# The disk


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "disk") as disk:
        yield disk


def test_a_full_disk_is_said_and_what_came_is_gone_on_with(server: Server, small: Path) -> None:
    part = small / "file.part"
    server.answers = [reply(BODY, ETag='"one"')]
    with pytest.raises(DiskFull, match=f"The disk of {small} is full: make room and run the same"):
        bring(server, part)
    here = part.stat().st_size
    assert here > 50_000
    make_room(small)
    server.answers = [rest(here)]
    assert bring(server, part) == BODY


# Addresses


@pytest.mark.parametrize(
    "url",
    "https://example.org/a http://127.0.0.1:80/a http://[::1]/a http://localhost/a "
    "HTTPS://example.org/a http://127.8.8.8/".split(),
)
def test_what_nobody_can_read_on_its_way_is_secure(url: str) -> None:
    assert transfer.secure(url)


@pytest.mark.parametrize(
    "url",
    "http://example.org/a ftp://127.0.0.1/a file:///a https:/a //127.0.0.1/a http://[ a : "
    "http://127.0.0.1.example.org/ http://127.0.0.1@example.org/ javascript:a".split(),
)
def test_all_else_is_not(url: str) -> None:
    assert not transfer.secure(url)


def test_no_proxy_comes_between_this_machine_and_itself(
    server: Server, part: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    server.answers = [reply(BODY)]
    assert bring(server, part) == BODY
