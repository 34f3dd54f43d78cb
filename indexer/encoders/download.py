"""Large files over HTTP, continued where they were cut off.

What has come lies in FILENAME.part beside the model, with the server's name for that version of
the file (its ETag, else its date) in FILENAME.part.version. The next request asks for the rest
of that version (Range, If-Range: RFC 9110, 13.1.5 and 14); a server with another version, or
without ranges, sends the whole and the part begins again.
"""

from __future__ import annotations

import contextlib
import errno
import shutil
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from indexer.encoders.progress import Progress, in_words
from indexer.errors import WeightsMissing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

REDIRECTS = 5
SECONDS = 30.0
AGAIN = frozenset({408, 416, 425, 429, 500, 502, 503, 504})


class _CutOffError(Exception):
    """The connection ended; another try may go on."""


@dataclass(frozen=True, slots=True)
class HttpFile:
    """A file at a web address.

    `room`: bytes of disk wanted beside the file itself. `waits`: seconds before each new try;
    a try that brought something starts the count again.
    """

    url: str
    filename: str
    version: str
    sha256: str
    size: int
    room: int = 0
    waits: tuple[float, ...] = (1, 5, 15)
    resumes: bool = True

    def fetch(self, folder: Path, progress: Progress) -> tuple[Path, str]:
        """FILENAME.part in `folder`, whole, and its version; the door checks its hash.

        Raises WeightsMissing if it cannot be had; what has come stays for the next call.
        """
        part = folder / f"{self.filename}.part"
        if _size(part) > self.size:
            _forget(part)
        self._need_room(folder, self.size - _size(part))
        if _size(part) < self.size:
            going_on = "going on with" if _size(part) else "fetching"
            progress.said(f"{going_on} {self.filename} ({in_words(self.size)})")
        tries = 0
        while (have := _size(part)) < self.size:
            try:
                self._ask(part, have, progress)
            except _CutOffError as cut:
                tries = 0 if _size(part) > have else tries + 1
                if tries > len(self.waits):
                    raise self._missing(str(cut)) from cut
                time.sleep(self.waits[tries - 1] if tries else 0)
        return part, self.version

    def _need_room(self, folder: Path, left: int) -> None:
        free = shutil.disk_usage(folder).free
        if free < left + self.room:
            raise WeightsMissing(
                f"{self.filename} needs {in_words(left + self.room)} of disk and {folder} has "
                f"{in_words(free)} left: make room, or set SONORIZE_MODELS to another disk."
            )

    def _ask(self, part: Path, have: int, progress: Progress) -> None:
        import httpx2 as httpx

        headers = {"Accept-Encoding": "identity"}
        if have:
            headers |= {"Range": f"bytes={have}-"} | _same_version(part)
        try:
            with (
                httpx.Client(
                    follow_redirects=True, max_redirects=REDIRECTS, timeout=SECONDS
                ) as client,
                client.stream("GET", self.url, headers=headers) as answer,
            ):
                begin = self._judge(answer, part, have)
                with _disk_full_in_words(part):
                    self._write(answer, part, begin, progress)
        except (httpx.TooManyRedirects, httpx.UnsupportedProtocol, httpx.InvalidURL) as error:
            raise self._missing(str(error)) from error
        except httpx.HTTPError as error:
            raise _CutOffError(str(error) or type(error).__name__) from error
        if _size(part) < self.size:
            raise _CutOffError("the connection ended early")

    def _judge(self, answer: Any, part: Path, have: int) -> int:
        """Where in the file the answer begins."""
        code = answer.status_code
        if code == 416:
            _forget(part)
        if code in AGAIN:
            raise _CutOffError(f"the server answered {code}")
        if code not in (200, 206):
            raise self._missing(f"the server answered {code}")
        begin = 0
        if code == 206:
            if not answer.headers.get("content-range", "").startswith(f"bytes {have}-"):
                _forget(part)
                raise _CutOffError("the server sent another range than was asked for")
            begin = have
        length = answer.headers.get("content-length")
        if length is not None and begin + int(length) != self.size:
            _forget(part)
            raise self._missing(
                f"the server offers {begin + int(length):,} bytes, not {self.size:,}"
            )
        return begin

    def _write(self, answer: Any, part: Path, begin: int, progress: Progress) -> None:
        if not begin:
            _remember_version(part, answer.headers)
        progress.bytes(begin, self.size)
        with part.open("ab" if begin else "wb") as out:
            for block in answer.iter_raw():
                out.write(block)
                begin += len(block)
                if begin > self.size:
                    break
                progress.bytes(begin, self.size)
        if begin > self.size:
            _forget(part)
            raise self._missing(f"the server sent more than {self.size:,} bytes")

    def _missing(self, reason: str) -> WeightsMissing:
        return WeightsMissing(
            f"{self.url} could not be fetched ({reason}): run the same again to go on, or fetch "
            f"{self.filename} elsewhere and give its folder with --from."
        )


def _size(part: Path) -> int:
    return part.stat().st_size if part.is_file() else 0


def _forget(part: Path) -> None:
    part.unlink(missing_ok=True)
    part.with_name(f"{part.name}.version").unlink(missing_ok=True)


def _remember_version(part: Path, headers: Any) -> None:
    tag = headers.get("etag", "")
    known = headers.get("last-modified", "") if tag.startswith("W/") or not tag else tag
    part.with_name(f"{part.name}.version").write_text(known, encoding="latin-1")


def _same_version(part: Path) -> dict[str, str]:
    try:
        known = part.with_name(f"{part.name}.version").read_text(encoding="latin-1")
    except FileNotFoundError:
        return {}
    return {"If-Range": known} if known else {}


@contextlib.contextmanager
def _disk_full_in_words(part: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise WeightsMissing(
            f"The disk of {part.parent} is full: make room and run the same again to go on."
        ) from error
