"""Serving the page: where it listens, what it prints, when the browser is opened."""

from __future__ import annotations

import ipaddress
import secrets
import socket
import webbrowser
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import uvicorn

from indexer.errors import SonorizeError
from query.web.app import create_app
from query.web.desk import Desk

if TYPE_CHECKING:
    from query.evaluation.listening.store import Store
    from query.evaluation.report.record import Record

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
    alone, address, hosts = _reached(host, bound)
    token = "" if alone else secrets.token_urlsafe(18)
    desk = Desk(folder, device, roots=roots or None, reveal=reveal if alone else None)
    app = create_app(desk, hosts, token)
    say(f"Serving {folder} at {address} (Ctrl-C ends it)")
    if token:
        say(f"Token, asked once in each browser: {token}")
    _run(app, bound, address if browser and alone else "")


def serve_study(
    store: Store,
    say: Callable[[str], None],
    measure: Mapping[str, Callable[[Path], Record]],
    *,
    host: str = "127.0.0.1",
    port: int = PORT,
    browser: bool = True,
) -> None:
    """Serves a listening test, and nothing else, until it is interrupted; see Room for `measure`.

    Where others can reach it, who takes part needs the code that is told to `say`, and whoever
    asks for results the other one. SonorizeError if the place is taken.
    """
    from query.web.study import Room, create_study_app  # the page starts without it

    bound = _bound(host, port)
    alone, address, hosts = _reached(host, bound)
    code, owner = ("", "") if alone else (secrets.token_urlsafe(9), secrets.token_urlsafe(18))
    app = create_study_app(Room(store, owner, measure, say), hosts, code)
    # What stands after # is not sent: the page reads it, and takes it out of the address.
    say(f"Take part: {address}{f'#code={code}' if code else ''} (Ctrl-C ends it)")
    say(f"Results: {address}results" if alone else f"Results: {address} with the token {owner}")
    say(f"Ratings go to {store.path}, which sonorize evaluate mos reads.")
    _run(app, bound, address if browser and alone else "")


def _reached(host: str, bound: socket.socket) -> tuple[bool, str, frozenset[str]]:
    """Whether only this machine reaches it, its address, and the names it has (Guard's hosts)."""
    alone = is_loopback(host)
    named = _own_address() if host == "0.0.0.0" else f"[{host}]" if ":" in host else host
    hosts = frozenset({"127.0.0.1", "localhost", "[::1]", named}) if alone else frozenset()
    return alone, f"http://{named}:{bound.getsockname()[1]}/", hosts


def _own_address() -> str:
    """The address by which others of the network reach this machine, as far as it knows."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked, suppress(OSError):
        asked.connect(("192.0.2.1", 9))  # of documentation: nothing is sent
        return str(asked.getsockname()[0])
    return "0.0.0.0"


def _run(app: Callable[..., Any], bound: socket.socket, opened: str) -> None:
    server = uvicorn.Server(uvicorn.Config(
        app, log_level="warning", access_log=False, server_header=False, timeout_keep_alive=15,
        timeout_graceful_shutdown=2, lifespan="on",
    ))  # fmt: skip
    if opened:
        webbrowser.open(opened)  # it listens already, and answers in a moment
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
