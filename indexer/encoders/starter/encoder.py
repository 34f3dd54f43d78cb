"""The starter encoder: sounds by their words, with a coarse guess from the sound itself.

n is normalise, E the text tower, μ the stored mean of `tables.statistics`.

metadata part, 384
    words, a sound's or a question's   n(E(words) - μ)
    a picture                          n(Σ p · (n(E(what the class is) - μ)
                                              + n(E(what it sounds like) - μ))),
                                       over the 5 likeliest classes, p halved for silent ones
audio part, 82 UCS categories
    a sound                            n(p(category | sound) / prior^½)
    a picture, words                   n(softmax(cos(metadata part, n(E(description) - μ)) / .05))
likeness part, 512: the sound network's own vector, for "sounds like this one".

Of words only the usable ones count, see `words`. A sound left without any has no metadata part;
a question left without any is taken as it was typed.

What the class is stands beside what it sounds like because a clip may be named by either: "gorilla"
as well as "grunt". w is .9: the sound's own part breaks ties among names, and ranks what has none.
On the development questions (benchmarks/retrieval) the first brought right first answers to
photographs from .53 to .58, the second, from w = .8, .58 to .61.
"""

from __future__ import annotations

import hashlib
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np

from indexer.encoders import device as devices
from indexer.encoders import weights
from indexer.encoders.protocol import WindowRule
from indexer.encoders.starter import files, tables
from indexer.encoders.starter import words as usable_words
from indexer.encoders.starter.block import BLOCK, SAMPLE_RATE, VERSION
from indexer.geometry import cosine, normalize

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import torch
    from numpy.typing import NDArray
    from PIL.Image import Image

    from indexer.audio.waveform import Waveform
    from indexer.encoders.protocol import Modality, Part, Setup, Vectors
    from indexer.encoders.starter.audio import AudioTower
    from indexer.encoders.starter.image import ImageTower
    from indexer.encoders.starter.text import TextTower

    _Best = tuple[NDArray[np.int64], NDArray[np.float32]]

_BEST = 5
_SILENT = 0.5
_SHARPNESS = 0.05
_REMEMBERED = 16
"""Pictures that are not looked at twice: who embeds some mostly asks what they show too."""


