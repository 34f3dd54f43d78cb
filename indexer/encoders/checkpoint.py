"""Torch checkpoints, read for their plain tensors; nothing in them is run."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from indexer.errors import WeightsDamaged

if TYPE_CHECKING:
    from pathlib import Path

# what reading a damaged pickle comes to, beside its own error
DAMAGE = (
    AttributeError, EOFError, ImportError, LookupError, OSError, RuntimeError, TypeError,
    ValueError,
)  # fmt: skip


def convert(checkpoint: Path, target: Path) -> None:
    """The tensors of a checkpoint as a safetensors file, by their names and in their types.

    Raises WeightsDamaged for what is no checkpoint of tensors by name.
    """
    import torch
    from safetensors.torch import save_file

    advice = "delete it and fetch it again."
    read = load(checkpoint, advice)
    if not isinstance(read, dict) or not all(
        isinstance(name, str) and isinstance(value, torch.Tensor) for name, value in read.items()
    ):
        raise WeightsDamaged(f"{checkpoint} holds no weights by name: {advice}")
    tensors = {name: tensor.clone().contiguous() for name, tensor in read.items()}
    save_file(tensors, target, metadata={"format": "pt"})


def load(checkpoint: Path, advice: str, **how: Any) -> Any:
    """What a torch checkpoint of plain tensors holds; `how` as torch.load has it.

    Raises WeightsDamaged, which ends with the advice.
    """
    import pickle

    import torch

    try:
        with warnings.catch_warnings():  # torch has some for damage, before it is an error
            warnings.simplefilter("ignore", UserWarning)
            return torch.load(checkpoint, map_location="cpu", weights_only=True, **how)
    except (pickle.UnpicklingError, *DAMAGE) as error:
        raise WeightsDamaged(
            f"{checkpoint} is no torch checkpoint of plain tensors: {advice}"
        ) from error
