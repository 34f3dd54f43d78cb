"""One library of those that are asked: its spaces, its indexes, its vectors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from indexer import geometry
from indexer.errors import EncoderMismatch, IndexDamaged, typed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from indexer.catalog.filters import Filters
    from indexer.encoders.protocol import Encoder, Part, Vectors
    from indexer.library import Config, Library
    from indexer.vectors.protocol import Neighbors, VectorIndex

    Allowed = NDArray[np.int64] | None

Weights = Mapping["Part", float]
CHUNK = 500  # sounds whose windows are held at a time
MOST_HELD = (
    1 << 29
)  # bytes of vectors held to rank by best windows, beyond which they are read anew


class Moment(NamedTuple):
    """A window of a sound: its cosine to the question, and its place in seconds."""

    cosine: float
    start: float
    end: float


class _Held(NamedTuple):
    """Unit rows of all sounds. ids ascending; of the i-th they are rows[starts[i]] and on."""

    ids: NDArray[np.int64]
    starts: NDArray[np.intp]
    rows: NDArray[np.float32]

    def best(self, vector: NDArray[np.float32], ids: NDArray[np.int64]) -> NDArray[np.float32]:
        """The best cosine of each of these sounds, 0 for one that has no row; `vector` (1, dim)."""
        found = np.zeros(len(ids), np.float32)
        if len(self.ids):
            best = np.maximum.reduceat(self.rows @ vector[0], self.starts)
            at = np.searchsorted(self.ids, ids).clip(max=len(self.ids) - 1)
            here = self.ids[at] == ids
            found[here] = best[at[here]]
        return found


def one_config(libraries: Sequence[Library]) -> Config:
    """The first one's: all have its encoder and its windows. Raises EncoderMismatch."""
    first = libraries[0]
    named = _encoder_of(first)
    for other in libraries[1:]:
        if _encoder_of(other) != named:
            raise EncoderMismatch(
                f"{first.folder} was built with {named}, {other.folder} with "
                f"{_encoder_of(other)}: ask them one by one, or run `sonorize library reembed "
                f"--encoder {named} --library {typed(other.folder)}`."
            )
    return first.config


def _encoder_of(library: Library) -> str:
    config = library.config
    asked = "" if config.windows == "all" else f" --windows {config.windows}"
    return f"{config.encoder}{asked}"


