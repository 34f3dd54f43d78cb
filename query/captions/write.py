"""Captions of a frame: written, made different, and judged by the encoder that will rank."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from itertools import chain, zip_longest
from typing import TYPE_CHECKING

import numpy as np

from query.captions.prompts import prompt_for_sound

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from PIL.Image import Image

    from indexer.encoders.protocol import Encoder, Part, Vectors
    from query.captions.protocol import Captioner, Decoding

TRIES = 4  # times that a captioner is asked where too many captions are alike


@dataclass(frozen=True, slots=True)
class Caption:
    """text: what is seen. prompt: what of it can be heard. score: how well `text` fits the frame,
    a cosine like that of a hit; None where nothing judged it."""

    text: str
    prompt: str
    score: float | None = None


def captions(pictures: Sequence[Image], captioner: Captioner, how: Decoding) -> list[Caption]:
    """Up to `how.count` captions of the pictures with different prompts, not judged yet.

    The pictures take turns. What is drawn by chance is drawn again, with other seeds, where too
    much of it was alike.
    """
    found: list[Caption] = []
    for more in range(TRIES if how.method == "sample" else 1):
        again = replace(how, seed=how.seed + more)
        turns = zip_longest(*captioner.write(pictures, again))
        found = different([*found, *worded(text for text in chain(*turns) if text)])
        if len(found) >= how.count:
            break
    return found[: how.count]


def worded(texts: Iterable[str]) -> list[Caption]:
    """Captions as they were given, in their order, each prompt once; empty ones are left out."""
    cleaned = (" ".join(text.split()) for text in texts)
    return different([Caption(text, prompt_for_sound(text)) for text in cleaned if text])


def different(found: Sequence[Caption]) -> list[Caption]:
    """The first of those whose prompts have the same words."""
    kept: dict[tuple[str, ...], Caption] = {}
    for caption in found:
        kept.setdefault(tuple(re.findall(r"\w+", caption.prompt.casefold())), caption)
    return list(kept.values())


def judged(
    found: Sequence[Caption], frame: Vectors, encoder: Encoder, weights: Mapping[Part, float]
) -> list[Caption]:
    """The captions with how well they fit the frame, the best first.

    frame     (1, dim) rows of what the pictures show
    weights   of each part, as the library ranks with
    """
    if not found:
        return []
    said = encoder.embed_texts([caption.text for caption in found])
    scores = np.zeros(len(found))
    for part, weight in weights.items():
        if part in said and part in frame:
            scores += weight * (said[part] @ frame[part][0])
    scored = [
        replace(caption, score=round(score, 4))
        for caption, score in zip(found, scores.tolist(), strict=True)
    ]
    return sorted(scored, key=lambda caption: -(caption.score or 0.0))
