"""The captioners there are, known without importing any of them."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, cast

from indexer.encoders import registry

if TYPE_CHECKING:
    from pathlib import Path

    from query.captions.protocol import Captioner

default = "blip"


def names() -> tuple[str, ...]:
    return registry.names("captions")


def load(name: str, models_dir: Path, device: str = "auto") -> Captioner:
    """The captioner `name`, its files taken from `models_dir`/`name`; read when it first writes.

    Raises UnknownEncoder, WeightsMissing, which says what to run, and EncoderError, which says
    what to install.
    """
    registry.entry(name, "captions")
    return cast(
        "Captioner", import_module(f"query.captions.{name}").load(models_dir / name, device)
    )
