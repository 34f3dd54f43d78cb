"""What the catalog answers with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple


class Known(NamedTuple):
    """What the catalog knows of a file."""

    file_id: int
    sound_id: int
    size: int
    mtime_ns: int
    state: str
    status: str


class Todo(NamedTuple):
    """A sound that wants work, and where it lies."""

    sound_id: int
    root_id: int
    relative_path: str
    size: int
    duration: float


class Measured(NamedTuple):
    """Figures of a whole sound; see indexer.audio.analysis for what they mean."""

    loudness: float | None
    max_momentary: float | None
    true_peak: float | None
    silence: float
    peaks: bytes
    onsets: list[float]


class RootInfo(NamedTuple):
    id: int
    kind: str
    name: str
    location: str


class CountedRoot(NamedTuple):
    """A root, and how many of its files are in which state."""

    id: int
    kind: str
    name: str
    location: str
    present: int
    missing: int
    offline: int


@dataclass(frozen=True, slots=True)
class SoundInfo:
    """A sound's row, and the file to show for it (the present one whose path sorts first)."""

    columns: Mapping[str, Any]
    root_kind: str
    root_location: str
    relative_path: str
    state: str

    @property
    def path(self) -> Path:
        return Path(self.root_location, self.relative_path)

    @property
    def is_preview(self) -> bool:
        """Whether the file is a lossy stand-in for an original that can be fetched."""
        return self.root_kind == "freesound" and self.relative_path.startswith("previews/")
