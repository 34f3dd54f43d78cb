"""Exact search at 1,024 dimensions: ours, the machine, and other libraries on the same rows."""

from __future__ import annotations

import os
import threading
import time
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np
from measure import Figure, medians, product_ms, square

from indexer.vectors.registry import create, default
from indexer.vectors.rounded import MAKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from measure import Job
    from numpy.typing import NDArray

    from indexer.vectors.protocol import VectorIndex

    Rows = NDArray[np.float32]

DIM, K = 1024, 10
BATCHES = (1, 16, 256)
HELD = 4  # times the rows: ours, faiss's own, and what a search needs


def figures(sizes: tuple[int, ...], rounds: int) -> Iterator[Figure]:
    for n in sizes:
        if n * DIM * 4 * HELD > free_memory():
            continue
        rows = directions(n, seed=n)
        index = create(default(), DIM)
        index.add(np.arange(1, n + 1), rows)
        warm(index)
        others = peers(rows)
        half = np.arange(1, n + 1, 2)
        for nq in BATCHES:
            queries = directions(nq, seed=1)
            jobs: dict[str, Job] = {
                "square": square(),
                "read": lambda rows=rows, queries=queries: rows @ queries[0],
                "ours": partial(index.search, queries, K),
                "half": partial(index.search, queries, K, half),
                **{
                    name: partial(job, queries)
                    for name, job in others.items()
                    if _bearable(name, n * nq)
                },
            }
            took = medians(jobs, rounds)
            ceiling = max(took["read"], product_ms(took["square"], nq * rows.size))
            named = {name: took[name] for name in others if name in took}
            yield Figure(f"search, {nq} at once", n, took["ours"], ceiling, named)
            yield Figure(f"search, {nq} at once, half allowed", n, took["half"], ceiling)


def warm(index: VectorIndex) -> None:
    """As that of a server that has been asked before."""
    for query in directions(8, seed=2):
        index.search(query[None], K)
    while any(thread.name == MAKING for thread in threading.enumerate()):
        time.sleep(0.1)


def _bearable(name: str, products: int) -> bool:
    """usearch takes minutes for what others do in a second."""
    return name != "usearch" or products <= 2_000_000


def directions(n: int, seed: int) -> Rows:
    rows = np.random.default_rng(seed).standard_normal((n, DIM), dtype=np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows


def peers(rows: Rows) -> dict[str, Any]:
    """Each by the call its own introduction shows; what is not installed is left out."""
    found: dict[str, Any] = {"numpy": partial(by_numpy, rows), "torch": partial(by_torch, rows)}
    if find_spec("faiss"):
        import faiss

        theirs = faiss.IndexFlatIP(DIM)
        theirs.add(rows)
        found["faiss"] = partial(by_faiss, theirs, faiss.cvar.distance_compute_blas_threshold)
    if find_spec("usearch"):
        found["usearch"] = partial(by_usearch, rows)
    return found


def by_numpy(rows: Rows, queries: Rows) -> object:
    products = queries @ rows.T
    best = np.argpartition(products, -K, axis=1)[:, -K:]
    return np.take_along_axis(products, best, axis=1)


def by_torch(rows: Rows, queries: Rows) -> object:
    import torch

    return torch.topk(torch.from_numpy(queries) @ torch.from_numpy(rows).T, K)


def by_faiss(theirs: Any, threshold: int, queries: Rows) -> object:
    import faiss

    # what ours sets for itself holds for the process; the tutorial sets nothing
    faiss.cvar.distance_compute_blas_threshold = threshold
    faiss.omp_set_num_threads(THREADS)
    return theirs.search(queries, K)


def by_usearch(rows: Rows, queries: Rows) -> object:
    from usearch.index import MetricKind, search

    return search(rows, queries, K, MetricKind.IP, exact=True, threads=THREADS)


def free_memory() -> int:
    """Bytes."""
    return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


THREADS = int(os.environ.get("OMP_NUM_THREADS") or os.cpu_count() or 1)
