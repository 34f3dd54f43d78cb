"""Exact search against the machine: `python benchmarks/vectors.py`.

Times are medians of interleaved rounds. The ceiling of a search is the slower of reading every
row once and multiplying at the speed of a square float32 matrix product, both measured in the same
rounds. A ratio of 1.0 is as fast as this machine can be.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from indexer.vectors.registry import available, create, load

if TYPE_CHECKING:
    from collections.abc import Callable

    from indexer.vectors.protocol import VectorIndex

DIM, K, ROUNDS, SQUARE = 466, 10, 5, 2048
SIZES, BATCHES = (10_000, 100_000), (1, 16, 256)


def medians(jobs: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Seconds of each job, the jobs taken in turn ROUNDS times after one round unmeasured."""
    taken: dict[str, list[float]] = {name: [] for name in jobs}
    for measured in [False] + [True] * ROUNDS:
        for name, job in jobs.items():
            start = time.perf_counter()
            job()
            if measured:
                taken[name].append(time.perf_counter() - start)
    return {name: statistics.median(times) for name, times in taken.items()}


def directions(n: int) -> np.ndarray:
    rows = np.random.default_rng(n).standard_normal((n, DIM), dtype=np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows


def filled(rows: np.ndarray) -> dict[str, VectorIndex]:
    indexes = {kind: create(kind, DIM) for kind in available()}
    for index in indexes.values():
        index.add(np.arange(1, len(rows) + 1), rows)
    return indexes


def searches(rows: np.ndarray, indexes: dict[str, VectorIndex], nq: int) -> None:
    queries = directions(nq)
    square = np.ones((SQUARE, SQUARE), np.float32)
    half = np.arange(1, len(rows) + 1, 2)
    jobs: dict[str, Callable[[], object]] = {
        "read": lambda: rows.sum(),
        "square": lambda: square @ square,
        "numpy": lambda: queries @ rows.T,
    }
    for kind, index in indexes.items():
        jobs[kind] = partial(index.search, queries, K)
        jobs[f"{kind} half"] = partial(index.search, queries, K, half)
    took = medians(jobs)
    flops = 2 * SQUARE**3 / took["square"]
    ceiling = max(took["read"], 2 * nq * rows.size / flops)
    ratios = "  ".join(f"{name} {took[name] / ceiling:5.1f}" for name in list(jobs)[2:])
    print(f"{len(rows):7,} rows {nq:4} queries  ceiling {1000 * ceiling:6.1f} ms   x {ratios}")


def files(index: VectorIndex, kind: str, rows: np.ndarray) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows"
        jobs: dict[str, Callable[[], object]] = {
            "save": lambda: index.save(path),
            "load": lambda: load(kind, path),
        }
        took = medians(jobs)
    print(
        f"{len(rows):7,} rows {kind}: "
        + ", ".join(f"{n} {1000 * s:.0f} ms" for n, s in took.items())
    )


def main() -> None:
    print(f"{DIM} dimensions, k = {K}; 'half': every second id allowed")
    for n in SIZES:
        rows = directions(n)
        indexes = filled(rows)
        for nq in BATCHES:
            searches(rows, indexes, nq)
        for kind, index in indexes.items():
            files(index, kind, rows)


if __name__ == "__main__":
    main()
