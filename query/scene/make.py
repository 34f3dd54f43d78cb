"""From a video to its cue sheet: what it is, where it cuts, what each shot shows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from indexer.progress import Progress
from query.scene.cues import CueSheet, Film
from query.scene.places import rows_of
from query.scene.plan import Options, plan
from query.scene.worded import by_shot
from query.shots import SHORTEST, Pass, split_by_drift
from query.video import facts, sampled

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

    from query.ask import Ask
    from query.scene.worded import Worded
    from query.search import Searcher

FRAMES = 5  # of a shot, at most
APART = 1.0  # s between them, at least
DRIFT_EVERY = 2.0  # s between the frames by which drift is seen
SIZE = 480  # pixels of a frame's shorter side: what encoders see is smaller
NEVER = 1e9  # s


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
    """A film as it was seen: its shots (first frame, frame after the last), and how much each
    frame differs from the one before, or None where spots are not to be aligned."""

    film: Film
    shots: Sequence[tuple[int, int]]
    changes: NDArray[np.floating] | None


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
    """What sounds where. The video is read for its cuts, for drift if a shot is long, and for
    the frames that ask; it is never held.

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
    path = Path(film.path)
    progress.stage("Finding cuts", film.frames, "frames")
    seen = Pass(path, every=NEVER, size=64, note=note, progress=progress)
    for _ in seen:
        pass
    shots = _parted(path, film, seen.shots, searcher, ask, progress)
    return Look(film, shots, seen.changes if align else None)


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
    pictures = _pictures(Path(seen.film.path), seen.film, seen.shots)
    return plan(seen.film, seen.shots, pictures, searcher, options, progress)


def _parted(
    path: Path,
    film: Film,
    shots: Sequence[tuple[int, int]],
    searcher: Searcher,
    ask: Ask,
    progress: Progress,
) -> Sequence[tuple[int, int]]:
    """Long shots split where they have come to show something else."""
    step = round(DRIFT_EVERY * film.rate)
    long = [range(*shot, step) for shot in shots if (shot[1] - shot[0]) / film.rate >= 2 * SHORTEST]
    frames = [frame for each in long for frame in each]
    if not frames:
        return shots
    progress.stage("Looking through long shots", len(frames), "frames")
    numbers, seen = [], []
    for number, picture in sampled(path, frames, size=SIZE):
        numbers.append(number)
        seen.append(searcher.seen([picture], ask, False))
        progress.advance()
    if not seen:  # all of it is damaged there
        return shots
    rows = rows_of(seen, searcher.weights(seen[0], ask))
    return split_by_drift(shots, numbers, rows, film.rate)


def frames_of(shot: tuple[int, int], film: Film) -> list[int]:
    """Up to FRAMES numbers spread evenly over a shot, none of them at its cuts."""
    start, end = shot
    count = max(1, min(FRAMES, int((end - start) / film.rate / APART)))
    return [start + (end - start) * (2 * place + 1) // (2 * count) for place in range(count)]


def _pictures(
    path: Path, film: Film, shots: Sequence[tuple[int, int]]
) -> Iterator[Sequence[Image]]:
    """The frames of each shot, in turn; of one that is damaged there, the last that was seen."""
    shot_of = {
        frame: number for number, shot in enumerate(shots) for frame in frames_of(shot, film)
    }
    found = groupby(sampled(path, sorted(shot_of), size=SIZE), key=lambda pair: shot_of[pair[0]])
    last: list[Image] = []
    number = 0
    for shot, frames in found:
        pictures = [picture for _, picture in frames]
        for _ in range(number, shot):
            yield last or pictures
        yield pictures
        number, last = shot + 1, pictures[-1:]
    for _ in range(number, len(shots)):
        yield last
