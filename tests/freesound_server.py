"""A server for tests that behaves as Freesound's API and its preview host do.

    with FreesoundServer(*corpus(["rain", "dog bark"])) as server:
        server.fail("search", "429 minute")
        ...                                  # a client at server.address
        assert server.count("site", "/apiv2/search/") == 2

The addresses inside answers are those of https://freesound.org, as there; only the previews'
lead to the second server. All that `FreesoundServer` counts and limits goes by its `clock`.
"""

from __future__ import annotations

import copy
import hashlib
import os
import re
import threading
import time
import unicodedata
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import urlencode

from freesound_corpus import CDN, FIELDS
from freesound_corpus import corpus as corpus
from freesound_http import Reply, Server, in_json, page
from freesound_http import Seen as Seen
from freesound_oauth import Tokens
from freesound_search import Refused, chosen, search

CALLBACK = "https://freesound.org/home/app_permissions/permission_granted/"

PLACES = ("search", "sound", "preview", "download", "token")
BEFORE = {"hang up", "502 html", "html 200", "redirect"}
REFUSALS = {"401", "429 minute", "429 day", "429 suspended"}
INSIDE = {"500", "500 html", "400 down", "400 syntax"}
RESULTS = {"null", "shuffle"}
SENDING = {"truncate", "trickle"}
WHOLE = {"no range"}


@dataclass
class Fault:
    where: str
    how: str
    left: int
    of: int | None


