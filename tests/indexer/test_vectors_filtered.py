"""Allowed rows are copied a block at a time: the answer is that of all at once."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("faiss", reason="neither extra cpu nor gpu is here")

from indexer.vectors import faiss_index
from indexer.vectors.exact import ExactIndex
from indexer.vectors.faiss_index import FaissIndex


@pytest.mark.parametrize("block", [1, 7, 64, 2048])
@pytest.mark.parametrize("nq", [1, 8])
@pytest.mark.parametrize("share", [0.02, 0.2, 0.5, 1.0])
def test_blocks_answer_as_the_judge(
    monkeypatch: pytest.MonkeyPatch, block: int, nq: int, share: float
) -> None:
    monkeypatch.setattr(faiss_index, "BLOCK", block)
    random = np.random.default_rng(4)
    # Each row three times, so that equal ones lie in several blocks.
    rows = np.tile(random.standard_normal((100, 37), dtype=np.float32), (3, 1))
    allowed = random.choice(300, int(300 * share), replace=False) + 1
    queries = random.standard_normal((nq, 37), dtype=np.float32)
    index, judge = FaissIndex(37), ExactIndex(37)
    for each in (index, judge):
        each.add(np.arange(1, 301), rows)
    for k in (1, 10, 80, 300):
        found, true = index.search(queries, k, allowed), judge.search(queries, k, allowed)
        assert np.array_equal(found.ids, true.ids)
        assert np.array_equal(found.scores, true.scores)
