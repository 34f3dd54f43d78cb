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
MOST = 5_000  # files of which rows are held: 90 MB, at 1,500 numbers a window


class Heads:
    """Remembers rows of a sound by the very samples of its windows: its file may change."""

    def __init__(self) -> None:
        self._rows: dict[int, dict[bytes, Rows]] = {}

    def find(self, sound_id: int, waveform: Waveform) -> Rows | None:
        of_it = self._rows.get(sound_id)
        return of_it.get(_key(waveform)) if of_it else None

    def keep(self, sound_id: int, waveform: Waveform, rows: Rows) -> None:
        if sound_id in self._rows or len(self._rows) < MOST:
            self._rows.setdefault(sound_id, {})[_key(waveform)] = rows


def _key(waveform: Waveform) -> bytes:
    return hashlib.blake2b(waveform.samples.tobytes(), digest_size=16).digest()
