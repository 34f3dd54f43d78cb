"""The encoders there are, known without importing any of them."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from indexer.encoders.protocol import Setup
from indexer.errors import EncoderError, UnknownEncoder

if TYPE_CHECKING:
    from pathlib import Path

    from indexer.encoders.protocol import Encoder, Windows
    from indexer.encoders.weights import ModelFiles


@dataclass(frozen=True, slots=True)
class Entry:
    """What is said of an encoder before it is loaded.

    loader    "module:function" of (folder of its files, Setup) -> Encoder
    licence   SPDX expression of the weights
    size      bytes to fetch; 0 if nothing is
    needs     what it stands on beside sonorize itself, in words
    files     "module:attribute" of its ModelFiles, or "" if it has none
    notice    what to know before fetching it, one clause, or ""
    windows   the ways it can hear a file
    """

    name: str
    loader: str
    licence: str
    size: int
    needs: str
    files: str = ""
    notice: str = ""
    windows: tuple[Windows, ...] = ("all",)


default = "starter"

_entries = {
    entry.name: entry
    for entry in (
        Entry(
            name="starter",
            loader="indexer.encoders.starter.encoder:load",
            licence="Apache-2.0 AND CC-BY-4.0",
            size=124_012_247,
            needs="a CPU",
            files="indexer.encoders.starter.files:FILES",
        ),
        Entry(
            name="imagebind",
            loader="indexer.encoders.imagebind.encoder:load",
            licence="CC-BY-NC-SA-4.0",
            size=4_803_584_173 + 1_547_268,
            needs="a GPU, or patience; 6 GB of memory",
            files="indexer.encoders.imagebind.files:FILES",
            notice="non-commercial, and its authors say not for real-world use",
            windows=("all", "official"),
        ),
        Entry(
            name="clap",
            loader="indexer.encoders.clap:load",
            licence="Apache-2.0",
            size=780_000_000,
            needs="the extra clap; words and sounds alone, no pictures",
            files="indexer.encoders.clap:FILES",
        ),
        Entry(
            name="pe-av",
            loader="indexer.encoders.pe_av:load",
            licence="Apache-2.0",
            size=5_100_000_000,  # reckoned from its 1.28 billion parameters
            needs="the extra pe-av; a GPU, or patience; 8 GB of memory",
            files="indexer.encoders.pe_av:FILES",
        ),
        Entry(
            name="toy",
            loader="indexer.encoders.toy:load",
            licence="Apache-2.0",
            size=0,
            needs="nothing",
        ),
    )
}


def names() -> tuple[str, ...]:
    """Every encoder's name, the default first."""
    return tuple(_entries)


def entry(name: str) -> Entry:
    """What is known of `name`. Raises UnknownEncoder, naming the choices."""
    try:
        return _entries[name]
    except KeyError:
        choices = ", ".join(names())
        raise UnknownEncoder(f"There is no encoder {name!r}: choose one of {choices}.") from None


def files(name: str) -> ModelFiles | None:
    """The files `name` is made of, or None if it needs none. Raises UnknownEncoder."""
    target = entry(name).files
    return cast("ModelFiles", _attribute(target)) if target else None


def require_windows(name: str, windows: Windows) -> None:
    """Raises EncoderError, naming those that do, if `name` does not know this way to hear."""
    if windows not in entry(name).windows:
        knowing = " or ".join(key for key, e in _entries.items() if windows in e.windows)
        raise EncoderError(
            f"{name} does not know --windows {windows}: leave it out, or use {knowing}."
        )


def load(name: str, *, models_dir: Path, setup: Setup = Setup()) -> Encoder:
    """The encoder `name`, its files taken from `models_dir`/`name`.

    Raises UnknownEncoder, WeightsMissing, which says what to run, and EncoderError for windows
    that it does not know.
    """
    require_windows(name, setup.windows)
    loader = _attribute(entry(name).loader)
    return cast("Encoder", loader(models_dir / name, setup))


def _attribute(target: str) -> Any:
    module, _, attribute = target.partition(":")
    return getattr(importlib.import_module(module), attribute)
