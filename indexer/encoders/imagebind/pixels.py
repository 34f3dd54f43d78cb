"""What the vision tower takes in: the middle of a picture, 224 × 224."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image

from indexer.errors import PictureError

if TYPE_CHECKING:
    from collections.abc import Sequence

SIDE = 224
LONGEST = 1000  # long sides to a short one: scaled up, a thinner picture would fill the memory
# mean and deviation of red, green and blue in 0..1 (Radford et al. 2021, CLIP)
MEAN = torch.tensor([0.48145466, 0.4578275, 0.40821073])
DEVIATION = torch.tensor([0.26862954, 0.26130258, 0.27577711])


def pixels(images: Sequence[Image.Image]) -> torch.Tensor:
    """(n, 3, 224, 224) float32: the short side to 224, the middle of the long one.

    Raises PictureError for one that is no more than a line.
    """
    return torch.stack([_pixels(image) for image in images])


def _pixels(image: Image.Image) -> torch.Tensor:
    small = _middle(_scaled(image.convert("RGB")))
    values = torch.from_numpy(np.asarray(small, dtype=np.float32)) / 255
    return ((values - MEAN) / DEVIATION).permute(2, 0, 1)


def _scaled(image: Image.Image) -> Image.Image:
    width, height = image.size
    short, long = min(width, height), max(width, height)
    if long > LONGEST * short:
        raise PictureError(
            f"A picture of {width:,} × {height:,} pixels is a line: crop it, or take another."
        )
    reached = int(SIDE * long / short)
    size = (SIDE, reached) if width <= height else (reached, SIDE)
    return image if size == image.size else image.resize(size, Image.Resampling.BICUBIC)


def _middle(image: Image.Image) -> Image.Image:
    left, top = (round((length - SIDE) / 2) for length in image.size)
    return image.crop((left, top, left + SIDE, top + SIDE))
