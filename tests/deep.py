"""A second encoder that can be worked out by hand: toy, with finer windows and one more axis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from libraries import CountingEncoder

from indexer.audio.waveform import Waveform
from indexer.audio.window import OFFICIAL, WindowRule
from indexer.encoders.protocol import Part, Setup, Vectors
from indexer.encoders.registry import Entry


class DeepEncoder(CountingEncoder):
    """Row 8 is always 0; it has official windows, and no metadata part unless it is asked for."""

    name = "deep"
    dims: Mapping[Part, int] = {"audio": 9, "metadata": 9}
    keeps_metadata = False

    def __init__(self, setup: Setup = Setup()) -> None:
        super().__init__()
        self.window = OFFICIAL if setup.windows == "official" else WindowRule(1.0, 1.0)

    def embed_audio(self, waveforms: Sequence[Waveform]) -> Vectors:
        return {"audio": _wider(super().embed_audio(waveforms)["audio"])}

    def embed_metadata(self, texts: Sequence[str]) -> Any:
        return _wider(super().embed_metadata(texts))

    def embed_images(self, images: Sequence[Any]) -> Vectors:
        return {part: _wider(rows) for part, rows in super().embed_images(images).items()}

    def embed_texts(self, texts: Sequence[str]) -> Vectors:
        rows = self.embed_metadata(texts)
        return {"audio": rows, "metadata": rows}


def _wider(rows: Any) -> Any:
    return np.pad(rows, ((0, 0), (0, 1)))


def load(_folder: Path, setup: Setup) -> DeepEncoder:
    return DeepEncoder(setup)


ENTRY = Entry(
    name="deep",
    loader="deep:load",
    licence="Apache-2.0",
    size=0,
    needs="nothing",
    windows=("all", "official"),
)
