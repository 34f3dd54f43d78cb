"""What was fetched from Freesound, as a source: files that lie in the library's own folder."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from indexer.sources.freesound import sounds
from indexer.sources.protocol import Item, Said

if TYPE_CHECKING:
    from indexer.catalog.freesound import Freesound
    from indexer.catalog.store import Catalog

ORIGINALS, PREVIEWS = "originals", "previews"
"""Folders; of a sound that has both, the original counts."""

DAY = 86_400_000_000_000  # ns
_NAME = re.compile(r"([0-9]+)__.*\.\w+")


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
        self._passed_over = sum(key not in revisions for key in here)
        for key, relative_path in sorted(here.items(), key=lambda pair: pair[1]):
            if key in revisions:
                size = self.path(relative_path).stat().st_size
                yield Item(relative_path, size, revisions[key] * DAY)

    def here(self) -> dict[int, str]:
        """Freesound's id → path of the file that counts."""
        found: dict[int, str] = {}
        for name in (PREVIEWS, ORIGINALS):
            found |= {key: f"{name}/{entry}" for key, entry in _listed(self._folder / name)}
        return found

    def said(self, relative_path: str) -> Said | None:
        key = id_of(relative_path)
        kept = self._kept.kept([key])[key]
        name = str(kept.said.get("name") or "").replace("/", " ")
        return Said(
            sounds.columns(kept.said, kept.licences), f"{kept.said.get('username', '')}/{name}"
        )


def settle(catalog: Catalog, source: FreesoundSource) -> None:
    """A library has one such root, in its own folder: it moves, and is copied, with the library."""
    for root in catalog.roots():
        if root.kind == source.kind and root.location != source.location:
            catalog.move_root(root.id, source.location)


def id_of(path: str | Path) -> int:
    """Freesound's id, which every file's name begins with."""
    name = _NAME.fullmatch(Path(path).name)
    assert name is not None
    return int(name[1])


def _listed(folder: Path) -> list[tuple[int, str]]:
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries if entry.is_file(follow_symlinks=False)]
    except FileNotFoundError:
        return []
    named = ((_NAME.fullmatch(name), name) for name in names if not name.endswith(".part"))
    return sorted((int(found[1]), name) for found, name in named if found)
