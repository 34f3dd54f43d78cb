"""First windows of long files, which are heard twice: alone, and with the rest of their files."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from indexer.audio.waveform import Waveform
    from indexer.encoders.protocol import Part

    Rows = dict[Part, NDArray[np.float32]]

HEAD = 3  # windows of every file that are heard first
MOST = 15_000  # windows whose rows are held: 90 MB of 1,500 numbers each


class Heads:
    """Remembers the rows of windows by their very samples: a file may change in between."""

    def __init__(self) -> None:
        self._rows: dict[bytes, Rows] = {}

    def find(self, waveform: Waveform) -> Rows | None:
        return self._rows.get(_key(waveform)) if self._rows else None

    def keep(self, waveform: Waveform, rows: Rows) -> None:
        if len(self._rows) < MOST:
            self._rows[_key(waveform)] = rows


def _key(waveform: Waveform) -> bytes:
    return hashlib.blake2b(waveform.samples.tobytes(), digest_size=16).digest()
