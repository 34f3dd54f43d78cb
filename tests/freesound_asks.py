"""What the tests of Freesound's stand-in ask it, with the standard library alone."""

from __future__ import annotations

import http.client
import json
from functools import cache
from http.client import HTTPMessage
from typing import Any, NamedTuple
from urllib.parse import urlencode, urlsplit

from freesound_server import FreesoundServer, corpus

TERMS = ("dog bark", "rain")
SEARCH, TOKEN = "/apiv2/search/", "/apiv2/oauth2/access_token/"
made = cache(corpus)


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


class Got(NamedTuple):
    status: int
    body: bytes
    headers: HTTPMessage

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def ask(
    address: str, method: str = "GET", form: dict[str, str] | None = None, **headers: str
) -> Got:
    """One request as it is: no redirect is followed, no status is an error."""
    parts = urlsplit(address)
    connection = http.client.HTTPConnection(parts.netloc, timeout=10)
    try:
        target = f"{parts.path}?{parts.query}" if parts.query else parts.path
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, target, urlencode(form) if form else None, named)
        answer = connection.getresponse()
        return Got(answer.status, answer.read(), answer.headers)
    finally:
        connection.close()


def get(server: FreesoundServer, path: str, **parameters: object) -> Got:
    query = f"?{urlencode(parameters)}" if parameters else ""
    return ask(f"{server.address}{path}{query}", Authorization=f"Token {server.key}")


def results(server: FreesoundServer, **parameters: object) -> list[Any]:
    got = get(server, SEARCH, **parameters)
    assert got.status == 200, got.body
    return got.json["results"]


def numbers(server: FreesoundServer, **parameters: object) -> set[int]:
    found = results(server, page_size=150, fields="id", **parameters)
    return {sound["id"] for sound in found}


def first(server: FreesoundServer) -> tuple[int, str]:
    number = next(iter(server.sounds))
    return number, server.sounds[number]["previews"]["preview-hq-ogg"]


def download(server: FreesoundServer, number: int, access: str, **headers: str) -> Got:
    address = f"{server.address}/apiv2/sounds/{number}/download/"
    return ask(address, Authorization=f"Bearer {access}", **headers)


def refresh(server: FreesoundServer, token: str, **more: str) -> Got:
    form = {"client_id": server.client_id, "client_secret": server.key}
    form |= {"grant_type": "refresh_token", "refresh_token": token}
    return ask(server.address + TOKEN, "POST", {**form, **more})
