"""The paper's second scheme: a frame, its captions, a sound of each, all ranked with the library.

Models are in memory one after another: the captioner, the encoder that judges, the generator, and
the encoder again.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
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

    from query.captions.protocol import Captioner
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

    def load_generator(self) -> Generator:
        """Its files are looked for, not read. See generation.registry for what it raises."""
        return generators.load(self.generator, self.folder, self.device)

    def load_captioner(self) -> Captioner:
        """As above; see captions.registry."""
        return captioners.load(self.captioner, self.folder, self.device)


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
    frames: Sequence[Sequence[Image]],
    wanted: Wanted,
    models: Models,
    searching: Open,
    progress: Progress = Progress(),
) -> list[list[Caption]]:
    """Captions of each frame, or the user's words, with how well they fit it, the best first.

    frames      each one or several pictures
    searching   opens the libraries with their encoder

    Raises EncoderError.
    """
    if wanted.words:
        given = [Caption(words, words) for words in dict.fromkeys(wanted.words)]
        found = [given for _ in frames]
    else:
        captioner = models.load_captioner()
        progress.stage(f"Writing captions with {captioner.name}", len(frames), "frames")
        found = []
        for pictures in frames:
            found.append(captions(pictures, captioner, wanted.decoding))
            progress.advance()
        del captioner
        memory.release()
    judging = _judged(found, frames, searching)
    memory.release()
    return judging


def _judged(
    found: Sequence[Sequence[Caption]], frames: Sequence[Sequence[Image]], searching: Open
) -> list[list[Caption]]:
    """With the encoder in memory until it returns."""
    judging = []
    with searching() as search:
        assert search.encoder is not None, "it sees the pictures"
        for given, pictures in zip(found, frames, strict=True):
            frame = search.seen(pictures, Ask(), False)
            weights = search.weights(frame, Ask())
            judging.append(judged(given, frame, search.encoder, weights))
    return judging


def found_only(ask: Ask, search: Searcher) -> Ask:
    """The same question, answered with sounds that no model made; `--source` counts before it."""
    kinds = {root.kind for library in search.libraries for root in library.catalog.roots()}
    if ask.filters.sources or "generated" not in kinds:
        return ask
    found = tuple(sorted(kinds - {"generated"}))
    return replace(ask, filters=replace(ask.filters, sources=found))


def with_made(ask: Ask) -> Ask:
    """The same question, which sounds that a model made may answer too, whatever pack, source, tag
    or category recordings are to have."""
    return replace(ask, filters=replace(ask.filters, made=True)) if ask.filters else ask


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
    minutes: float | None = None,
) -> list[triples.Triple]:
    """The clip of each order, refused ones too, as far as `minutes` reach; see clips.make."""
    wanted = [order for _, order in ordered]
    clips: list[Clip] = made.make(wanted, generator, folder, progress, minutes)
    return [
        triples.Triple(clip, caption.text, caption.score)
        for (caption, _), clip in zip(ordered, clips, strict=False)
    ]
