"""Where the sounds of a catalog lie, and which of them a path means."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from indexer.sources.folder import EXTENSIONS

if TYPE_CHECKING:
    from indexer.catalog.store import Catalog


class _Place(NamedTuple):
    sound_id: int
    path: str


class Places:
    """Where the sounds of a catalog lie; files that are gone are left out.

    Keys are ends of paths, without the sound's ending: what lies below the root, the last two
    parts, the last one.
    """

    def __init__(self, catalog: Catalog) -> None:
        self._below: dict[str, list[_Place]] = {}
        self._beside: dict[str, list[_Place]] = {}
        self._named: dict[str, int] = {}  # with and without ending; 0 for several sounds
        self._numbered: dict[str, int] = {}
        for root in catalog.roots():
            above = path_of(root.location)
            for relative, known in catalog.known(root.id).items():
                if known.state != "missing":
                    self._add(known.sound_id, above, path_of(relative))

    def __contains__(self, name: str) -> bool:
        return name in self._named

    def find(self, path: str, number: str, unclear: set[str]) -> int | None:
        """The one sound that a path, a Freesound number or a name means, if there is one.

        `path` and `unclear` names are written as by `path_of`.
        """
        found = self._below_root(path) or self._within(path)
        if found:
            return found.pop() if len(found) == 1 else None
        name = name_of(path)
        alone = None if name in unclear else self._named.get(name)
        return self._numbered.get(number) or alone or None

    def _add(self, sound_id: int, above: str, below: str) -> None:
        place = _Place(sound_id, f"{above}/{below}")
        self._below.setdefault(without_ending(below), []).append(place)
        self._beside.setdefault(_last_two(without_ending(place.path)), []).append(place)
        name = name_of(below)
        for key in {name, without_ending(name)}:
            self._named[key] = sound_id if self._named.get(key, sound_id) == sound_id else 0
        number = re.match(r"(\d+)__", name)
        if number:
            self._numbered[number[1]] = sound_id

    def _below_root(self, path: str) -> set[int]:
        """Sounds whose path below their root ends this path; at the root itself, all must agree.

        Of several roots with such a file, the one whose own folders agree best.
        """
        for end in _ends(path):
            places = self._below.get(without_ending(end), ())
            alike = [place for place in places if _is_file(place.path, path, end)]
            if alike:
                most = max(_shared(place.path, path) for place in alike)
                return {place.sound_id for place in alike if _shared(place.path, path) == most}
        return set()

    def _within(self, path: str) -> set[int]:
        """Sounds whose path ends with this one, of two parts or more; at most two of them."""
        found: set[int] = set()
        if "/" in path and not path.startswith("/") and path[1:2] != ":":
            for place in self._beside.get(_last_two(without_ending(path)), ()):
                if len(found) < 2 and _is_file(place.path, path, path):
                    found.add(place.sound_id)
        return found


def _is_file(whole: str, path: str, end: str) -> bool:
    """Whether `end` of a path is the end of a file's; a name alone must be the whole path."""
    if not has_ending(end):
        whole, path = without_ending(whole), without_ending(path)
    return whole.endswith("/" + end) if "/" in end else whole == path


def _shared(one: str, other: str) -> int:
    """How many folders are the same, from the file up."""
    pairs = zip(one.split("/")[-2::-1], other.split("/")[-2::-1], strict=False)
    return next((count for count, (mine, yours) in enumerate(pairs) if mine != yours), 1 << 16)


def path_of(text: str) -> str:
    """A path of any system with "/", without case; old Macs part folders by colons."""
    text = unicodedata.normalize("NFC", text).casefold().replace("\\", "/")
    if "/" not in text and text.count(":") > 1:
        text = "/" + text.replace(":", "/")
    return re.sub(r"/(\.?/)+", "/", text).removeprefix("./").rstrip("/")


def name_of(path: str) -> str:
    return path[path.rfind("/") + 1 :]


def _last_two(path: str) -> str:
    return "/".join(path.split("/")[-2:])


def _ends(path: str) -> Iterator[str]:
    """The path and all that follows one of its slashes, the longest first."""
    yield path
    while "/" in path:
        path = path.partition("/")[2]
        yield path


def has_ending(name: str) -> bool:
    return "." in name and name[name.rfind(".") :].lower() in EXTENSIONS


def without_ending(name: str) -> str:
    return name[: name.rfind(".")] if has_ending(name) else name
