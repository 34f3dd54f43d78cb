"""Sounds to a likeness vector and to the 82 UCS categories: the network of aiSFX.

Ma and Lerch, Representation Learning for the Automatic Indexing of Sound Effects Libraries,
ISMIR 2022; weights CC BY 4.0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from safetensors.torch import load_file

from indexer import ucs
from indexer.encoders.starter.block import FFT, FRAMES, HOP, block, mel_bands
from indexer.encoders.starter.files import HEADS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from indexer.audio.waveform import Waveform

_BATCH_ON_CPU = 8  # larger is no faster there and takes 8 MB a window
_BATCH = 64
_EPSILON = 1e-5
_TEMPERATURE = 2.0
_FULL_SCALE = 9.457798957824707  # the largest log energy in the training set

# Each head knows the categories in alphabetical order, without these.
_LACKING = (
    "ARCHIVED, CLOCKS, LEATHER, WINDOWS",
    "ARCHIVED, GAMES, GEOTHERMAL",
    "ARCHIVED, CLOCKS, DESTRUCTION, DIRT & SAND, FOOD & DRINK, LIQUID & MUD, MACHINES, "
    "NATURAL DISASTER, ROCKS, SCIFI, SNOW, SPORTS, WINDOWS",
)


class AudioTower:
    """`hear` gives a likeness vector and category probabilities for each window."""

    def __init__(self, folder: Path, device: torch.device) -> None:
        weights = load_file(folder / "audio.safetensors", device=str(device))
        self._device = device
        self._batch = _BATCH_ON_CPU if device.type == "cpu" else _BATCH
        self._bands = torch.from_numpy(mel_bands()).to(device)
        self._hann = torch.hann_window(FFT, device=device)
        self._convolutions = [
            _folded(weights, f"embedding_net.conv_block{block}.", step)
            for block in (1, 2, 3, 4)
            for step in (1, 2)
        ]
        self._heads = [
            [(weights[f"fc.{head}.{i}.weight"], weights[f"fc.{head}.{i}.bias"]) for i in (0, 2, 4)]
            for head in range(HEADS)
        ]
        self._columns = [torch.from_numpy(columns).to(device) for columns in head_columns()]

    def hear(self, waveforms: Sequence[Waveform]) -> tuple[NDArray[np.float32], ...]:
        """(n, 512) unit rows of likeness and (n, 82) probabilities; a silent window is zeros."""
        likeness = [np.zeros((0, 512), dtype=np.float32)]
        categories = [np.zeros((0, len(ucs.categories())), dtype=np.float32)]
        for start in range(0, len(waveforms), self._batch):
            blocks = np.stack([block(w) for w in waveforms[start : start + self._batch]])
            vectors, probabilities = self._forward(torch.from_numpy(blocks).to(self._device))
            likeness.append(vectors.cpu().numpy())
            categories.append(probabilities.cpu().numpy())
        return np.concatenate(likeness), np.concatenate(categories)

    @torch.inference_mode()
    def _forward(self, blocks: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        heard = blocks.abs().amax(dim=1, keepdim=True) > 0
        x = self._spectrogram(blocks)[:, None]  # (B, 1, frames, bands)
        for i, (weight, bias) in enumerate(self._convolutions):
            x = F.relu(F.conv2d(x, weight, bias, padding=1))
            if i in (1, 3, 5):
                x = F.max_pool2d(x, 2)
        vectors = x.mean(dim=3).amax(dim=2)  # the mean over bands, the most over time
        return F.normalize(vectors, dim=1) * heard, self._probabilities(vectors) * heard

    def _spectrogram(self, blocks: torch.Tensor) -> torch.Tensor:
        """(B, samples) to (B, frames, bands): log10(1 + 10000 · mel energy), scaled to 0..1."""
        spectrum = torch.stft(
            blocks, FFT, HOP, window=self._hann, pad_mode="constant", return_complex=True
        )[:, :, :FRAMES]
        energy = self._bands @ spectrum.abs().square()
        return torch.log10(1.0 + 1e4 * energy).transpose(1, 2) / _FULL_SCALE

    def _probabilities(self, vectors: torch.Tensor) -> torch.Tensor:
        """(B, 512) to (B, 82): for each category the mean over the heads that know it."""
        total = vectors.new_zeros(len(vectors), len(ucs.categories()))
        known = total.new_zeros(total.shape[1])
        for layers, columns in zip(self._heads, self._columns, strict=True):
            x = F.relu(F.linear(vectors, *layers[0]))
            x = F.linear(F.relu(F.linear(x, *layers[1])), *layers[2])
            total[:, columns] += torch.softmax(x / _TEMPERATURE, dim=1)
            known[columns] += 1
        return total / known.clamp_min(1)


def head_columns() -> list[NDArray[np.int64]]:
    """For each head, the place of its classes among the 82 categories."""
    names = [category.name for category in ucs.categories()]
    return [
        np.array([i for i, name in enumerate(names) if name not in lacking.split(", ")])
        for lacking in _LACKING
    ]


def _folded(
    weights: dict[str, torch.Tensor], block: str, step: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """A convolution and the batch normalisation after it as one convolution."""
    norm = f"{block}bn{step}."
    scale = weights[norm + "weight"] / (weights[norm + "running_var"] + _EPSILON).sqrt()
    bias = weights[norm + "bias"] - weights[norm + "running_mean"] * scale
    weight = weights[f"{block}conv{step}.weight"] * scale[:, None, None, None]
    return weight.contiguous(memory_format=torch.channels_last), bias
