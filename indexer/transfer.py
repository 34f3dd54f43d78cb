"""Bytes over HTTP into NAME.part, continued where they were cut off.

Beside NAME.part lies NAME.version.part, the server's name for that version of the file (its ETag,
else its date). The next request asks for the rest of that version (Range, If-Range: RFC 9110,
13.1.5 and 14); a server with another version, or without ranges, sends the whole and the part
begins again. Nothing but a plain file of this one name is ever written to: a link is taken away.
"""

from __future__ import annotations

import contextlib
import errno
import random
import re
import stat
import time
from dataclasses import dataclass, field
from functools import cache
from ipaddress import ip_address
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from indexer.errors import DiskFull, TransferFailed

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    import httpx2

REDIRECTS = 5
WAITS = (1.0, 5.0, 15.0)
SECONDS = 30.0  # without a byte
AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})
SLOWEST, SPELL = 1000, 60.0  # bytes per second, measured over so many seconds
MUCH = 100_000  # bytes; a try that brought so many starts the count of tries again
LONGEST_WAIT = 120.0  # seconds that a server may ask for
ERROR_TEXT = 4096  # bytes of an error's body that are read


class Again(Exception):
    """This try failed and another may not, in `wait` seconds at the earliest.

    `away`: there was no connection at all.
    """

    def __init__(self, reason: str, wait: float = 0.0, away: bool = False) -> None:
        super().__init__(reason)
        self.wait = wait
        self.away = away


class Answer(NamedTuple):
    """What came before the bytes. `text`: of an error (400 or more), the beginning of its body.

    `own`: the request carried the caller's headers, being to the place that was named.
    """

    own: bool
    status: int
    headers: Mapping[str, str]
    text: str


@dataclass(frozen=True, slots=True)
class Pace:
    """waits: seconds before each new try, each up to a half longer by chance."""

    waits: tuple[float, ...] = WAITS
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic


PACE = Pace()


def nothing(*_: object) -> None:
    """Hears and says nothing."""


def agent() -> str:
    """Who asks: "sonorize/0.1.0"."""
    from importlib import metadata

    try:
        return f"sonorize/{metadata.version('sonorize')}"
    except metadata.PackageNotFoundError:
        return "sonorize"


@cache
def trusted() -> ssl.SSLContext:
    """The authorities that are believed, read once: that takes longer than a request."""
    import httpx2

    return httpx2.create_ssl_context()


def secure(url: str) -> bool:
    """True if nobody on the way can read or change what `url` gives: https, or this machine."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        if parts.scheme != "http":
            return parts.scheme == "https" and bool(host)
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def web_client() -> httpx2.Client:
    """A client that waits for nothing longer than SECONDS.

    It uses the proxies of the environment, but none to this machine.
    """
    import httpx2

    here = dict.fromkeys(("all://127.0.0.1", "all://localhost", "all://[::1]"))
    said = {"User-Agent": agent()}
    return httpx2.Client(timeout=SECONDS, headers=said, verify=trusted(), mounts=here)


def bring(
    client: httpx2.Client,
    url: str,
    part: Path,
    *,
    size: int | None = None,
    headers: Mapping[str, str] | None = None,
    pace: Pace = PACE,
    before: Callable[[str, bool], None] = nothing,
    judge: Callable[[Answer], None] = nothing,
    told: Callable[[int, int | None], None] = nothing,
) -> None:
    """The file at `url` into `part`, whole; what `part` holds already is not asked for again.

    size      bytes, or None to believe the server's Content-Length
    headers   sent to the scheme, host and port of `url` alone, never on to where it redirects
    before    sees each address before it is asked, and whether `headers` go there; may raise
    judge     sees every answer but redirects; may raise `Again`, or an error that ends all
    told      (bytes here, bytes of all if known), as they come

    Raises TransferFailed if it cannot be had, and DiskFull; what has come stays for the next call.
    One process at a time may bring the same file.
    """
    transfer = _Transfer(client, url, part, size, dict(headers or {}), pace, before, judge, told)
    with disk_full_in_words(part.parent):
        transfer.run()


def have(part: Path) -> int:
    """Bytes of `part` that are here."""
    return part.stat().st_size if part.is_file() else 0


def forget(part: Path) -> None:
    """Delete `part` and what is known of it."""
    part.unlink(missing_ok=True)
    _version(part).unlink(missing_ok=True)


@contextlib.contextmanager
def disk_full_in_words(folder: Path) -> Iterator[None]:
    """Raises DiskFull where what is written into `folder` finds no room."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise DiskFull(
            f"The disk of {folder} is full: make room and run the same again to go on."
        ) from error


