"""Asking a library: the calls that command line, page and evaluation share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from indexer import geometry
from indexer.audio.waveform import Waveform
from indexer.catalog.filters import Filters
from indexer.errors import AudioError, EncoderError, ModalityMissing
from query.ranking import Hit, collapse, fuse_ranks

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image

    from indexer.catalog.store import SoundInfo
    from indexer.encoders.protocol import Encoder, Part, Vectors
    from indexer.library import Library
    from indexer.vectors.protocol import VectorIndex

NO_FILTERS = Filters()
Scored = tuple[float, Mapping[str, float | None]]  # score and parts
EVERY = 10**9
DEEP = 1_000  # how far down each list is fused


@dataclass(frozen=True, slots=True)
class Ask:
    """How to answer: k hits of the sounds that `filters` lets through.

    metadata_weight   w in 0..1; the encoder's own if None
    all_takes         every take by itself, instead of one for each recording
    cut               move the best moment to usable edit points, which reads the files
    """

    k: int = 10
    filters: Filters = NO_FILTERS
    metadata_weight: float | None = None
    all_takes: bool = False
    cut: bool = True


class Searcher:
    """A library with its encoder, ready for many questions. `encoder` None: words only."""

    def __init__(self, library: Library, encoder: Encoder | None) -> None:
        self.library = library
        self.encoder = encoder
        self._spaces = library.spaces(encoder) if encoder else {}
        self._indexes: dict[tuple[Part, ...], VectorIndex] = {}

    def by_pictures(self, pictures: Sequence[Image], ask: Ask = Ask()) -> list[Hit]:
        """One question from all the pictures: the mean of their directions, in each part."""
        encoder = self._with("image", "pictures")
        return self._by_vectors(_mean(encoder.embed_images(pictures)), ask)

    def by_meaning(self, words: str, ask: Ask = Ask()) -> list[Hit]:
        """What the words mean, by the encoder alone."""
        encoder = self._with("text", "words")
        return self._by_vectors(_mean(encoder.embed_texts([words])), ask)

    def by_exact_words(self, words: str, ask: Ask = Ask()) -> list[Hit]:
        """Full-text search alone; needs no model. Raises QueryError."""
        allowed = self._allowed(ask.filters)
        depth = max(DEEP, 4 * ask.k)
        while True:
            found = self.library.catalog.search_text(words, depth, allowed)
            best = max((score for _, score in found), default=0.0)
            scores = {key: score / best if best else 1.0 for key, score in found}
            kept = self._kept(list(scores), ask)
            if len(kept) >= ask.k or len(found) < depth:
                return self._hits(kept, ask, _plain(kept, scores), None)
            depth *= 4  # takes took the places

    def by_words(self, words: str, ask: Ask = Ask()) -> list[Hit]:
        """Meaning and exact search fused by rank; the latter counts for sounds with all the words.

        A question with operators (quotes, AND, OR, NOT, field:value, prefix*) is also a
        condition: only sounds that fulfil it are ranked.
        """
        from indexer.catalog.question import meaning_of

        if self.encoder is None:
            return self.by_exact_words(words, ask)
        plain, strict = meaning_of(words)
        allowed = self._allowed(ask.filters)
        depth = EVERY if strict else DEEP  # a condition holds for all that fulfil it
        # One of several words says less than the meaning of all: by trial on other sounds, first
        # answers right .96 without such matches, .92 with them.
        all_words = words if strict else " AND ".join(plain.split())
        exact = [key for key, _ in self.library.catalog.search_text(all_words, depth, allowed)]
        if strict:
            allowed = np.array(sorted(exact), dtype=np.int64)
        if not plain:
            return self.by_exact_words(words, ask)
        if not exact and not strict:  # no sound has them: a score that says how near they come
            return self.by_meaning(plain, ask)
        vectors = _mean(self._with("text", "words").embed_texts([plain]))
        meant = self._nearest(vectors, ask, max(DEEP, 4 * ask.k), allowed)
        scores = fuse_ranks([exact, meant])
        kept = self._kept(list(scores), ask)
        heard = self._scores(kept, vectors, ask)
        told = {key: (scores[key], heard[key][1]) for key in kept}
        return self._hits(kept, ask, told, vectors)

    def by_sound(self, path: Path, ask: Ask = Ask()) -> list[Hit]:
        """Sounds like this file. Raises AudioError."""
        encoder = self._with("audio", "sounds")
        vectors = embed_file(path, encoder)
        part: Part = "likeness" if "likeness" in encoder.dims else "audio"
        return self._by_vectors({part: vectors[part]}, ask)

    def _with(self, modality: str, what: str) -> Encoder:
        if self.encoder is None:
            raise EncoderError("This question needs the model: run `sonorize models fetch`.")
        if modality not in self.encoder.modalities:
            raise ModalityMissing(
                f"{self.encoder.name} has no side for {what}: ask this library in another way, "
                "or build one with another --encoder."
            )
        return self.encoder

    def _by_vectors(self, vectors: Vectors, ask: Ask) -> list[Hit]:
        allowed = self._allowed(ask.filters)
        index = self._index(self._ranked(vectors))
        total = len(index) if allowed is None else len(allowed)
        depth = min(total, 4 * ask.k + 16)
        while True:
            kept = self._kept(self._nearest(vectors, ask, depth, allowed), ask)
            if len(kept) >= ask.k or depth >= total:
                return self._hits(kept, ask, self._scores(kept, vectors, ask), vectors)
            depth = min(total, depth * 4)  # takes took the places

    def _ranked(self, vectors: Vectors) -> tuple[Part, ...]:
        order: tuple[Part, ...] = ("audio", "metadata", "likeness")
        return tuple(part for part in order if part in vectors and part in self._spaces)

    def _index(self, parts: tuple[Part, ...]) -> VectorIndex:
        if parts not in self._indexes:
            assert self.encoder is not None
            dims = [self.encoder.dims[part] for part in parts]
            self._indexes[parts] = self.library.index([self._spaces[p] for p in parts], dims)
        return self._indexes[parts]

    def _weight(self, ask: Ask) -> float:
        assert self.encoder is not None
        own = self.encoder.metadata_weight
        return own if ask.metadata_weight is None else ask.metadata_weight

    def _nearest(
        self, vectors: Vectors, ask: Ask, depth: int, allowed: NDArray[np.int64] | None
    ) -> list[int]:
        """Ids, nearest first; none at all for a question that means nothing."""
        parts = self._ranked(vectors)
        question = (
            geometry.fuse(vectors["audio"], vectors["metadata"], self._weight(ask))
            if parts == ("audio", "metadata")
            else vectors[parts[0]]
        )
        if not question.any():
            return []
        found = self._index(parts).search(question, depth, allowed)
        return [int(key) for key in found.ids[0]]

    def _scores(self, ids: Sequence[int], vectors: Vectors, ask: Ask) -> dict[int, Scored]:
        """Score and parts of each sound, from the catalog's own vectors."""
        weight = self._weight(ask)
        parts = self._ranked(vectors)
        weights = {"audio": 1 - weight, "metadata": weight} if len(parts) == 2 else {parts[0]: 1.0}
        cosines: dict[str, dict[int, float]] = {}
        for part in parts:
            keys, rows = self.library.catalog.embeddings.clips(self._spaces[part], ids)
            values = (rows @ vectors[part][0]).tolist()
            cosines[part] = dict(zip(keys.tolist(), values, strict=True))
        return {
            key: (
                sum(weights[part] * cosines[part].get(key, 0.0) for part in parts),
                {part: cosines[part].get(key) for part in parts},
            )
            for key in ids
        }

    def _allowed(self, filters: Filters) -> NDArray[np.int64] | None:
        return self.library.catalog.allowed(filters) if filters else None

    def _kept(self, ids: Sequence[int], ask: Ask) -> list[int]:
        """The first k of these, in order: readable ones, each recording once unless asked."""
        sounds = self.library.catalog.sounds(ids)
        groups = {} if ask.all_takes else {k: s.columns["take_group"] for k, s in sounds.items()}
        readable = {key for key, sound in sounds.items() if sound.columns["status"] != "failed"}
        return collapse([key for key in ids if key in readable], groups, ask.k)

    def _hits(
        self, kept: Sequence[int], ask: Ask, scores: Mapping[int, Scored], vectors: Vectors | None
    ) -> list[Hit]:
        sounds = self.library.catalog.sounds(kept)
        groups = {} if ask.all_takes else {k: s.columns["take_group"] for k, s in sounds.items()}
        takes = self.library.catalog.take_counts(list(groups.values()))
        moments = self._moments(kept, vectors)
        if ask.cut:
            moments = {key: cut(sounds[key], *moment) for key, moment in moments.items()}
        return [
            _hit(
                rank, *scores[key], sounds[key],
                moments.get(key, (0.0, sounds[key].columns["duration"])),
                max(0, takes.get(groups.get(key, ""), 1) - 1),
            )
            for rank, key in enumerate(kept, start=1)
        ]  # fmt: skip

    def _moments(
        self, ids: Sequence[int], vectors: Vectors | None
    ) -> dict[int, tuple[float, float]]:
        """The window of each sound that fits the question best, in seconds."""
        if vectors is None or "audio" not in vectors or "audio" not in self._spaces:
            return {}
        _, owners, spans, rows = self.library.catalog.embeddings.windows(self._spaces["audio"], ids)
        order = np.argsort(rows @ vectors["audio"][0], kind="stable")
        return {int(owners[at]): (float(spans[at, 0]), float(spans[at, 1])) for at in order}


