"""Rows in float16, for few questions at a time: half is read, and the answer is the same.

How far float16 can have moved a row is known, and so which rows may be among the best; these are
scored by what they are.

The product is FBGEMM's, which torch has on x86. It is made for few columns, where BLAS loses half
of its time.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from indexer.vectors.rows import margins

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from indexer.vectors.rows import Rows

LOST = 2.0**-10  # of a number, at most, however it is rounded: float16 has 11 bits of it
SMALLEST = 2.0**-24  # and of one that is too small for that
LARGEST = 65504.0  # what float16 can hold

MAKING = "float16 rows"  # the thread's name

BLOCK = 2048  # rows packed at a time; their products with some questions stay in the cache
GROUP = 32  # rows of a block of which the best product is looked at first
MOST = 4096  # rows scored again for one question; more lie too near to be told apart


class Halves:
    """A copy of (n, dim) rows, none longer than `longest`, which is at most LARGEST.

    Made on a thread of its own, 15 ms for a thousand rows of 1,024 numbers, while others ask.
    """

    def __init__(self, rows: Rows, longest: float) -> None:
        self._rows = rows
        self._longest = longest
        # No row moved further.
        self._lost = LOST * longest + SMALLEST * rows.shape[1] ** 0.5
        self._packed: list[Any] = []
        self._dropped = False
        self._making = threading.Thread(target=self._pack, name=MAKING)
        self._making.start()

    @property
    def ready(self) -> bool:
        return not self._making.is_alive() and len(self._packed) * BLOCK >= len(self._rows)

    def wait(self) -> None:
        """Until the copy is made."""
        self._making.join()

    def drop(self) -> None:
        """Ends the making of a copy that nobody wants."""
        self._dropped = True

    def near(
        self, queries: Rows, k: int, at: NDArray[np.intp] | None = None
    ) -> list[NDArray[np.intp]] | None:
        """For each of (nq, dim) queries the positions, among `at`, of rows that may be its k best.

        None where these are too many.
        """
        products, best = alone().submit(self._products, queries, at).result()
        rounded = margins(queries, queries.shape[1], self._longest + self._lost)
        unsure = 2 * self._lost * np.linalg.norm(queries, axis=1) + 2 * rounded
        found = []
        for i in range(len(queries)):
            if (one := _near([each[i] for each in products], best[:, i], k, unsure[i])) is None:
                return None
            found.append(one)
        return found

    def _pack(self) -> None:
        for start in range(0, len(self._rows), BLOCK):
            # Whoever leaves the program does not wait for a copy.
            if self._dropped or not threading.main_thread().is_alive():
                return
            self._packed.append(packed(self._rows[start : start + BLOCK]))

    def _products(self, queries: Rows, at: NDArray[np.intp] | None) -> tuple[list[Rows], Rows]:
        """(nq, GROUP, groups) products with each block, -inf where no row is asked for, and the
        (blocks, nq, groups) best of each group."""
        import torch

        asked = torch.from_numpy(queries)
        best = torch.empty(len(self._packed), len(queries), BLOCK // GROUP)
        unwanted = None if at is None else self._unwanted(at)
        products = []
        for i, block in enumerate(self._packed):
            found = torch.ops.quantized.linear_dynamic_fp16(asked, block)
            if unwanted is not None:
                found += unwanted[i, : found.shape[1]]
            if found.shape[1] < BLOCK:  # the last
                ends = (0, BLOCK - found.shape[1])
                found = torch.nn.functional.pad(found, ends, value=-torch.inf)
            grouped = found.view(len(queries), GROUP, -1)
            torch.amax(grouped, 1, out=best[i])
            products.append(grouped.numpy())
        return products, best.numpy()

    def _unwanted(self, at: NDArray[np.intp]) -> Any:
        """(blocks, BLOCK) what takes a product out when it is added: 0 at these positions."""
        import torch

        unwanted = torch.full((len(self._packed), BLOCK), -torch.inf)
        unwanted.view(-1)[torch.from_numpy(at)] = 0
        return unwanted


def _near(products: list[Rows], best: Rows, k: int, unsure: float) -> NDArray[np.intp] | None:
    """Positions of all rows that may be among the k best of one question.

    products   (GROUP, groups) rough ones with each block
    best       (blocks, groups) the best of each group
    unsure     by how much a rough product may fall short of the k-th's, and be better
    """
    # The k-th best group has a product that k rows reach, so no better row is in a lesser group.
    block, group = np.nonzero(best >= _kth(best.ravel(), k) - unsure)
    if len(block) > MOST:
        return None
    some = np.stack([products[b][:, g] for b, g in zip(block, group, strict=True)])
    which, row = np.nonzero(some >= _kth(some.ravel(), k) - unsure)
    if len(which) > MOST:
        return None
    places: NDArray[np.intp] = block[which] * BLOCK + row * best.shape[1] + group[which]
    return places


def _kth(values: Rows, k: int) -> float:
    return float(np.partition(values, -k)[-k]) if k <= len(values) else -np.inf


def packed(rows: Rows) -> Any:
    import torch

    # A copy, since torch warns of memory that it cannot write, as a mapped file's.
    return torch.ops.quantized.linear_prepack_fp16(torch.tensor(rows), None)


@cache
def possible() -> bool:
    """Whether torch has FBGEMM's product here."""
    import torch

    return torch.backends.quantized.engine in ("fbgemm", "x86")


@cache
def alone() -> ThreadPoolExecutor:
    """A thread that torch makes no team for: one would wait for cores that others have."""
    import torch

    def without_team() -> None:
        torch.get_num_threads()  # the first call in a thread takes over what was said last
        torch.set_num_threads(1)

    team = torch.get_num_threads()
    thread = ThreadPoolExecutor(1, "search")
    thread.submit(without_team).result()
    torch.set_num_threads(team)  # for the threads to come
    return thread
