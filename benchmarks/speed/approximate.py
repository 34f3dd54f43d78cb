"""Approximate search of clustered rows, 1,024 numbers each: time and recall, ours and others'."""

from __future__ import annotations

import tempfile
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from measure import Figure, medians
from search import DIM, HELD, THREADS, K, free_memory

from indexer.vectors.approximate import ApproximateIndex
from indexer.vectors.faiss_index import FaissIndex

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from measure import Job
    from numpy.typing import NDArray

    Rows = NDArray[np.float32]
    Ids = NDArray[np.int64]

ASKED = 100
KINDS = 5_000  # clusters
INNER = 64  # dimensions in which clusters lie
FAR = 0.3  # cosine of a far question to a row
MOST_FOR_GRAPH = 100_000  # rows: usearch takes minutes to make a graph of so many


def figures(sizes: tuple[int, ...], rounds: int) -> Iterator[Figure]:
    """Ceiling: reading every row once. Below it is what no exact search can be."""
    for n in sizes:
        if n * DIM * 4 * HELD > free_memory():
            continue
        rows = clustered(n)
        ours, exact = opened(rows)
        ways: dict[str, Callable[[Rows], Ids]] = {
            "ours": lambda asked, ours=ours: ours.search(asked, K).ids,
            "ours, exact": lambda asked, exact=exact: exact.search(asked, K).ids,
            **others(rows),
        }
        for kind, asked in questions(rows).items():
            truth = exact.search(asked, K).ids
            recall = {name: found(way(asked), truth) for name, way in ways.items()}
            jobs: dict[str, Job] = {
                name: partial(one_by_one, way, asked[:10]) for name, way in ways.items()
            }
            jobs["read"] = lambda rows=rows, asked=asked: rows @ asked[0]
            took = medians(jobs, rounds)
            ms = {name: took[name] / 10 for name in ways}
            name = f"approximate, 1 question {kind}"
            yield Figure(name, n, ms.pop("ours"), took["read"], ms, recall)


def opened(rows: Rows) -> tuple[ApproximateIndex, FaissIndex]:
    """Of one file, mapped, as questions find them."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows"
        made = ApproximateIndex(DIM)
        made.add(np.arange(1, len(rows) + 1), rows)
        made.prepare([DIM])
        made.save(path)
        del made
        return ApproximateIndex.load(path), FaissIndex.load(path)


def clustered(n: int) -> Rows:
    """Unit rows: clusters of unequal size in INNER dimensions, and a third of noise in all."""
    random = np.random.default_rng(n)
    centres = random.standard_normal((KINDS, INNER), dtype=np.float32)
    lying = random.standard_normal((INNER, DIM), dtype=np.float32)
    share = random.pareto(1.2, KINDS) + 0.05
    rows = np.empty((n, DIM), np.float32)
    for at in range(0, n, 50_000):
        some = rows[at : at + 50_000]
        of = random.choice(KINDS, len(some), p=share / share.sum())
        inner = centres[of] + 0.5 * random.standard_normal((len(some), INNER), dtype=np.float32)
        some[:] = unit(inner @ lying)
        some += 0.35 * unit(random.standard_normal(some.shape, dtype=np.float32))
        some[:] = unit(some)
    return rows


def questions(rows: Rows) -> dict[str, Rows]:
    random = np.random.default_rng(1)
    some = rows[random.choice(len(rows), ASKED, replace=False)]
    noise = unit(random.standard_normal(some.shape, dtype=np.float32))
    return {
        "near the rows": unit(some + 0.35 * noise),
        "far from them": FAR * some + (1 - FAR**2) ** 0.5 * noise,
    }


def unit(rows: Rows) -> Rows:
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


def one_by_one(way: Callable[[Rows], Ids], asked: Rows) -> None:
    for query in asked:
        way(query[None])


def found(ids: Ids, truth: Ids) -> float:
    """recall@K."""
    return sum(len(set(a) & set(b)) for a, b in zip(ids, truth, strict=True)) / truth.size


def others(rows: Rows) -> dict[str, Callable[[Rows], Ids]]:
    """As their own introductions call them; what is not installed is left out."""
    import faiss

    ways: dict[str, Callable[[Rows], Ids]] = {}
    flat = faiss.IndexFlatIP(DIM)
    theirs: Any = faiss.IndexIVFFlat(flat, DIM, 100, faiss.METRIC_INNER_PRODUCT)
    theirs.train(rows)
    theirs.add(rows)
    theirs.nprobe = 10
    ways["faiss IVF100, 10 probed"] = lambda asked, _=flat: theirs.search(asked, K)[1] + 1
    if find_spec("usearch") and len(rows) <= MOST_FOR_GRAPH:
        from usearch.index import Index

        graph = Index(ndim=DIM, metric="ip")
        graph.add(np.arange(1, len(rows) + 1), rows, threads=THREADS)
        ways["usearch HNSW"] = lambda asked: np.asarray(
            graph.search(asked, K, threads=THREADS).keys, np.int64
        ).reshape(len(asked), K)
    return ways
