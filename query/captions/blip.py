"""BLIP (Li et al. 2022), through transformers."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from indexer.encoders import device as devices
from indexer.encoders import weights
from indexer.encoders.pretrained import library, reading

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import torch
    from PIL.Image import Image

    from query.captions.protocol import Decoding


class BlipCaptioner:
    """Writes with the model's own search and drawing; it is read when needed."""

    name = "blip"
    licence = "BSD-3-Clause"

    def __init__(self, folder: Path, device: str) -> None:
        self._folder, self._asked = folder, device

    @cached_property
    def weights(self) -> str:
        return weights.digest(self._folder)

    def write(self, pictures: Sequence[Image], how: Decoding) -> list[list[str]]:
        return [self._captions(picture, how) for picture in pictures]

    def _captions(self, picture: Image, how: Decoding) -> list[str]:
        import torch

        pixels = self._processor(images=[picture], return_tensors="pt").to(self._device)
        with torch.inference_mode(), torch.random.fork_rng():
            torch.manual_seed(how.seed)
            ids = self._model.generate(**pixels, **_options(how)).cpu()
        return list(self._tokenizer.batch_decode(ids[:, 1:], skip_special_tokens=True))

    @cached_property
    def _device(self) -> torch.device:
        return devices.choose(self._asked)

    @cached_property
    def _model(self) -> Any:
        with reading(self.name, self._folder):
            model = _transformers().BlipForConditionalGeneration.from_pretrained(
                self._folder, local_files_only=True, use_safetensors=True
            )
        return model.float().eval().to(self._device)

    @cached_property
    def _processor(self) -> Any:
        with reading(self.name, self._folder):
            return _transformers().BlipImageProcessorPil.from_pretrained(
                self._folder, local_files_only=True
            )

    @cached_property
    def _tokenizer(self) -> Any:
        with reading(self.name, self._folder):
            return _transformers().AutoTokenizer.from_pretrained(
                self._folder, local_files_only=True, trust_remote_code=False
            )


def load(folder: Path, device: str) -> BlipCaptioner:
    """BLIP over the files in `folder`. Raises WeightsMissing; EncoderError without the extra."""
    _transformers()
    weights.require(BlipCaptioner.name, folder)
    return BlipCaptioner(folder, device)


def _options(how: Decoding) -> dict[str, Any]:
    """As transformers names them."""
    length = {"min_new_tokens": how.shortest, "max_new_tokens": how.longest}
    count = {"num_return_sequences": how.count}
    if how.method == "beam":
        return {**length, **count, "num_beams": max(how.beams, how.count), "early_stopping": True}
    drawn = {"top_k": how.top_k, "top_p": how.top_p, "temperature": how.temperature}
    return {**length, **count, **drawn, "do_sample": True, "num_beams": 1}


def _transformers() -> Any:
    return library(BlipCaptioner.name, "BlipForConditionalGeneration")
