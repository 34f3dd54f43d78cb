"""The server for tests behaves as Freesound does: addresses, files, faults."""

from __future__ import annotations

import http.client
import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.client import IncompleteRead, RemoteDisconnected
from urllib.parse import urlsplit

import pytest
from freesound_asks import SEARCH, TERMS, Clock, ask, download, first, get, made, refresh, results
from freesound_server import FreesoundServer

pytestmark = pytest.mark.slow


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def server(clock: Clock) -> Iterator[FreesoundServer]:
    with FreesoundServer(*made(TERMS, 40), clock=clock) as server:
        yield server


def until(happened: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.001)


# addresses


def test_a_missing_slash_moves_and_unknown_paths_are_html(server: FreesoundServer) -> None:
    got = get(server, "/apiv2/search", query="rain")
    assert (got.status, got.headers["Location"]) == (301, "/apiv2/search/?query=rain")
    for path in ("/apiv2/nowhere/", "/apiv2/search/content/", "/apiv2/search/combined/"):
        got = get(server, path)
        assert got.status == 404
        assert got.headers["Content-Type"].startswith("text/html")
        assert got.body.startswith(b"<!DOCTYPE html>")
    assert get(server, "/apiv2/search/text/", query="rain").json["count"] == 44


def test_a_browser_gets_a_page(server: FreesoundServer) -> None:
    address, token = f"{server.address}{SEARCH}", f"Token {server.key}"
    assert ask(address, Authorization=token, Accept="text/html").body.startswith(b"<!DOCTYPE")
    for accepts in ("application/json", "application/json, text/html", "*/*"):
        assert ask(address, Authorization=token, Accept=accepts).json["count"] == 80


def test_other_methods_are_refused(server: FreesoundServer) -> None:
    got = ask(f"{server.address}{SEARCH}", "POST", Authorization=f"Token {server.key}")
    assert (got.status, got.json) == (405, {"detail": 'Method "POST" not allowed.'})
    got = ask(f"{server.address}{SEARCH}", "HEAD", Authorization=f"Token {server.key}")
    assert (got.status, got.body) == (200, b"")
    assert int(got.headers["Content-Length"]) > 100


# files


def test_a_preview_lies_on_another_host_and_needs_no_key(server: FreesoundServer) -> None:
    number, address = first(server)
    assert address.startswith(f"{server.previews}/previews/")
    assert server.previews != server.address
    got = ask(address)
    assert (got.status, got.body) == (200, server.files[number][0])
    assert server.count("previews") == 1
    assert server.count("site") == 0
    found = results(server, query="dog", fields="id,previews")[0]
    assert found["previews"] == server.sounds[found["id"]]["previews"]
    del server.sounds[number]
    got = ask(address)
    assert got.status == 404
    assert got.headers["Content-Type"].startswith("text/html")


def test_ranges_hold_while_the_file_is_the_same(server: FreesoundServer) -> None:
    number, address = first(server)
    whole = ask(address)
    tag, size = whole.headers["ETag"], len(whole.body)
    got = ask(address, Range="bytes=100-", If_Range=tag)
    assert (got.status, got.body) == (206, whole.body[100:])
    assert got.headers["Content-Range"] == f"bytes 100-{size - 1}/{size}"
    assert ask(address, Range="bytes=5-9").body == whole.body[5:10]
    got = ask(address, Range=f"bytes={size}-")
    assert (got.status, got.headers["Content-Range"]) == (416, f"bytes */{size}")
    server.fail("preview", "no range", of=number)
    assert ask(address, Range="bytes=100-").status == 200
    server.files[number] = (whole.body[::-1], b"")
    got = ask(address, Range="bytes=100-", If_Range=tag)
    assert (got.status, got.body) == (200, whole.body[::-1])


