"""Sounds that were made by a model: a folder of WAVs, each beside what it was made from.

    NAME.wav     the sound
    NAME.json    prompt, model, seed, settings, licence, and the frames it was made for (`Facts`)

A WAV without its JSON, or whose JSON says why it was refused, is no sound yet.
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from indexer.catalog.entries import TEXT_FIELDS
from indexer.catalog.question import clean
from indexer.credits import spdx
from indexer.errors import SourceError
from indexer.sources.protocol import Item, Said

LEFT = 60  # seconds after which nobody writes to a file any more


@dataclass(frozen=True, slots=True)
class Facts:
    """How a sound was made.

    weights      of the model's files, in hex
    condition    hash of the vector that stood for the prompt, or ""
    sources      the sounds that vector was made of: title, author, licence, url
    seconds, steps, guidance, negative   as in the settings that made it
    bandwidth    Hz; there is nothing above it, whatever the file's own rate
    gain         dB by which it was turned down
    cut          seconds of silence that were taken off its ends
    refused      why it is not to be used, or ""
    frames       what it was made for: `frame` (sha256 of a picture's pixels), `caption`, and the
                 distances of the triple once it is indexed
    """

    prompt: str
    model: str
    weights: str
    licence: str
    seed: int
    seconds: float
    steps: int
    guidance: float
    negative: str = ""
    condition: str = ""
    bandwidth: float = 0.0
    gain: float = 0.0
    cut: float = 0.0
    refused: str = ""
    sources: list[dict[str, Any]] = field(default_factory=list)
    frames: list[dict[str, Any]] = field(default_factory=list)


_KINDS = {each.name: each.type for each in fields(Facts)}


def read(path: Path) -> Facts | None:
    """The facts of a JSON file; None if there is none, or it says something else."""
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(said, dict) or not all(
        _fits(_KINDS[name], value) for name, value in said.items() if name in _KINDS
    ):
        return None
    try:
        return Facts(**{name: value for name, value in said.items() if name in _KINDS})
    except TypeError:
        return None


def write(path: Path, facts: Facts) -> None:
    """Written aside and renamed."""
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    text = json.dumps(asdict(facts), ensure_ascii=False, indent=1) + "\n"
    aside.write_text(text, encoding="utf-8", errors="replace")
    aside.replace(path)


def clear(folder: Path) -> None:
    """Deletes what a run that was killed left half written; what is being written is younger."""
    for pattern in (".sonorize-*.wav", ".*.json.*"):
        for path in folder.glob(pattern):
            with suppress(OSError):
                if time.time() - path.stat().st_mtime > LEFT:
                    path.unlink()


class GeneratedSource:
    """The sounds in `folder` that were not refused."""

    kind = "generated"

    def __init__(self, folder: Path) -> None:
        self._folder = folder.expanduser().absolute()
        self._notes: list[str] = []
        self._passed_over = 0

    @property
    def location(self) -> str:
        return str(self._folder)

    @property
    def notes(self) -> list[str]:
        return self._notes

    @property
    def passed_over(self) -> int:
        return self._passed_over

    @property
    def hidden(self) -> list[str]:
        return []

    def available(self) -> bool:
        return self._folder.is_dir()

    def path(self, relative_path: str) -> Path:
        return self._folder / relative_path

    def items(self) -> Iterator[Item]:
        """In the order of their names. Raises SourceError without the folder."""
        if not self.available():
            raise SourceError(
                f"There is no folder {self._folder}: check the path, or make sounds with "
                "`sonorize generate`."
            )
        self._notes.clear()
        self._passed_over = 0
        for path in sorted(self._folder.glob("*.wav")):
            facts = read(path.with_suffix(".json"))
            if path.name.startswith(".") or facts is None or facts.refused:
                self._passed_over += not path.name.startswith(".")
                continue
            try:
                found = path.stat()
            except OSError as error:
                self._notes.append(f"{path}: {error.strerror or error}")
                continue
            yield Item(path.name, found.st_size, found.st_mtime_ns)

    def said(self, relative_path: str) -> Said | None:
        facts = read(self.path(relative_path).with_suffix(".json"))
        return None if facts is None else Said(columns(facts), Path(relative_path).stem)


def columns(facts: Facts) -> dict[str, Any]:
    """Words, licence and origin as columns of Sound. Its licence is that of the model: what is
    made with one that is not for commercial use is not either."""
    limit = f" Nothing above {facts.bandwidth / 1000:g} kHz." if facts.bandwidth else ""
    words = {
        "title": facts.prompt,
        "author": f"{facts.model} (generated)",
        "notes": f"Generated by {facts.model}, seed {facts.seed}.{limit}",
        "licence": spdx(facts.licence),
    }
    made = {name: value for name, value in asdict(facts).items() if name != "frames"}
    return {
        **{name: clean(words.get(name, "")) for name in TEXT_FIELDS if name != "tags"},
        "tags": ["generated"],
        "time_reference": None,
        "raw": {"generated": made},
    }


def _fits(kind: Any, value: Any) -> bool:
    if kind == "str":
        return isinstance(value, str)
    if kind == "int":
        return type(value) is int
    if kind == "float":
        return type(value) in (int, float) and math.isfinite(value)
    return isinstance(value, list) and all(isinstance(each, Mapping) for each in value)
