"""One stretch of a sound file, placed on a line of samples: decoded as it is needed."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from indexer.audio import decode
from indexer.audio.container import called
from indexer.audio.resample import resample
from indexer.errors import AudioError
from query.scene.cues import Cue, Film, Piece

if TYPE_CHECKING:
    from numpy.typing import NDArray

Fold = Callable[[int], "NDArray[np.float32]"]

DECLICK = 0.002  # s, of the fade where a cue has none, and where a file ends too early
PREROLL = 0.05  # s, decoded before what is heard: the resampler's filter has settled
HALF_POWER = math.sqrt(0.5)

_SURROUND = {1: "mono", 6: "5.1", 8: "7.1"}


def sample_at(time: Fraction, sample_rate: int) -> int:
    """The sample nearest to a time in seconds; from the start each time, so nothing drifts."""
    return math.floor(time * sample_rate + Fraction(1, 2))


@dataclass(frozen=True, slots=True)
class Span:
    """What of a file sounds when.

    begin, end      samples of the programme
    offset          seconds of the file before what is heard at `begin`
    fade_in, fade_out   samples, equal power
    gain            factor
    gaps            there is silence where the file's own times leave a gap, see decode.blocks
    """

    path: Path
    source_rate: int
    offset: float
    begin: int
    end: int
    fade_in: int = 0
    fade_out: int = 0
    gain: float = 1.0
    gaps: bool = False


def span_of(cue: Cue, piece: Piece, film: Film, sample_rate: int) -> Span:
    """A piece of a cue in samples; it never reaches past its cue."""
    at, begin = film.at(cue.start), sample_at(film.at(cue.start), sample_rate)
    first = begin + round((piece.start - float(at)) * sample_rate)
    last = begin + round((piece.end - float(at)) * sample_rate)
    last = min(last, sample_at(film.at(cue.end), sample_rate))
    return Span(
        Path(cue.clip.path),
        cue.clip.sample_rate,
        piece.offset,
        first,
        last,
        round(piece.fade_in * sample_rate),
        round(piece.fade_out * sample_rate),
        10 ** (cue.gain / 20),
    )


def levels(layout: str, channels: int) -> NDArray[np.float32]:
    """(2, channels): how much of each channel goes left and right.

    A mono sound goes to both at -3 dB, so that it stays as loud as it was measured. Speakers that
    the layout (FFmpeg's name) gives a place are folded down as in ITU-R BS.775: centre, sides and
    rear at -3 dB, a rear centre at -6 dB, no LFE. Six or eight channels without a place are taken
    as 5.1 and 7.1; others go left and right by turns, those after the first two at -3 dB.
    """
    names = _speakers(layout)
    if len(names) != channels or any(name == "NONE" or "AMBI" in name for name in names):
        names = _speakers(_SURROUND[channels]) if channels in _SURROUND else _in_turns(channels)
    return np.array([_level(name) for name in names], np.float32).T


def _speakers(layout: str) -> list[str]:
    import av

    try:
        return [channel.name for channel in av.AudioLayout(layout).channels]
    except ValueError:
        return []


def _in_turns(channels: int) -> list[str]:
    return [f"{'FB'[number > 1]}{'LR'[number % 2]}" for number in range(channels)]


def _level(name: str) -> tuple[float, float]:
    if "LFE" in name:
        return 0.0, 0.0
    level = 1.0 if name in ("FL", "FR", "DL", "DR") else HALF_POWER
    if name in ("BC", "TC", "TFC", "TBC"):
        level *= HALF_POWER
    return level * ("R" not in name), level * ("L" not in name)


class Voice:
    """A span as it is heard: `add_to` is called for blocks in ascending order.

    fold: the levels, (outputs, n), for a file of n channels. note: what went wrong, or "".
    """

    def __init__(self, span: Span, fold: Fold, sample_rate: int) -> None:
        self.span = span
        self.note = ""
        self._fold = fold
        self._rate = sample_rate
        self._done = 0
        self._held: NDArray[np.float32] | None = None
        self._stream = _softened(self._decoded(), round(DECLICK * sample_rate))

    def add_to(self, bus: NDArray[np.float32], at: int) -> None:
        """Add what sounds from sample `at` on to `bus`, (outputs, n)."""
        first = max(self.span.begin, at)
        last = min(self.span.end, at + bus.shape[1])
        if last <= first:
            return
        samples = self._taken(last - first)
        if samples is not None and samples.shape[1]:
            count = samples.shape[1]
            bus[:, first - at : first - at + count] += samples * self._envelope(count)
        self._done += last - first

    def close(self) -> None:
        """Let go of the file before its end."""
        self._stream.close()

    def _taken(self, count: int) -> NDArray[np.float32] | None:
        parts = [] if self._held is None else [self._held]
        length = sum(part.shape[1] for part in parts)
        while length < count and (part := next(self._stream, None)) is not None:
            parts.append(part)
            length += part.shape[1]
        if not parts:
            return None
        held = np.concatenate(parts, axis=1)
        self._held = held[:, count:].copy()
        return held[:, :count]

    def _decoded(self) -> Iterator[NDArray[np.float32]]:
        span = self.span
        first = max(0, math.floor((span.offset - PREROLL) * span.source_rate)) / span.source_rate
        skip = round((span.offset - first) * self._rate)
        found = decode.blocks(span.path, start=first, gaps=span.gaps)
        try:
            for block in resample(found, self._rate):
                samples = block.samples[:, skip:]
                skip = max(0, skip - block.samples.shape[1])
                if samples.shape[1]:
                    yield self._fold(block.channels) @ samples
        except AudioError as error:
            self.note = str(error)
        else:
            self.note = found.note and f"{called(span.path)}: {found.note}"
        finally:
            found.close()

    def _envelope(self, count: int) -> NDArray[np.float32]:
        span = self.span
        at = self._done + np.arange(count) + 0.5
        gain = np.full(count, span.gain)
        if self._done < span.fade_in:
            gain *= _risen(at / span.fade_in)
        left = span.end - span.begin - at
        if left[-1] < span.fade_out:
            gain *= _risen(left / span.fade_out)
        return gain.astype(np.float32)


def _risen(share: NDArray[np.float64]) -> NDArray[np.float64]:
    """Equal power: this and its mirror image square to 1."""
    return np.sin(share.clip(0, 1) * np.pi / 2)


def _softened(
    parts: Iterator[NDArray[np.float32]], tail: int
) -> Generator[NDArray[np.float32], None, None]:
    """The same, falling to silence over its last `tail` samples: files end where they may."""
    held: NDArray[np.float32] | None = None
    for part in parts:
        held = part if held is None else np.concatenate([held, part], axis=1)
        if held.shape[1] > tail:
            yield held[:, :-tail]
            held = held[:, -tail:]
    if held is not None:
        size = held.shape[1]
        yield held * _risen((size - 0.5 - np.arange(size)) / size).astype(np.float32)
