"""CoCa (Yu et al. 2022) as open_clip has it, with a decode loop of our own.

open_clip's `generate` needs parts of transformers that current releases have not.
"""

from __future__ import annotations

import json
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from indexer.encoders import device as devices
from indexer.encoders import weights
from indexer.encoders.pretrained import reading
from indexer.errors import EncoderError
from query.captions.decode import decode

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import torch
    from numpy.typing import NDArray
    from PIL.Image import Image

    from query.captions.protocol import Decoding

MEAN, STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
"""CLIP's, for a configuration that does not say."""


class CocaCaptioner:
    """The model is read when needed."""

    name = "coca"
    licence = "MIT"

    def __init__(self, folder: Path, device: str) -> None:
        self._folder, self._asked = folder, device

    @cached_property
    def weights(self) -> str:
        return weights.digest(self._folder)

    def write(self, pictures: Sequence[Image], how: Decoding) -> list[list[str]]:
        return [self._captions(picture, how) for picture in pictures]

    def _captions(self, picture: Image, how: Decoding) -> list[str]:
        import torch

        model, words = self._model, self._tokenizer
        pixels = torch.from_numpy(self._pixels(picture))[None].to(self._device)
        with torch.inference_mode():
            seen = model(pixels)
            latent, tokens = seen["image_features"], seen["image_embs"]

            def step(ids: torch.Tensor) -> torch.Tensor:
                said = model(
                    None,
                    ids.to(self._device),
                    image_latent=latent.expand(len(ids), -1),
                    image_embs=tokens.expand(len(ids), -1, -1),
                    output_labels=False,
                )
                scores: torch.Tensor = said["logits"][:, -1]
                return scores

            rows = decode(step, words.sot_token_id, words.eot_token_id, how)
        return [words.decode(row) for row in rows]

    def _pixels(self, picture: Image) -> NDArray[np.float32]:
        """(3, size, size): the shorter side to `size`, the middle square, normalised."""
        from PIL import Image, ImageOps

        said = self._config.get("preprocess_cfg", {})
        size = self._config["model_cfg"]["vision_cfg"]["image_size"]
        square = ImageOps.fit(picture.convert("RGB"), (size, size), Image.Resampling.BICUBIC)
        pixels = np.asarray(square, np.float32) / 255
        mean, std = said.get("mean", MEAN), said.get("std", STD)
        scaled = (pixels - np.asarray(mean, np.float32)) / np.asarray(std, np.float32)
        return np.ascontiguousarray(scaled.transpose(2, 0, 1))

    @cached_property
    def _config(self) -> Mapping[str, Any]:
        text = (self._folder / "open_clip_config.json").read_text("utf-8")
        found: Mapping[str, Any] = json.loads(text)
        return found

    @cached_property
    def _device(self) -> torch.device:
        return devices.choose(self._asked)

    @cached_property
    def _model(self) -> Any:
        from safetensors.torch import load_file

        with reading(self.name, self._folder):
            said = {k: v for k, v in self._config["model_cfg"].items() if k != "custom_text"}
            model = _open_clip().CoCa(**said)
            model.load_state_dict(load_file(self._folder / "open_clip_pytorch_model.safetensors"))
        return model.float().eval().to(self._device)

    @cached_property
    def _tokenizer(self) -> Any:
        return _open_clip().SimpleTokenizer()


def load(folder: Path, device: str) -> CocaCaptioner:
    """CoCa over the files in `folder`. Raises WeightsMissing; EncoderError without the extra."""
    _open_clip()
    weights.require(CocaCaptioner.name, folder)
    return CocaCaptioner(folder, device)


def _open_clip() -> Any:
    try:
        import open_clip
    except (
        ImportError,
        RuntimeError,
    ) as error:  # beside a torchvision for another torch: RuntimeError
        raise EncoderError(
            "The coca model needs open_clip, and a torchvision that fits this torch: run "
            "pip install 'sonorize[coca]'."
        ) from error
    return open_clip
