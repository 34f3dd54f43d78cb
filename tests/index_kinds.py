"""Every kind of vector index, empty, as the contract asks for it."""

from __future__ import annotations

import os
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING

import numpy as np
import pytest

from indexer.vectors import registry
from indexer.vectors.registry import available

if TYPE_CHECKING:
    from indexer.vectors.milvus import MilvusIndex
    from indexer.vectors.protocol import VectorIndex

# where a server is to be tested: http://HOST:PORT; else a file that milvus-lite reads
MILVUS = os.environ.get("SONORIZE_TEST_MILVUS", "")
in_use: list[int] = []  # dimensions of this test's collections

file_kind = pytest.mark.parametrize("kind", available())
milvus = pytest.param(
    "milvus",
    marks=[
        pytest.mark.slow,
        pytest.mark.skipif(
            not (find_spec("pymilvus") and (MILVUS or find_spec("milvus_lite"))),
            reason="pymilvus or milvus-lite is not installed",
        ),
    ],
)
every_kind = pytest.mark.parametrize("kind", [*available(), milvus])


def create(kind: str, dim: int) -> VectorIndex:
    """An empty index; in Milvus a collection that no other index of this test uses."""
    if kind != "milvus":
        return registry.create(kind, dim)
    in_use.append(dim)
    index = _collection(dim, in_use.count(dim))
    index.clear()
    return index


@cache
def _collection(dim: int, number: int) -> MilvusIndex:
    """Kept for later tests: making one takes a second."""
    from indexer.vectors.milvus import MilvusIndex

    return MilvusIndex(MILVUS or str(_file()), f"test_{dim}_{number}", dim)


@cache
def _file() -> Path:
    return Path(mkdtemp(prefix="milvus")) / "rows.db"


def ids(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


def built(kind: str, vectors: np.ndarray, numbers: np.ndarray | None = None) -> VectorIndex:
    index = create(kind, vectors.shape[1])
    index.add(np.arange(1, len(vectors) + 1) if numbers is None else numbers, vectors)
    return index


def directions(n: int, dim: int, seed: int = 0) -> np.ndarray:
    rows = np.random.default_rng(seed).standard_normal((n, dim))
    unit: np.ndarray = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return unit.astype(np.float32)
