"""Pictures to the 1,000 ImageNet classes: EfficientNet-Lite0.

Tan and Le, EfficientNet, 2019; the "lite" form has ReLU6 and no squeeze-and-excitation. The
weights came from TensorFlow: batch normalisation has its epsilon, and a convolution of stride 2
pads one more at the end than at the start. Zeros before its kernel do the same with as much on both
sides, and spare a padded copy of its input.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from PIL import Image, ImageOps
from safetensors.torch import load_file

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

_SIZE = 224
_MEAN = 127.0
_SCALE = 128.0
_EPSILON = 1e-3
_STRIDES = (1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1, 1, 1, 1)
_NEARLY_SQUARE = 1.1

Convolution = tuple[torch.Tensor, torch.Tensor]  # weight and bias, normalisation folded in


class ImageTower:
    """`classify` gives a probability for each class."""

    def __init__(self, folder: Path, device: torch.device) -> None:
        weights = load_file(folder / "image.safetensors", device=str(device))
        self._device = device
        self._stem = _folded(weights, "_conv_stem", "_bn0", stride=2)
        self._blocks = [
            _block(weights, f"_blocks.{i}.", stride) for i, stride in enumerate(_STRIDES)
        ]
        self._head = _folded(weights, "_conv_head", "_bn1")
        self._classifier = weights["_fc.weight"], weights["_fc.bias"]

    def classify(self, images: Sequence[Image.Image]) -> NDArray[np.float32]:
        """(n, 1000) probabilities, each row adding up to 1: the mean over a picture's views."""
        return np.stack([self._probabilities(image) for image in images])

    @torch.inference_mode()
    def _probabilities(self, image: Image.Image) -> NDArray[np.float32]:
        x = torch.from_numpy(_views(image)).to(self._device)
        x = F.relu6(_convolve(x, self._stem, stride=2), inplace=True)
        for block, stride in zip(self._blocks, _STRIDES, strict=True):
            x = _inverted_residual(x, block, stride)
        x = F.relu6(_convolve(x, self._head), inplace=True).mean(dim=(2, 3))
        views = torch.softmax(F.linear(x, *self._classifier), dim=1)
        return np.asarray(views.mean(dim=0).cpu().numpy(), dtype=np.float32)


def _views(image: Image.Image) -> NDArray[np.float32]:
    """(views, 3, 224, 224): the picture's middle and, unless it is nearly square, both ends and
    all of it squeezed.

    The middle alone is 42 % of a cinema frame. The ends brought right first answers to the
    development photographs (benchmarks/retrieval) from .59 to .61.
    """
    upright = ImageOps.exif_transpose(image).convert("RGB")
    size, bicubic = (_SIZE, _SIZE), Image.Resampling.BICUBIC
    views = [ImageOps.fit(upright, size, bicubic)]
    if max(upright.size) > _NEARLY_SQUARE * min(upright.size):
        views += [ImageOps.fit(upright, size, bicubic, centering=(end, end)) for end in (0.0, 1.0)]
        views.append(upright.resize(size, bicubic))
    pixels = np.stack([np.asarray(view, dtype=np.float32) for view in views])
    return np.ascontiguousarray(((pixels - _MEAN) / _SCALE).transpose(0, 3, 1, 2))


def _inverted_residual(x: torch.Tensor, block: list[Convolution], stride: int) -> torch.Tensor:
    *expand, depthwise, project = block
    y = F.relu6(_convolve(x, expand[0]), inplace=True) if expand else x
    y = F.relu6(_convolve(y, depthwise, stride=stride, groups=y.shape[1]), inplace=True)
    y = _convolve(y, project)
    return x + y if y.shape == x.shape else y


def _convolve(x: torch.Tensor, by: Convolution, stride: int = 1, groups: int = 1) -> torch.Tensor:
    weight, bias = by
    padding = (weight.shape[-1] - stride) // 2
    return F.conv2d(x, weight, bias, stride=stride, padding=padding, groups=groups)


def _block(weights: dict[str, torch.Tensor], name: str, stride: int) -> list[Convolution]:
    steps = [
        ("_expand_conv", "_bn0", 1),
        ("_depthwise_conv", "_bn1", stride),
        ("_project_conv", "_bn2", 1),
    ]
    return [
        _folded(weights, name + conv, name + norm, at)
        for conv, norm, at in steps
        if f"{name}{conv}.weight" in weights
    ]


def _folded(weights: dict[str, torch.Tensor], conv: str, norm: str, stride: int = 1) -> Convolution:
    """A convolution and the batch normalisation after it as one convolution."""
    scale = weights[norm + ".weight"] / (weights[norm + ".running_var"] + _EPSILON).sqrt()
    bias = weights[norm + ".bias"] - weights[norm + ".running_mean"] * scale
    weight = weights[conv + ".weight"] * scale[:, None, None, None]
    if (weight.shape[-1] - stride) % 2:
        weight = F.pad(weight, (1, 0, 1, 0))
    return weight.contiguous(memory_format=torch.channels_last), bias
