"""Where a model runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from indexer.errors import EncoderError

if TYPE_CHECKING:
    import torch

choices = ("auto", "cpu", "cuda", "mps")


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
