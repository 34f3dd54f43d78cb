"""Rows in float16, for one question at a time: half the memory is read, and the answer is the same.

The rows found so are multiplied again in float32. How far float16 can have moved a row is known,
and so which of them no other row can come before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import faiss
import numpy as np

from indexer.vectors.rows import margins

if TYPE_CHECKING:
    from indexer.vectors.rows import Rows
    from indexer.vectors.together import Found

LOST = 2.0**-10  # of a number, at most, however it is rounded: float16 has 11 bits of it
SMALLEST = 2.0**-24  # and of one that is too small for that
LARGEST = 65504.0  # what float16 can hold
WIDE, SPARE = 2, 64  # so many times k, and so many more, are found to be sure of k


class Halves:
    """A copy of (n, dim) rows, none longer than `longest`, which is at most LARGEST."""

    def __init__(self, rows: Rows, longest: float) -> None:
        quantizer = faiss.ScalarQuantizer.QT_fp16
        # Any: the stubs describe the C++ calls, not the Python ones laid over them.
        self._found: Any = faiss.IndexScalarQuantizer(
            rows.shape[1], quantizer, faiss.METRIC_INNER_PRODUCT
        )
        self._found.train(rows[:1])  # nothing is learnt, but faiss asks for it
        self._found.add(rows)
        self._longest = longest
        self._lost = LOST * longest + SMALLEST * rows.shape[1] ** 0.5  # no row moved further

    def nearest(self, query: Rows, rows: Rows, k: int) -> Found | None:
        """(1, k) float32 products with a (1, dim) query, best first, and positions in `rows`.

        None where float16 cannot tell which they are.
        """
        wide = WIDE * k + SPARE
        if wide >= len(rows):
            return None
        rough, places = self._found.search(query, wide)
        products = np.einsum("ij,j->i", rows[places[0]], query[0])
        length = float(np.linalg.norm(query))
        rounded = float(margins(query, rows.shape[1], self._longest + self._lost)[0])
        # No row that was not found has a product above this.
        others = float(rough[0, -1]) + length * self._lost + 2 * rounded
        order = np.argsort(-products, kind="stable")[:k]
        if products[order[-1]] <= others:
            return None
        return products[None, order], places[:, order]
