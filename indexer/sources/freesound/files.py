"""Previews and originals: brought into a folder under names of ours, and checked.

Nothing that a server says is part of a path. A file has its name only when it is whole.
"""

from __future__ import annotations

import hashlib
import os
import re
import threading
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self
from urllib.parse import urlsplit

from indexer import transfer
from indexer.errors import FetchFailed, KeyRefused, SourceError, TransferFailed
from indexer.sources.freesound import web
from indexer.sources.freesound.budget import limit_in

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from indexer.sources.freesound.budget import Budget
    from indexer.transfer import Answer, Pace

TYPES = ("wav", "ogg", "aiff", "aif", "mp3", "flac", "m4a", "wv")
LONGEST_USER, LONGEST_NAME = 30, 60  # letters

_ENDING = re.compile(rf"\.({'|'.join(TYPES)})\s*$", re.IGNORECASE)


def file_name(sound: Mapping[str, Any], ending: str) -> str:
    """ "9__xserra__voice-gong.ogg": id, user, name and `ending`, which comes without its dot.

    At most 120 small ASCII letters, digits, `-`, `_` and `.`; no two sounds share one. It is taken
    as it is by Windows, macOS and Linux. Raises FetchFailed if there is no id.
    """
    number = sound.get("id")
    if type(number) is not int or not 0 < number < 10**12:
        raise FetchFailed(f"{number!r} is no number of a sound: it is left out.", permanent=True)
    name = _ENDING.sub("", str(sound.get("name") or ""))
    slugs = _slug(str(sound.get("username") or ""), LONGEST_USER), _slug(name, LONGEST_NAME)
    return f"{number}__{'__'.join(filter(None, slugs)) or 'sound'}.{ending}"


def _slug(text: str, longest: int) -> str:
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain)[:longest].strip("-")


class Previews:
    """Use it in a `with` block; threads may share it. It knows no credential, so it sends none."""

    def __init__(self, *, pace: Pace | None = None) -> None:
        self._client = transfer.web_client()
        self._stopped = threading.Event()
        self._pace = pace or transfer.Pace(sleep=self._rest)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def stop(self) -> None:
        """No fetch waits to try again: those that do raise FetchFailed."""
        self._stopped.set()

    def _rest(self, seconds: float) -> None:
        if self._stopped.wait(seconds):
            raise FetchFailed("It was stopped: run the same again to go on.")

    def fetch(self, sound: Mapping[str, Any], quality: Literal["hq", "lq"], folder: Path) -> Path:
        """The Ogg preview in `folder`, as NAME.ogg or NAME.lq.ogg; one that is there is kept.

        Raises FetchFailed where this one cannot be had, SourceError where its server cannot be
        reached, DiskFull.
        """
        path = folder / file_name(sound, "ogg" if quality == "hq" else "lq.ogg")
        if _is_here(path):
            return path
        said = sound.get("previews")
        url = said.get(f"preview-{quality}-ogg") if isinstance(said, dict) else None
        if not isinstance(url, str):
            raise FetchFailed("Freesound names no preview of it: it is left out.", permanent=True)
        return _fetch(path, _is_ogg, client=self._client, url=url, pace=self._pace, judge=_no_page)


def fetch_original(
    sound: Mapping[str, Any],
    folder: Path,
    access_token: str,
    address: str,
    budget: Budget,
    *,
    pace: Pace = transfer.PACE,
    told: Callable[[int, int | None], None] = transfer.nothing,
) -> Path:
    """The original in `folder`, with the size and MD5 that Freesound says; one there is kept.

    The token goes to `address` alone, and every request there is taken from the budget. told: as
    in `transfer.bring`. Raises FetchFailed where this one cannot be had, KeyRefused for the token,
    LimitReached, SourceError where Freesound cannot be reached, DiskFull.
    """
    path = folder / file_name(sound, _type(sound))
    size, md5 = sound.get("filesize"), str(sound.get("md5") or "").lower()
    if not isinstance(size, int) or not re.fullmatch("[0-9a-f]{32}", md5):
        raise FetchFailed("Freesound says no size or MD5 of it: it is left out.", permanent=True)
    if _is_here(path) and path.stat().st_size == size and _md5(path) == md5:
        return path

    def before(_: str, own: bool) -> None:
        if own:
            budget.take()

    def judge(answer: Answer) -> None:
        if answer.own:
            _allowed(answer, budget)
        _no_page(answer)

    with transfer.web_client() as client:
        return _fetch(
            path, lambda part: _md5(part) == md5,
            client=client, size=size,
            url=f"{web.checked(address)}/apiv2/sounds/{sound['id']}/download/",
            headers={"Authorization": f"Bearer {access_token}"},
            pace=pace, before=before, judge=judge, told=told,
        )  # fmt: skip


