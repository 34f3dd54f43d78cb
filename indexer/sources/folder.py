"""A folder of sounds. It is only ever read."""

from __future__ import annotations

import os
import stat
import sys
import tomllib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import perf_counter

from indexer.counting import counted
from indexer.errors import SourceError
from indexer.sources.generated import GeneratedSource
from indexer.sources.protocol import Item, Source

EXTENSIONS = frozenset(
    f".{name}"
    for name in (
        "wav wave bwf rf64 w64 aif aiff aifc caf flac mp3 mp2 ogg oga opus m4a m4b aac ac3 eac3"
        " wma mka weba wv ape tta au snd voc amr spx"
    ).split()
)
"""File names taken for sounds; everything else in the folder is passed over."""

OWN = ("cache", "index", "sounds/freesound", "sounds/generated")
"""Folders of a library that hold nothing of the user's; whatever else lies beside its library.toml
may be."""

LOOKERS = 8  # threads: a network drive answers each look late
LATE = 0.0002  # seconds of a look, from which the others of its folder are made by threads
_DATALESS = 0x40000000  # macOS SF_DATALESS: the bytes are in the cloud
_RECALL = 0x00400000 | 0x00001000  # Windows: recall on data access, offline


class FolderSource:
    """The sounds below `folder`, links followed, loops not.

    Of a library that lies there (this one, or another) its OWN folders are passed over, and noted.
    """

    kind = "folder"

    def __init__(self, folder: str | Path) -> None:
        self._folder = os.path.abspath(os.path.expanduser(folder))  # noqa: PTH100,PTH111 - keeps links
        self._notes: list[str] = []
        self._hidden: list[str] = []
        self._passed_over = 0
        self._own: set[str] = set()  # paths of libraries' own folders

    @property
    def location(self) -> str:
        return self._folder

    @property
    def notes(self) -> list[str]:
        return self._notes

    @property
    def passed_over(self) -> int:
        return self._passed_over

    @property
    def hidden(self) -> list[str]:
        return self._hidden

    def available(self) -> bool:
        return Path(self._folder).is_dir()

    def path(self, relative_path: str) -> Path:
        return Path(self._folder, relative_path)

    def said(self, relative_path: str) -> None:
        """Nothing: the files speak for themselves."""

    def items(self) -> Iterator[Item]:
        """Sounds in path order, folder by folder. Raises SourceError without the folder."""
        if Path(self._folder).is_file():
            raise SourceError(f"{self._folder} is a file: name the folder that holds it.")
        if not self.available():
            raise SourceError(f"There is no folder {self._folder}: check the path or plug it in.")
        self._notes.clear()
        self._hidden.clear()
        self._passed_over = 0
        self._own.clear()
        with ThreadPoolExecutor(LOOKERS) as pool:
            yield from self._walk("", frozenset(), pool)

    def _walk(
        self, below: str, above: frozenset[tuple[int, int]], pool: ThreadPoolExecutor
    ) -> Iterator[Item]:
        """`above`: the folders on the way here, so that a link back to one ends there."""
        folder = Path(self._folder, below)
        try:
            facts = folder.stat()
            if (facts.st_dev, facts.st_ino) in above:
                return
            with os.scandir(folder) as entries:
                listed = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            self._notes.append(f"{folder}: {error.strerror or error}")
            self._hidden.append(below)
            return
        inside = above | {(facts.st_dev, facts.st_ino)}
        listed = [entry for entry in listed if not entry.name.startswith(".")]  # also ._*
        folders = {entry.name for entry in listed if _is_folder(entry)}
        sounds = [entry for entry in listed if entry.name not in folders and _is_named_so(entry)]
        self._passed_over += len(listed) - len(folders) - len(sounds)
        if any(entry.name == "library.toml" for entry in listed) and _is_library(folder):
            self._pass_over_own(below)
        looked = self._looked(sounds, pool)
        for entry in listed:
            relative = f"{below}/{entry.name}" if below else entry.name
            if relative in self._own:
                continue
            if entry.name in folders:
                yield from self._walk(relative, inside, pool)
            elif found := looked.get(entry.name):
                yield Item(relative, *found)
            elif entry.name in looked or entry.is_symlink():  # a link may lead to a drive
                self._hidden.append(relative)

    def _pass_over_own(self, below: str) -> None:
        own = {f"{below}/{name}" if below else name for name in OWN}
        self._own |= own
        held = [os.walk(self.path(relative)) for relative in own]
        names = [name for walk in held for _, _, files in walk for name in files]
        self._passed_over += len(names)
        if count := sum(map(_ends_so, names)):
            self._notes.append(
                f"{self.path(below)} is a library: {counted(count, 'sound', 'is/are')} passed over "
                "that it keeps itself."
            )

    def _looked(
        self, entries: list[os.DirEntry[str]], pool: ThreadPoolExecutor
    ) -> dict[str, tuple[int, int] | None]:
        """By name. A thread takes five times as long as a look at a drive of this machine."""
        looked, before = {}, perf_counter()
        for place, entry in enumerate(entries):
            looked[entry.name] = self.look(entry)
            now = perf_counter()
            if now - before > LATE:
                parts = [entries[place + 1 + n :: LOOKERS] for n in range(LOOKERS)]
                return looked | {
                    name: facts for part in pool.map(self._look, parts) for name, facts in part
                }
            before = now
        return looked

    def _look(self, entries: list[os.DirEntry[str]]) -> list[tuple[str, tuple[int, int] | None]]:
        return [(entry.name, self.look(entry)) for entry in entries]

    def look(self, entry: os.DirEntry[str]) -> tuple[int, int] | None:
        """Size and time of a file that can be read here and now; else None."""
        try:
            facts = entry.stat()
        except OSError as error:
            self._notes.append(f"{entry.path}: {error.strerror or error}")
            return None
        if not stat.S_ISREG(facts.st_mode) or _in_the_cloud(facts):
            return None
        return facts.st_size, facts.st_mtime_ns


def parse_source(text: str) -> Source:
    """A source as the user names it: a folder, `folder:PATH`, or `generated:PATH`.

    Raises SourceError for kinds that do not exist.
    """
    kind, found, rest = text.partition(":")
    if found and kind == "folder":
        return FolderSource(rest)
    if found and kind == "generated":
        return GeneratedSource(Path(rest))
    # a single letter is a Windows drive
    if found and len(kind) > 1 and kind.isalpha() and not Path(text).exists():
        raise SourceError(
            f"There is no kind of source named {kind}: name a folder, folder:PATH, generated:PATH, "
            'or freesound:"WORDS".'
        )
    return FolderSource(text)


def _is_library(folder: Path) -> bool:
    """Whether its library.toml is one of ours: other programs may have files of that name."""
    try:
        said = tomllib.loads((folder / "library.toml").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return {"encoder", "format"} <= said.keys()


def _is_named_so(entry: os.DirEntry[str]) -> bool:
    return _ends_so(entry.name)


def _ends_so(name: str) -> bool:
    return os.path.splitext(name)[1].lower() in EXTENSIONS  # noqa: PTH122 - speed


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def _in_the_cloud(facts: os.stat_result) -> bool:
    """True for a placeholder whose bytes would have to be downloaded."""
    if sys.platform == "darwin":
        return bool(facts.st_flags & _DATALESS)
    return bool(getattr(facts, "st_file_attributes", 0) & _RECALL)
