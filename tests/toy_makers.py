"""A captioner and a generator for tests: plain pictures become words become tones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import sounds
from libraries import COLOURS, HERTZ
from PIL import Image, ImageColor

from indexer.audio.waveform import Waveform
from query.captions.protocol import Captioner, Decoding
from query.generation.protocol import Generator, Order, Settings
from query.generation.scheme import Models

WORDS = {0: "thunder", 3: "a dog", 5: "a bird", 7: "rain"}
"""What the colour of an axis is called, so that the toy encoder takes it for that axis."""


class Namer:
    """Says what a plain picture shows, in three ways."""

    name, licence, weights = "namer", "MIT", "abc"

    def write(self, pictures: Sequence[Image.Image], how: Decoding) -> list[list[str]]:
        near = [ImageColor.getrgb(colour) for colour in COLOURS]
        axes = [
            int(np.abs(np.array(near) - np.asarray(picture)[0, 0, :3]).sum(axis=1).argmin())
            for picture in pictures
        ]
        return [[WORDS[axis], f"{WORDS[axis]} far away", f"some {WORDS[axis]}"] for axis in axes]


class Tones:
    """Makes the tone of what a prompt names, under any model's name."""

    licence, weights, sample_rate = "CC0-1.0", "abc", 16_000

    def __init__(self, act: Callable[[Order], None] = lambda _: None, name: str = "tones") -> None:
        self.made: list[str] = []
        self._act, self.name = act, name

    def completed(self, settings: Settings) -> Settings:
        return replace(settings, steps=1, guidance=1.0)

    def make(self, order: Order) -> Waveform:
        self._act(order)
        self.made.append(order.prompt)
        axis = next(axis for axis, words in WORDS.items() if words.split()[-1] in order.prompt)
        peak = 0.3 / (1 + order.seed / 100)  # no two seeds make the same file
        samples = sounds.tone(order.settings.seconds, 16_000, hertz=HERTZ[axis], peak=peak)
        return Waveform(samples.astype(np.float32), 16_000)


class Toys(Models):
    """These two in place of large models."""

    def __init__(self, generator: Tones) -> None:
        super().__init__("tones", Path())
        object.__setattr__(self, "tones", generator)

    __slots__ = ("tones",)

    def load_generator(self) -> Generator:
        return self.tones  # type: ignore[no-any-return]

    def load_captioner(self) -> Captioner:
        return Namer()
