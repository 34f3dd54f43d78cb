"""From a video to its cue sheet: what it is, where it cuts, what each shot shows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from indexer.progress import Progress
from query.scene.cues import CueSheet, Film
from query.scene.places import rows_of
from query.scene.plan import Options, plan
from query.scene.stills import Stills
from query.scene.worded import by_shot
from query.shots import SHORTEST, Pass, split_by_drift
from query.video import facts

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

    from query.ask import Ask
    from query.scene.worded import Worded
    from query.search import Searcher

FRAMES = 5  # of a shot, at most
APART = 1.0  # s between them
BY_DRIFT = 2  # every so many of the film's stills show whether a long shot drifts
SIZE = 480  # pixels of a frame's shorter side: what encoders see is smaller


def film_of(path: Path, start: str | None = None, offset: str | None = None) -> Film:
    """The film with its own timecode, or with these; see Facts.begun. Raises PictureError."""
    known = facts(path).begun(start, offset)
    return Film(
        path=str(path.absolute()),
        rate=known.rate,
        frames=known.frames,
        start=known.start or 0,
        drop=known.drop,
        width=known.width,
        height=known.height,
        sound=known.has_sound,
    )


@dataclass(frozen=True, slots=True)
class Look:
    """A film as it was seen.

    shots    first frame, and the frame after the last one
    changes  how much each frame differs from the one before; None: spots are not to be aligned
    stills   a frame a second of each shot, one at least
    """

    film: Film
    shots: Sequence[tuple[int, int]]
    changes: NDArray[np.floating] | None
    stills: Stills


def make(
    film: Film,
    searcher: Searcher,
    options: Options = Options(),
    progress: Progress = Progress(),
    *,
    align: bool = True,
    words: Sequence[Worded] = (),
    note: Callable[[str], None] | None = None,
) -> CueSheet:
    """What sounds where. The video is decoded once and never held: its cuts are found, and a
    still a second is kept on disk, by which long shots are parted and each shot asks.

    align: spots meet the strongest change of the picture. words: of single shots, see worded.
    note: hears what cannot be read.
    Raises PictureError, SceneError, QueryError, EncoderError.
    """
    seen = look(film, searcher, options.ask, progress, align=align, note=note)
    return choose(seen, searcher, with_words(options, words, seen), progress)


def look(
    film: Film,
    searcher: Searcher,
    ask: Ask,
    progress: Progress = Progress(),
    *,
    align: bool = True,
    note: Callable[[str], None] | None = None,
) -> Look:
    """The film's shots; as in `make`."""
    progress.stage("Finding cuts", film.frames, "frames")
    seen = Pass(Path(film.path), every=APART, size=SIZE, note=note, progress=progress)
    stills = Stills()
    for frame, picture in seen:
        stills.add(frame, picture)
    shots = _parted(film, seen.shots, stills, searcher, ask, progress)
    return Look(film, shots, seen.changes if align else None, stills)


def with_words(options: Options, words: Sequence[Worded], seen: Look) -> Options:
    """With words for single shots of this film, see worded. Raises SceneError, PictureError."""
    if not words:
        return options
    return replace(options, words=by_shot(words, seen.shots, seen.film, options.ask.steering))


def choose(
    seen: Look, searcher: Searcher, options: Options, progress: Progress = Progress()
) -> CueSheet:
    """What sounds where in a film that was looked at; as in `make`."""
    options = replace(options, changes=seen.changes)
    return plan(seen.film, seen.shots, _pictures(seen), searcher, options, progress)


def _parted(
    film: Film,
    shots: Sequence[tuple[int, int]],
    stills: Stills,
    searcher: Searcher,
    ask: Ask,
    progress: Progress,
) -> Sequence[tuple[int, int]]:
    """Long shots split where they have come to show something else."""
    long = [shot for shot in shots if (shot[1] - shot[0]) / film.rate >= 2 * SHORTEST]
    frames = [frame for shot in long for frame in stills.within(*shot)[::BY_DRIFT]]
    if not frames:
        return shots
    progress.stage("Looking through long shots", len(frames), "frames")
    seen = []
    for frame in frames:
        seen.append(searcher.seen([stills[frame]], ask, False))
        progress.advance()
    rows = rows_of(seen, searcher.weights(seen[0], ask))
    return split_by_drift(shots, frames, rows, film.rate)


def asking(seen: Look, number: int) -> list[int]:
    """The stills that ask for a shot, up to FRAMES spread evenly over it; none if all of it is
    damaged."""
    there = seen.stills.within(*seen.shots[number])
    count = min(FRAMES, len(there))
    return [there[len(there) * (2 * place + 1) // (2 * count)] for place in range(count)]


def _pictures(seen: Look) -> Iterator[Sequence[Image]]:
    """The frames of each shot, in turn; of one that is damaged, the last that was seen, or the
    first that will be."""
    all_of = [asking(seen, number) for number in range(len(seen.shots))]
    last = next((frames[:1] for frames in all_of if frames), [])
    for frames in all_of:
        yield [seen.stills[frame] for frame in frames or last]
        last = frames[-1:] or last
