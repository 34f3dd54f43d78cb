"""Where a film cuts, and where what it shows drifts, found in the same pass that samples it.

Cuts come from FFmpeg's scdet: the score of a frame is how much it differs from the one before, or
how much more than that one did, whichever is less (0-100). That names flashes and quick fades too:
a cut is a difference that stands alone, and after it the film does not go back to what was before.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

from indexer.progress import Progress
from query.video.frames import spans, upright
from query.video.reading import facts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

    from query.video.reading import Facts

    Rows = NDArray[np.float32]

WIDTH, HEIGHT = 64, 36  # pixels; cuts of larger pictures score alike
CLEAR, CLEARLY = 10.0, 2.0  # scdet's own threshold, and times what happens around it
FAINT, FAINTLY = 3.0, 4.0  # between dark shots little changes; then it must stand out more
AROUND = 3  # frames
FLASH = 1 / 6  # seconds within which a flash is over
RETURNED = 0.4  # of the difference, or less: the picture is what it was before
DRIFT = 0.2  # 1 - cosine of the means on both sides
SHORTEST = 4.0  # seconds, of what a long shot is split into


@dataclass(frozen=True, slots=True)
class Seen:
    """A frame of a pass.

    frame     its number
    change    mean absolute difference from the frame before, 64 x 36 grey: 0 (none) to 1
    cut       a shot begins with it
    picture   upright, if it is a sample
    """

    frame: int
    change: float
    cut: bool
    picture: Image | None


class Pass:
    """One pass over a video: iterated once, it gives (frame, picture) of its samples, in order.

    A sample is taken every so many seconds of a shot, and at least one of each.
    Then `shots` are (start, end excluded), and `changes` (frames,) how much the picture changes
    with each frame, 0 to 1. Memory: some frames, however long the film is.
    """

    def __init__(
        self,
        path: Path,
        *,
        every: float = 1.0,
        size: int | None = None,
        known: Facts | None = None,
        note: Callable[[str], None] | None = None,
        progress: Progress | None = None,
    ) -> None:
        """size: pixels of a sample's shorter side, at most. progress: advanced by frames.

        note: hears what cannot be read. Raises PictureError if that is all of it.
        """
        import numpy as np

        self.facts = known or facts(path)
        self.changes: Rows = np.zeros(self.facts.frames, np.float32)
        self.shots: list[tuple[int, int]] = []
        self._seen = watch(path, every=every, size=size, known=self.facts, note=note)
        self._progress = progress or Progress()

    def __iter__(self) -> Iterator[tuple[int, Image]]:
        starts = []
        for seen in self._seen:
            self._progress.advance()
            if seen.frame < len(self.changes):
                self.changes[seen.frame] = max(self.changes[seen.frame], seen.change)
            if seen.cut:
                starts.append(seen.frame)
            if seen.picture is not None:
                yield seen.frame, seen.picture
        self.shots = between(starts, self.facts.frames)


def shots(path: Path, known: Facts | None = None) -> list[tuple[int, int]]:
    """Frames start to end (excluded) of each shot. Raises PictureError if it is no video."""
    known = known or facts(path)
    return between((seen.frame for seen in watch(path, (), known=known) if seen.cut), known.frames)


def between(starts: Iterable[int], frames: int) -> list[tuple[int, int]]:
    """Shots that begin so, the first one with frame 0, in a film of so many frames."""
    edges = [0, *(start for start in starts if 0 < start < frames), frames]
    return list(pairwise(edges))


def watch(
    path: Path,
    frames: Iterable[int] | None = None,
    *,
    every: float = 1.0,
    size: int | None = None,
    known: Facts | None = None,
    note: Callable[[str], None] | None = None,
) -> Iterator[Seen]:
    """Every frame of a video, in order, with pictures of some; it is decoded once.

    frames   numbers of those that are sampled, ascending; else as Pass samples
    size     pixels of a sample's shorter side, at most
    note     hears, in a sentence at the end, what could not be read
    Raises PictureError in one sentence if it is no video.
    """
    known = known or facts(path)
    samples = _Spread(float(known.rate) * every) if frames is None else _Asked(frames)
    reach = max(AROUND, round(FLASH * float(known.rate)))
    judged = _judged(_looks(path, known, note), reach)
    one = next(judged, None)
    while one is not None:
        (look, cut), ahead = one, next(judged, None)
        taken = samples.takes(look, cut, ahead is None or ahead[1])
        picture = upright(look.shown, look.stream, size) if taken else None
        yield Seen(look.frame, look.mafd / 100, cut, picture)
        one = ahead


class Shape(NamedTuple):
    """What of a picture track is wanted when its file is closed already."""

    sample_aspect_ratio: Fraction | None


class _Look(NamedTuple):
    frame: int
    end: int
    shown: Any
    stream: Shape
    small: NDArray[np.int16]
    mafd: float
    score: float


def _looks(path: Path, known: Facts, note: Callable[[str], None] | None) -> Iterator[_Look]:
    """Frames with what scdet says of them."""
    import av
    import numpy as np
    from av.video.reformatter import Interpolation, VideoReformatter

    graph, scaler = av.filter.Graph(), VideoReformatter()
    source = graph.add_buffer(
        width=WIDTH, height=HEIGHT, format=av.VideoFormat("gray"), time_base=Fraction(1, 25)
    )
    detector, sink = graph.add("scdet", "threshold=0"), graph.add("buffersink")
    source.link_to(detector)
    detector.link_to(sink)
    graph.configure()
    for count, (frame, end, shown, stream) in enumerate(spans(path, known, note)):
        small = scaler.reformat(
            shown, WIDTH, HEIGHT, "gray", interpolation=Interpolation.AREA, threads=1
        )
        small.pts = count
        graph.push(small)
        said = graph.pull().metadata
        yield _Look(
            frame, end, shown, Shape(stream.sample_aspect_ratio),
            small.to_ndarray().astype(np.int16),
            float(said["lavfi.scd.mafd"]), float(said["lavfi.scd.score"]),
        )  # fmt: skip


def _judged(looks: Iterator[_Look], reach: int) -> Iterator[tuple[_Look, bool]]:
    """Each with whether a shot begins there, which the `reach` frames on both sides decide."""
    near: deque[_Look] = deque()
    place = last = 0  # of the one that is judged; the frame of the last cut
    ended = False
    while True:
        while not ended and len(near) <= place + reach:
            look = next(looks, None)
            ended = look is None
            if look is not None:
                near.append(look)
        if place >= len(near):
            return
        look = near[place]
        cut = look.frame - last >= AROUND and _is_cut(list(near), place, reach)
        last = look.frame if cut else last
        yield look, cut
        near[place] = look._replace(shown=None)  # frames are large
        if place > reach:
            near.popleft()
        else:
            place += 1


def _is_cut(near: Sequence[_Look], place: int, reach: int) -> bool:
    look = near[place]
    if look.score < FAINT:
        return False
    others = [*near[max(0, place - AROUND) : place], *near[place + 1 : place + 1 + AROUND]]
    calm = sorted(other.mafd for other in others)[-2] if len(others) > 1 else 0.0
    clear = look.score >= CLEAR and look.score >= CLEARLY * calm
    return (clear or look.score >= FAINTLY * calm) and not _returns(near, place, reach)


def _returns(near: Sequence[_Look], place: int, reach: int) -> bool:
    """The picture becomes what it was before, or has just become that: a flash begins or ends."""
    import numpy as np

    allowed = min(CLEAR, RETURNED * near[place].mafd) * 255 / 100
    before = [near[at].small for at in range(max(0, place - 1 - reach), place)][::-1]
    after = [look.small for look in near[place : place + 1 + reach]]
    return any(
        np.abs(one - other).mean() < allowed
        for back, one in enumerate(before)
        for ahead, other in enumerate(after[: reach + 1 - back])
        if back or ahead
    )


class _Asked:
    """Takes the frames of these numbers."""

    def __init__(self, frames: Iterable[int]) -> None:
        self._numbers = iter(frames)
        self._due = next(self._numbers, None)

    def takes(self, look: _Look, begins: bool, ends: bool) -> bool:
        """begins, ends: a shot does so with this frame."""
        taken = False
        while self._due is not None and self._due < look.end:
            taken, self._due = True, next(self._numbers, None)
        return taken


class _Spread:
    """Takes a frame a step in each shot, the first after half of it; and one in shorter shots."""

    def __init__(self, step: float) -> None:
        self._step, self._due, self._taken = step, step / 2, False

    def takes(self, look: _Look, begins: bool, ends: bool) -> bool:
        """begins, ends: a shot does so with this frame."""
        if begins:
            self._due, self._taken = look.frame + self._step / 2, False
        taken = look.frame >= self._due or (ends and not self._taken)
        self._taken = self._taken or taken
        while self._due <= look.frame:
            self._due += self._step
        return taken


def split_by_drift(
    shots: Sequence[tuple[int, int]],
    frames: Sequence[int],
    vectors: Rows,
    rate: Fraction,
    *,
    shortest: float = SHORTEST,
    drift: float = DRIFT,
) -> list[tuple[int, int]]:
    """The shots, long ones split where what they show has become something else.

    frames    numbers of samples, ascending; vectors: (samples, d), of length 1
    shortest  seconds of a part, at least
    drift     1 - cosine of the mean vectors of both parts, from which they are two
    Each split is where two parts differ most from each other for their length (the greatest
    reduction of squared distances to the mean), midway between two samples.
    """
    import numpy as np

    at = np.asarray(frames)
    least = round(shortest * rate)
    parts: list[tuple[int, int]] = []
    waiting = list(shots)[::-1]
    while waiting:
        start, end = waiting.pop()
        low, high = np.searchsorted(at, (start, end))
        place = _drifts(at[low:high], vectors[low:high], start + least, end - least, drift)
        if place is None:
            parts.append((start, end))
        else:
            waiting += [(place, end), (start, place)]
    return parts


def _drifts(at: Any, vectors: Rows, first: int, last: int, drift: float) -> int | None:
    """The frame from `first` to `last` where the samples at these frames fall into two best."""
    import numpy as np

    count = len(at)
    edges = (at[1:] + at[:-1] + 1) // 2  # between two samples
    allowed = (edges >= first) & (edges <= last)
    if not allowed.any():
        return None
    sums = np.cumsum(vectors, axis=0, dtype=np.float64)
    before, after = sums[:-1], sums[-1] - sums[:-1]
    ahead = np.arange(1, count)[:, None]
    gap = np.square(before / ahead - after / (count - ahead)).sum(axis=1)
    gain = np.where(allowed, gap * (ahead * (count - ahead))[:, 0], -1.0)
    best = int(gain.argmax())
    one, other = before[best], after[best]
    length = float(np.linalg.norm(one) * np.linalg.norm(other))
    near = float(one @ other) / length if length else 1.0
    return int(edges[best]) if 1 - near >= drift else None
