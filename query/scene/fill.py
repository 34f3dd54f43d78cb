"""Sounds made for the shots for which the library has none, within a budget."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import chain, zip_longest
from pathlib import Path
from typing import TYPE_CHECKING

from indexer.progress import Progress
from query.captions.protocol import Decoding
from query.generation import memory, scheme, triples
from query.generation.protocol import Settings
from query.scene.cueing import joined
from query.scene.floor import Floor
from query.scene.make import asking, choose

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PIL.Image import Image

    from query.captions.write import Caption
    from query.generation.protocol import Generator, Order
    from query.generation.scheme import Models, Open
    from query.generation.triples import Triple
    from query.scene.cues import CueSheet
    from query.scene.make import Look
    from query.scene.plan import Options
    from query.search import Searcher

CAPTIONS = 3  # of a shot, each of which may become a sound
SECONDS = 10.0  # of a sound: from 8 s on it can lie under a scene


@dataclass(frozen=True, slots=True)
class Budget:
    """What may be spent on a film: sounds, those that were made before included, and minutes of
    making."""

    clips: int = 8
    minutes: float = 10.0


@dataclass(frozen=True, slots=True)
class Filled:
    """The sheet, and what it took.

    gaps    shots that had no sound
    clips   made for them, now or before; refused ones too
    over    more would have been made but for the budget
    """

    sheet: CueSheet
    gaps: tuple[int, ...]
    clips: tuple[Triple, ...] = ()
    over: bool = False

    @property
    def filled(self) -> int:
        """How many of the gaps have a sound now."""
        return sum(not self.sheet.shots[number].note for number in self.gaps)


def gaps(sheet: CueSheet) -> tuple[int, ...]:
    """Shots for which nothing in the library came above its floor, the longest first."""
    silent = [shot for shot in sheet.shots if shot.note]
    silent.sort(key=lambda shot: (shot.start - shot.end, shot.start))
    return tuple(shot.index for shot in silent)


def fill(
    sheet: CueSheet,
    seen: Look,
    options: Options,
    models: Models,
    searching: Open,
    folder: Path,
    budget: Budget = Budget(),
    progress: Progress = Progress(),
) -> Filled:
    """Sounds for the gaps of a sheet, from captions of each shot's middle frame: the best caption
    of every gap first, then the next best. They are kept in `folder` and taken into the first
    library; the gaps then ask again, and may be answered so whatever pack, source or tag was asked
    for. All other cues stay as they are.

    sheet      as `choose` made it of `seen` with `options`, of found sounds alone
    searching  opens the libraries with their encoder, which `sheet` was made with

    Raises EncoderError, GenerationError, and what a build and `choose` raise.
    """
    numbers = gaps(sheet)
    if not numbers:
        return Filled(sheet, numbers)
    generator = models.load_generator()
    frames = _middles(seen, numbers)
    wanted = scheme.Wanted(
        decoding=Decoding(count=CAPTIONS),
        settings=generator.completed(Settings(_seconds(options))),
    )
    found = scheme.described(list(frames.values()), wanted, models, searching, progress)
    ordered = _in_turns(dict(zip(frames, found, strict=True)), wanted)
    made = _made(ordered[: budget.clips], generator, folder, budget.minutes, progress)
    del generator
    memory.release()
    with searching() as search:
        _take_in(made, frames, search, folder, progress)
        again = _again(sheet, seen, options, numbers, search, progress)
    clips = tuple(triple for _, triple in made)
    return Filled(again, numbers, clips, over=len(made) < len(ordered))


def _seconds(options: Options) -> float:
    """Of a sound, as the durations allow that were asked for."""
    asked = options.ask.filters
    return min(max(SECONDS, asked.min_duration or 0.0), asked.max_duration or math.inf)


def _middles(seen: Look, numbers: Sequence[int]) -> dict[int, list[Image]]:
    """The middle frame of each shot, as far as it can be read; in the order of `numbers`."""
    frames = {number: asking(seen, number) for number in numbers}
    return {
        number: [seen.stills[asked[len(asked) // 2]]] for number, asked in frames.items() if asked
    }


def _in_turns(
    found: dict[int, list[Caption]], wanted: scheme.Wanted
) -> list[tuple[int, tuple[Caption, Order]]]:
    """(shot, its order), the shots taking turns."""
    queues = [
        [(number, each) for each in scheme.orders(captions, wanted)]
        for number, captions in found.items()
    ]
    return [each for each in chain(*zip_longest(*queues)) if each is not None]


def _made(
    ordered: Sequence[tuple[int, tuple[Caption, Order]]],
    generator: Generator,
    folder: Path,
    minutes: float,
    progress: Progress,
) -> list[tuple[int, Triple]]:
    """(shot, what was made for it)."""
    orders = [each for _, each in ordered]
    made = scheme.sounded(orders, generator, folder, progress, minutes)
    return [(number, triple) for (number, _), triple in zip(ordered, made, strict=False)]


def _take_in(
    made: Sequence[tuple[int, Triple]],
    frames: dict[int, list[Image]],
    search: Searcher,
    folder: Path,
    progress: Progress,
) -> None:
    from indexer.build.report import Progress as Building
    from indexer.build.run import build_index
    from indexer.sources.generated import GeneratedSource

    assert search.encoder is not None
    library = search.libraries[0]
    heard = progress if isinstance(progress, Building) else None
    build_index(library, [GeneratedSource(folder)], search.encoder, progress=heard)
    for number, pictures in frames.items():
        fit = [each for at, each in made if at == number and not each.clip.facts.refused]
        triples.measure(fit, pictures, search, library)


def _again(
    sheet: CueSheet,
    seen: Look,
    options: Options,
    numbers: Sequence[int],
    search: Searcher,
    progress: Progress,
) -> CueSheet:
    """Chosen anew for these shots alone, by the floor that they fell under."""
    kept = replace(sheet, cues=tuple(replace(cue, locked=True) for cue in sheet.cues))
    floor = Floor(**sheet.settings["floor"])
    ask = scheme.with_made(options.ask)
    asked = replace(options, ask=ask, former=kept, only=numbers, floor=floor)
    made = choose(seen, search, asked, progress)
    locked = {cue.id for cue in sheet.cues if cue.locked}
    cues = [replace(cue, locked=cue.id in locked) for cue in made.cues]
    return replace(made, cues=tuple(joined(cues)))


def found_only(options: Options, search: Searcher) -> Options:
    """So that what was made for a film before takes no place of a found sound."""
    return replace(options, ask=scheme.found_only(options.ask, search))
