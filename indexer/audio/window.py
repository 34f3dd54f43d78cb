"""A sound cut into windows while it streams past."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, TypeVar

from indexer.audio.waveform import Waveform

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class WindowRule:
    """How a file is cut for an encoder, in seconds.

    Windows start every `hop`; the last one ends at the end of the file; a file shorter
    than `seconds` is padded with zeros at its end to one window. 0 < hop <= seconds, so
    that no part of a file is passed over.

    With `spread`, so many windows instead, 2 or more, evenly from the file's start to its end: at
    i * max(duration - seconds, 0) / (spread - 1). Short files are not padded.
    """

    seconds: float = 2.0
    hop: float = 2.0
    spread: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.hop <= self.seconds:
            raise ValueError(f"a hop of {self.hop} s must lie in 0..{self.seconds} s")


OFFICIAL = WindowRule(2.0, 2.0, spread=3)
"""As ImageBind's own code hears a file: 6 s of it at most, the last 2 s at its end.

So with the pytorchvideo commit that its requirements name; release 0.1.5 divides by `spread`.
"""


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """`waveform` has exactly round(seconds * rate) samples, unless the rule is a spread.

    `start` and `end` are its place in the file in seconds; a padded window's `end` is the
    file's.
    """

    start: float
    end: float
    waveform: Waveform


def windows(blocks: Iterable[Waveform], rule: WindowRule) -> Iterator[Window]:
    """Cut a stream of blocks (one rate, one channel count) by `rule`.

    Holds one window and one block at a time; for a spread the file lies on disk meanwhile, since
    its length is known only at its end. No blocks, no windows.
    """
    if rule.spread:
        yield from _spread(blocks, rule)
        return
    cutter: _Cutter | None = None
    for block in blocks:
        if cutter is None:
            cutter = _Cutter(rule, block.sample_rate, block.samples)
        else:
            cutter.add(block.samples)
        yield from cutter.ready()
    if cutter is not None:
        yield from cutter.last()


def batched(items: Iterator[T], size: int) -> Iterator[list[T]]:
    """Lists of `size` items, the last one shorter; each is made when it is asked for."""
    while batch := list(islice(items, size)):
        yield batch


class _Cutter:
    """`held` is the file's samples from `base` on; `next` counts windows given out."""

    def __init__(self, rule: WindowRule, rate: int, held: NDArray[np.float32]) -> None:
        self.rule, self.rate, self.held = rule, rate, held
        self.size = max(1, round(rule.seconds * rate))
        self.base = 0
        self.next = 0
        self.covered = 0

    def ready(self) -> Iterator[Window]:
        # Rounded from the start each time: a hop of 441.5 samples must not drift.
        while (start := round(self.next * self.rule.hop * self.rate)) + self.size <= self.total:
            yield self._cut(start)
            self.next += 1

    def last(self) -> Iterator[Window]:
        if self.covered < self.total:
            yield self._cut(max(0, self.total - self.size))

    def add(self, samples: NDArray[np.float32]) -> None:
        """Take in a block, and let go of all that no later window can reach."""
        import numpy as np

        start = round(self.next * self.rule.hop * self.rate)
        keep = max(self.base, min(start, self.total - self.size))
        self.held = np.concatenate([self.held[:, keep - self.base :], samples], axis=1)
        self.base = keep

    @property
    def total(self) -> int:
        return self.base + int(self.held.shape[1])

    def _cut(self, start: int) -> Window:
        import numpy as np

        end = min(start + self.size, self.total)
        samples = np.zeros((self.held.shape[0], self.size), np.float32)
        samples[:, : end - start] = self.held[:, start - self.base : end - self.base]
        self.covered = end
        return Window(start / self.rate, end / self.rate, Waveform(samples, self.rate))


def _spread(blocks: Iterable[Waveform], rule: WindowRule) -> Iterator[Window]:
    import numpy as np

    with TemporaryFile() as file:
        channels, rate = 0, 0
        for block in blocks:
            channels, rate = block.channels, block.sample_rate
            file.write(np.ascontiguousarray(block.samples.T).tobytes())
        file.flush()
        length = file.tell() // 4 // max(1, channels)
        if length:
            samples = np.memmap(file, np.float32, "r+", shape=(length, channels))
            yield from _spread_over(samples, rate, rule)


def _spread_over(samples: NDArray[np.float32], rate: int, rule: WindowRule) -> Iterator[Window]:
    """The mean is taken off where the samples lie, as ImageBind's own code does: windows overlap
    in files under 8 s, and a later one begins with what an earlier one left."""
    import numpy as np

    duration = len(samples) / rate
    # Fractions, as there: in floats an end may fall a sample short
    step = Fraction(max(duration - rule.seconds, 0.0)) / (rule.spread - 1)
    for start in dict.fromkeys(step * count for count in range(rule.spread)):
        end = start + Fraction(rule.seconds)
        heard = samples[int(start * rate) : int(end * rate)]
        heard -= heard.mean()
        waveform = Waveform(np.array(heard.T, dtype=np.float32, order="C"), rate)
        yield Window(float(start), min(float(end), duration), waveform)
