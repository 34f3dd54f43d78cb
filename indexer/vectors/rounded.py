"""Rows in int8, for few questions at a time: a quarter is read, and the answer is the same.

How far rounding has moved each row is known, and so which rows may be among the best; these are
scored by what they are.

The product is ONNX Runtime's, which has one for bytes on every processor. Whole numbers are summed
without loss: a question is rounded too, to 14 bits, and asked as two rows of 7, since instructions
of older processors hold no more (a sum of two products of 8 and 8 bits overflows 16).
"""

from __future__ import annotations

import ctypes
import logging
import sys
import threading
from contextlib import suppress
from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from indexer.vectors.rows import lengths, margins

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from indexer.vectors.rows import Rows

log = logging.getLogger(__name__)

MAKING = "int8 rows"  # the thread's name
LARGEST = 2.0**64  # of the lengths of rows, so that no product overflows
LEAST = 2.0**-149  # float32 knows no number between this and 0

BLOCK = 4096  # rows packed at a time; their products with some questions stay in the cache
GROUP = 16  # rows of a block of which the best product is looked at first
MOST = 4096  # rows scored again for one question; more lie too near to be told apart
SAMPLE = 4096  # rows whose mean is taken for the middle of all

HALF = 127  # a row's numbers are whole, from -127 to 127
STEPS = 63 * HALF + 63  # and a question's from -8064 to 8064: 127 times -63 to 63, and as many more
ZERO = 64  # what stands for 0 in an unsigned byte of a question

# Of the greatest product: what the few float32 operations after the whole numbers may lose, with
# room to spare.
LOST_IN_FLOAT32 = 2.0**-17


class Asked(NamedTuple):
    """The directions of questions, rounded."""

    planes: NDArray[np.uint8]  # (2 nq, dim) first what counts 127 times, then the rest
    off: NDArray[np.float64]  # (nq,) how far a direction was moved


