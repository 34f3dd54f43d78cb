"""Torch checkpoints, read for their plain tensors; nothing in them is run."""

from __future__ import annotations

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
    from safetensors.torch import save_file

    tensors = {name: tensor.clone().contiguous() for name, tensor in _read(checkpoint).items()}
    save_file(tensors, target, metadata={"format": "pt"})


def _read(checkpoint: Path) -> dict[str, Any]:
    import pickle

    import torch

    try:
        read = torch.load(checkpoint, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, *DAMAGE) as error:
        raise WeightsDamaged(
            f"{checkpoint} is no torch checkpoint of plain tensors: delete it and fetch it again."
        ) from error
    if not isinstance(read, dict) or not all(
        isinstance(name, str) and isinstance(value, torch.Tensor) for name, value in read.items()
    ):
        raise WeightsDamaged(
            f"{checkpoint} holds no weights by name: delete it and fetch it again."
        )
    return read
