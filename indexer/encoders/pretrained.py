"""What the models that stand on transformers share."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from indexer.audio.waveform import mono
from indexer.encoders import checkpoint
from indexer.encoders.hub import HubFile
from indexer.encoders.weights import Component
from indexer.errors import EncoderError, WeightsDamaged

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    import torch
    from numpy.typing import NDArray

    from indexer.audio.waveform import Waveform


def component(repo: str, filename: str, licence: str, revision: str = "main") -> Component:
    """A file of a repository on the hub, kept as it is."""

    def unpack(fetched: Path, folder: Path) -> None:
        (folder / filename).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(fetched, folder / filename)

    return Component(HubFile(repo, revision, filename), licence, (filename,), unpack)


def converted(repo: str, licence: str, revision: str) -> Component:
    """The weights of a repository that has them as a torch checkpoint alone."""

    def unpack(fetched: Path, folder: Path) -> None:
        checkpoint.convert(fetched, folder / "model.safetensors")

    source = HubFile(repo, revision, "pytorch_model.bin", checkpoint=True)
    return Component(source, licence, ("model.safetensors",), unpack)


def library(name: str, needed: str) -> Any:
    """transformers, where its class `needed` can be had.

    Raises EncoderError, naming the extra of the model `name`, where it cannot: without
    transformers, or beside a torchvision that was made for another torch.
    """
    try:
        import transformers

        getattr(transformers, needed)
    except ImportError as error:
        raise EncoderError(
            f"The {name} model needs transformers, and no torchvision or one that fits this "
            f"torch: run pip install 'sonorize[{name}]'."
        ) from error
    logging: Any = transformers.logging
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    return transformers


@contextmanager
def reading(name: str, folder: Path) -> Iterator[None]:
    """Raises WeightsDamaged where files of the model `name` are not what its classes read."""
    import torch
    from safetensors import SafetensorError

    try:
        yield
    except torch.OutOfMemoryError:
        raise
    except (SafetensorError, OSError, ValueError, LookupError, TypeError, RuntimeError) as error:
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise WeightsDamaged(
            f"The {name} model in {folder} cannot be read ({reason.rstrip('.')}): run sonorize "
            f"models fetch {name}, which brings anew what has changed."
        ) from error


def computing(device: torch.device, dtype: torch.dtype) -> AbstractContextManager[None]:
    """Multiplies in `dtype` and keeps sums, norms and weights in float32."""
    import torch

    return torch.autocast(device.type, dtype, enabled=dtype != torch.float32)


def trimmed(waveform: Waveform) -> NDArray[np.float32]:
    """One channel, less the zeros at its end. What is silent all through is one sample."""
    samples = np.trim_zeros(mono(waveform.samples), "b")
    return samples if samples.size else np.zeros(1, dtype=np.float32)