def _type(sound: Mapping[str, Any]) -> str:
    kind = str(sound.get("type") or "").lower()
    if kind not in TYPES:
        raise FetchFailed(f"{kind!r} is no type of audio file: it is left out.", permanent=True)
    return kind


def _fetch(
    path: Path,
    is_whole: Callable[[Path], bool],
    *,
    before: Callable[[str, bool], None] = transfer.nothing,
    url: str,
    **more: Any,
) -> Path:
    """`path` by way of PATH.part."""
    part = path.with_name(f"{path.name}.part")

    def secure_before(address: str, own: bool) -> None:
        if not transfer.secure(address):
            raise FetchFailed("Its address is not safe (no https): it is left out.", permanent=True)
        before(address, own)

    try:
        with transfer.disk_full_in_words(path.parent):
            path.parent.mkdir(parents=True, exist_ok=True)
            transfer.bring(url=url, part=part, before=secure_before, **more)
            fits = is_whole(part)
            if fits:
                _keep(part, path)
    except TransferFailed as error:
        failed = error
    except OSError as error:
        raise FetchFailed(
            f"{path} cannot be written ({error.strerror}): see what is in its place."
        ) from error
    else:
        if fits:
            return path
        transfer.forget(part)
        raise FetchFailed("What came is not the sound: run the same again to fetch it anew.")
    raise _in_words(failed, url)  # outside, so that no request with its headers hangs on it


def _in_words(failed: TransferFailed, url: str) -> SourceError:
    if failed.away:
        return SourceError(
            f"{urlsplit(url).netloc} cannot be reached ({failed.reason}): see whether this machine "
            "is online, and run the same again to go on."
        )
    return FetchFailed(
        f"It could not be fetched ({failed.reason}): run the same again to try it once more.",
        permanent=failed.reason in ("the server answered 404", "the server answered 410"),
    )


def _allowed(answer: Answer, budget: Budget) -> None:
    """Raises what a refusal by Freesound means."""
    if answer.status == 401:
        said = answer.headers.get("WWW-Authenticate", "")
        why = re.search(r'error_description="([ -~]{1,100}?)\.?"', said)
        raise KeyRefused(
            f"Freesound does not take this login{f' ({why[1]})' if why else ''}: run `sonorize "
            "freesound login`, and the same again."
        )
    if answer.status == 429:
        said = web.Answer(answer.status, web.data_in(answer.text)).said()
        budget.refused(*limit_in(said))
        raise transfer.Again("too many requests in a minute")


def _no_page(answer: Answer) -> None:
    """Proxies and logins of a network answer with pages, and say that all is well."""
    if answer.status < 400 and answer.headers.get("Content-Type", "").startswith("text/html"):
        raise FetchFailed(
            "A page came instead of the sound: see whether this network wants a login, and run "
            "the same again."
        )


def _is_here(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()


def _keep(part: Path, path: Path) -> None:
    """On the disk first: after a power failure too, a name means the whole."""
    with part.open("rb+") as written:
        os.fsync(written.fileno())
    part.replace(path)
    transfer.forget(part)


def _is_ogg(part: Path) -> bool:
    with part.open("rb") as file:
        return file.read(4) == b"OggS"


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