class Shelf:
    """A library with the encoder it was built with; `encoder` None: words only.

    Raises EncoderMismatch if its vectors were made with other weights or windows.
    """

    def __init__(self, library: Library, encoder: Encoder | None) -> None:
        self.library = library
        self.catalog = library.catalog
        self._encoder = encoder
        self._indexes: dict[tuple[Part, ...], VectorIndex] = {}
        self._held: dict[Part, _Held] | None = None
        self._holding = Lock()
        self.spaces: dict[Part, int] = {}
        if encoder is not None:
            _require_same_vectors(library, encoder)
            self.spaces = library.spaces(encoder)

    def allowed(self, filters: Filters) -> Allowed:
        return self.catalog.narrowed(filters)

    def count(self, weights: Weights, allowed: Allowed) -> int:
        """How many sounds can be ranked at most."""
        return len(self._index(self._parts(weights))) if allowed is None else len(allowed)

    def nearest(
        self, vectors: Vectors, weights: Weights, depth: int, allowed: Allowed
    ) -> list[tuple[int, float]]:
        """(id, score), best first; none at all for a question that means nothing here.

        A part that this library does not have counts 0.
        """
        parts = self._parts(weights)
        question = (
            geometry.fuse(vectors["audio"], vectors["metadata"], weights["metadata"])
            if parts == ("audio", "metadata")
            else np.concatenate([weights[part] * vectors[part] for part in parts], axis=1)
            if parts
            else np.zeros((1, 0), dtype=np.float32)
        )
        if not question.any():
            return []
        found = self._found(parts, question.astype(np.float32), depth, allowed)
        return list(zip(found.ids[0].tolist(), found.scores[0].tolist(), strict=True))

    def cosines(
        self, part: Part, vector: NDArray[np.float32], ids: Sequence[int]
    ) -> dict[int, float]:
        """Of the sounds that have this part, from the catalog's own vectors; `vector` (1, dim)."""
        if part not in self.spaces:
            return {}
        keys, rows = self.catalog.embeddings.clips(self.spaces[part], ids)
        return dict(zip(keys.tolist(), (rows @ vector[0]).tolist(), strict=True))

    def moments(self, vector: NDArray[np.float32], ids: Sequence[int]) -> dict[int, Moment]:
        """The window of each sound that fits best, of equal ones the last; `vector` (1, dim)."""
        if "audio" not in self.spaces:
            return {}
        best: dict[int, Moment] = {}
        for at in range(0, len(ids), CHUNK):
            _, owners, spans, rows = self.catalog.embeddings.windows(
                self.spaces["audio"], ids[at : at + CHUNK]
            )
            cosines = rows @ vector[0]
            for place in np.argsort(cosines, kind="stable"):
                start, end = spans[place].tolist()
                best[int(owners[place])] = Moment(float(cosines[place]), start, end)
        return best

    def rankable(self, weights: Weights, allowed: Allowed) -> NDArray[np.int64]:
        """Ids of all the sounds that can be ranked."""
        ids = self._index(self._parts(weights)).ids()
        return ids if allowed is None else np.intersect1d(ids, allowed)

    def foremost(
        self, vectors: Vectors, weights: Weights, allowed: Allowed, depth: int
    ) -> list[int]:
        """The sounds that rank first by their best windows, at most `depth`, as float32 tells;
        all that can be ranked where their vectors are more than MOST_HELD."""
        ids = self.rankable(weights, allowed)
        held = self._all_held()
        if held is None or len(ids) <= depth:
            return list(map(int, ids))
        score = sum(
            weight * held[part].best(vectors[part], ids)
            for part, weight in weights.items()
            if part in held
        )
        order = np.argsort(-np.asarray(score), kind="stable")
        return list(map(int, ids[order[:depth]]))

    def _all_held(self) -> dict[Part, _Held] | None:
        """Windows of what is heard and clips of what is written, read once."""
        parts = [part for part in ("audio", "metadata") if part in self.spaces]
        embeddings = self.catalog.embeddings
        with self._holding:
            if self._held is None and self._encoder is not None:
                dims = self._encoder.dims
                size = sum(4 * dims[part] * embeddings.count(self.spaces[part]) for part in parts)
                if size > MOST_HELD:
                    return None
                self._held = {part: self._read_all(part) for part in parts}
            return self._held

    def _read_all(self, part: Part) -> _Held:
        if part == "audio":
            _, owners, _, rows = self.catalog.embeddings.windows(self.spaces[part])
            order = np.argsort(owners, kind="stable")
            ids, starts = np.unique(owners[order], return_index=True)
            return _Held(ids, starts, rows[order])
        ids, rows = self.clips(part)
        return _Held(ids, np.arange(len(ids)), rows)

    def clips(self, part: Part) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Ids and clip vectors of all sounds that have this part."""
        return self.catalog.embeddings.clips(self.spaces[part])

    def clip(self, sound_id: int) -> Vectors:
        """(1, dim) stored vectors of a sound; parts that it does not have are left out."""
        found = {
            part: self.catalog.embeddings.clips(space, [sound_id])[1]
            for part, space in self.spaces.items()
        }
        return {part: rows for part, rows in found.items() if len(rows)}

    def windows(self, sound_id: int) -> NDArray[np.float32]:
        """(windows, dim) stored rows of what is heard in a sound."""
        return self.catalog.embeddings.windows(self.spaces["audio"], [sound_id])[3]

    def at(self, path: Path) -> int | None:
        """The sound that lies at this path."""
        for root in self.catalog.roots():
            try:
                relative = path.relative_to(root.location).as_posix()
            except ValueError:
                continue
            if (sound_id := self.catalog.at(root.id, relative)) is not None:
                return sound_id
        return None

    def _parts(self, weights: Weights) -> tuple[Part, ...]:
        return tuple(part for part in weights if part in self.spaces)

    def _found(
        self, parts: tuple[Part, ...], question: NDArray[np.float32], depth: int, allowed: Allowed
    ) -> Neighbors:
        try:
            return self._index(parts).search(question, depth, allowed)
        except IndexDamaged:  # opened anew, the file is passed over, in words
            self._indexes.pop(parts, None)
            return self._index(parts).search(question, depth, allowed)

    def _index(self, parts: tuple[Part, ...]) -> VectorIndex:
        if parts not in self._indexes:
            assert self._encoder is not None
            dims = [self._encoder.dims[part] for part in parts]
            self._indexes[parts] = self.library.index([self.spaces[p] for p in parts], dims)
        return self._indexes[parts]


def _require_same_vectors(library: Library, encoder: Encoder) -> None:
    made = library.catalog.embeddings.fingerprints(encoder.name, "audio")
    if made and encoder.fingerprint("audio") not in made:
        raise EncoderMismatch(
            f"The vectors of {library.folder} were made with other weights or windows of "
            f"{encoder.name}: run `sonorize library reembed --encoder {encoder.name} "
            f"--library {typed(library.folder)}`."
        )
