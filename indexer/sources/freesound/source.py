"""What was fetched from Freesound, as a source: files that lie in the library's own folder."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from indexer.sources.freesound import sounds
from indexer.sources.protocol import Item, Said

if TYPE_CHECKING:
    from indexer.catalog.freesound import Freesound

ORIGINALS, PREVIEWS = "originals", "previews"
"""Folders; of a sound that has both, the original counts."""

DAY = 86_400_000_000_000  # ns
_NAME = re.compile(r"([0-9]+)__.*\.\w+")


class Here(NamedTuple):
    """A file that is whole: path under the source, size in bytes."""

    relative_path: str
    size: int

    @property
    def is_original(self) -> bool:
        return self.relative_path.startswith(ORIGINALS)


class FreesoundSource:
    """Wanted sounds whose audio lies below `folder`.

    The time of an item is its revision, in days: when Freesound says something else of a sound,
    the build takes its file for changed and reads the words anew.
    """

    kind = "freesound"

    def __init__(self, folder: Path, kept: Freesound) -> None:
        self._folder = folder
        self._kept = kept
        self._passed_over = 0

    @property
    def location(self) -> str:
        return str(self._folder)

    @property
    def notes(self) -> list[str]:
        return []

    @property
    def passed_over(self) -> int:
        return self._passed_over

    @property
    def hidden(self) -> list[str]:
        return []

    def available(self) -> bool:
        """Always: what is not here can be fetched again."""
        return True

    def path(self, relative_path: str) -> Path:
        return self._folder / relative_path

    def items(self) -> Iterator[Item]:
        revisions = self._kept.revisions()
        here = self.here()
        self._passed_over = len(here.keys() - revisions.keys())
        for key, file in sorted(here.items(), key=lambda pair: pair[1]):
            if key in revisions:
                yield Item(file.relative_path, file.size, revisions[key] * DAY)

    def here(self) -> dict[int, Here]:
        """Freesound's id → the file that counts."""
        return {**_listed(self._folder, PREVIEWS), **_listed(self._folder, ORIGINALS)}

    def said(self, relative_path: str) -> Said | None:
        key = id_of(relative_path)
        kept = self._kept.kept([key])[key]
        name = str(kept.said.get("name") or "").replace("/", " ")
        return Said(
            sounds.columns(kept.said, kept.licences), f"{kept.said.get('username', '')}/{name}"
        )


def id_of(path: str | Path) -> int:
    """Freesound's id, which every file's name begins with."""
    name = _NAME.fullmatch(Path(path).name)
    assert name is not None
    return int(name[1])


def _listed(folder: Path, name: str) -> dict[int, Here]:
    try:
        with os.scandir(folder / name) as entries:
            files = [entry for entry in entries if entry.is_file(follow_symlinks=False)]
            named = [(_NAME.fullmatch(entry.name), entry) for entry in files]
            return {
                int(found[1]): Here(f"{name}/{entry.name}", entry.stat().st_size)
                for found, entry in sorted(named, key=lambda pair: pair[1].name)
                if found and ".part" not in entry.name
            }
    except FileNotFoundError:
        return {}