class FreesoundServer:
    """Two servers on 127.0.0.1, the site and the preview host, while the context lasts.

    `per_minute` and `per_day` limit what the site answers to a known key. `delay` holds every
    answer back by that many seconds; `pause` is what lies between the pieces of a "trickle".
    """

    key = "k" * 40
    client_id = "c" * 20

    def __init__(
        self,
        sounds: Mapping[int, dict[str, Any]] | None = None,
        files: Mapping[int, tuple[bytes, bytes]] | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.sounds: dict[int, dict[str, Any]] = copy.deepcopy(dict(sounds or {}))
        self.files = dict(files or {})
        self.seen: list[Seen] = []
        self.most_at_once = {"site": 0, "previews": 0}
        self.per_minute: int | None = None
        self.per_day: int | None = None
        self.delay, self.pause = 0.0, 0.01
        self.tokens = Tokens(self.client_id, self.key, clock)
        self.stopping = threading.Event()
        self.clock = clock
        self._lock = threading.RLock()
        self._faults: list[Fault] = []
        self._order = 0
        self._now = {"site": 0, "previews": 0}
        self._taken: tuple[deque[float], deque[float]] = (deque(), deque())

    def __enter__(self) -> Self:
        self._servers = [Server(self, host) for host in ("site", "previews")]
        self.address, self.previews = (server.start() for server in self._servers)
        for number, sound in self.sounds.items():
            self.sounds[number] = self._located(sound)
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        for server in self._servers:
            server.stop()

    def fail(self, where: str, how: str, times: int = 1, *, of: int | None = None) -> None:
        """The next `times` requests to `where` meet `how`; with `of`, those for that sound.

        "401", "429 minute", "429 day", "429 suspended", "400 down" (the search is away), "400
        syntax", "500" (in JSON), "500 html", "502 html", "html 200", "hang up" (no answer),
        "redirect" (to the same on the other host), "truncate", "trickle"; of a search "null" (in
        place of a result) and "shuffle" (equal scores change places, from then on); of a file
        "no range".
        """
        files = WHOLE if where in ("preview", "download") else set()
        results = RESULTS if where == "search" else set()
        if where not in PLACES or how not in BEFORE | REFUSALS | INSIDE | SENDING | files | results:
            raise ValueError(f"no fault {how!r} of {where!r}")
        if of is not None and (where == "token" or (where == "search" and how != "null")):
            raise ValueError(f"no fault {how!r} of {where!r} for one sound")
        with self._lock:
            self._faults.append(Fault(where, how, times, of))

    def count(self, host: str, path_prefix: str = "") -> int:
        return sum(one.host == host and one.path.startswith(path_prefix) for one in self.seen)

    def code(self, challenge: str | None = None) -> str:
        """As the page shows it to the user who said yes to this PKCE challenge."""
        with self._lock:
            return self.tokens.code(challenge)

    def grant(self) -> dict[str, Any]:
        """A pair of tokens, as after a login."""
        with self._lock:
            return self.tokens.pair()

    def began(self, seen: Seen) -> None:
        with self._lock:
            self.seen.append(seen)
            self._now[seen.host] += 1
            self.most_at_once[seen.host] = max(self.most_at_once[seen.host], self._now[seen.host])

    def ended(self, seen: Seen) -> None:
        with self._lock:
            self._now[seen.host] -= 1

    def answer(self, seen: Seen) -> Reply:
        for pattern, where, function in ROUTES:
            if match := re.fullmatch(pattern, seen.path):
                number = int(match["number"]) if "number" in match.groupdict() else None
                with self._lock:
                    return self._answer(seen, where, number, function)
            if re.fullmatch(pattern, f"{seen.path}/") and where != "preview":
                return _moved(301, f"{seen.path}/", seen.query)
        return page(404, "Page not found")

    def _answer(
        self, seen: Seen, where: str, number: int | None, function: Callable[..., Reply]
    ) -> Reply:
        """With the fault that is next in line, unless the request does not get as far as that."""
        fits = (one for one in self._faults if one.where == where and one.of in (None, number))
        fault = next(fits, None)
        how = fault.how if fault else ""
        if how not in BEFORE and (barred := self._barred(seen, where, how in REFUSALS)):
            return barred
        if fault:
            self._spend(fault)
        if how in BEFORE:
            return self._before(how, seen)
        if how in REFUSALS:
            return self._refused(how, where)
        if how in INSIDE:
            return _inside(how, where)
        reply = function(self, seen, number, how)
        reply.sending = how if how in SENDING else None
        return reply

    def _barred(self, seen: Seen, where: str, refused: bool) -> Reply | None:
        """In the order in which the site looks at a request; refused ones are not counted."""
        guarded = seen.host == "site" and where in ("search", "sound", "download")
        if guarded and (unknown := self._unknown(seen, where)):
            return unknown
        if refused:
            return None
        if guarded and (limit := self._over()):
            return _throttled(f"of exceeding a request limit rate ({limit})")
        if seen.method not in (("POST",) if where == "token" else ("GET", "HEAD")):
            return in_json(405, {"detail": f'Method "{seen.method}" not allowed.'})
        return None

    def _spend(self, fault: Fault) -> None:
        fault.left -= 1
        if fault.left < 1:
            self._faults.remove(fault)

    def _before(self, how: str, seen: Seen) -> Reply:
        if how == "redirect":
            other = self.previews if seen.host == "site" else self.address
            return _moved(302, f"{other}{seen.path}", seen.query)
        if how == "hang up":
            return Reply(0, sending="hang up")
        return page(200, "Welcome") if how == "html 200" else page(502, "Bad Gateway")

    def _unknown(self, seen: Seen, where: str) -> Reply | None:
        """None for a key or access token that holds; a header wins over the query."""
        kind, _, value = seen.headers.get("authorization", "").partition(" ")
        if not kind and "token" in seen.query and where != "download":
            kind, value = "Token", seen.query["token"]
        elif not kind and "access_token" in seen.query:
            kind, value = "Bearer", seen.query["access_token"]
        if kind == "Bearer":
            reason = self.tokens.fault(value)
            return _unauthorised(reason=reason) if reason else None
        if kind != "Token" or where == "download":
            return _unauthorised()
        if not value or " " in value:
            wrong = "Token string should not contain spaces" if value else "No credentials provided"
            return _unauthorised(f"Invalid token header. {wrong}.")
        return None if value == self.key else _unauthorised("Invalid token")

    def _refused(self, how: str, where: str) -> Reply:
        if how == "401" and where == "token":
            return in_json(401, {"error": "invalid_client"})
        if how == "401" and where == "download":
            return _unauthorised(reason="The access token has expired.")
        if how == "401":
            return _unauthorised("Invalid token")
        if how == "429 suspended":
            return _throttled("the ApiV2 credential has been suspended")
        minute, day = self.per_minute or 60, self.per_day or 2000
        rate = f"{minute}/minute" if how == "429 minute" else f"{day}/day"
        return _throttled(f"of exceeding a request limit rate ({rate})")

    def _over(self) -> str | None:
        """The limit that is reached, or None and one request more is counted.

        One that the day refuses still takes its place in the minute.
        """
        now, limits = self.clock(), (self.per_minute, self.per_day)
        for taken, limit, span, name in zip(
            self._taken, limits, (60, 86_400), ("minute", "day"), strict=True
        ):
            while taken and taken[0] <= now - span:
                taken.popleft()
            if limit is not None and len(taken) >= limit:
                return f"{limit}/{name}"
            taken.append(now)
        return None

    def _located(self, sound: Mapping[str, Any]) -> dict[str, Any]:
        """With the preview host's address, where it still has Freesound's."""
        moved = {
            name: address.replace(CDN, self.previews) for name, address in sound["previews"].items()
        }
        return {**sound, "previews": moved}

    def _search(self, seen: Seen, _: None, how: str) -> Reply:
        self._order += how == "shuffle"
        try:
            found = search(self.sounds, seen.query, self._order)
        except Refused as refused:
            return in_json(refused.status, {"detail": refused.detail})
        gone: set[int | None] = set(found.ids[:1]) if how == "null" else set()
        for fault in [one for one in self._faults if one.how == "null" and one.of in found.ids]:
            self._spend(fault)
            gone.add(fault.of)
        results = [
            None if number in gone else self._shown(result)
            for number, result in zip(found.ids, found.results, strict=True)
        ]
        links = {"previous": found.previous, "next": found.next}
        return _read(seen, {"count": found.total, **links, "results": results})

    def _shown(self, result: dict[str, Any]) -> dict[str, Any]:
        return self._located(result) if "previews" in result else result

    def _sound(self, seen: Seen, number: int, _: str) -> Reply:
        if number not in self.sounds:
            return in_json(404, {"detail": "No Sound matches the given query."})
        sound = self._located(self.sounds[number])
        usual = [name for name in FIELDS if name != "score"]
        return _read(seen, chosen(sound, seen.query.get("fields"), usual))

    def _download(self, seen: Seen, number: int, how: str) -> Reply:
        if number not in self.sounds or number not in self.files:
            return in_json(404, {"detail": "Not found"})
        sound = self.sounds[number]
        stem = _slug(os.path.splitext(sound["name"])[0])  # noqa: PTH122
        name = f"{number}__{_slug(sound['username'])}__{stem}.{sound['type']}"
        reply = _file(seen, self.files[number][1], how)
        reply.kind = "application/octet-stream"
        reply.headers["Content-Disposition"] = f'attachment; filename="{name}"'
        return reply

    def _preview(self, seen: Seen, number: int, how: str) -> Reply:
        """Both qualities are the same bytes; there are no MP3s."""
        if number not in self.sounds or number not in self.files or seen.path.endswith("mp3"):
            return page(404, "Not Found")
        return _file(seen, self.files[number][0], how)

    def _authorize(self, seen: Seen, _: None, how: str) -> Reply:
        """The user's answer is in `approve`: 1 for yes, 0 for no; without it the page that asks."""
        if seen.query.get("client_id") != self.client_id:
            return page(400, "Error: invalid_request")
        if "approve" not in seen.query:
            return page(200, "Authorize?")
        yes = seen.query["approve"] == "1"
        code = self.tokens.code(seen.query.get("code_challenge")) if yes else ""
        said = {"code": code} if yes else {"error": "access_denied"}
        said |= {"state": seen.query["state"]} if "state" in seen.query else {}
        back = seen.query.get("redirect_uri", CALLBACK)
        return _moved(302, back, said)

    def _token(self, seen: Seen, _: None, how: str) -> Reply:
        return in_json(*self.tokens.exchange(seen.form))


ROUTES: list[tuple[str, str, Callable[..., Reply]]] = [
    (r"/apiv2/search/(?:text/)?", "search", FreesoundServer._search),
    (r"/apiv2/sounds/(?P<number>\d+)/", "sound", FreesoundServer._sound),
    (r"/apiv2/sounds/(?P<number>\d+)/download/", "download", FreesoundServer._download),
    (r"/apiv2/oauth2/(?:logout_and_)?authorize/", "authorize", FreesoundServer._authorize),
    (r"/apiv2/oauth2/access_token/", "token", FreesoundServer._token),
    (
        r"/(?:data/)?previews/\d+/(?P<number>\d+)_\d+-[hl]q\.(?:ogg|mp3)",
        "preview",
        FreesoundServer._preview,
    ),
]


def _slug(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", plain)).strip("-_")


def _file(seen: Seen, data: bytes, how: str) -> Reply:
    """The whole of it, or the one range that is asked for while If-Range holds."""
    etag = f'"{hashlib.md5(data).hexdigest()}"'
    headers = {"ETag": etag, "Accept-Ranges": "bytes"}
    match = re.fullmatch(r"bytes=(\d+)-(\d*)", seen.headers.get("range", ""))
    if how == "no range" or not match or seen.headers.get("if-range", etag) != etag:
        return Reply(200, data, "audio/ogg", headers)
    start, end = int(match[1]), min(int(match[2] or len(data)), len(data) - 1)
    if start >= len(data):
        return Reply(416, headers={"Content-Range": f"bytes */{len(data)}"})
    headers["Content-Range"] = f"bytes {start}-{end}/{len(data)}"
    return Reply(206, data[start : end + 1], "audio/ogg", headers)


def _moved(status: int, to: str, query: Mapping[str, str]) -> Reply:
    address = f"{to}?{urlencode(query)}" if query else to
    return Reply(status, kind="text/html", headers={"Location": address})


def _read(seen: Seen, said: object) -> Reply:
    """JSON, but for a browser the browsable page."""
    accepts = seen.headers.get("accept", "")
    if "text/html" in accepts and "json" not in accepts:
        return page(200, "Freesound API")
    return in_json(200, said)


def _unauthorised(
    detail: str = "Authentication credentials were not provided.", reason: str | None = None
) -> Reply:
    """What is wrong with an access token stands in the header alone."""
    reply = in_json(401, {"detail": detail})
    why = f',error="invalid_token",error_description="{reason}"' if reason else ""
    reply.headers["WWW-Authenticate"] = f'Bearer realm="api"{why}'
    return reply


def _throttled(because: str) -> Reply:
    return in_json(429, {"detail": f"Request was throttled because {because}"})


def _inside(how: str, where: str) -> Reply:
    solr = "Search server error: "
    match how:
        case "500":
            overloaded = "Search is overloaded, please try again later."
            return in_json(500, {"detail": overloaded if where == "search" else "Unexpected error"})
        case "400 down":
            return in_json(400, {"detail": f"{solr}Failed to connect to server"})
        case "400 syntax":
            said = f"{solr}Solr responded with an error (HTTP 400): [Reason: Cannot parse]"
            return in_json(400, {"detail": said})
    return page(500, "Server Error (500)")
