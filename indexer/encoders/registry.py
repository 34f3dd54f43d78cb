"""The models there are, known without importing any of them.

Encoders are run here. Models that write captions or make sounds are run by what asks with them;
what they are made of comes through the same door.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, cast

from indexer.encoders.protocol import Setup
from indexer.errors import EncoderError, UnknownEncoder

if TYPE_CHECKING:
    from pathlib import Path

    from indexer.encoders.protocol import Encoder, Windows
    from indexer.encoders.weights import ModelFiles


Role = Literal["encoder", "captions", "sounds", "hearing"]


@dataclass(frozen=True, slots=True)
class Entry:
    """What is said of a model before it is loaded.

    loader    "module:function" of (folder of its files, Setup) -> Encoder; "" for other roles
    licence   SPDX expression of the weights
    size      bytes to fetch; 0 if nothing is
    needs     what it stands on beside sonorize itself, in words
    files     "module:attribute" of its ModelFiles, or "" if it has none
    notice    what to know before fetching it, one clause, or ""
    windows   the ways it can hear a file
    role      what it does: compare, write captions, make sounds, hear for one that makes them
    """

    name: str
    loader: str
    licence: str
    size: int
    needs: str
    files: str = ""
    notice: str = ""
    windows: tuple[Windows, ...] = ("all",)
    role: Role = "encoder"


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
        Entry(
            name="blip",
            loader="",
            licence="BSD-3-Clause",
            size=1_880_000_000,  # here and below reckoned from the number of parameters
            needs="the extra blip; 3 GB of memory",
            files="indexer.encoders.makers:BLIP",
            role="captions",
        ),
        Entry(
            name="coca",
            loader="",
            licence="MIT",
            size=2_550_000_000,
            needs="the extra coca; 4 GB of memory",
            files="indexer.encoders.makers:COCA",
            role="captions",
        ),
        Entry(
            name="audioldm",
            loader="",
            licence="CC-BY-NC-SA-4.0",
            size=1_700_000_000,
            needs="the extra generate; a GPU, or patience; 3 GB of memory",
            files="indexer.encoders.makers:AUDIOLDM",
            notice="non-commercial, and so is what it makes",
            role="sounds",
        ),
        Entry(
            name="audioldm-clap",
            loader="",
            licence="Apache-2.0",
            size=615_000_000,
            needs="the extra generate",
            files="indexer.encoders.makers:AUDIOLDM_CLAP",
            role="hearing",
        ),
        Entry(
            name="audioldm2",
            loader="",
            licence="CC-BY-NC-SA-4.0",
            size=4_400_000_000,
            needs="the extra generate; a GPU, or patience; 6 GB of memory",
            files="indexer.encoders.makers:AUDIOLDM2",
            notice="non-commercial, and so is what it makes",
            role="sounds",
        ),
        Entry(
            name="stable-audio-open",
            loader="",
            licence="LicenseRef-Stability-AI-Community",
            size=5_300_000_000,
            needs="the extra generate; a GPU, or patience; 7 GB of memory",
            files="indexer.encoders.makers:STABLE_AUDIO_OPEN",
            notice="commercial use up to 1,000,000 US dollars of yearly revenue, under terms to "
            "accept on its page",
            role="sounds",
        ),
    )
}


def names(role: Role | None = None) -> tuple[str, ...]:
    """Every model's name, or those of one role; the default encoder first."""
    return tuple(name for name, known in _entries.items() if role in (None, known.role))


def entry(name: str, role: Role | None = None) -> Entry:
    """What is known of `name`. Raises UnknownEncoder, naming the choices of this role."""
    if name not in names(role):
        kind = {None: "model", "encoder": "encoder"}.get(role, f"model for {role}")
        choices = ", ".join(names(role))
        raise UnknownEncoder(f"There is no {kind} {name!r}: choose one of {choices}.")
    return _entries[name]


def files(name: str) -> ModelFiles | None:
    """The files `name` is made of, or None if it needs none. Raises UnknownEncoder."""
    target = entry(name).files
    return cast("ModelFiles", _attribute(target)) if target else None


def require_windows(name: str, windows: Windows) -> None:
    """Raises EncoderError, naming those that do, if `name` does not know this way to hear."""
    if windows not in entry(name, "encoder").windows:
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
