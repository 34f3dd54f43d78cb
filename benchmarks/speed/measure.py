"""Medians of jobs taken in turn, what this machine could do at best, and a table of both."""

from __future__ import annotations

import json
import statistics
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    Job = Callable[[], object]

SQUARE = 1024
ENOUGH = 4.0  # seconds of one job, after which it is not repeated


@dataclass(frozen=True)
class Figure:
    """What was measured, at size n: milliseconds of ours, of the ceiling if one is known, of peers.

    ratio    ours ÷ ceiling; 1.0 is as fast as this machine can be
    recall   where an answer may lack something: what share was found, by ours and by peers
    """

    name: str
    n: int
    ours_ms: float
    ceiling_ms: float | None = None
    peers: Mapping[str, float] = field(default_factory=dict)
    recall: Mapping[str, float] = field(default_factory=dict)

    @property
    def ratio(self) -> float | None:
        return self.ours_ms / self.ceiling_ms if self.ceiling_ms else None

    def line(self) -> str:
        told: dict[str, Any] = {
            "name": self.name, "n": self.n, "ours_ms": round(self.ours_ms, 3),
            "ceiling_ms": None if self.ceiling_ms is None else round(self.ceiling_ms, 3),
            "ratio": None if self.ratio is None else round(self.ratio, 3),
            "peers": {name: round(ms, 3) for name, ms in self.peers.items()},
        }  # fmt: skip
        if self.recall:
            told["recall"] = {name: round(share, 4) for name, share in self.recall.items()}
        return json.dumps(told)

    def row(self) -> str:
        cells = [
            self.name, f"{self.n:,}", f"{self.ours_ms:,.2f}{self._found('ours')}",
            "" if self.ceiling_ms is None else f"{self.ceiling_ms:,.2f}",
            "" if self.ratio is None else f"{self.ratio:.2f}",
            ", ".join(f"{name} {ms:,.2f}{self._found(name)}" for name, ms in self.peers.items()),
        ]  # fmt: skip
        return "| " + " | ".join(cells) + " |"

    def _found(self, name: str) -> str:
        return f" (recall {self.recall[name]:.3f})" if name in self.recall else ""


HEAD = "| what | n | ours, ms | ceiling, ms | ratio | peers, ms |\n|---|---|---|---|---|---|"


def medians(jobs: Mapping[str, Job], rounds: int = 5, enough: float = ENOUGH) -> dict[str, float]:
    """Milliseconds of each job, the jobs taken in turn after a round that does not count.

    The load of a shared machine then falls on all alike. `enough`: see ENOUGH.
    """
    taken: dict[str, list[float]] = {name: [] for name in jobs}
    for measured in [False] + [True] * rounds:
        for name, job in jobs.items():
            if sum(taken[name]) > enough:
                continue
            start = time.perf_counter()
            job()
            if measured:
                taken[name].append(time.perf_counter() - start)
    return {name: 1000 * statistics.median(times) for name, times in taken.items()}


def square() -> Job:
    """A matrix product whose speed `product_ms` scales: SQUARE × SQUARE, float32."""
    matrix = np.ones((SQUARE, SQUARE), np.float32)
    return lambda: matrix @ matrix


def product_ms(square_ms: float, multiplications: float) -> float:
    """How long so many multiplications take at the speed of `square`."""
    return square_ms * multiplications / SQUARE**3


def table(figures: Iterable[Figure]) -> str:
    return "\n".join([HEAD, *(figure.row() for figure in figures)])