class Rounded:
    """A copy of (n, dim) rows, none longer than `longest`, which is at most LARGEST.

    Made on a thread of its own, 14 ms for a thousand rows of 1,024 numbers, while others ask.
    """

    def __init__(self, rows: Rows, longest: float) -> None:
        self._rows = rows
        self._longest = longest
        self._lost = np.zeros(len(rows), np.float32)  # how far each row was moved, at most
        self._reach = 0.0  # no row, nor what it was rounded to, is further from the middle
        self._packed: list[Any] = []
        self._dropped = False
        self._making = threading.Thread(target=self._make, name=MAKING)
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

    @np.errstate(over="ignore", invalid="ignore")  # of damaged rows; those that score are checked
    def near(
        self, queries: Rows, k: int, at: NDArray[np.intp] | None = None
    ) -> list[NDArray[np.intp]] | None:
        """For each of (nq, dim) queries the positions, among `at`, of rows that may be its k best.

        None where these are too many.
        """
        long = np.maximum(lengths(queries), LEAST)
        asked = rounded_directions(queries / long[:, None])
        most = self._products(asked, at)
        rounding = margins(queries, queries.shape[1], self._longest)
        moved = (asked.off + LOST_IN_FLOAT32) * self._reach
        unsure = 2 * STEPS * (moved + rounding / long)
        found = self._near(most, k, unsure.astype(np.float32))
        if found is None:
            return None
        for i, (near, query) in enumerate(zip(found, queries, strict=True)):
            products = self._rows[near] @ query
            found[i] = near[products >= _kth(products, k) - rounding[i]]
        return found

    def _make(self) -> None:
        try:
            self._pack()
        except Exception as error:  # a library that does not load, or no room
            log.info("float32 alone answers, since rows were not packed in int8: %s", error)

    @np.errstate(over="ignore", invalid="ignore")
    def _pack(self) -> None:
        step = max(1, len(self._rows) // SAMPLE)
        middle = self._rows[::step].mean(axis=0, dtype=np.float64).astype(np.float32)
        for start in range(0, len(self._rows), BLOCK):
            # Whoever leaves the program does not wait for a copy.
            if self._dropped or not threading.main_thread().is_alive():
                return
            apart = self._rows[start : start + BLOCK] - middle
            if not np.isfinite(apart).all():
                return  # damaged, which the search in float32 finds
            whole, scale, lost = rounded(apart)
            self._reach = max(self._reach, float((lengths(apart) + lost).max()))
            self._lost[start : start + BLOCK] = lost
            self._packed.append(packed(whole, scale, lost))
            give_back()

    def _products(self, asked: Asked, at: NDArray[np.intp] | None) -> Rows:
        """(nq, blocks, GROUP, groups) what the products may be at most, without what they may have
        lost elsewhere than in the rows.

        STEPS times the product with the direction of a question, less the middle's, which is the
        same for all rows; -inf where no row is asked for.
        """
        nq = len(asked.off)
        most = np.empty((nq, len(self._packed), BLOCK), np.float32)
        for i, session in enumerate(self._packed):
            found = session.run(None, {"asked": asked.planes})[0]
            n = found.shape[1]
            found[:nq] *= HALF
            np.add(found[:nq], found[nq:], out=most[:, i, :n])
            most[:, i, n:] = -np.inf  # of the last
        if at is not None:
            unwanted = np.full(most[0].size, -np.inf, np.float32)
            unwanted[at] = 0
            most += unwanted.reshape(most[0].shape)
        return most.reshape(nq, len(self._packed), GROUP, -1)

    def _near(self, most: Rows, k: int, unsure: Rows) -> list[NDArray[np.intp]] | None:
        """Of each question the positions of all rows that may be among its k best.

        None where for one of them these are more than MOST.

        most    as `_products` tells
        unsure  (nq,) what the k-th and another may both have lost besides
        """
        nq = len(most)
        best = most.max(axis=2).reshape(nq, -1)
        k_best = np.argpartition(best, -min(k, best.shape[1]), axis=1)[:, -k:]
        question = np.repeat(np.arange(nq), k_best.shape[1])
        places, products = _of(most, question, k_best.ravel())
        # What k rows reach, though all that may be lost of each is.
        least = products - 2 * STEPS * self._lost[np.minimum(places, len(self._lost) - 1)]
        least = _kth(least.reshape(nq, -1), k) - unsure
        question, group = np.nonzero(best >= least[:, None])
        if np.bincount(question, minlength=nq).max() > MOST:
            return None
        places, products = _of(most, question, group)
        some, row = np.nonzero(products >= least[question, None])
        found = np.split(places[some, row], np.searchsorted(question[some], np.arange(1, nq)))
        return found if max(map(len, found)) <= MOST else None


def _of(
    most: Rows, question: NDArray[np.intp], group: NDArray[np.intp]
) -> tuple[NDArray[np.intp], Rows]:
    """(n, GROUP) positions of the rows of groups, and their products with a question each."""
    block, place = np.divmod(group, most.shape[3])
    row = np.arange(GROUP) * most.shape[3]
    return (block * BLOCK + place)[:, None] + row, most[question, block, :, place]


def _kth(values: Rows, k: int) -> Rows:
    """Along the last axis; -inf where there are fewer."""
    if k > values.shape[-1]:
        return np.full(values.shape[:-1], -np.inf, np.float32)
    return np.partition(values, -k)[..., -k]


def rounded(rows: Rows) -> tuple[NDArray[np.int8], Rows, Rows]:
    """(n, dim) whole numbers, (n,) what one stands for, (n,) how far the rows lie from that."""
    scale = np.abs(rows).max(axis=1) / HALF
    scale[scale == 0] = 1
    whole = np.clip(np.rint(rows / scale[:, None]), -HALF, HALF)
    # The second term: the rows were differences, and these are, each rounded to 24 bits.
    lost = lengths(rows - whole * scale[:, None]) + 2.0**-20 * lengths(rows)
    return whole.astype(np.int8), scale, lost.astype(np.float32)


def rounded_directions(directions: NDArray[np.float64]) -> Asked:
    whole = np.rint(directions * STEPS)
    high = np.rint(whole / HALF)
    planes = np.concatenate([high, whole - HALF * high]) + ZERO
    off = np.linalg.norm(directions - whole / STEPS, axis=1)
    return Asked(planes.astype(np.uint8), off)


def packed(whole: NDArray[np.int8], scale: Rows, lost: Rows) -> Any:
    """A session that answers rows of `Asked.planes` with (2 nq, n) products.

    A 128th of what was lost is in each, so that all of it is in 127 times one and the other.
    """
    import onnxruntime

    onnxruntime.disable_telemetry_events()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = False  # hundreds of sessions would each keep their results
    # Beside the model, of whose bytes a session keeps a copy.
    rows = onnxruntime.OrtValue.ortvalue_from_numpy(np.ascontiguousarray(whole.T))
    options.add_external_initializers(["rows"], [rows])
    model = product(whole.shape[1], scale, lost * np.float32(STEPS / (HALF + 1)))
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def product(dim: int, scale: Rows, more: Rows) -> bytes:
    """A model: `(asked - ZERO) @ rows * scale + more`; its session is given (dim, n) `rows`."""
    from onnx import TensorProto, helper, numpy_helper

    n = len(scale)
    rows = TensorProto(
        name="rows", data_type=TensorProto.INT8, dims=[dim, n], data_location=TensorProto.EXTERNAL
    )
    rows.external_data.add(key="location", value="given")
    held: dict[str, NDArray[Any]] = {
        "one": np.array(1, np.float32),
        "scale": scale,
        "zero": np.array(ZERO, np.uint8),
        "more": more,
    }
    inputs = ["asked", "rows", "one", "scale", "zero", "", "more"]
    node = helper.make_node("MatMulIntegerToFloat", inputs, ["products"], domain="com.microsoft")
    graph = helper.make_graph(
        [node],
        "product",
        [helper.make_tensor_value_info("asked", TensorProto.UINT8, ["2 nq", dim])],
        [helper.make_tensor_value_info("products", TensorProto.FLOAT, ["2 nq", n])],
        [rows, *(numpy_helper.from_array(values, name) for name, values in held.items())],
    )
    versions = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    model: bytes = helper.make_model(
        graph, opset_imports=versions, ir_version=9
    ).SerializeToString()
    return model


def give_back() -> None:
    """Returns what lies free in the heap to the system: glibc keeps as much again as a copy takes,
    between what is held of its blocks."""
    with suppress(AttributeError, OSError):  # another C library
        if sys.platform == "linux":
            ctypes.CDLL(None).malloc_trim(0)


@cache
def possible() -> bool:
    return all(find_spec(name) for name in ("onnx", "onnxruntime"))
