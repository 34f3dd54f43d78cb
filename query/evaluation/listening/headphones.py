"""Whether someone wears headphones: tones of which one is in antiphase.

Woods, Siegel, Traer & McDermott 2017, "Headphone screening to facilitate web-based auditory
experiments": of three tones one is 6 dB quieter, another as loud as the third with its right
channel turned over. From loudspeakers that one cancels out and passes for the quietest; in
headphones it does not. Six trials; five right answers pass.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from indexer.audio.waveform import Waveform

TRIALS, ENOUGH = 6, 5
RATE = 44_100
HERTZ, SECONDS, PAUSE, RAMP = 200.0, 1.0, 0.5, 0.1
QUIETER = 10 ** (-6 / 20)
PEAK = 0.1  # -20 dBFS


@dataclass(frozen=True, slots=True)
class Trial:
    """Places 0 to 2 of the three tones; `quiet` is the right answer."""

    quiet: int
    antiphase: int


def trials(seed: int, count: int = TRIALS) -> list[Trial]:
    """The quiet tone stands at each place equally often, and the antiphase one beside it."""
    rng = np.random.default_rng(seed)
    quiet = rng.permutation([at % 3 for at in range(count)])
    return [Trial(int(at), int((at + rng.integers(1, 3)) % 3)) for at in quiet]


def sound(trial: Trial) -> Waveform:
    """Three tones of 200 Hz, one second each, in stereo."""
    time = np.arange(round(SECONDS * RATE)) / RATE
    ramp = np.clip(np.minimum(time, SECONDS - time) / RAMP, 0, 1)
    tone = PEAK * np.sin(2 * np.pi * HERTZ * time) * np.sin(np.pi / 2 * ramp) ** 2
    parts = []
    for place in range(3):
        left = tone * (QUIETER if place == trial.quiet else 1.0)
        right = -left if place == trial.antiphase else left
        parts += [np.stack([left, right]), np.zeros((2, round(PAUSE * RATE)))]
    return Waveform(np.concatenate(parts[:-1], axis=1).astype(np.float32), RATE)
