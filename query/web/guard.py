"""What stands before every request: who may ask, from where, and how much.

A page of another site can make a browser send requests here. So the Host must be this server's
own (a foreign name may have been pointed at this machine), a request that changes something must
say that it comes from this page, and nothing is handed to a page of another origin.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import re
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from http.cookies import CookieError, SimpleCookie
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

OPEN = ("/", "/api/login")
"""What is answered without a token; static files too."""

MOST_BYTES = 1_000_000
MOST_UPLOAD = 64_000_000
UPLOADS = ("/api/pictures",)
SECONDS = 60.0  # for a whole body
DRAINED = 5.0  # for what is sent after it was refused

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' blob:",
        "media-src 'self' blob:",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "x-frame-options": "DENY",
}


def cookie_of(token: str) -> str:
    """The name of the cookie that holds a token: browsers share cookies between the ports of a
    host, and two servers there must not take each other's."""
    return f"sonorize-{hashlib.sha256(token.encode()).hexdigest()[:8]}"


class TooMuch(Exception):
    """A body is larger, or comes slower, than is taken. `status`: 413 or 408."""

    def __init__(self, status: int) -> None:
        self.status = status
        super().__init__(SENTENCES[status])


SENTENCES = {
    400: "This server is asked by another name than its own: use the address that it printed.",
    401: "This server wants its token: open its page and give it there.",
    403: "Another site sent this request: use the page itself.",
    408: "It took too long to arrive: try again.",
    413: "It is too large: give a smaller file.",
}


class Guard:
    """ASGI middleware around the app.

    hosts   the names in Host that are ours, at any port (one may be forwarded); empty: any, and
            then a token is wanted
    token   what a browser has to give once, or ""
    """

    def __init__(self, app: App, hosts: frozenset[str], token: str) -> None:
        if not hosts and not token:
            raise ValueError("a server for any host needs a token")
        self._app, self._hosts, self._token = app, hosts, token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            return
        headers = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]
        }
        if status := self._refusal(scope, headers):
            await _drain(receive)
            await _refuse(send, status)
            return
        await self._app(scope, _bounded(scope, headers, receive), _guarded(send))

    def _refusal(self, scope: Scope, headers: dict[str, str]) -> int:
        """The status to refuse with, or 0."""
        host = headers.get("host", "").lower()
        if self._hosts and re.sub(r":\d+$", "", host) not in self._hosts:
            return 400
        if not _same_origin(scope, headers, host):
            return 403
        path = scope["path"]
        free = path in OPEN or path.startswith("/static/")
        if self._token and not free and not self._known(headers):
            return 401
        size = headers.get("content-length", "0")
        if not size.isdecimal() or int(size) > _most(path):
            return 413
        return 0

    def _known(self, headers: dict[str, str]) -> bool:
        given = headers.get("authorization", "").removeprefix("Bearer ")
        try:
            cookie = SimpleCookie(headers.get("cookie", "")).get(cookie_of(self._token))
        except CookieError:
            cookie = None
        return any(
            hmac.compare_digest(each.encode(), self._token.encode())
            for each in (given, cookie.value if cookie else "")
        )


def _same_origin(scope: Scope, headers: dict[str, str], host: str) -> bool:
    """Whether this comes from the page itself, from nobody's page, or is the opening of it."""
    site = headers.get("sec-fetch-site", "none")
    origin = headers.get("origin")
    if origin is not None and origin.lower() not in (f"http://{host}", f"https://{host}"):
        return False
    if site in ("same-origin", "none"):
        return True
    opening = headers.get("sec-fetch-mode") == "navigate" and scope["path"] == "/"
    return opening and scope["method"] in ("GET", "HEAD")


def _most(path: str) -> int:
    return MOST_UPLOAD if path in UPLOADS else MOST_BYTES


def _bounded(scope: Scope, headers: dict[str, str], receive: Receive) -> Receive:
    """The body, no more and no slower than is allowed; else raises TooMuch."""
    loop = asyncio.get_running_loop()
    deadline, most, seen, over = loop.time() + SECONDS, _most(scope["path"]), 0, False

    async def bounded() -> Message:
        nonlocal seen, over
        if over:  # the body is here: what comes now is that the browser went away
            return await receive()
        try:
            message = await asyncio.wait_for(receive(), max(0.01, deadline - loop.time()))
        except TimeoutError:
            raise TooMuch(408) from None
        seen += len(message.get("body", b""))
        if seen > most:
            raise TooMuch(413)
        over = message["type"] != "http.request" or not message.get("more_body", False)
        return message

    return bounded


def _guarded(send: Send) -> Send:
    async def guarded(message: Message) -> None:
        if message["type"] == "http.response.start":
            given = list(message.get("headers", ()))
            names = {name.lower() for name, _ in given}  # a report has a policy of its own
            own = [each for each in _own_headers() if each[0] not in names]
            message["headers"] = [*given, *own]
        await send(message)

    return guarded


def _own_headers() -> list[tuple[bytes, bytes]]:
    return [(name.encode(), value.encode()) for name, value in HEADERS.items()]


async def _drain(receive: Receive) -> None:
    """Takes what is still sent, up to a bound: else the refusal is lost with the connection."""
    left = 2 * MOST_UPLOAD
    with suppress(TimeoutError):
        async with asyncio.timeout(DRAINED):
            message = await receive()
            while left > 0 and message.get("more_body"):
                left -= len(message.get("body", b""))
                message = await receive()


async def _refuse(send: Send, status: int) -> None:
    body = json.dumps({"error": SENTENCES[status]}).encode()
    head = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
        *_own_headers(),
    ]
    await send({"type": "http.response.start", "status": status, "headers": head})
    await send({"type": "http.response.body", "body": body})