def cut(sound: SoundInfo, start: float, end: float) -> tuple[float, float]:
    """The window moved to usable edit points, as far as the file can be read now; seconds."""
    from indexer.audio.decode import blocks
    from indexer.audio.edit import LEAD_SECONDS, edit_points

    if sound.state != "present":
        return start, end
    offset = max(0.0, start - LEAD_SECONDS)
    parts: list[NDArray[np.float32]] = []
    length = 0.0
    try:
        stream = blocks(sound.path, start=offset)
        for block in stream:
            parts.append(block.samples)
            length += block.duration
            if offset + length >= end:
                stream.close()
                break
    except (AudioError, OSError):
        return start, end
    if not parts:
        return start, end
    region = Waveform(np.concatenate(parts, axis=1), block.sample_rate)
    return edit_points(region, start, end, offset=offset)


def embed_file(path: Path, encoder: Encoder) -> Vectors:
    """(1, dim) clip vectors of a sound file, made as the build makes them. Raises AudioError."""
    from indexer.audio.decode import blocks
    from indexer.audio.resample import resample
    from indexer.audio.window import windows
    from indexer.build.words import batched

    if not path.is_file():
        raise AudioError(f"There is no file {path}: check the name.")
    cut = windows(resample(blocks(path), encoder.sample_rate), encoder.window)
    batches = [
        encoder.embed_audio([window.waveform for window in batch]) for batch in batched(cut, 32)
    ]
    if not batches:
        raise AudioError(f"{path} is too short to be heard: give a longer sound.")
    return {
        part: geometry.mean_direction(np.concatenate([batch[part] for batch in batches]))[None]
        for part in batches[0]
    }


def _mean(vectors: Vectors) -> Vectors:
    return {part: geometry.mean_direction(rows)[None] for part, rows in vectors.items()}


def _plain(ids: Sequence[int], scores: Mapping[int, float]) -> dict[int, Scored]:
    """Exact words alone: neither part was asked."""
    return {key: (scores[key], {"audio": None, "metadata": None}) for key in ids}


def _hit(
    rank: int,
    score: float,
    parts: Mapping[str, float | None],
    sound: SoundInfo,
    moment: tuple[float, float],
    takes: int,
) -> Hit:
    columns = sound.columns
    return Hit(
        rank=rank,
        score=round(score, 4),
        parts={part: None if value is None else round(value, 4) for part, value in parts.items()},
        id=columns["id"],
        title=columns["title"] or sound.path.stem,
        path=str(sound.path),
        url=columns["url"],
        license=columns["licence"] or "unknown",
        author=columns["author"] or columns["designer"],
        duration=round(columns["duration"], 3),
        start=round(moment[0], 3),
        end=round(moment[1], 3),
        source=sound.root_kind,
        pack=columns["pack"],
        tags=list(columns["tags"]),
        takes=takes,
        state=sound.state,
    )
