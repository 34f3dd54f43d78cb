"""What every model that makes sounds promises, and how it is asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from indexer.audio.waveform import Waveform


@dataclass(frozen=True, slots=True)
class Settings:
    """How a sound is made, the model's own where None.

    seconds    of sound
    steps      of denoising: more take longer and sound cleaner
    guidance   how closely the prompt is followed; at 1 it is not enforced
    negative   what is not to be heard
    """

    seconds: float = 10.0
    steps: int | None = None
    guidance: float | None = None
    negative: str = ""


@dataclass(frozen=True, slots=True)
class Order:
    """One sound to be made.

    condition  a unit vector in place of the prompt, for a model that takes one; the prompt then
               only names it
    sources    what the vector was made of, for the record
    """

    prompt: str
    seed: int
    settings: Settings
    condition: Sequence[float] | None = None
    sources: Sequence[Mapping[str, str]] = ()


class Generator(Protocol):
    """A model that makes sounds.

    name          as the registry has it
    licence       SPDX id of the weights, which its sounds are kept under
    weights       what of its files, in 12 hex digits
    sample_rate   Hz of what it makes; it holds nothing above half of that
    """

    @property
    def name(self) -> str: ...
    @property
    def licence(self) -> str: ...
    @property
    def weights(self) -> str: ...
    @property
    def sample_rate(self) -> int: ...

    def completed(self, settings: Settings) -> Settings:
        """With the model's own figures in place of None.

        Raises GenerationError for what it cannot make.
        """
        ...

    def make(self, order: Order) -> Waveform:
        """The sound, the same for the same order and files; no longer than was asked."""
        ...
