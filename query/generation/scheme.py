"""The paper's second scheme: a frame, its captions, a sound of each, all ranked with the library.

Models are in memory one after another: the captioner, the encoder that judges, the generator, and
the encoder again.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from indexer.progress import Progress
from query.ask import Ask
from query.captions import registry as captioners
from query.captions.protocol import Decoding
from query.captions.write import Caption, captions, judged
from query.generation import clips as made
from query.generation import memory, triples
from query.generation import registry as generators
from query.generation.protocol import Order, Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from PIL.Image import Image

    from query.generation.clips import Clip
    from query.generation.protocol import Generator
    from query.search import Searcher

    Open = Callable[[], AbstractContextManager[Searcher]]


@dataclass(frozen=True, slots=True)
class Models:
    """Names of models, where their files are, and where they run."""

    generator: str
    folder: Path
    captioner: str = captioners.default
    device: str = "auto"

    def load(self) -> Generator:
        """The generator; its files are looked for, not read. See registry.load for what it
        raises."""
        return generators.load(self.generator, self.folder, self.device)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to make of a frame.

    words       prompts as the user gives them, in place of captions
    decoding    how captions are written, and how many
    variations  sounds of each caption, from the seeds `seed`, `seed` + 1, …
    """

    words: tuple[str, ...] = ()
    decoding: Decoding = field(default_factory=Decoding)
    variations: int = 1
    seed: int = 0
    settings: Settings = field(default_factory=Settings)


def described(
    pictures: Sequence[Image],
    wanted: Wanted,
    models: Models,
    searching: Open,
    progress: Progress = Progress(),
) -> list[Caption]:
    """Captions of the pictures, or the user's words, each with how well it fits, the best first.

    searching   opens the libraries with their encoder. Raises EncoderError.
    """
    if wanted.words:
        found = [Caption(words, words) for words in dict.fromkeys(wanted.words)]
    else:
        captioner = captioners.load(models.captioner, models.folder, models.device)
        progress.stage(f"Writing captions with {captioner.name}", len(pictures), "pictures")
        found = captions(pictures, captioner, wanted.decoding)
        progress.advance(len(pictures))
        del captioner
        memory.release()
    with searching() as search:
        assert search.encoder is not None
        frame = search.seen(pictures, Ask(), False)
        scored = judged(found, frame, search.encoder, search.weights(frame, Ask()))
    memory.release()
    return scored


def orders(found: Sequence[Caption], wanted: Wanted) -> list[tuple[Caption, Order]]:
    """Each caption's sounds, caption by caption."""
    return [
        (caption, Order(caption.prompt, wanted.seed + number, wanted.settings))
        for caption in found
        for number in range(wanted.variations)
    ]


def sounded(
    ordered: Sequence[tuple[Caption, Order]],
    generator: Generator,
    folder: Path,
    progress: Progress = Progress(),
) -> list[triples.Triple]:
    """The clip of each order; refused ones are among them."""
    clips: list[Clip] = made.make([order for _, order in ordered], generator, folder, progress)
    return [
        triples.Triple(clip, caption.text, caption.score)
        for (caption, _), clip in zip(ordered, clips, strict=True)
    ]
