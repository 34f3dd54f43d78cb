"""Where a model runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from time import perf_counter
from typing import TYPE_CHECKING, Generic, TypeVar

from indexer.errors import EncoderError

if TYPE_CHECKING:
    import torch

T = TypeVar("T")
R = TypeVar("R")

choices = ("auto", "cpu", "cuda", "mps")

# what torch says where it has no class for it: on a CPU (Windows: the second), by Apple's GPU and
# the CUDA driver, and by cuBLAS and cuDNN
_NO_MEMORY = (
    "can't allocate memory", "not enough memory", "out of memory", "ALLOC_FAILED",
    "ALLOCATION_FAILED",
)  # fmt: skip


def choose(name: str = "auto") -> torch.device:
    """The device called `name`; "auto" takes cuda, then mps, then cpu.

    Raises EncoderError if the name is none of `choices`, or this machine has no such device.
    """
    import torch

    if name not in choices:
        raise EncoderError(f"There is no device {name!r}: choose one of {', '.join(choices)}.")
    present = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if name == "auto":
        return torch.device(next(kind for kind, there in present.items() if there))
    if not present[name]:
        raise EncoderError(
            f"This machine, or the torch installed on it, has no {name}: use --device auto."
        )
    return torch.device(name)


class Batches(Generic[T, R]):
    """Runs a model over items some at a time, fewer from then on when memory runs out.

    Raises EncoderError if a single item does not fit.
    """

    def __init__(self, run: Callable[[Sequence[T]], R], size: int) -> None:
        self._run = run
        self.size = size

    def __call__(self, items: Sequence[T]) -> list[R]:
        """What `run` gives for each batch, in order."""
        done: list[R] = []
        at = 0
        while at < len(items):
            batch = items[at : at + self.size]
            try:
                done.append(self._run(batch))
            except Exception as error:
                if not _out_of_memory(error):
                    raise
                if len(batch) == 1:
                    raise EncoderError(
                        f"There is no memory left for the model ({_first_line(error)}): close "
                        "other programs, or use --device cpu if that is a GPU's."
                    ) from error
                self.size = len(batch) // 2
            else:
                at += len(batch)
        return done


def room(device: torch.device, item: int, most: int) -> int:
    """How many items of `item` bytes fit half of the device's free memory, 1 to `most`."""
    import torch

    if device.type != "cuda":
        return min(most, 8)  # larger batches are no faster on a CPU
    free, _ = torch.cuda.mem_get_info(device)
    return max(1, min(most, free // 2 // item))


def fast_dtype(device: torch.device) -> torch.dtype:
    """The type this device multiplies fastest in, among those a ranking bears."""
    import torch

    if device.type == "cuda":
        if torch.cuda.is_bf16_supported(including_emulation=False):
            return torch.bfloat16
        # before Volta, float16 is the slower one
        return (
            torch.float16 if torch.cuda.get_device_capability(device) >= (7, 0) else torch.float32
        )
    if device.type == "mps":
        return torch.float16
    return torch.bfloat16 if _bfloat16_pays() else torch.float32


@cache
def _bfloat16_pays() -> bool:
    """Tried on this CPU: some have no instructions for it and take ten times as long."""
    import torch

    def seconds(dtype: torch.dtype) -> float:
        a, b = torch.ones(256, 1024, dtype=dtype), torch.ones(1024, 1024, dtype=dtype)
        torch.mm(a, b)
        start = perf_counter()
        torch.mm(a, b)
        return perf_counter() - start

    return min(seconds(torch.bfloat16) for _ in range(3)) < 0.8 * min(
        seconds(torch.float32) for _ in range(3)
    )


def _out_of_memory(error: Exception) -> bool:
    import torch

    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in _NO_MEMORY)


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), "") or type(error).__name__
