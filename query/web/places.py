"""Folders that the page may name: below the roots that the user allowed, by ids."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import sys
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from indexer.errors import QueryError
from query.video import VIDEO_EXTENSIONS
from query.web.rows import sendable

REMEMBERED = 20_000
MOST = 2_000  # folders of a folder


@dataclass(frozen=True, slots=True)
class Place:
    """A folder. `id` stands for it while the server runs."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Listing:
    """A folder, those above it up to a root, and the folders and videos in it."""

    here: Place | None
    above: list[Place]
    folders: list[Place]
    videos: list[Place]


class Places:
    """The folders below `roots`, links resolved. Hidden ones are not shown."""

    def __init__(self, roots: Sequence[Path]) -> None:
        self.roots = [root.resolve() for root in roots if _is_there(root)]
        self._secret = secrets.token_bytes(32)
        self._known: OrderedDict[str, Path] = OrderedDict()
        self._lock = Lock()

    def place(self, path: Path) -> Place:
        said = hmac.new(self._secret, os.fsencode(path), hashlib.sha256).hexdigest()[:32]
        with self._lock:
            self._known[said] = path
            if len(self._known) > REMEMBERED:
                self._known.popitem(last=False)
        return Place(said, sendable(path.name or str(path)))

    def path(self, name: str) -> Path:
        """The folder of an id. Raises QueryError."""
        found = self._found(name)
        if found is None or not found.is_dir():
            raise QueryError("This folder is no longer here: choose one again.")
        return found

    def video(self, name: str) -> Path:
        """The video of an id. Raises QueryError."""
        found = self._found(name)
        if found is None or not found.is_file() or not _named_as_video(found):
            raise QueryError("This video is no longer here: choose it again.")
        return found

    def _found(self, name: str) -> Path | None:
        with self._lock:
            found = self._known.get(name)
        return found if found is not None and self._allowed(found.resolve()) else None

    def listing(self, name: str = "") -> Listing:
        """What is in the folder of an id, or the roots. Raises QueryError."""
        if not name:
            return Listing(None, [], [self.place(root) for root in self.roots], [])
        here = self.path(name)
        try:
            entries = sorted(os.scandir(here), key=lambda entry: entry.name.lower())
            folders = [Path(entry.path) for entry in entries if _is_shown(entry)]
            videos = [Path(entry.path) for entry in entries if _is_video(entry)]
        except OSError as error:
            raise QueryError(f"This folder cannot be read ({error.strerror}).") from error
        above = [path for path in reversed(here.parents) if self._allowed(path)]
        shown, played = (
            [self.place(path) for path in found[:MOST] if self._allowed(path.resolve())]
            for found in (folders, videos)
        )
        return Listing(self.place(here), list(map(self.place, above)), shown, played)

    def _allowed(self, path: Path) -> bool:
        return any(path == root or root in path.parents for root in self.roots)


def usual() -> list[Path]:
    """The user's home, and the drives that are connected."""
    if sys.platform == "win32":
        return [Path.home(), *(Path(f"{letter}:/") for letter in "DEFGHIJKLMNOPQRSTUVWXYZ")]
    mounts = ["/Volumes"] if sys.platform == "darwin" else ["/media", "/mnt", "/run/media"]
    return [Path.home(), *sorted(each for mount in mounts for each in _inside(Path(mount)))]


def _inside(mount: Path) -> list[Path]:
    try:
        return list(mount.iterdir())
    except OSError:  # there is none, or it is not the user's
        return []


def _is_there(root: Path) -> bool:
    try:
        return root.is_dir()
    except OSError:  # a drive of the network that is gone
        return False


def _is_shown(entry: os.DirEntry[str]) -> bool:
    try:
        return not entry.name.startswith(".") and entry.is_dir()
    except OSError:
        return False


def _is_video(entry: os.DirEntry[str]) -> bool:
    try:
        return not entry.name.startswith(".") and _named_as_video(entry) and entry.is_file()
    except OSError:
        return False


def _named_as_video(path: os.PathLike[str]) -> bool:
    return Path(path).suffix.lower() in VIDEO_EXTENSIONS
