"""In which order a rater hears what: seeded, balanced, no scene twice running.

Everyone hears all trials. Raters go two by two: the first of a pair hears the trials in an order of
its own, drawn at random, the second the same backwards. So in each pair every trial is as early as
it is late, what comes after another comes before it the other time, and no trial has the same
neighbour for all. A square in which each trial stands at each place once would need as many raters
as trials, and a listening test has far fewer.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import Protocol, TypeVar

import numpy as np

VERSION = 2  # of the orders: ratings of one and of another are not of one test
TRIES = 200


class Placed(Protocol):
    @property
    def scene(self) -> str: ...


T = TypeVar("T", bound=Placed)


def of_rater(trials: Sequence[T], number: int, seed: int) -> list[T]:
    """All trials in the order of the rater with this number, from 0."""
    if not trials:
        return []
    pair, second = divmod(number, 2)
    made = arranged(trials, np.random.default_rng([seed, pair]))
    return made[::-1] if second else made


def with_repeats(order: Sequence[T], count: int) -> tuple[list[T], list[bool]]:
    """The first `count` trials come once more, past the middle; which ones do so is said.

    Each where no neighbour is of its scene, if there is such a place.
    """
    made = [(trial, False) for trial in order]
    for trial in order[:count]:
        middle = len(made) // 2 + 1
        places = range(middle, len(made) + 1)
        free = [at for at in places if _is_free(made, at, trial.scene)] or [len(made)]
        made.insert(free[-1 - len(free) // 2], (trial, True))
    return [trial for trial, _ in made], [again for _, again in made]


def _is_free(made: Sequence[tuple[T, bool]], at: int, scene: str) -> bool:
    return all(trial.scene != scene for trial, _ in made[at - 1 : at + 1])


def arranged(trials: Sequence[T], rng: np.random.Generator) -> list[T]:
    """A random order with as few neighbours of one scene as can be found; usually none."""
    sizes = Counter(trial.scene for trial in trials)
    least = max(0, 2 * max(sizes.values()) - len(trials) - 1)  # where one scene has over half
    best: list[T] = []
    fewest = len(trials) + 1
    for _ in range(TRIES):
        tried = _dealt(trials, rng)
        meetings = sum(a.scene == b.scene for a, b in pairwise(tried))
        if meetings < fewest:
            best, fewest = tried, meetings
        if meetings == least:
            break
    return best


def _dealt(trials: Sequence[T], rng: np.random.Generator) -> list[T]:
    """Always from another scene than before, the fuller ones first where they must be."""
    left: dict[str, list[T]] = {}
    for at in rng.permutation(len(trials)).tolist():
        left.setdefault(trials[at].scene, []).append(trials[at])
    order: list[T] = []
    while any(left.values()):
        last = order[-1].scene if order else None
        others = [scene for scene in left if left[scene] and scene != last]
        others = others or [scene for scene in left if left[scene]]
        remaining = sum(map(len, left.values()))
        pressing = [scene for scene in others if 2 * len(left[scene]) >= remaining]
        sizes = np.array([len(left[scene]) for scene in others], float)
        chosen = pressing[0] if pressing else str(rng.choice(others, p=sizes / sizes.sum()))
        order.append(left[chosen].pop())
    return order