class StarterEncoder:
    """Three small networks as one Encoder; each is read when first needed."""

    name = "starter"
    licence = "Apache-2.0 AND CC-BY-4.0"
    caveat = (
        "starter model: it matches words more than sound; "
        "for real listening a larger model is needed"
    )
    sample_rate = SAMPLE_RATE
    resampler: Literal["soxr", "sinc"] = "soxr"
    window = WindowRule(seconds=BLOCK / SAMPLE_RATE, hop=BLOCK / SAMPLE_RATE)
    dims: Mapping[Part, int] = {"audio": 82, "metadata": 384, "likeness": 512}
    modalities: frozenset[Modality] = frozenset({"audio", "image", "text"})
    metadata_weight = 0.9
    keeps_metadata = True

    def __init__(self, folder: Path, device: str) -> None:
        self._folder = folder
        self._device_name = device
        self._last: list[tuple[Image, _Best]] = []

    @property
    def device(self) -> str:
        return self._device.type

    def fingerprint(self, part: Part) -> str:
        stored = tables.statistics()
        words = (usable_words.VERSION, sorted(tables.trade_words()))
        made_of: dict[Part, tuple[object, ...]] = {
            "audio": (files.AUDIO.sha256, VERSION, self.window, stored.prior.tobytes()),
            "likeness": (files.AUDIO.sha256, VERSION, self.window),
            "metadata": (files.TEXT.sha256, words, stored.mean.tobytes()),
        }
        facts = (self.name, part, self.dims[part], *made_of[part])
        return hashlib.sha256(repr(facts).encode()).hexdigest()

    def embed_audio(self, waveforms: Sequence[Waveform]) -> Vectors:
        likeness, categories = self._audio.hear(waveforms)
        return {
            "audio": normalize(categories / np.sqrt(tables.statistics().prior)),
            "likeness": likeness,
        }

    def embed_metadata(self, texts: Sequence[str]) -> NDArray[np.float32]:
        said = [self._usable(text) for text in texts]
        rows = np.zeros((len(said), self.dims["metadata"]), dtype=np.float32)
        some = [i for i, words in enumerate(said) if words]
        if some:
            rows[some] = self._centred([said[i] for i in some])
        return rows

    def embed_images(self, images: Sequence[Image]) -> Vectors:
        if not images:
            return self.embed_texts([])
        shares = np.zeros((len(images), len(tables.picture_classes())), dtype=np.float32)
        for row, (indices, weight) in enumerate(self._best(images)):
            shares[row, indices] = weight
        loud = [_SILENT if entry.silent else 1.0 for entry in tables.picture_classes()]
        return self._question(normalize((shares * np.array(loud)) @ self._class_rows))

    def embed_texts(self, texts: Sequence[str]) -> Vectors:
        if not texts:
            return {part: np.zeros((0, self.dims[part]), np.float32) for part in _ASKED}
        return self._question(self._centred([self._usable(text) or text for text in texts]))

    def describe_image(self, image: Image) -> list[tuple[str, float]]:
        """What the picture is taken for: the likeliest classes and their probabilities."""
        [(indices, weight)] = self._best([image])
        labels = [tables.picture_classes()[i].label for i in indices]
        return list(zip(labels, weight.tolist(), strict=True))

    def prepare(self) -> None:
        """Compute what is kept on disk, so that no question has to wait for it."""
        _ = self._phrases

    def _best(self, images: Sequence[Image]) -> list[_Best]:
        """Of each, the likeliest classes and their probabilities."""
        known = {id(image): best for image, best in self._last}
        if all(id(image) in known for image in images):
            return [known[id(image)] for image in images]
        chances = self._image.classify(images)
        order = np.argsort(-chances, axis=1, kind="stable")[:, :_BEST]
        found = [(best, row[best]) for best, row in zip(order, chances, strict=True)]
        self._last = list(zip(images, found, strict=True))[-_REMEMBERED:]
        return found

    def _question(self, metadata: NDArray[np.float32]) -> Vectors:
        descriptions = self._phrases.categories - tables.statistics().mean
        odds = np.exp(cosine(metadata, descriptions) / _SHARPNESS)
        return {"audio": normalize(odds), "metadata": metadata}

    def _centred(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return normalize(self._text.embed(texts) - tables.statistics().mean)

    def _usable(self, text: str) -> str:
        return usable_words.usable(text, self._text)

    @cached_property
    def _class_rows(self) -> NDArray[np.float32]:
        """(1000, 384): where each class of picture points, by what it is and how it sounds."""
        mean = tables.statistics().mean
        return normalize(self._phrases.labels - mean) + normalize(self._phrases.sounds - mean)

    @cached_property
    def _device(self) -> torch.device:
        return devices.choose(self._device_name)

    @cached_property
    def _audio(self) -> AudioTower:
        from indexer.encoders.starter.audio import AudioTower

        return AudioTower(self._folder, self._device)

    @cached_property
    def _image(self) -> ImageTower:
        from indexer.encoders.starter.image import ImageTower

        return ImageTower(self._folder, self._device)

    @cached_property
    def _text(self) -> TextTower:
        from indexer.encoders.starter.text import TextTower

        return TextTower(self._folder, self._device)

    @cached_property
    def _phrases(self) -> tables.PhraseRows:
        return tables.phrase_rows(self._folder, self._text)


_ASKED: tuple[Part, ...] = ("audio", "metadata")


def load(folder: Path, setup: Setup) -> StarterEncoder:
    """The encoder over the files in `folder`. Raises WeightsMissing, saying what to run."""
    weights.require(StarterEncoder.name, folder)
    return StarterEncoder(folder, setup.device)
