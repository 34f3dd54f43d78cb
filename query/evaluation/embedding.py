"""The vectors of a study, each picture, sound and text made once.

All of it is in the part `audio` of the encoder, where pictures, words and sounds meet in what is
heard. A sound that lies in the library keeps the vector it has there, if its file was not changed
since.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar

import numpy as np

from indexer import geometry
from indexer.errors import StudyError
from indexer.progress import Progress

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from indexer.catalog.answers import Known
    from indexer.encoders.protocol import Encoder
    from query.evaluation.study import Study
    from query.shelf import Shelf

    Row = NDArray[np.float32]

Scale = Literal["unit", "raw"]
BATCH = 32

K = TypeVar("K", str, Path)


@dataclass(frozen=True, slots=True)
class Embedded:
    """Rows (dim,) by what they are of, of length 1 but for `raw`; what is absent is not there.

    raw     of sounds as the model makes them, its scale times the mean of their unit windows;
            empty where it has no such scale
    absent  what the model has no vector for, in words
    """

    pictures: dict[Path, Row] = field(default_factory=dict)
    texts: dict[str, Row] = field(default_factory=dict)
    sounds: dict[str, Row] = field(default_factory=dict)
    raw: dict[str, Row] = field(default_factory=dict)
    absent: list[str] = field(default_factory=list)

    def heard(self, scale: Scale) -> dict[str, Row]:
        return self.raw if scale == "raw" else self.sounds


def scales(encoder: Encoder, windows: str) -> tuple[Scale, ...]:
    """`unit`, and `raw` where the model's own vectors have a length of their own.

    Table 1 of the paper is in ImageBind's raw vectors of sounds heard as its authors do.
    """
    raw = getattr(encoder, "raw_scale", None) is not None and windows == "official"
    return ("unit", "raw") if raw else ("unit",)


class Embedder:
    """Embeds what it is asked for, once. Raises StudyError for clips that the library lacks."""

    def __init__(self, shelf: Shelf, encoder: Encoder, progress: Progress | None = None) -> None:
        self.found = Embedded()
        self._shelf, self._encoder = shelf, encoder
        self._progress = progress or Progress()
        self._raw_scale: float | None = (
            getattr(encoder, "raw_scale", None)
            if "raw" in scales(encoder, shelf.library.config.windows)
            else None
        )

    def pictures(self, paths: Iterable[Path]) -> None:
        from query.video import read_pictures

        new = list(dict.fromkeys(path for path in paths if path not in self.found.pictures))
        self._progress.stage("Looking at pictures", len(new))
        for at in range(0, len(new), BATCH):
            batch = new[at : at + BATCH]
            read = [read_pictures(path) for path in batch]  # several of a video
            seen = self._encoder.embed_images([each for pictures in read for each in pictures])
            ends = np.cumsum([len(pictures) for pictures in read])[:-1]
            parts = np.split(seen["audio"], ends)
            rows = np.stack([geometry.mean_direction(part) for part in parts])
            self._keep(self.found.pictures, batch, rows)
            self._progress.advance(len(batch))

    def texts(self, texts: Iterable[str]) -> None:
        new = [text for text in dict.fromkeys(texts) if text and text not in self.found.texts]
        for at in range(0, len(new), BATCH):
            batch = new[at : at + BATCH]
            self._keep(self.found.texts, batch, self._encoder.embed_texts(batch)["audio"])

    def sounds(self, named: Iterable[str]) -> None:
        new = list(dict.fromkeys(name for name in named if name not in self.found.sounds))
        self._progress.stage("Listening to sounds", len(new))
        for name in new:
            self._hear(name)
            self._progress.advance()

    def _hear(self, name: str) -> None:
        from query.heard import embed_windows

        key = self._in_library(name)
        stored = self._shelf.clip(key).get("audio") if key is not None else None
        if key is not None and stored is not None:
            row, windows = stored[0], self._shelf.windows(key)
        elif name.startswith("#"):
            raise StudyError(
                f"The library has heard no sound {name}: give the id of a hit, which --format "
                "json shows, or a path."
            )
        else:
            windows = embed_windows(Path(name), self._encoder)["audio"]
            row = geometry.mean_direction(windows)
        self._keep(self.found.sounds, [name], row[None])
        if self._raw_scale is not None and row.any():
            self.found.raw[name] = (self._raw_scale * windows.mean(axis=0)).astype(np.float32)

    def _in_library(self, name: str) -> int | None:
        if name.startswith("#") and name[1:].isdecimal():
            return int(name[1:])
        path = Path(name)
        known = self._places.get(path, self._places.get(path.resolve()))
        return known.sound_id if known is not None and _is_same(path, known) else None

    @cached_property
    def _places(self) -> dict[Path, Known]:
        """What the library knows of its files, by where they lie."""
        catalog = self._shelf.catalog
        return {
            Path(root.location, relative): known
            for root in catalog.roots()
            for relative, known in catalog.known(root.id).items()
        }

    def _keep(self, into: dict[K, Row], named: Sequence[K], rows: Row) -> None:
        for name, row in zip(named, rows, strict=True):
            if row.any():
                into[name] = row
            else:
                self.found.absent.append(f"{name}: {self._encoder.name} has no direction for it")


def _is_same(path: Path, known: Known) -> bool:
    """Whether the file is as the build saw it: a vector of what lay there before is none of it."""
    now = path.stat()
    return (now.st_size, now.st_mtime_ns) == (known.size, known.mtime_ns)


def embed(
    study: Study, shelf: Shelf, encoder: Encoder, progress: Progress | None = None
) -> Embedded:
    """All that the study names. Raises StudyError, PictureError, AudioError, ModalityMissing."""
    embedder = Embedder(shelf, encoder, progress)
    scenes = study.scenes
    embedder.pictures(
        [
            *(frame for scene in scenes for frame in (*scene.frames, scene.reference_frame)),
            *study.outside_pictures,
        ]
    )
    embedder.texts(pair.text for pair in study.pairs)
    embedder.sounds(
        [
            *(scene.reference_sound for scene in scenes if scene.reference_sound is not None),
            *(each.sound for scene in scenes for each in scene.candidates),
            *(pair.sound for pair in study.pairs),
            *study.outside_sounds,
        ]
    )
    return embedder.found
