"""From shots and a library to a cue sheet.

Two layers. Ambience: shots of one place share one steady sound that runs on over neighbouring
ones. Spot: a sound with a beginning, for one shot, where one fits as well as anything does. A shot
for which nothing comes above the library's floor stays silent, and its note says so.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from indexer.errors import SceneError
from indexer.progress import Progress
from query import timecode
from query.ask import Ask
from query.scene import cueing
from query.scene.asked import Asked, asked
from query.scene.attack import exactly
from query.scene.cues import Cue, CueSheet, Film, Layer, Shot
from query.scene.fitting import beds_of, fitting, spots_of
from query.scene.floor import Floor, measured
from query.scene.places import SAME, places, rows_of
from query.search import Searcher

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

    from query.scene.candidates import Candidate
    from query.targets import Reference, Steering


@dataclass(frozen=True, slots=True)
class Options:
    """How a film is sounded.

    ask        filters, weights, the gap; its words are for every shot
    words      by shot: words in place of those
    reference  a frame and the sound that fits it, for every shot
    changes    (frames,) how much each frame differs from the one before; None: nothing is aligned
    same       mean cosine from which on shots are of one place
    floor      measured if None
    former     a sheet of this film, whose locked cues stay
    only       shots that get sounds beside those; all if None
    """

    ask: Ask = Ask()
    words: Mapping[int, Steering] = field(default_factory=dict)
    reference: Reference | None = None
    changes: NDArray[np.floating] | None = None
    same: float = SAME
    floor: Floor | None = None
    former: CueSheet | None = None
    only: Collection[int] | None = None


def plan(
    film: Film,
    shots: Sequence[tuple[int, int]],
    pictures: Iterable[Sequence[Image]],
    searcher: Searcher,
    options: Options = Options(),
    progress: Progress = Progress(),
) -> CueSheet:
    """What sounds where, and why.

    shots     first frame, and the frame after the last one, from the film's first frame to its last
    pictures  some frames of each shot, in order; taken one shot after the other

    Raises SceneError, QueryError (words or a reference that leave nothing of a question) and
    EncoderError.
    """
    _require_shots(film, shots)
    locked = _locked(film, options.former)
    floor = options.floor or measured(searcher, options.ask, options.reference, progress)
    ask = options.ask
    asking = list(asked(shots, pictures, searcher, ask, options.words, options.reference, progress))
    weights = searcher.weights(asking[0].seen, ask)
    where = places(rows_of([shot.seen for shot in asking], weights), options.same)
    work = _Work(film, asking, searcher, options, floor, locked)
    chosen = [n for n in range(len(asking)) if options.only is None or n in options.only]
    for place in dict.fromkeys(where[number] for number in chosen):
        work.lay_ambience([number for number in chosen if where[number] == place])
    progress.stage("Choosing sounds", len(chosen), "shots")
    for number in chosen:
        work.lay_spot(number)
        progress.advance()
    work.run_on()
    encoder = searcher.encoder
    assert encoder is not None, "it embedded the pictures"
    laid = sorted(work.cues, key=lambda cue: (cue.start, cue.layer, cue.id))
    cues = cueing.joined(laid)
    return CueSheet(
        film=film,
        shots=tuple(
            Shot(number, *shot.span, where[number], shot.words, _note(film, shot, cues))
            for number, shot in enumerate(asking)
        ),
        cues=tuple(cues),
        encoder=encoder.name,
        model_licence=encoder.licence,
        settings=_settings(options, floor, encoder.metadata_weight),
    )


class _Work:
    """The cues laid so far."""

    def __init__(
        self,
        film: Film,
        asked: Sequence[Asked],
        searcher: Searcher,
        options: Options,
        floor: Floor,
        locked: Sequence[Cue],
    ) -> None:
        self._film, self._asked, self._searcher = film, asked, searcher
        self._options, self._floor = options, floor
        self.cues = [replace(cue, shot=self._shot_at(cue.start)) for cue in locked]
        self._lain: dict[str, Sequence[Candidate]] = {}  # beds by the id of their cue

    def lay_ambience(self, numbers: Sequence[int]) -> None:
        """One clip under all shots of a place, going on where it was left."""
        shots = [self._asked[number] for number in numbers]
        spans = [
            free
            for run in _runs(shots)
            for free in _left(run, [cue for cue in self.cues if cue.layer == "ambience"])
        ]
        if not spans:
            return
        self._lay_beds(self._fitting(shots, beds=True), spans)

    def lay_spot(self, number: int) -> None:
        """A spot for this shot; an ambience for it alone where its place has none."""
        shot = self._asked[number]
        over = [cue for cue in self.cues if cue.start < shot.end and cue.end > shot.start]
        if any(cue.layer == "spot" for cue in over):
            return
        found = self._fitting([shot])
        used = {cue.clip.identity for cue in self.cues if cue.layer == "spot"}
        if spots := spots_of(found, used):
            name = self._name("spot", shot.start)
            chosen = [exactly(each) for each in spots[: 1 + cueing.ALTERNATES]]
            made = cueing.spot(self._film, shot.span, chosen, self._options.changes)
            self.cues.append(replace(made, id=name, shot=number, question=shot.words))
        elif not over:
            self._lay_beds(found, [shot.span])

    def _fitting(self, shots: Sequence[Asked], *, beds: bool = False) -> list[Candidate]:
        return fitting(shots, self._searcher, self._options.ask, self._floor, beds=beds)

    def _lay_beds(self, found: Sequence[Candidate], spans: Sequence[tuple[int, int]]) -> None:
        """What can lie under these spans, if anything of what was found can."""
        longest = max(float((end - start) / self._film.rate) for start, end in spans)
        beds = beds_of(found, longest)
        if not beds:
            return
        left, whole = None, float(sum(end - start for start, end in spans) / self._film.rate)
        for span in spans:
            number = self._shot_at(span[0])
            made = cueing.ambience(self._film, span, beds, whole, left)
            left = cueing.left_at(made, self._film)
            name = self._name("ambience", span[0])
            words = self._asked[number].words
            self.cues.append(replace(made, id=name, shot=number, question=words))
            self._lain[name] = beds

    def run_on(self) -> None:
        """Neighbouring places that were given one sound have it as one cue, not anew at the cut."""
        before: Cue | None = None
        for cue in sorted(self.cues, key=lambda cue: cue.start):
            if cue.id not in self._lain:
                continue
            if before and before.end == cue.start and before.clip.path == cue.clip.path:
                seconds = float(self._film.at(cue.end - before.start))
                span, beds = (before.start, cue.end), self._lain[before.id]
                made = cueing.ambience(self._film, span, beds, seconds, None)
                self.cues = [each for each in self.cues if each not in (before, cue)]
                cue = replace(made, id=before.id, shot=before.shot, question=before.question)
                self.cues.append(cue)
            before = cue

    def _name(self, layer: Layer, start: int) -> str:
        """By its place, so that it stays the same when the sheet is made again."""
        taken = {cue.id for cue in self.cues}
        name = plain = f"{layer}-{start}"
        number = 1
        while name in taken:
            number += 1
            name = f"{plain}-{number}"
        return name

    def _shot_at(self, frame: int) -> int:
        return max(number for number, shot in enumerate(self._asked) if shot.start <= frame)


def _note(film: Film, shot: Asked, cues: Sequence[Cue]) -> str:
    if any(cue.start < shot.end and cue.end > shot.start for cue in cues):
        return ""
    start, end = (timecode.spell(film.start + at, film.rate, film.drop) for at in shot.span)
    return f"nothing in the library for {start}–{end}: {shot.words}"


def _locked(film: Film, former: CueSheet | None) -> list[Cue]:
    kept = [cue for cue in former.cues if cue.locked] if former is not None else []
    for cue in kept:
        if cue.end > film.frames:
            raise SceneError(
                f"The locked cue {cue.id} ({cue.clip.title}) ends after the film: move or unlock "
                "it in the project file."
            )
    return kept


def _require_shots(film: Film, shots: Sequence[tuple[int, int]]) -> None:
    whole = [0, *(frame for shot in shots for frame in shot), film.frames]
    joined = all(before == after for before, after in zip(whole[::2], whole[1::2], strict=True))
    if not shots or not joined or any(start >= end for start, end in shots):
        raise SceneError("The shots do not cover the film one after the other: find them again.")


def _runs(shots: Sequence[Asked]) -> list[tuple[int, int]]:
    """Neighbouring shots as one span."""
    cuts = [number + 1 for number, (a, b) in enumerate(pairwise(shots)) if a.end != b.start]
    return [
        (shots[first].start, shots[last - 1].end)
        for first, last in pairwise([0, *cuts, len(shots)])
    ]


def _left(span: tuple[int, int], cues: Sequence[Cue]) -> list[tuple[int, int]]:
    """What these cues leave of a span."""
    start, end = span
    left = []
    for cue in sorted(cues, key=lambda cue: cue.start):
        if cue.start > start:
            left.append((start, min(end, cue.start)))
        start = max(start, cue.end)
        if start >= end:
            break
    return [(a, b) for a, b in [*left, (start, end)] if a < b]


def _settings(options: Options, floor: Floor, own: float) -> dict[str, Any]:
    ask, weight = options.ask, options.ask.metadata_weight
    return {
        "toward": [list(pair) for pair in ask.steering.toward],
        "away": [list(pair) for pair in ask.steering.away],
        "words": {
            str(index + 1): [list(pair) for pair in words.toward]
            for index, words in sorted(options.words.items())
        },
        "metadata_weight": own if weight is None else weight,
        "aligned": options.changes is not None,
        "floor": {"usual": floor.usual, "likely": floor.likely, "strong": floor.strong},
    }
