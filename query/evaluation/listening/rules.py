"""`[listening]` of study.toml: what was decided about a listening test before it began.

[listening]
hypotheses = ["The nearer a sound lies to the target, the better it fits."]
seed = 1
repeats = 0.1
[listening.exclude]
headphones = 5
repeat_difference = 1.0
reference_above_anchor = 0.5
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any


@dataclass(frozen=True, slots=True)
class Rules:
    """Who does not count.

    headphones        right answers of six that are enough
    repeat_difference points by which someone may differ from themselves on average
    reference_above_anchor  points by which references must be rated over anchors on average
    """

    headphones: float = 5
    repeat_difference: float = 1.0
    reference_above_anchor: float = 0.5


@dataclass(frozen=True, slots=True)
class Listening:
    """hypotheses: what is expected, in words. seed: of all orders. repeats: share of the items
    that come twice."""

    hypotheses: tuple[str, ...] = ()
    seed: int = 0
    repeats: float = 0.1
    rules: Rules = field(default_factory=Rules)


def read(said: Mapping[str, Any]) -> Listening:
    """Raises ValueError, in words that follow "[listening]"."""
    known = {"hypotheses", "seed", "repeats", "exclude"}
    if strange := sorted(said.keys() - known):
        raise ValueError(f"has no {strange[0]!r}; it may have {', '.join(sorted(known))}")
    hypotheses, exclude = said.get("hypotheses", []), said.get("exclude", {})
    if not isinstance(hypotheses, list) or not all(isinstance(h, str) for h in hypotheses):
        raise ValueError("has hypotheses that are no list of sentences")
    seed, repeats = said.get("seed", 0), said.get("repeats", 0.1)
    if not isinstance(seed, int) or seed < 0:
        raise ValueError("has a seed that is no whole number from 0")
    if not _is_number(repeats) or not 0 <= repeats <= 1:
        raise ValueError("has repeats that are no share from 0 to 1")
    if not isinstance(exclude, Mapping):
        raise ValueError("has exclude, which is no table: write [listening.exclude]")
    names = {each.name for each in fields(Rules)}
    if wrong := [n for n, value in exclude.items() if n not in names or not _is_number(value)]:
        raise ValueError(
            f"cannot exclude by {wrong[0]!r}: there are {', '.join(sorted(names))}, and numbers"
        )
    return Listening(tuple(hypotheses), seed, float(repeats), Rules(**exclude))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
