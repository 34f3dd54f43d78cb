"""The libraries that are asked, side by side: what lies in all of them, ranked as one."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from query.shelf import Moment, Shelf, one_config

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from indexer.catalog.answers import SoundInfo
    from indexer.catalog.filters import Filters
    from indexer.encoders.protocol import Encoder, Part, Vectors
    from indexer.library import Library
    from query.shelf import Weights

    Allowed = Sequence[NDArray[np.int64] | None]  # for each library; None: all its sounds

Key = tuple[int, int]  # which library, and the sound's id in it
Scored = tuple[float, Mapping[str, float | None]]  # score and parts
SAMPLE = 1_000  # sounds that stand for all


class Shelves:
    """A shelf for each library, in their order. Raises EncoderMismatch where they were not built
    alike, or with another encoder than this one."""

    def __init__(self, libraries: Sequence[Library], encoder: Encoder | None) -> None:
        if encoder is not None:
            one_config(libraries)
        self._shelves = [Shelf(library, encoder) for library in libraries]

    def __iter__(self) -> Iterator[Shelf]:
        return iter(self._shelves)

    def __len__(self) -> int:
        return len(self._shelves)

    def __getitem__(self, place: int) -> Shelf:
        return self._shelves[place]

    def have(self, part: Part) -> bool:
        """Whether any of them has it."""
        return any(part in shelf.spaces for shelf in self)

    def clips(self, sound_id: int) -> list[Vectors]:
        """(1, dim) stored vectors of the sounds that have this id, one at most of each library."""
        return [found for shelf in self if (found := shelf.clip(sound_id))]

    def at(self, path: Path) -> Vectors:
        """(1, dim) stored vectors of the sound that lies at this path; empty if none does."""
        for shelf in self:
            key = shelf.at(path) or shelf.at(path.resolve())
            if key is not None and (stored := shelf.clip(key)):
                return stored
        return {}

    def allowed(self, filters: Filters) -> Allowed:
        return [shelf.allowed(filters) for shelf in self]

    def total(self, weights: Weights, allowed: Allowed) -> int:
        """How many sounds can be ranked at most."""
        return sum(shelf.count(weights, some) for shelf, some in zip(self, allowed, strict=True))

    def exact(self, words: str, depth: int, allowed: Allowed) -> dict[Key, float]:
        """Key → score in 0..1, best first, at most `depth`.

        BM25 counts how rare a word is in its own library, so scores of two libraries do not
        compare: each is taken as a share of the best of its own library. The best answers of all
        libraries thus stand together at the top, whatever their sizes.
        """
        shares = []
        for place, shelf in enumerate(self):
            found = shelf.catalog.search_text(words, depth, allowed[place])
            best = max((score for _, score in found), default=0.0)
            shares += [((place, key), score / best if best else 1.0) for key, score in found]
        shares.sort(key=lambda pair: (-pair[1], pair[0]))
        return dict(shares[:depth])

    def nearest(
        self, vectors: Vectors, weights: Weights, depth: int, allowed: Allowed
    ) -> list[Key]:
        """At most `depth`, nearest first; equal ones in the libraries' order."""
        found = [
            (-score, (place, key))
            for place, shelf in enumerate(self)
            for key, score in shelf.nearest(vectors, weights, depth, allowed[place])
        ]
        return [key for _, key in sorted(found)[:depth]]

    def foremost(
        self, vectors: Vectors, weights: Weights, depth: int, allowed: Allowed
    ) -> list[Key]:
        """Of each library at most `depth` that rank first by their best windows; see Shelf."""
        return [
            (place, key)
            for place, shelf in enumerate(self)
            for key in shelf.foremost(vectors, weights, allowed[place], depth)
        ]

    def scores(
        self,
        keys: Collection[Key],
        vectors: Vectors,
        weights: Weights,
        windows: Mapping[Key, Moment] | None = None,
    ) -> dict[Key, Scored]:
        """Score and parts of each sound; what is heard by its window in `windows`, if given."""
        cosines: dict[str, dict[Key, float]] = {part: {} for part in weights}
        for part in weights:
            if part == "audio" and windows is not None:
                cosines[part] = {key: moment.cosine for key, moment in windows.items()}
                continue
            for place, ids in _by_library(keys).items():
                found = self[place].cosines(part, vectors[part], ids)
                cosines[part].update({(place, key): value for key, value in found.items()})
        return {
            key: (
                sum(weight * cosines[part].get(key, 0.0) for part, weight in weights.items()),
                {part: cosines[part].get(key) for part in weights},
            )
            for key in keys
        }

    def moments(self, keys: Iterable[Key], vectors: Vectors) -> dict[Key, Moment]:
        """The window of each sound that fits the question best."""
        if "audio" not in vectors:
            return {}
        return {
            (place, key): moment
            for place, ids in _by_library(keys).items()
            for key, moment in self[place].moments(vectors["audio"], ids).items()
        }

    def sounds(self, keys: Iterable[Key]) -> dict[Key, SoundInfo]:
        """Rows by key; sounds that do not exist are left out."""
        return {
            (place, key): sound
            for place, ids in _by_library(keys).items()
            for key, sound in self[place].catalog.sounds(ids).items()
        }

    def other_takes(self, sounds: Mapping[Key, SoundInfo]) -> dict[Key, int]:
        """How many other takes there are of each."""
        counts: dict[Key, int] = {}
        for place, ids in _by_library(sounds).items():
            groups = {key: sounds[place, key].columns["take_group"] for key in ids}
            found = self[place].catalog.take_counts(list(groups.values()))
            counts |= {(place, key): max(0, found.get(groups[key], 1) - 1) for key in ids}
        return counts

    def background(self, question: Vectors, weights: Weights) -> tuple[float, float]:
        """See Searcher.background."""
        held = [shelf.rankable(weights, None) for shelf in self]
        step = max(1, sum(map(len, held)) // SAMPLE)
        scores: list[float] = []
        passed = 0
        for shelf, ids in zip(self, held, strict=True):
            taken = np.sort(ids[-passed % step :: step])
            passed += len(ids)
            found = shelf.nearest(question, weights, len(taken), taken) if len(taken) else []
            scores += [score for _, score in found]
        if not scores:
            return 0.0, 0.0
        middle, above = np.percentile(scores, [50.0, 84.0])
        return float(middle), float(above - middle)


def _by_library(keys: Iterable[Key]) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for place, key in keys:
        found.setdefault(place, []).append(key)
    return found
