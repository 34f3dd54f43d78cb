"""What every captioner promises, and how it is asked to choose its words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PIL.Image import Image


@dataclass(frozen=True, slots=True)
class Decoding:
    """How captions are chosen among all that a model could write.

    count         captions of each picture
    method        beam: the likeliest ones, found by beam search. sample: drawn by chance
    beams         kept at each step of the search; `count` at least
    top_k         drawn among the k likeliest next tokens; 0 for all
    top_p         drawn among the likeliest tokens that have this probability together, 0..1
    temperature   above 1 more even, below 1 more alike
    shortest, longest   tokens of a caption
    seed          of what is drawn
    """

    count: int = 5
    method: Literal["beam", "sample"] = "sample"
    beams: int = 5
    top_k: int = 50
    top_p: float = 0.9
    temperature: float = 1.0
    shortest: int = 5
    longest: int = 30
    seed: int = 0


class Captioner(Protocol):
    """A model that says what a picture shows.

    name      as the registry has it
    licence   SPDX id of the weights
    weights   what of its files, in 12 hex digits
    """

    @property
    def name(self) -> str: ...
    @property
    def licence(self) -> str: ...
    @property
    def weights(self) -> str: ...

    def write(self, pictures: Sequence[Image], how: Decoding) -> list[list[str]]:
        """For each picture `how.count` captions as the model has them, some of them alike.

        The same for the same picture, settings and device: in float32, since which type is fast
        is tried out anew on each run, and another would draw other words.
        """
        ...
