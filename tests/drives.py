"""Sounds on a drive, and a library of them."""

from __future__ import annotations

import json
import os
from pathlib import Path

import libraries
from libraries import COLOURS, build, files, run, tone
from PIL import Image

from indexer.library import Library


class Drive:
    """Eleven sounds on a drive, and a library of them."""

    def __init__(self, base: Path) -> None:
        self.folder, self.library = base / "drive", base / "library"
        self.picture = base / "green.png"

    def make(self) -> None:
        for number in range(11):
            tone(self.folder / "in" / f"{number:02}.wav", number % 8, 0.1 + 0.01 * number)
        Image.new("RGB", (2, 2), COLOURS[3]).save(self.picture)
        build(self.library, self.folder)

    def take(self, other: Drive) -> None:
        """A copy of the other, in its own place."""
        libraries.copied(other.folder.parent, self.folder.parent, dirs_exist_ok=True)
        with Library.open(self.library) as library:
            library.catalog.move_root(1, os.fspath(self.folder))

    def states(self) -> dict[str, int]:
        found = [state for _, state in files(self.library).values()]
        return {state: found.count(state) for state in sorted(set(found))}

    def answers(self) -> list[dict[str, object]]:
        """All the library has to say to a picture, but for what it learns from the files."""
        done = run("query-by-frame", self.picture, "--library", self.library, "-k", 99,
                   "--all-takes", "--format", "json")  # fmt: skip
        assert done.code == 0
        hits = [json.loads(line) for line in done.out.splitlines()]
        here = {"state": "", "start": 0, "end": 0}
        return [{**hit, "path": Path(hit["path"]).name, **here} for hit in hits]

    def indexes(self) -> list[Path]:
        files = (self.library / "index").iterdir()
        return sorted(path for path in files if path.suffix != ".json")
