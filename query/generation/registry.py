"""The models that make sounds, known without importing any of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from indexer.encoders import registry
from indexer.errors import GenerationError

if TYPE_CHECKING:
    from pathlib import Path

    from query.generation.protocol import Generator


@dataclass(frozen=True, slots=True)
class Kind:
    """How diffusers runs a model.

    pipeline            its class
    steps, guidance     where the user does not say
    length              what the pipeline calls the seconds
    longest             seconds that it was made for
    takes_vector        it can be conditioned by a CLAP vector in place of words
    replaced            parts that are loaded as another class than its index may name
    """

    pipeline: str
    steps: int
    guidance: float
    length: str
    longest: float
    takes_vector: bool = False
    replaced: tuple[tuple[str, str], ...] = ()


KINDS = {
    "audioldm": Kind("AudioLDMPipeline", 100, 2.5, "audio_length_in_s", 30.0, takes_vector=True),
    "audioldm2": Kind(
        "AudioLDM2Pipeline",
        200,
        3.5,
        "audio_length_in_s",
        30.0,
        # repositories from before name GPT2Model, which cannot go on writing
        replaced=(("language_model", "GPT2LMHeadModel"),),
    ),
    "stable-audio-open": Kind("StableAudioPipeline", 100, 7.0, "audio_end_in_s", 47.0),
}


def names() -> tuple[str, ...]:
    return registry.names("sounds")


def load(name: str, models_dir: Path, device: str = "auto") -> Generator:
    """The model `name`, its files taken from `models_dir`/`name`; read when it first makes sound.

    Raises UnknownEncoder, WeightsMissing, which says what to run, and GenerationError, which says
    what to install.
    """
    registry.entry(name, "sounds")
    from query.generation.diffusion import load as load_diffusion

    return load_diffusion(name, KINDS[name], models_dir / name, device)


def require_vector(name: str) -> None:
    """Raises GenerationError, naming those that do, if a model takes words alone."""
    if not KINDS[registry.entry(name, "sounds").name].takes_vector:
        able = ", ".join(key for key, kind in KINDS.items() if kind.takes_vector)
        raise GenerationError(f"{name} takes words alone: use --model {able} with --via audio.")
