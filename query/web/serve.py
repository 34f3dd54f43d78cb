"""Serving the page: where it listens, what it prints, when the browser is opened."""

from __future__ import annotations

import ipaddress
import secrets
import socket
import webbrowser
from collections.abc import Callable, Sequence
from pathlib import Path

import uvicorn

from indexer.errors import SonorizeError
from query.web.app import create_app
from query.web.desk import Desk

PORT = 8765


def serve(
    folder: Path,
    say: Callable[[str], None],
    *,
    host: str = "127.0.0.1",
    port: int = PORT,
    device: str | None = None,
    browser: bool = True,
    roots: Sequence[Path] = (),
    reveal: Callable[[Path], object] | None = None,
) -> None:
    """Serves the library in `folder` until it is interrupted. Port 0 takes any that is free.

    Where others can reach it, each browser has to give a token, which is told to `say`.
    `roots` and `reveal` as Desk has them. SonorizeError if the place is taken.
    """
    bound = _bound(host, port)
    port = bound.getsockname()[1]
    alone = is_loopback(host)
    named = f"[{host}]" if ":" in host else host
    hosts = frozenset({"127.0.0.1", "localhost", "[::1]", named})
    token = "" if alone else secrets.token_urlsafe(18)
    desk = Desk(folder, device, roots=roots or None, reveal=reveal if alone else None)
    app = create_app(desk, hosts if alone else frozenset(), token)
    say(f"Serving {folder} at http://{named}:{port}/ (Ctrl-C ends it)")
    if token:
        say(f"Token, asked once in each browser: {token}")
    server = uvicorn.Server(uvicorn.Config(
        app, log_level="warning", access_log=False, server_header=False, timeout_keep_alive=15,
        timeout_graceful_shutdown=2, lifespan="on",
    ))  # fmt: skip
    if browser and alone:
        webbrowser.open(f"http://{named}:{port}/")  # it listens already, and answers in a moment
    server.run(sockets=[bound])


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address; names other than localhost do not count."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _bound(host: str, port: int) -> socket.socket:
    bound = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, port))
        bound.listen(128)
    except OSError as error:
        bound.close()
        raise SonorizeError(
            f"Nothing can be served at {host}, port {port} ({error.strerror}): choose another "
            "with --port."
        ) from error
    return bound