def test_an_original_comes_under_a_plain_name(server: FreesoundServer) -> None:
    number, access = next(iter(server.sounds)), server.grant()["access_token"]
    server.sounds[number].update(username="Ann Örn", name="Größe 1/2: Böllern & <x>.wav")
    got = download(server, number, access)
    assert got.body == server.files[number][1]
    assert got.headers["Content-Type"] == "application/octet-stream"
    assert got.headers["Content-Disposition"] == (
        f'attachment; filename="{number}__ann-orn__groe-12-bollern-x.wav"'
    )
    got = download(server, number, access, Range="bytes=44-")
    assert (got.status, got.body) == (206, server.files[number][1][44:])
    got = download(server, 4, access)
    assert (got.status, got.json) == (404, {"detail": "Not found"})


# faults


@pytest.mark.parametrize(
    ("how", "status", "says"),
    [
        ("429 minute", 429, b"request limit rate (60/minute)"),
        ("429 day", 429, b"request limit rate (2000/day)"),
        ("429 suspended", 429, b"has been suspended"),
        ("500", 500, b"Search is overloaded, please try again later."),
        ("500 html", 500, b"<!DOCTYPE html>"),
        ("502 html", 502, b"<!DOCTYPE html>"),
        ("html 200", 200, b"<!DOCTYPE html>"),
        ("400 down", 400, b"Search server error: Failed to connect"),
        ("400 syntax", 400, b"Search server error: Solr responded with an error (HTTP 400)"),
        ("401", 401, b"Invalid token"),
    ],
)
def test_a_fault_comes_as_often_as_it_is_asked_for(
    server: FreesoundServer, how: str, status: int, says: bytes
) -> None:
    server.fail("search", how, 2)
    for _ in range(2):
        got = get(server, SEARCH)
        assert (got.status, says in got.body) == (status, True)
        assert ("html" in how) == got.headers["Content-Type"].startswith("text/html")
        assert "Retry-After" not in got.headers
    assert get(server, SEARCH).json["count"] == 80


def test_faults_wait_in_line_and_for_their_sound(server: FreesoundServer) -> None:
    one, other = [sound["previews"]["preview-lq-ogg"] for sound in server.sounds.values()][:2]
    number = next(iter(server.sounds))
    server.fail("preview", "502 html", of=number)
    server.fail("preview", "500 html")
    server.fail("search", "500")
    assert ask(f"{server.address}{SEARCH}").status == 401, "a stranger meets no fault of the inside"
    assert [ask(other).status, ask(one).status, ask(other).status] == [500, 502, 200]
    assert get(server, SEARCH).status == 500
    server.fail("token", "401")
    assert refresh(server, "x").json == {"error": "invalid_client"}
    server.fail("download", "401")
    access = server.grant()["access_token"]
    assert "has expired" in download(server, number, access).headers["WWW-Authenticate"]
    assert download(server, number, access).status == 200


@pytest.mark.parametrize(
    ("where", "how", "of"),
    [
        ("search", "600", None),
        ("nowhere", "500", None),
        ("preview", "null", None),
        ("search", "no range", None),
        ("search", "500", 3),
        ("token", "500", 3),
    ],
)
def test_a_fault_that_cannot_be_is_a_mistake(
    server: FreesoundServer, where: str, how: str, of: int | None
) -> None:
    with pytest.raises(ValueError, match="no fault"):
        server.fail(where, how, of=of)


