"""Without words: AudioLDM conditioned by how sounds of the library sound.

AudioLDM hears its prompt as a vector of CLAP, in whose space sounds lie too. So the mean direction
of the sounds that the library ranks first for a frame can stand for the prompt.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from indexer import geometry
from indexer.errors import GenerationError
from query.generation.protocol import Order
from query.heard import embed_file

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from query.generation.protocol import Settings
    from query.ranking import Hit
    from query.search import Searcher

NAME = "audioldm-clap"
TOP = 5  # sounds whose directions are joined
DEEP = 100  # hits among which they are looked for
PROBE = "a dog barks in the rain"
SAME = 0.999  # cosine of the probe in two spaces that are one
DIGITS = 6


@dataclass(frozen=True, slots=True)
class Heard:
    """The vector, what it was made of, and where the probe lies in the same space."""

    vector: tuple[float, ...]
    sources: tuple[Mapping[str, str], ...]
    probe: NDArray[np.float32]

    @property
    def title(self) -> str:
        return "like " + ", ".join(dict.fromkeys(source["title"] for source in self.sources))

    def orders(self, count: int, seed: int, settings: Settings) -> list[Order]:
        """So many sounds, from the seeds `seed`, `seed` + 1, …"""
        return [
            Order(self.title, seed + number, settings, self.vector, self.sources)
            for number in range(count)
        ]


def permitted(hits: Sequence[Hit], search: Searcher) -> list[Hit]:
    """The first that may be used so, TOP at most: recorded, here, not under a licence that forbids
    derivatives, and of Freesound's only those whose author adds no wish about generative models:
    one that is known to be from there by its file's name alone may have any.

    Raises GenerationError if there is none.
    """
    raw: dict[tuple[str, int], Any] = {}
    for library in search.libraries:
        ids = [hit.id for hit in hits if hit.library == str(library.folder)]
        for key, sound in library.catalog.sounds(ids).items():
            raw[str(library.folder), key] = sound.columns["raw"]
    found = [
        hit
        for hit in hits
        if hit.state == "present"
        and hit.source != "generated"
        and "-ND" not in hit.license
        and _wishes(raw[hit.library, hit.id], hit) in (None, "no-additional-preferences")
    ]
    if not found:
        raise GenerationError(
            "None of the sounds found for this frame may be given to a model: use --via captions."
        )
    return found[:TOP]


def hear(hits: Sequence[Hit], models_dir: Path, device: str) -> Heard:
    """The mean direction of the files, in the space of AudioLDM's prompts.

    Raises WeightsMissing, EncoderError without transformers, AudioError.
    """
    from indexer.encoders import weights
    from indexer.encoders.clap import ClapEncoder
    from indexer.encoders.pretrained import library
    from indexer.encoders.protocol import Setup

    library("generate", "ClapModel")
    weights.require(NAME, models_dir / NAME)
    ear = ClapEncoder(models_dir / NAME, Setup(device, precision="float32"))
    rows = np.concatenate([embed_file(Path(hit.path), ear)["audio"] for hit in hits])
    mean = geometry.mean_direction(rows)
    if not mean.any():
        raise GenerationError("The sounds found cancel each other out: use --via captions.")
    return Heard(
        tuple(round(float(value), DIGITS) for value in mean),
        tuple(_source(hit) for hit in hits),
        ear.embed_texts([PROBE])["audio"][0],
    )


def require_one_space(generator: Any, heard: Heard) -> None:
    """Raises GenerationError unless the generator reads words as what heard the sounds does."""
    words = generator.meaning(PROBE)
    if words.shape != heard.probe.shape or float(words @ heard.probe) < SAME:
        raise GenerationError(
            f"{generator.name} and {NAME}, as they are here, are not of one space, so that sounds "
            "would mean nothing to it: use --via captions."
        )


def _wishes(raw: Any, hit: Hit) -> str | None:
    """What a Freesound sound's author allows generative models, "" where that is not known; None
    of any other sound."""
    own = raw.get("freesound") if isinstance(raw, dict) else None
    if isinstance(own, dict):
        return str(own.get("gen_ai_preference") or "")
    return "" if "freesound.org/" in hit.url else None


def _source(hit: Hit) -> dict[str, str]:
    return {
        "title": hit.title,
        "author": hit.author,
        "licence": hit.license,
        "url": hit.url,
    }
