"""HTTP for the server that stands in for Freesound: connections, what was seen, how it is sent."""

from __future__ import annotations

import json
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import SHUT_RDWR, socket
from typing import Any, Protocol
from urllib.parse import parse_qsl, urlsplit

LINE = 4094


@dataclass
class Seen:
    """A request that came, and the answer as far as it went: `sent` counts bytes of its body."""

    host: str
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    form: dict[str, str]
    at: float
    status: int = 0
    sent: int = 0


@dataclass
class Reply:
    status: int
    body: bytes = b""
    kind: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)
    sending: str | None = None


def in_json(status: int, said: object) -> Reply:
    return Reply(status, json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode())


def page(status: int, title: str) -> Reply:
    html = f"<!DOCTYPE html>\n<html><head><title>{title}</title></head><body>{title}</body></html>"
    return Reply(status, html.encode(), "text/html; charset=utf-8")


class Owner(Protocol):
    """Who answers. `delay` and `pause` in seconds; `stopping` ends all waiting."""

    delay: float
    pause: float
    stopping: threading.Event

    def clock(self) -> float: ...
    def began(self, seen: Seen) -> None: ...
    def ended(self, seen: Seen) -> None: ...
    def answer(self, seen: Seen) -> Reply: ...


class Server(ThreadingHTTPServer):
    daemon_threads = False
    request_queue_size = 64

    def __init__(self, owner: Owner, host: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.owner, self.host = owner, host
        self._open: set[socket] = set()
        self._thread = threading.Thread(target=self.serve_forever, args=(0.01,))

    def start(self) -> str:
        self._thread.start()
        return f"http://127.0.0.1:{self.server_address[1]}"

    def stop(self) -> None:
        """Ends connections that clients keep open, and waits for every thread."""
        self.shutdown()
        self._thread.join()
        for connection in list(self._open):
            with suppress(OSError):
                connection.shutdown(SHUT_RDWR)
        self.server_close()

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exc_info()[1], ConnectionError):  # a client may leave at any moment
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Server

    def answer(self) -> None:
        target = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        seen = Seen(
            self.server.host,
            self.command,
            target.path,
            dict(parse_qsl(target.query, keep_blank_values=True)),
            {name.lower(): value for name, value in self.headers.items()},
            dict(parse_qsl(body.decode("latin-1"), keep_blank_values=True)),
            self.server.owner.clock(),
        )
        self.server.owner.began(seen)
        try:
            self.server.owner.stopping.wait(self.server.owner.delay)
            reply = self._too_long() or self.server.owner.answer(seen)
        except BaseException:
            self.server.owner.ended(seen)
            raise
        self._send(seen, reply)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = answer  # noqa: N815

    def _too_long(self) -> Reply | None:
        """The application server's limit to a request line."""
        return page(400, "Bad Request") if len(self.requestline) > LINE else None

    def _send(self, seen: Seen, reply: Reply) -> None:
        """The request counts as under way until just before its last byte, whatever happens."""
        seen.status = reply.status
        *pieces, last = self._pieces(seen, reply)
        try:
            if reply.sending != "hang up":
                self._head(reply)
            for piece in pieces:
                seen.sent += len(piece)
                self.wfile.write(piece)
                if reply.sending == "trickle":
                    self.server.owner.stopping.wait(self.server.owner.pause)
        finally:
            self.server.owner.ended(seen)
        seen.sent += len(last)
        self.wfile.write(last)

    def _pieces(self, seen: Seen, reply: Reply) -> list[bytes]:
        """The body in parts, the last of one byte at most."""
        body = b"" if seen.method == "HEAD" else reply.body
        if reply.sending in ("hang up", "truncate"):
            self.close_connection = True
            body = body[: len(body) // 2] if reply.sending == "truncate" else b""
        size = max(len(body) // 40, 1) if reply.sending == "trickle" else 65_536
        rest = body[:-1]
        return [*(rest[at : at + size] for at in range(0, len(rest), size)), body[-1:]]

    def _head(self, reply: Reply) -> None:
        self.send_response(reply.status)
        self.send_header("Content-Type", reply.kind)
        self.send_header("Content-Length", str(len(reply.body)))
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.end_headers()

    def version_string(self) -> str:
        return "nginx"

    def log_message(self, *_: object) -> None:
        pass
