"""Models that diffusers runs."""

from __future__ import annotations

import json
import warnings
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from indexer.audio.waveform import Waveform
from indexer.encoders import device as devices
from indexer.encoders import registry, weights
from indexer.encoders.pretrained import reading
from indexer.errors import GenerationError

if TYPE_CHECKING:
    from pathlib import Path

    import torch

    from query.generation.protocol import Order, Settings
    from query.generation.registry import Kind


class DiffusionGenerator:
    """One sound at a time, in float32, from noise that is drawn on the CPU: a seed gives the same
    noise on every device, but for what Stable Audio's scheduler draws where it runs."""

    def __init__(self, name: str, kind: Kind, folder: Path, device: str) -> None:
        self.name, self.licence = name, registry.entry(name).licence
        self._kind, self._folder, self._asked = kind, folder, device

    @cached_property
    def weights(self) -> str:
        return weights.digest(self._folder)

    @cached_property
    def sample_rate(self) -> int:
        part, key = ("vocoder", "sampling_rate")
        if not (self._folder / part).is_dir():
            part = "vae"
        said = json.loads((self._folder / part / "config.json").read_text("utf-8"))
        return int(said[key])

    def completed(self, settings: Settings) -> Settings:
        if not 0 < settings.seconds <= self._kind.longest:
            raise GenerationError(
                f"{self.name} makes sounds of up to {self._kind.longest:g} s: ask for less."
            )
        kind = self._kind
        return replace(
            settings,
            steps=kind.steps if settings.steps is None else settings.steps,
            guidance=kind.guidance if settings.guidance is None else settings.guidance,
        )

    def make(self, order: Order) -> Waveform:
        import torch

        how = self.completed(order.settings)
        asked = {
            self._kind.length: how.seconds,
            "num_inference_steps": how.steps,
            "guidance_scale": how.guidance,
            "generator": torch.Generator().manual_seed(order.seed),
            "output_type": "np",
            **self._said(order),
        }
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Should have t[ab]", UserWarning)  # rounding there
            made = np.asarray(self._run(asked).audios[0], dtype=np.float32)
        samples = made[None] if made.ndim == 1 else made
        return Waveform(samples[:, : round(how.seconds * self.sample_rate)], self.sample_rate)

    def _run(self, asked: dict[str, Any]) -> Any:
        """Raises GenerationError where the device has no room."""
        import torch

        try:
            return self._pipeline(**asked)
        except torch.OutOfMemoryError as error:
            raise GenerationError(
                f"{self.name} finds no room on {self._device}: ask for fewer seconds, or for "
                "--device cpu; sounds that were made are kept."
            ) from error

    def _said(self, order: Order) -> dict[str, Any]:
        import torch

        negative = {"negative_prompt": order.settings.negative} if order.settings.negative else {}
        if order.condition is None:
            return {"prompt": order.prompt, **negative}
        vector = torch.tensor([list(order.condition)], device=self._device)
        if not negative:
            return {"prompt_embeds": vector}
        words = self.meaning(order.settings.negative)
        unwanted = torch.tensor([words.tolist()], device=self._device)
        return {"prompt_embeds": vector, "negative_prompt_embeds": unwanted}

    def meaning(self, words: str) -> np.ndarray[Any, np.dtype[np.float32]]:
        """(d,) unit vector of words, where the model is conditioned by one: what else may
        condition it must lie in this space."""
        import torch

        pipe = self._pipeline
        with torch.inference_mode():
            rows = pipe._encode_prompt(words, self._device, 1, False)
        return np.asarray(rows[0].float().cpu().numpy(), dtype=np.float32)

    @cached_property
    def _device(self) -> torch.device:
        return devices.choose(self._asked)

    @cached_property
    def _pipeline(self) -> Any:
        diffusers = _diffusers(self.name)
        import torch
        import transformers

        logs: tuple[Any, ...] = (diffusers.utils.logging, transformers.logging)
        for said in logs:
            said.set_verbosity_error()
            said.disable_progress_bar()
        files = {"local_files_only": True, "use_safetensors": True}
        exact = torch.float32  # a configuration may name another type: AudioLDM 2's says float64
        with warnings.catch_warnings(), reading(self.name, self._folder):
            warnings.simplefilter("ignore", FutureWarning)  # diffusers' own, of torch
            parts = {
                part: getattr(transformers, name).from_pretrained(
                    self._folder / part, dtype=exact, **files
                )
                for part, name in self._kind.replaced
            }
            pipeline = getattr(diffusers, self._kind.pipeline)
            pipe = pipeline.from_pretrained(self._folder, torch_dtype=exact, **files, **parts)
        pipe.set_progress_bar_config(disable=True)
        return pipe.to(self._device)


def load(name: str, kind: Kind, folder: Path, device: str) -> DiffusionGenerator:
    """Raises GenerationError without the extra; WeightsMissing."""
    _diffusers(name)
    weights.require(name, folder)
    return DiffusionGenerator(name, kind, folder, device)


def _diffusers(name: str) -> Any:
    try:
        import accelerate  # noqa: F401 - loads a model part by part
        import diffusers
        import torchsde  # noqa: F401 - noise of Stable Audio
        import transformers  # noqa: F401
    except ImportError as error:
        raise GenerationError(
            f"The {name} model needs diffusers: run pip install 'sonorize[generate]'."
        ) from error
    return diffusers
