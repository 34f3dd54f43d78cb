"""What every source promises."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, Protocol


class Item(NamedTuple):
    """A file that may be a sound: path under the source, size in bytes, time of change in ns."""

    relative_path: str
    size: int
    mtime_ns: int


class Said(NamedTuple):
    """Columns of Sound, all of its words among them; `name`: what the sound is called there."""

    columns: Mapping[str, Any]
    name: str


class Source(Protocol):
    """kind, location: how the catalog records it as a root."""

    @property
    def kind(self) -> str: ...
    @property
    def location(self) -> str: ...

    def available(self) -> bool:
        """False while the drive or service is away."""
        ...

    def items(self) -> Iterator[Item]:
        """Every file, in a fixed order. What cannot be listed is passed over and noted."""
        ...

    @property
    def notes(self) -> list[str]:
        """What `items` could not list, a sentence each."""
        ...

    @property
    def passed_over(self) -> int:
        """How many other files `items` came by."""
        ...

    @property
    def hidden(self) -> list[str]:
        """Paths of files and folders that are there, and that `items` could not look at."""
        ...

    def said(self, relative_path: str) -> Said | None:
        """What the source itself says of a sound; None where the tags of its file do."""
        ...

    def path(self, relative_path: str) -> Path:
        """Where the file of an item can be opened."""
        ...