def test_an_answer_may_break_off_or_never_come(server: FreesoundServer) -> None:
    number, address = first(server)
    whole = server.files[number][0]
    server.fail("preview", "truncate")
    with pytest.raises(IncompleteRead) as cut:
        ask(address)
    assert cut.value.partial == whole[: len(whole) // 2]
    assert server.seen[-1].sent == len(whole) // 2
    server.fail("preview", "hang up")
    with pytest.raises(RemoteDisconnected):
        ask(address)
    server.fail("token", "truncate")
    old = server.grant()["refresh_token"]
    with pytest.raises(IncompleteRead):
        refresh(server, old)
    assert refresh(server, old).json == {"error": "invalid_grant"}, "the new pair is lost"
    assert ask(address).body == whole


def test_a_trickle_comes_in_small_pieces(server: FreesoundServer) -> None:
    number, address = first(server)
    whole, target = server.files[number][0], urlsplit(address)
    server.pause = 60
    server.fail("preview", "trickle")
    with socket.create_connection(target.netloc.split(":")) as connection:
        connection.sendall(f"GET {target.path} HTTP/1.0\r\n\r\n".encode())
        until(lambda: bool(server.seen and server.seen[-1].sent))
        assert server.seen[-1].sent == len(whole) // 40
        server.stopping.set()
        got = b"".join(iter(lambda: connection.recv(65_536), b""))
    assert got.endswith(whole)


def test_a_redirect_leads_to_the_same_on_the_other_host(server: FreesoundServer) -> None:
    number, address = first(server)
    server.fail("preview", "redirect")
    got = ask(address)
    assert got.status == 302
    assert got.headers["Location"] == address.replace(server.previews, server.address)
    assert ask(got.headers["Location"]).body == server.files[number][0]
    server.fail("search", "redirect")
    server.fail("download", "redirect")
    there = get(server, SEARCH, query="rain").headers["Location"]
    assert there == f"{server.previews}{SEARCH}?query=rain"
    assert ask(there).json["count"] == 44
    there = download(server, number, "").headers["Location"]
    assert ask(there).body == server.files[number][1]


# what it saw


def test_it_tells_what_it_saw(server: FreesoundServer, clock: Clock) -> None:
    get(server, SEARCH, query="rain", filter="")
    [seen] = server.seen
    assert (seen.host, seen.method, seen.path, seen.status) == ("site", "GET", SEARCH, 400)
    assert seen.query == {"query": "rain", "filter": ""}
    assert seen.headers["authorization"] == f"Token {server.key}"
    assert (seen.at, seen.sent) == (clock.now, len(b'{"detail":"Invalid filter."}'))
    assert server.count("site", "/apiv2/") == 1
    assert server.count("site", "/apiv2/sounds/") == 0


def test_it_counts_what_happens_at_once(server: FreesoundServer) -> None:
    _, address = first(server)
    for _ in range(20):
        ask(address)
    assert server.most_at_once == {"site": 0, "previews": 1}
    server.delay = 60
    threads = [threading.Thread(target=ask, args=(address,)) for _ in range(3)]
    for thread in threads:
        thread.start()
    until(lambda: server.most_at_once["previews"] == 3)
    server.stopping.set()
    for thread in threads:
        thread.join()
    assert [seen.status for seen in server.seen] == [200] * 23


def test_a_connection_serves_many_requests(server: FreesoundServer) -> None:
    _, address = first(server)
    parts = urlsplit(address)
    connection = http.client.HTTPConnection(parts.netloc, timeout=10)
    connection.connect()
    port = connection.sock.getsockname()
    for _ in range(3):
        connection.request("GET", parts.path)
        assert connection.getresponse().read()
        assert connection.sock.getsockname() == port
    connection.close()


def test_a_client_that_leaves_leaves_no_trace(capfd: pytest.CaptureFixture[str]) -> None:
    sounds, _ = made(TERMS, 40)
    number = next(iter(sounds))
    before = threading.active_count()
    with FreesoundServer(sounds, {number: (bytes(12_000_000), b"")}) as server:
        target = urlsplit(server.sounds[number]["previews"]["preview-hq-ogg"])
        for _ in range(3):
            with socket.create_connection(target.netloc.split(":")) as connection:
                connection.sendall(f"GET {target.path} HTTP/1.1\r\n\r\n".encode())
                connection.recv(10)
        server.fail("preview", "trickle")
        server.pause = 60
        stuck = socket.create_connection(target.netloc.split(":"))
        stuck.sendall(f"GET {target.path} HTTP/1.1\r\n\r\n".encode())
        idle = socket.create_connection(target.netloc.split(":"))
        stuck.recv(10)
        began = time.monotonic()
    assert time.monotonic() - began < 5, "the end waits neither for a trickle nor for the idle"
    stuck.close()
    idle.close()
    assert threading.active_count() == before
    assert capfd.readouterr() == ("", "")
