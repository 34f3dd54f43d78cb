"""Folders in which a file is made before it is renamed into a cache."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PREFIX = "part-"
LEFT = 3600.0  # s after which one was left by a server that was killed: no job takes as long


@contextmanager
def aside(folder: Path) -> Iterator[Path]:
    """An empty folder in `folder`, which is made; it goes at the end, and so do those left over."""
    folder.mkdir(parents=True, exist_ok=True)
    with suppress(OSError):
        for path in folder.glob(f"{PREFIX}*"):
            if time.time() - path.stat().st_mtime > LEFT:
                shutil.rmtree(path, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=PREFIX, dir=folder) as made:
        yield Path(made)
