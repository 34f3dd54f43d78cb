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
    """A folder, those above it up to a root, and those in it."""

    here: Place | None
    above: list[Place]
    folders: list[Place]


class Places:
    """The folders below `roots`, links resolved. Hidden ones are not shown."""

    def __init__(self, roots: Sequence[Path]) -> None:
        self.roots = [root.resolve() for root in roots if root.is_dir()]
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
        with self._lock:
            found = self._known.get(name)
        if found is None or not found.is_dir() or not self._allowed(found.resolve()):
            raise QueryError("This folder is no longer here: choose one again.")
        return found

    def listing(self, name: str = "") -> Listing:
        """What is in the folder of an id, or the roots. Raises QueryError."""
        if not name:
            return Listing(None, [], [self.place(root) for root in self.roots])
        here = self.path(name)
        try:
            found = sorted(
                (Path(each.path) for each in os.scandir(here) if _is_shown(each)),
                key=lambda path: path.name.lower(),
            )
        except OSError as error:
            raise QueryError(f"This folder cannot be read ({error.strerror}).") from error
        above = [path for path in reversed(here.parents) if self._allowed(path)]
        shown = [path for path in found[:MOST] if self._allowed(path.resolve())]
        return Listing(self.place(here), list(map(self.place, above)), list(map(self.place, shown)))

    def _allowed(self, path: Path) -> bool:
        return any(path == root or root in path.parents for root in self.roots)


def usual() -> list[Path]:
    """The user's home, and the drives that are connected."""
    if sys.platform == "win32":
        return [Path.home(), *(Path(f"{letter}:/") for letter in "DEFGHIJKLMNOPQRSTUVWXYZ")]
    mounts = ["/Volumes"] if sys.platform == "darwin" else ["/media", "/mnt", "/run/media"]
    drives = [each for mount in map(Path, mounts) if mount.is_dir() for each in mount.iterdir()]
    return [Path.home(), *sorted(drives)]


def _is_shown(entry: os.DirEntry[str]) -> bool:
    try:
        return not entry.name.startswith(".") and entry.is_dir()
    except OSError:
        return False
