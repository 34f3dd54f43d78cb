"""What the user chose: sounds kept and rejected, collections, the project folder.

Sounds are named by the hash of their audio, so a choice outlives moves, tags and a new build. The
file lies in the library's folder and goes with it.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from threading import RLock
from typing import Any, Literal

from indexer.errors import LibraryError, QueryError

FILE = "choices.json"
MOST_NAMES = 1_000

Mark = Literal["kept", "rejected", ""]


@dataclass(slots=True)
class _Said:
    marks: dict[str, str] = field(default_factory=dict)
    collections: dict[str, list[str]] = field(default_factory=dict)
    project: str = ""


class Choices:
    """Written at every change: aside, then renamed. Read anew where another server wrote it."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self._lock = RLock()
        self._seen = self._facts()
        self._said = _read(self._path)

    def mark(self, identity: str) -> Mark:
        said = self._now().marks.get(identity, "")
        return said if said in ("kept", "rejected") else ""  # type: ignore[return-value]

    def marked(self, mark: Mark) -> list[str]:
        """Hashes, the last one first."""
        with self._lock:
            return [key for key, said in reversed(self._now().marks.items()) if said == mark]

    def set_mark(self, identity: str, mark: Mark) -> None:
        with self._lock:
            marks = self._now().marks
            marks.pop(identity, None)
            if mark:
                marks[identity] = mark
            self._write()

    def collections(self) -> dict[str, list[str]]:
        """Name → hashes, in the order in which they came."""
        with self._lock:
            return {name: list(held) for name, held in self._now().collections.items()}

    def collect(self, name: str, identities: list[str], *, remove: bool = False) -> None:
        """Puts sounds into a collection, made if it is new, or takes them out; empty ones go."""
        name = " ".join(name.split())
        if not name:
            raise QueryError("A collection needs a name.")
        with self._lock:
            held = self._now().collections
            if name not in held and len(held) >= MOST_NAMES:
                raise QueryError(f"There are {MOST_NAMES:,} collections already: remove one.")
            now = [each for each in held.get(name, []) if each not in set(identities)]
            held[name] = now if remove else [*now, *identities]
            if not held[name]:
                del held[name]
            self._write()

    @property
    def project(self) -> Path | None:
        """The folder that sounds are written to."""
        said = self._now().project
        return Path(said) if said else None

    @project.setter
    def project(self, folder: Path) -> None:
        with self._lock:
            self._now().project = str(folder)
            self._write()

    def _now(self) -> _Said:
        with self._lock:
            seen = self._facts()
            if seen != self._seen:
                self._said, self._seen = _read(self._path), seen
            return self._said

    def _facts(self) -> tuple[int, int] | None:
        try:
            facts = self._path.stat()
        except OSError:
            return None
        return facts.st_mtime_ns, facts.st_ino

    def _write(self) -> None:
        aside = self._path.with_name(f"{FILE}.{os.getpid()}")
        try:
            aside.write_text(json.dumps(asdict(self._said), indent=1), encoding="utf-8")
            aside.replace(self._path)
            self._seen = self._facts()
        except OSError as error:
            raise LibraryError(
                f"Choices cannot be kept in this library ({error.strerror}): see that its folder "
                "can be written to."
            ) from error


def _read(path: Path) -> _Said:
    """Raises LibraryError for a file that makes no sense: it is the user's work."""
    try:
        said: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return _Said(dict(said["marks"]), dict(said["collections"]), str(said["project"]))
    except FileNotFoundError:
        return _Said()
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise LibraryError(
            f"{path} cannot be understood ({error}): mend it, or move it away."
        ) from error
