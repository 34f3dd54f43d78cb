"""First windows of files that are heard twice: for the plan or alone, and with the whole file."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from indexer.audio.waveform import Waveform
    from indexer.encoders.protocol import Part

    Rows = dict[Part, NDArray[np.float32]]

HEAD = 3  # windows of every file that are heard first
MOST = 5_000  # files of which rows are held: 90 MB, at 1,500 numbers a window


class Heads:
    """Remembers rows of a file by the very samples of its windows: it may change."""

    def __init__(self) -> None:
        self._rows: dict[Path, dict[bytes, Rows]] = {}

    def find(self, path: Path, waveform: Waveform) -> Rows | None:
        of_it = self._rows.get(path)
        return of_it.get(_key(waveform)) if of_it else None

    def keep(self, path: Path, waveform: Waveform, rows: Rows) -> None:
        if path in self._rows or len(self._rows) < MOST:
            self._rows.setdefault(path, {})[_key(waveform)] = rows


def _key(waveform: Waveform) -> bytes:
    return hashlib.blake2b(waveform.samples.tobytes(), digest_size=16).digest()
