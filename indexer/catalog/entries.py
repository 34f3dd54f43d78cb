"""What can be said to the catalog: the entries that `Catalog.record` takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

TEXT_FIELDS = (
    "title", "description", "tags", "category", "subcategory", "author", "designer",
    "manufacturer", "pack", "microphone", "location", "notes", "take", "recorded", "licence",
    "licence_url", "url",
)  # fmt: skip
"""Columns of Sound that say something in words; `tags` is a list of words."""

MEANT_FIELDS = ("title", "description", "tags", "category", "subcategory")
"""Those that say what is heard: the metadata part is made of them and of the file name."""


@dataclass(frozen=True, slots=True)
class Place:
    """A file: its root, its path under the root, size in bytes, time of change in ns."""

    root_id: int
    relative_path: str
    size: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class Named:
    """A file was found whose sound is not known yet. `columns` are columns of Sound."""

    place: Place
    columns: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Retagged:
    """A known file holds a known sound, its own or another; its words may have changed."""

    file_id: int
    sound_id: int
    place: Place
    columns: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Described:
    """The user says in words what a sound is: `columns` are some of TEXT_FIELDS.

    They win over what the tags of the file say, now and whenever it is read again.
    """

    sound_id: int
    columns: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Seen:
    """A known file is where it was (again); its size and time are taken over."""

    file_id: int
    place: Place


@dataclass(frozen=True, slots=True)
class Unseen:
    """A known file was not found: `state` is missing or offline."""

    file_id: int
    state: str


@dataclass(frozen=True, slots=True)
class Relinked:
    """A better copy of a sound lies at `place`: it takes the place of this file, and is heard anew.

    Until then the sound is found by what was heard of the former.
    """

    file_id: int
    place: Place


@dataclass(frozen=True, slots=True)
class Written:
    """The metadata part of a sound: a unit vector, or zeros where its words say nothing.

    `columns`, `path`: the sound as it was read, and the relative path of the file that gives it
    its name; where they are others by now, nothing is recorded.
    """

    sound_id: int
    space_id: int
    vector: NDArray[np.float32]
    columns: Mapping[str, Any] = field(default_factory=dict)
    path: str | None = None


@dataclass(frozen=True, slots=True)
class Heard:
    """What was heard of a sound.

    `clips`: per space, the vector of the clip. `windows`: seconds (start, end);
    `window_vectors`: per space, (len(windows), dim). `complete` is false while only the first
    windows were heard; then `content_hash` and `analysis` are not known yet.
    """

    sound_id: int
    complete: bool
    columns: Mapping[str, Any]
    windows: Sequence[tuple[float, float]]
    clips: Mapping[int, NDArray[np.float32]]
    window_vectors: Mapping[int, NDArray[np.float32]] = field(default_factory=dict)
    content_hash: str | None = None
    analysis: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Reheard:
    """What another encoder heard of a sound that is known to its end: vectors, nothing else.

    Nothing is written if the sound is another recording than `content_hash` by now.
    """

    sound_id: int
    content_hash: str
    windows: Sequence[tuple[float, float]]
    clips: Mapping[int, NDArray[np.float32]]
    window_vectors: Mapping[int, NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class Same:
    """A sound turned out to be another file of `original_id`; the two become one."""

    sound_id: int
    original_id: int


@dataclass(frozen=True, slots=True)
class Failed:
    """A sound cannot be read, and why."""

    sound_id: int
    reason: str


Entry = (
    Named
    | Retagged
    | Described
    | Seen
    | Unseen
    | Relinked
    | Written
    | Heard
    | Reheard
    | Same
    | Failed
)
