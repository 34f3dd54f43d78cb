"""Batches that are halved when memory runs out."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch

from indexer.encoders.device import Batches, fast_dtype, room
from indexer.errors import EncoderError


class Model:
    """Doubles numbers; runs out of memory, as `error`, above `fits` of them."""

    def __init__(self, fits: int, error: Exception | None = None) -> None:
        self.fits = fits
        self.error = error or torch.OutOfMemoryError("CUDA out of memory")
        self.tried: list[int] = []

    def __call__(self, items: Sequence[int]) -> list[int]:
        self.tried.append(len(items))
        if len(items) > self.fits:
            raise self.error
        return [2 * item for item in items]


def joined(batches: list[list[int]]) -> list[int]:
    return [item for batch in batches for item in batch]


def test_all_items_come_in_order_and_in_batches_of_the_size() -> None:
    model = Model(fits=4)
    assert joined(Batches(model, 4)(range(10))) == [2 * i for i in range(10)]
    assert model.tried == [4, 4, 2]
    assert Batches(model, 4)([]) == []


def test_a_batch_that_does_not_fit_is_halved_until_it_does_and_none_is_lost() -> None:
    model = Model(fits=3)
    assert joined(Batches(model, 8)(range(9))) == [2 * i for i in range(9)]
    assert model.tried == [8, 4, 2, 2, 2, 2, 1]


def test_what_fitted_is_remembered() -> None:
    model = Model(fits=2)
    batches = Batches(model, 8)
    batches(range(8))
    model.tried.clear()
    batches(range(4))
    assert model.tried == [2, 2]
    assert batches.size == 2


def test_a_last_batch_that_is_shorter_is_halved_by_its_own_length() -> None:
    model = Model(fits=1)
    assert joined(Batches(model, 64)(range(3))) == [0, 2, 4]
    assert model.tried == [3, 1, 1, 1]


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried\nmore"), "CUDA out of memory. Tried"),
        (MemoryError(), "MemoryError"),
    ],
)
def test_one_item_that_does_not_fit_is_said_in_a_sentence(error: Exception, said: str) -> None:
    model = Model(fits=0, error=error)
    with pytest.raises(EncoderError, match=rf"no memory left for the model \({said}\): close"):
        Batches(model, 4)(range(4))
    assert model.tried == [4, 2, 1]


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"),
        RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 9 bytes."),
        RuntimeError("MPS backend out of memory (MPS allocated: 9 GB, max allowed: 9 GB)"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate(handle)"),
        RuntimeError("cuDNN error: CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED"),
    ],
)
def test_memory_that_runs_out_has_many_names(error: Exception) -> None:
    model = Model(fits=2, error=error)
    assert joined(Batches(model, 4)(range(4))) == [0, 2, 4, 6]
    assert model.tried == [4, 2, 2]


@pytest.mark.parametrize("error", [ValueError("bad"), RuntimeError("shapes do not match")])
def test_other_errors_pass_through_at_once(error: Exception) -> None:
    model = Model(fits=2, error=error)
    with pytest.raises(type(error), match=str(error)):
        Batches(model, 4)(range(4))
    assert model.tried == [4]


def test_a_real_allocation_that_fails_is_halved() -> None:
    """8 items ask for 8 EB together; one asks for one byte."""

    def run(items: Sequence[int]) -> list[int]:
        torch.empty(2**60 if len(items) > 1 else 1, dtype=torch.uint8)
        return list(items)

    assert joined(Batches(run, 8)(range(8))) == list(range(8))


def test_room_on_a_cpu_is_small_whatever_the_items_weigh() -> None:
    cpu = torch.device("cpu")
    assert [room(cpu, 1, 128), room(cpu, 2**50, 128), room(cpu, 1, 3)] == [8, 8, 3]


@pytest.mark.parametrize(
    ("capability", "dtype"),
    [((9, 0), torch.bfloat16), ((7, 5), torch.float16), ((6, 1), torch.float32)],
)
def test_the_fast_type_of_a_gpu_is_one_it_has(
    monkeypatch: pytest.MonkeyPatch, capability: tuple[int, int], dtype: torch.dtype
) -> None:
    def emulated(including_emulation: bool = True) -> bool:
        return including_emulation or capability >= (8, 0)

    monkeypatch.setattr(torch.cuda, "is_bf16_supported", emulated)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    assert fast_dtype(torch.device("cuda")) == dtype


def test_room_on_a_gpu_is_half_of_what_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (1000, 2000))
    gpu = torch.device("cuda")
    assert [room(gpu, 10, 128), room(gpu, 1, 128), room(gpu, 10**6, 128)] == [50, 128, 1]
