"""How fast this machine is, tried with the first windows of files that are to be heard anyway."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from time import perf_counter
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from indexer.audio.waveform import Waveform
from indexer.build.heads import HEAD, Heads
from indexer.build.hearing import Job, Wanted, Windows, hear

if TYPE_CHECKING:
    from pathlib import Path

    from indexer.build.listen import Hears
    from indexer.encoders.protocol import Encoder

FILES = 3  # of which the beginning is heard
WINDOWS = 2  # of them that the encoder is tried with, the first of which loads it
WHOLE = 3  # how much longer a whole file takes than its head, which is not measured or hashed


class Pace(NamedTuple):
    """Seconds that the encoder takes for a window, and reading for a second of sound."""

    window: float
    second: float


def pace(
    encoder: Encoder,
    paths: Iterable[Path],
    find: Callable[[str], int | None] = lambda _: None,
    heads: Heads | None = None,
    hears: Sequence[Hears] = (),
) -> Pace:
    """Tries the first of these files; their rows go to `heads`.

    `find(content_hash)` gives the id of a sound already known: its file is no help. `hears`: what
    hears files elsewhere, if they are not read here.
    """
    rule, rate = encoder.window, encoder.sample_rate
    silence = Waveform(np.zeros((1, round(rule.seconds * rate)), dtype=np.float32), rate)
    if hears:  # the encoder loads while they start
        encoder.embed_audio([silence])
    paths = islice(paths, 0 if rule.spread else FILES)  # spread over a file that may be long
    tried = [each for path in paths if (each := _try(encoder, path, find, hears))]
    some = [(path, waveform) for path, waveforms, _ in tried for waveform in waveforms]
    took = []
    for path, waveform in [*some, *[(None, silence)] * WINDOWS][:WINDOWS]:
        start = perf_counter()
        rows = encoder.embed_audio([waveform])
        took.append(perf_counter() - start)
        if path is not None and heads is not None:
            heads.keep(path, waveform, {part: matrix[0].copy() for part, matrix in rows.items()})
    read = [speed for *_, speed in tried[1:] or tried]  # the first one imports what reads it
    return Pace(took[-1], sum(read) / len(read) if read else 0.0)


def _try(
    encoder: Encoder, path: Path, find: Callable[[str], int | None], hears: Sequence[Hears]
) -> tuple[Path, list[Waveform], float] | None:
    """A file with its first windows, and how long a second of it takes to read."""
    wanted = Wanted(encoder.sample_rate, encoder.resampler, encoder.window)
    job = Job(0, path, HEAD if hears else None)
    windows, start = [], perf_counter()
    for event in (hears[0] if hears else hear)(job, wanted, find, lambda: False):
        if isinstance(event, Windows):
            windows = event.windows
            if not hears:  # a process that is not heard out has to start again
                break
    if not windows:
        return None
    took = (perf_counter() - start) * (WHOLE / len(hears) if hears else 1)
    return path, [window.waveform for window in windows[:HEAD]], took / windows[-1].end
