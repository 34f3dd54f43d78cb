"""Where to cut a moment out of a recording so that it can be used as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from indexer.audio.onsets import Rise, hop_size

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from indexer.audio.waveform import Waveform

LEAD_SECONDS = 1.0
"""How far before a window its sound may have begun."""

DECAY_DB = 40.0
_BEFORE_ATTACK = 0.003
_ATTACK_SHARE = 0.1
_STAYS_DOWN = 5
"""Hops of 10 ms."""


def edit_points(
    region: Waveform, start: float, end: float, *, offset: float = 0.0
) -> tuple[float, float]:
    """In and out point of the sound in the window `start`..`end`, seconds in the file.

    `region` is the file's samples from `offset` seconds on: the window and, where the file
    has it, LEAD_SECONDS before. The in point lies some 3 ms before the onset nearest to
    `start` that is no later than the window's loudest 10 ms, or at `start` where nothing
    begins. The out point lies where the level has fallen 40 dB below the loudest 10 ms and
    stays there for 50 ms, else at `end`. Both are moved outward, by 10 ms at most, to where
    the mix of all channels crosses zero (the out point inward if it is `end`).
    """
    rate, hop = region.sample_rate, hop_size(region.sample_rate)
    mix = region.samples.mean(axis=0)
    first = min(max(0, round((start - offset) * rate)), len(mix))
    last = min(max(0, round((end - offset) * rate)), len(mix))
    level = _levels(region.samples[:, first:last], hop)
    if not len(level) or not level.max() > 0:
        return start, end
    loudest = first + int(level.argmax()) * hop
    cut_in = _attack(region, first, loudest, hop, whole=offset <= 0)
    begin = _crossing(mix, cut_in, -hop)
    over = _decayed(level, first, hop, last)
    stop = _crossing(mix, over, hop) if over < last else last
    if stop >= last:
        stop = _crossing(mix, last, -hop)
    if stop - begin < hop:
        return start, end
    return offset + begin / rate, offset + stop / rate


def _levels(samples: NDArray[np.float32], hop: int) -> NDArray[np.float32]:
    """Mean power of each whole hop, the loudest channel's."""
    hops = samples.shape[1] // hop
    power = np.square(samples[:, : hops * hop]).reshape(len(samples), hops, hop).mean(axis=2)
    loudest: NDArray[np.float32] = power.max(axis=0)
    return loudest


def _attack(region: Waveform, first: int, loudest: int, hop: int, *, whole: bool) -> int:
    """The sample to cut in at, before any move to a zero crossing."""
    rate = region.sample_rate
    rise = Rise(rate)
    mix = region.samples.mean(axis=0)
    rise.feed(mix[: len(mix) // hop * hop].reshape(-1, hop))
    # A region from the middle of a file seems to begin with an onset: it is the cut itself.
    earliest = max(0 if whole else 2 * hop, first - round(LEAD_SECONDS * rate))
    onsets = [round(onset * rate) for onset in rise.onsets()]
    onsets = [onset for onset in onsets if earliest <= onset <= loudest + hop]
    if not onsets:
        return first
    onset = min(onsets, key=lambda place: abs(place - first))
    near = np.abs(region.samples[:, max(0, onset - 2 * hop) : onset + 2 * hop]).max(axis=0)
    attack = max(0, onset - 2 * hop) + int(np.argmax(near >= _ATTACK_SHARE * near.max()))
    return max(0, attack - round(_BEFORE_ATTACK * rate))


def _decayed(level: NDArray[np.float32], first: int, hop: int, last: int) -> int:
    """The sample from which the sound is over, `last` if it is not within the window."""
    peak = int(level.argmax())
    down = level[peak:] < level[peak] * 10 ** (-DECAY_DB / 10)
    down = np.concatenate([down, np.ones(_STAYS_DOWN - 1, bool)]) if down[-1] else down
    if len(down) < _STAYS_DOWN:
        return last
    stays = np.lib.stride_tricks.sliding_window_view(down, _STAYS_DOWN).all(axis=1)
    return first + (peak + int(stays.argmax())) * hop if stays.any() else last


def _crossing(mix: NDArray[np.float32], place: int, reach: int) -> int:
    """The zero crossing nearest to `place` within `reach` samples (negative: before it).

    Where there is none, the quietest sample of that stretch.
    """
    low = max(0, min(place, place + reach))
    high = min(len(mix), max(place, place + reach) + 1)
    near = mix[low:high]
    signs = np.sign(mix[max(0, low - 1) : high])
    changed = np.diff(signs) != 0 if low else np.diff(signs, prepend=signs[:1]) != 0
    places = low + np.flatnonzero((near == 0) | changed)
    if not len(places):
        return low + int(np.abs(near).argmin())
    return int(places[-1] if reach < 0 else places[0])