@dataclass(slots=True)
class _Transfer:
    client: httpx2.Client
    url: str
    part: Path
    size: int | None
    headers: dict[str, str]
    pace: Pace
    before: Callable[[str, bool], None]
    judge: Callable[[Answer], None]
    told: Callable[[int, int | None], None]
    whole: bool = field(default=False, init=False)

    def run(self) -> None:
        tries, most, waits = 0, self._begin(), self.pace.waits
        while not self.whole:
            try:
                self._try()
            except Again as again:
                here = have(self.part)
                tries = 0 if here - most >= MUCH else tries + 1
                most = max(most, here)
                if tries > len(waits):
                    raise self._failed(str(again), again.away) from again
                wait = waits[max(tries - 1, 0)] if waits else 0.0
                self.pace.sleep(max(wait * random.uniform(1, 1.5), again.wait))

    def _begin(self) -> int:
        """Bytes to go on from; what cannot be gone on with is deleted."""
        for path in (self.part, _version(self.part)):
            with contextlib.suppress(FileNotFoundError):
                facts = path.lstat()
                if not stat.S_ISREG(facts.st_mode) or facts.st_nlink > 1:
                    path.unlink()
        here = have(self.part)
        if (here > self.size) if self.size is not None else not _same_version(self.part):
            forget(self.part)
        self.whole = here == self.size and self.part.is_file()
        return have(self.part)

    def _try(self) -> None:
        import httpx2

        here = have(self.part)
        ask = {"Range": f"bytes={here}-"} | _same_version(self.part) if here else {}
        try:
            with self._answer(ask | {"Accept-Encoding": "identity"}) as (answer, own):
                begin, total = self._judged(answer, own, here)
                if not self.whole:
                    self._write(answer, begin, total)
        except (httpx2.UnsupportedProtocol, httpx2.InvalidURL, UnicodeError) as error:
            raise self._failed(str(error)) from error
        except httpx2.HTTPError as error:
            away = isinstance(error, (httpx2.ConnectError, httpx2.ConnectTimeout))
            raise Again(str(error) or type(error).__name__, away=away) from error

    @contextlib.contextmanager
    def _answer(self, ask: dict[str, str]) -> Iterator[tuple[httpx2.Response, bool]]:
        """The answer behind the redirects, and whether our headers went there."""
        import httpx2

        url, own = httpx2.URL(self.url), True
        for _ in range(REDIRECTS + 1):
            self.before(str(url), own)
            sent = ask | self.headers if own else ask
            with self.client.stream("GET", url, headers=sent, follow_redirects=False) as came:
                if not came.has_redirect_location:
                    yield came, own
                    return
                there = url.join(came.headers["Location"])
            if url.scheme == "https" and there.scheme != "https":
                raise self._failed("the server redirects to a place without https")
            own = own and _origin(there) == _origin(url)  # once elsewhere, one may be sent anywhere
            url = there
        raise self._failed(f"more than {REDIRECTS} redirects")

    def _judged(self, answer: httpx2.Response, own: bool, here: int) -> tuple[int, int | None]:
        """Where in the file the answer begins, and the bytes of the whole if they are known."""
        code, headers = answer.status_code, answer.headers
        text = self._error_text(answer) if code >= 400 else ""
        self.judge(Answer(own, code, headers, text))
        if code == 416:
            self.whole = self.size is None and headers.get("Content-Range") == f"bytes */{here}"
            if not self.whole:
                forget(self.part)
                raise Again("the server answered 416")
        elif code in AGAIN:
            raise Again(f"the server answered {code}", _asked_to_wait(headers))
        elif code not in (200, 206):
            raise self._failed(f"the server answered {code}")
        elif headers.get("Content-Encoding", "identity") != "identity":
            raise self._failed("the server sends it packed")
        return self._extent(headers, code, here)

    def _extent(self, headers: Mapping[str, str], code: int, here: int) -> tuple[int, int | None]:
        length = headers.get("Content-Length", "")
        total = int(length) if _digits(length) else None
        if code != 206:
            here = 0
        elif found := re.fullmatch(rf"bytes {here}-\d+/(\d+|\*)", headers.get("Content-Range", "")):
            total = int(found[1]) if found[1] != "*" else None
        else:
            forget(self.part)
            raise Again("the server sent another range than was asked for")
        if self.size is None:
            if total is None and headers.get("Transfer-Encoding") != "chunked":
                raise self._failed("the server does not say how long it is")
        elif total not in (self.size, None):
            forget(self.part)
            raise self._failed(f"the server offers {total:,} bytes, not {self.size:,}")
        return here, self.size if total is None else total

    def _write(self, answer: httpx2.Response, begin: int, total: int | None) -> None:
        if not begin:
            forget(self.part)
            _remember_version(self.part, answer.headers)
        self.told(begin, total)
        with self.part.open("ab" if begin else "xb") as out:
            for block in self._blocks(answer):
                begin += len(block)
                if total is not None and begin > total:
                    break
                out.write(block)
                self.told(begin, total)
        if total is not None and begin > total:
            forget(self.part)
            raise self._failed(f"the server sent more than {total:,} bytes")
        if total is not None and begin < total:
            raise Again("the connection ended early")
        self.whole = True

    def _blocks(self, answer: httpx2.Response) -> Iterator[bytes]:
        since, came = self.pace.clock(), 0
        for block in answer.iter_raw():
            yield block
            came += len(block)
            now = self.pace.clock()
            if now - since >= SPELL:
                if came < SLOWEST * (now - since):
                    raise Again(f"less than {SLOWEST:,} bytes a second came")
                since, came = now, 0

    def _error_text(self, answer: httpx2.Response) -> str:
        text = b""
        for block in self._blocks(answer):
            text += block
            if len(text) >= ERROR_TEXT:
                break
        return text[:ERROR_TEXT].decode(errors="replace")

    def _failed(self, reason: str, away: bool = False) -> TransferFailed:
        return TransferFailed(self.url, reason, away)


def _origin(url: httpx2.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port  # the port is None where it is the scheme's own


def _asked_to_wait(headers: Mapping[str, str]) -> float:
    after = headers.get("Retry-After", "")
    return min(int(after), LONGEST_WAIT) if _digits(after) else 0.0


def _digits(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _version(part: Path) -> Path:
    return part.with_name(f"{part.name.removesuffix('.part')}.version.part")


def _remember_version(part: Path, headers: Mapping[str, str]) -> None:
    tag = headers.get("ETag", "")
    known = headers.get("Last-Modified", "") if tag.startswith("W/") or not tag else tag
    _version(part).write_text(known, encoding="latin-1")


def _same_version(part: Path) -> dict[str, str]:
    try:
        known = _version(part).read_text(encoding="latin-1")
    except FileNotFoundError:
        return {}
    return {"If-Range": known} if known else {}
