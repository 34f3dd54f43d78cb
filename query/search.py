"""Asking one or more libraries: the calls that command line, page and evaluation share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np

from indexer.errors import EncoderError, QueryError, Unheard
from query import targets
from query.ask import Ask
from query.heard import cut, embed_file, embed_file_and_text
from query.ranking import Hit, collapse, fuse_ranks, hit, take_groups
from query.shelves import Key, Scored, Shelves
from query.targets import Reference

if TYPE_CHECKING:
    from PIL.Image import Image

    from indexer.catalog.answers import SoundInfo
    from indexer.encoders.protocol import Encoder, Part, Vectors, VideoEncoder
    from indexer.library import Library
    from query.shelf import Moment
    from query.shelves import Allowed

EVERY = 10**9
DEEP = 1_000  # how far down each list is fused


class Searcher:
    """Libraries with their encoder, ready for many questions. `encoder` None: words only.

    All are ranked together; a recording that lies in several of them is one answer.
    Raises EncoderMismatch where they were not built alike.
    """

    def __init__(self, libraries: Library | Sequence[Library], encoder: Encoder | None) -> None:
        self.libraries = list(libraries) if isinstance(libraries, Sequence) else [libraries]
        self.encoder = encoder
        self.shelves = Shelves(self.libraries, encoder)

    def by_pictures(
        self,
        pictures: Sequence[Image],
        ask: Ask = Ask(),
        *,
        reference: Reference | None = None,
        shot: bool = False,
    ) -> list[Hit]:
        """One question from all the pictures: the mean of their directions, in each part.

        reference   the question is then the target that the pictures and this pair make
        shot        the pictures are frames of one shot, in order: an encoder that sees motion
                    is asked with the shot as a whole
        """
        question = self.seen(pictures, ask, shot)
        if reference is not None:
            frame = self.seen(reference.frames, ask, False)
            question = targets.target(question, frame, reference)
        return self.by_vectors(self.steered(question, ask), ask)

    def by_meaning(self, words: str, ask: Ask = Ask()) -> list[Hit]:
        """What the words mean, by the encoder alone."""
        return self.by_vectors(self.steered(self._meant(words), ask), ask)

    def by_exact_words(self, words: str, ask: Ask = Ask()) -> list[Hit]:
        """Full-text search alone; needs no model. Raises QueryError."""
        allowed = self.shelves.allowed(ask.filters)
        depth = max(DEEP, 4 * ask.k)
        while True:
            scores = self.shelves.exact(words, depth, allowed)
            kept = self._kept(list(scores), ask)
            if len(kept) >= ask.k or len(scores) < depth:
                parts = {"audio": None, "metadata": None}  # neither was asked
                return self._hits(kept, ask, {key: (scores[key], parts) for key in kept}, None)
            depth *= 4  # takes took the places

    def by_words(self, words: str, ask: Ask = Ask()) -> list[Hit]:
        """Meaning and exact search fused by rank; the latter counts for sounds with all the words.

        A question with operators (quotes, AND, OR, NOT, field:value, prefix*) is also a
        condition: only sounds that fulfil it are ranked. With words toward and away the order is
        that of meaning alone. Raises QueryError.
        """
        from indexer.catalog.question import meaning_of

        if self.encoder is None:
            return self.by_exact_words(words, ask)
        plain, strict = meaning_of(words)
        allowed = self.shelves.allowed(ask.filters)
        depth = EVERY if strict else DEEP  # a condition holds for all that fulfil it
        # One word of several says less than the meaning of all: hit@1 .96 without such, .92 with.
        all_words = words if strict else " AND ".join(plain.split())
        exact = list(self.shelves.exact(all_words, depth, allowed))
        if strict:
            allowed = [
                np.array(sorted(key for at, key in exact if at == place), dtype=np.int64)
                for place in range(len(self.shelves))
            ]
        if not plain:
            if ask.steering:
                raise QueryError(
                    "Toward and away are a matter of meaning, and this question has only exact "
                    "words: write NOT, or ask with plain words."
                )
            return self.by_exact_words(words, ask)
        if not strict and (ask.steering or not exact):  # a score that says how near they come
            return self.by_meaning(plain, ask)
        vectors = self.steered(self._meant(plain), ask)
        weights = self.weights(vectors, ask)
        meant = self.shelves.nearest(vectors, weights, max(DEEP, 4 * ask.k), allowed)
        scores = fuse_ranks([meant] if ask.steering else [exact, meant])
        kept = self._kept(list(scores), ask)
        heard = self.shelves.scores(kept, vectors, weights)
        told = {key: (scores[key], heard[key][1]) for key in kept}
        moments = self.shelves.moments(kept, vectors) if ask.placed else None
        return self._hits(kept, ask, told, moments)

    def by_sound(self, named: str | Path, ask: Ask = Ask()) -> list[Hit]:
        """Sounds like a file, or like clip "#12" of the libraries. Raises QueryError, AudioError.

        Words can steer what is heard, not likeness: with them, what is heard is compared.
        """
        encoder = self._model()
        vectors = self._clip(str(named)) or embed_file(Path(named), encoder)
        likeness = "likeness" in encoder.dims and not (ask.steering or ask.moments)
        part: Part = "likeness" if likeness else "audio"
        absent = np.zeros((1, encoder.dims[part]), np.float32)  # of a clip that is silent
        question = self.steered({part: vectors.get(part, absent)}, ask)
        if not question[part].any():
            raise Unheard(f"{encoder.name} hears nothing in {named}: give one with sound in it.")
        return self.by_vectors(question, ask, heard={**vectors, **question})

    def sound(self, named: str) -> Vectors:
        """(1, dim) vectors of a clip of the libraries, "#12" or a path, or of any sound file.

        Raises QueryError for an id that none or several of the libraries have, and AudioError.
        """
        encoder = self._model()
        path = Path(named)
        return self._clip(named) or self.shelves.at(path) or embed_file_and_text(path, encoder)

    def _clip(self, named: str) -> Vectors | None:
        """Of the sound "#12"; None where that is no id, but a file. Raises QueryError."""
        if not (named.startswith("#") and named[1:].isdecimal()) or Path(named).exists():
            return None
        found = self.shelves.clips(int(named[1:]))
        if len(found) > 1:
            raise QueryError(
                f"{len(found)} of the libraries asked have a sound {named}: give its path, "
                "which --format json shows."
            )
        if not found:
            raise QueryError(
                f"None of the libraries asked have heard a sound {named}: give the id of a "
                "hit, which --format json shows, or its path."
            )
        return found[0]

    def _model(self) -> Encoder:
        """The encoder; what it has no side for, it says itself."""
        if self.encoder is None:
            raise EncoderError("This question needs the model: run `sonorize models fetch`.")
        return self.encoder

    def seen(self, pictures: Sequence[Image], ask: Ask, shot: bool) -> Vectors:
        """(1, dim) rows of what the pictures show; see `by_pictures`."""
        encoder = self._model()
        if shot and "video" in encoder.modalities:
            seen = cast("VideoEncoder", encoder).embed_videos([pictures])
        else:
            seen = encoder.embed_images(pictures)
        question = targets.mean(seen)
        return ask.gap.closed(question) if ask.gap is not None else question

    def _meant(self, words: str) -> Vectors:
        return targets.mean(self._model().embed_texts([words]))

    def steered(self, question: Vectors, ask: Ask) -> Vectors:
        """The question moved toward and away from the words of `ask`. Raises QueryError."""
        if not ask.steering:
            return question
        texts = [text for _, text in (*ask.steering.toward, *ask.steering.away)]
        return targets.steered(question, ask.steering, {text: self._meant(text) for text in texts})

    def by_vectors(self, vectors: Vectors, ask: Ask, heard: Vectors | None = None) -> list[Hit]:
        """Asked with (1, dim) rows. `heard`: what the best moments are found by, if not those."""
        allowed = self.shelves.allowed(ask.filters)
        weights = self.weights(vectors, ask)
        if ask.moments and "audio" in weights:
            return self._by_windows(vectors, ask, weights, allowed)
        total = self.shelves.total(weights, allowed)
        depth = min(total, 4 * ask.k + 16)
        while True:
            kept = self._kept(self.shelves.nearest(vectors, weights, depth, allowed), ask)
            if len(kept) >= ask.k or depth >= total:
                moments = self.shelves.moments(kept, heard or vectors) if ask.placed else None
                return self._hits(kept, ask, self.shelves.scores(kept, vectors, weights), moments)
            depth = min(total, depth * 4)  # takes took the places

    def _by_windows(
        self, vectors: Vectors, ask: Ask, weights: Mapping[Part, float], allowed: Allowed
    ) -> list[Hit]:
        if not any(vectors[part].any() for part in weights):
            return []
        total, depth = self.shelves.total(weights, allowed), 4 * ask.k + 16
        while True:
            keys = self.shelves.foremost(vectors, weights, depth, allowed)
            moments = self.shelves.moments(keys, vectors)
            scores = self.shelves.scores(keys, vectors, weights, moments)
            kept = self._kept(sorted(keys, key=lambda key: (-scores[key][0], key)), ask)
            if len(kept) >= ask.k or max(depth, len(keys)) >= total:
                return self._hits(kept, ask, scores, moments)
            depth *= 4  # takes took the places

    def background(self, question: Vectors, ask: Ask) -> tuple[float, float]:
        """What sounds that nobody asked for score with (1, dim) rows: the median of all sounds, and
        how far the 84th percentile (one standard deviation) lies above it.

        Of clips as a whole, without filters; of 1,000 sounds evenly taken where there are more.
        """
        return self.shelves.background(question, self.weights(question, ask))

    def weights(self, vectors: Vectors, ask: Ask) -> dict[Part, float]:
        """Of each part that is asked and in any of the libraries. Raises QueryError for a weight
        of what is written where nothing of that is embedded."""
        order: tuple[Part, ...] = ("audio", "metadata", "likeness")
        parts = [part for part in order if part in vectors and self.shelves.have(part)]
        if ask.metadata_weight and "metadata" in vectors and "metadata" not in parts:
            raise QueryError(
                "No words are embedded here for --metadata-weight to weigh: run build-index with "
                "--metadata, or leave it out."
            )
        own = self._model().metadata_weight
        weight = own if ask.metadata_weight is None else ask.metadata_weight
        return {"audio": 1 - weight, "metadata": weight} if len(parts) == 2 else {parts[0]: 1.0}

    def _kept(self, keys: Sequence[Key], ask: Ask) -> dict[Key, SoundInfo]:
        """The first k of these, in order: readable ones, each recording once unless asked.

        Rows are read from the top until k are found: a list is deeper than what is shown of it.
        """
        kept: list[Key] = []
        sounds: dict[Key, SoundInfo] = {}
        step = ask.k + 16
        for at in range(0, len(keys), step):
            part = keys[at : at + step]
            sounds |= self.shelves.sounds(part)
            kept += [
                key for key in part if key in sounds and sounds[key].columns["status"] != "failed"
            ]
            hashes = {key: sound.columns["content_hash"] or "" for key, sound in sounds.items()}
            once = collapse(kept, hashes, len(kept))
            kept = collapse(once, {} if ask.all_takes else take_groups(sounds), ask.k)
            if len(kept) == ask.k:
                break
        return {key: sounds[key] for key in kept}

    def _hits(
        self,
        sounds: Mapping[Key, SoundInfo],
        ask: Ask,
        scores: Mapping[Key, Scored],
        moments: Mapping[Key, Moment] | None,
    ) -> list[Hit]:
        """Of the sounds, in their order."""
        takes = {} if ask.all_takes else self.shelves.other_takes(sounds)
        hits = []
        for rank, key in enumerate(sounds, start=1):
            moment = (0.0, sounds[key].columns["duration"])
            if moments is not None and key in moments:
                moment = moments[key].start, moments[key].end
                moment = cut(sounds[key], *moment) if ask.cut else moment
            library = self.libraries[key[0]].folder
            hits.append(
                hit(rank, *scores[key], sounds[key], moment, takes.get(key, 0), str(library))
            )
        return hits
