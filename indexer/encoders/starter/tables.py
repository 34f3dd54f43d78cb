"""The starter encoder's tables: the 1,000 picture classes, their phrases, the categories.

`imagenet.tsv` says of each class what it looks like in words (label), what it sounds like
(sound), and whether it makes no sound of its own (silent). The vectors of the phrases and of
the category descriptions are computed once and kept beside the model's files, under the hash
of the words they were computed from.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

import numpy as np

from indexer import ucs

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from indexer.encoders.starter.text import TextTower


@dataclass(frozen=True, slots=True)
class PictureClass:
    """One ImageNet class."""

    label: str
    sound: str
    silent: bool


@dataclass(frozen=True, slots=True, eq=False)
class Statistics:
    """What was computed once by `recipe` and is part of the encoder.

    mean   (384,) mean text vector, about which text vectors are centred
    prior  (82,) what the sound network answers when it hears nothing in particular
    """

    mean: NDArray[np.float32]
    prior: NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class PhraseRows:
    """Unit rows: of the classes (1000, 384) what they are and what they sound like; `categories`
    (82, 384)."""

    labels: NDArray[np.float32]
    sounds: NDArray[np.float32]
    categories: NDArray[np.float32]


@cache
def picture_classes() -> tuple[PictureClass, ...]:
    """The 1,000 classes in the order of the image network's answers."""
    text = files(__package__).joinpath("imagenet.tsv").read_text(encoding="utf-8")
    rows = csv.DictReader(io.StringIO(text), delimiter="\t", quoting=csv.QUOTE_NONE)
    return tuple(PictureClass(r["label"], r["sound"], r["silent"] == "1") for r in rows)


@cache
def trade_words() -> frozenset[str]:
    """Every word that the UCS CatIDs are described with, lower case."""
    return frozenset(word for catid in ucs.catids().values() for word in catid.words.split())


@cache
def statistics() -> Statistics:
    """The stored mean and prior."""
    stored = json.loads(files(__package__).joinpath("statistics.json").read_text(encoding="utf-8"))
    return Statistics(
        mean=np.array(stored["mean"], dtype=np.float32),
        prior=np.array(stored["prior"], dtype=np.float32),
    )


def phrase_rows(folder: Path, tower: TextTower) -> PhraseRows:
    """The vectors of all phrases, from `folder` if they are there, else computed and put there."""
    classes = picture_classes()
    texts = [entry.label for entry in classes] + [entry.sound for entry in classes]
    texts += [category.description for category in ucs.categories()]
    path = folder / f"phrases-{_hash(texts)}.npy"
    rows = _kept(path, len(texts))
    if rows is None:
        rows = tower.embed(texts)
        _keep(path, rows)
    labels, sounds, categories = np.split(rows, [len(classes), 2 * len(classes)])
    return PhraseRows(labels, sounds, categories)


def _hash(texts: list[str]) -> str:
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()[:12]


def _kept(path: Path, count: int) -> NDArray[np.float32] | None:
    try:
        rows = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    return rows if isinstance(rows, np.ndarray) and rows.shape == (count, 384) else None


def _keep(path: Path, rows: NDArray[np.float32]) -> None:
    """Written aside and renamed; a folder that cannot be written to costs time, not answers."""
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with aside.open("wb") as file:
            np.save(file, rows, allow_pickle=False)
        aside.replace(path)
    except OSError:
        aside.unlink(missing_ok=True)
