"""Requests that carry a credential: to one address, never redirected, with an end to every wait.

No exception of the HTTP library leaves this module, not even as a context: it would hold the
request with its headers.
"""

from __future__ import annotations

import json
import random
import re
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from indexer import transfer
from indexer.errors import SourceError

if TYPE_CHECKING:
    import httpx2 as httpx

SECONDS = 30.0  # without a byte
WHOLE = 120.0  # s for all of an answer
LARGEST = 64_000_000  # bytes


class Answer(NamedTuple):
    """data: what its JSON says, None if it is none. lost: why there is no answer; status is 0.

    away: there was no connection at all.
    """

    status: int
    data: Any = None
    lost: str = ""
    away: bool = False

    def said(self, *secrets: str) -> str:
        """Its `detail` or `error` on one line, without what it echoes of the secrets."""
        data = self.data if isinstance(self.data, dict) else {}
        detail = data.get("detail", data.get("error"))
        if detail is None:
            return f"{self.status}, and a page instead of data" if self.status else self.lost
        text = detail if isinstance(detail, str) else json.dumps(detail, ensure_ascii=False)
        for secret in filter(None, secrets):
            text = text.replace(secret, "…")
        text = "".join(letter if letter.isprintable() else " " for letter in text)
        return re.sub(r"\s+", " ", text).strip()[:200]


def checked(address: str) -> str:
    """The address without a slash at its end.

    Raises SourceError unless it is https, or http on this machine.
    """
    if transfer.secure(address) and not re.search("[@?#]", address):
        return address.rstrip("/")
    raise SourceError(
        f"{address.split('@')[-1]!r} is no address for Freesound: SONORIZE_FREESOUND_URL has to "
        "begin with https://, so that nobody reads the key on its way."
    )


def opened(address: str, headers: Mapping[str, str]) -> httpx.Client:
    """A client for one address, with one connection. Raises SourceError if it is none."""
    import httpx2 as httpx

    address = checked(address)
    own = {"Accept": "application/json", "User-Agent": transfer.agent()}
    try:
        return httpx.Client(
            base_url=address,
            headers={**own, **headers},
            timeout=SECONDS,
            verify=transfer.trusted(),
            limits=httpx.Limits(max_connections=1),
            trust_env=urlsplit(address).scheme == "https",  # a proxy would read what goes by http
        )
    except httpx.InvalidURL:
        reason = f"{address!r} is no address: correct SONORIZE_FREESOUND_URL."
    raise SourceError(reason)


def ask(
    client: httpx.Client,
    method: str,
    path: str,
    *,
    params: Mapping[str, str] | None = None,
    data: Mapping[str, str] | None = None,
) -> Answer:
    """One request; a redirect is an answer."""
    import httpx2 as httpx

    try:
        with client.stream(method, path, params=params, data=data) as answer:
            return _whole(answer)
    except httpx.TimeoutException:
        lost = f"no answer within {SECONDS:.0f} s"
    except httpx.ConnectError as error:
        return Answer(0, lost=f"no connection: {error}".removesuffix(": "), away=True)
    except httpx.HTTPError:
        lost = "the connection broke"
    return Answer(0, lost=lost)


def _whole(answer: httpx.Response) -> Answer:
    end, body = time.monotonic() + WHOLE, bytearray()
    for piece in answer.iter_bytes():
        body += piece
        if time.monotonic() > end:
            return Answer(0, lost=f"the answer was not whole after {WHOLE:.0f} s")
        if len(body) > LARGEST:
            return Answer(0, lost="the answer has no end")
    return Answer(answer.status_code, data_in(body))


def data_in(body: str | bytes | bytearray) -> Any:
    """What it says in JSON, None if it is none."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def settled(
    send: Callable[[], Answer],
    passing: Callable[[Answer], str],
    waits: tuple[float, ...],
    sleep: Callable[[float], None],
    reached: bool = True,
) -> Answer:
    """The first answer that is no passing trouble, asked for again after each of the waits (s).

    passing: says what the trouble is, or "". reached: the server was, before; else a machine
    without a connection is believed to be offline after the first wait. Raises SourceError if it
    does not pass.
    """
    answer = send()
    for wait in waits:
        if not passing(answer):
            return answer
        sleep(wait * random.uniform(1, 1.5))
        answer = send()
        if answer.away and not reached:
            break
    if trouble := passing(answer):
        raise SourceError(
            f"Freesound cannot be asked now ({trouble}): see whether this machine is online, and "
            "run the same again later."
        )
    return answer
