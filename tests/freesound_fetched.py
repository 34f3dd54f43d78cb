"""What tests of fetched files ask of a folder, and the troubles that pass."""

from __future__ import annotations

from pathlib import Path

from indexer.transfer import Pace

AT_ONCE = Pace((0, 0, 0))
PASSING = ["truncate", "500 html", "502 html", "hang up", "no range", "redirect"]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []
