"""Shots as they ask: what is seen in them, moved by words and by a reference."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from indexer.errors import SceneError
from query import targets

if TYPE_CHECKING:
    from PIL.Image import Image

    from indexer.encoders.protocol import Vectors
    from indexer.progress import Progress
    from query.ask import Ask
    from query.search import Searcher
    from query.targets import Reference, Steering

SURE = 0.1  # chance from which on a picture is called what it is taken for


@dataclass(frozen=True, slots=True)
class Asked:
    """A shot as it was seen and as it asks, (1, dim) rows; `words`: that in words.

    wanted: the question without what it goes away from; the same object where that is nothing
    """

    start: int
    end: int
    seen: Vectors
    wanted: Vectors
    question: Vectors
    words: str

    @property
    def span(self) -> tuple[int, int]:
        return self.start, self.end


def asked(
    shots: Sequence[tuple[int, int]],
    pictures: Iterable[Sequence[Image]],
    searcher: Searcher,
    ask: Ask,
    words: Mapping[int, Steering],
    pair: Reference | None,
    progress: Progress,
) -> Iterator[Asked]:
    """Each shot, one after the other; see `plan` and its Options. Raises SceneError, QueryError."""
    progress.stage("Looking at shots", len(shots), "shots")
    frame = None if pair is None else searcher.seen(pair.frames, ask, False)
    for number, (span, frames) in enumerate(zip(shots, pictures, strict=True)):
        if not frames:
            raise SceneError(f"There is no picture of shot {number + 1}: check the video.")
        steering = words.get(number, ask.steering)
        seen = question = searcher.seen(frames, ask, True)
        if pair is not None and frame is not None:
            question = targets.target(question, frame, pair)
        wanted = searcher.steered(question, replace(ask, steering=replace(steering, away=())))
        if steering.away:
            question = searcher.steered(question, replace(ask, steering=steering))
        else:
            question = wanted
        yield Asked(*span, seen, wanted, question, _words(steering, searcher, frames))
        progress.advance()


def mean(rows: Sequence[Vectors]) -> Vectors:
    """(1, dim) rows: what several shots ask together."""
    return targets.mean({part: np.concatenate([each[part] for each in rows]) for part in rows[0]})


def _words(steering: Steering, searcher: Searcher, frames: Sequence[Image]) -> str:
    """What is asked, as far as it can be said: the words, and what the picture is taken for."""
    said = [text for _, text in steering.toward] + [f"not {text}" for _, text in steering.away]
    describe = getattr(searcher.encoder, "describe_image", None)
    if describe is not None:
        label, chance = describe(frames[len(frames) // 2])[0]
        said += [label] if chance >= SURE else []
    return ", ".join(said) or "this picture"
