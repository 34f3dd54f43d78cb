"""ImageBind as an Encoder: each tower is read when it is first needed."""

from __future__ import annotations

import hashlib
import zlib
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Literal, TypeVar

import numpy as np
import torch

from indexer.audio.window import OFFICIAL, WindowRule
from indexer.encoders import device as devices
from indexer.encoders import weights
from indexer.encoders.imagebind import towers
from indexer.encoders.imagebind.pixels import pixels
from indexer.encoders.imagebind.spectrum import SAMPLE_RATE, VERSION, spectra
from indexer.encoders.imagebind.tokens import Words
from indexer.encoders.written import written
from indexer.errors import WeightsDamaged
from indexer.geometry import normalize

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray
    from PIL.Image import Image

    from indexer.audio.waveform import Waveform
    from indexer.encoders.protocol import Modality, Part, Setup, Vectors

T = TypeVar("T")

_BYTES = 64_000_000  # of activations for one picture, with room to spare
_MOST = 128


class ImageBindEncoder:
    """Rows of length 1. The model's own vectors are `tower(name).scale` times as long: 1 for
    pictures, 20 for sounds, so that a file's is 20 times the mean of its windows' rows."""

    name = "imagebind"
    licence = "CC-BY-NC-SA-4.0"
    caveat = "ImageBind: for non-commercial use only (CC BY-NC-SA 4.0)"
    sample_rate = SAMPLE_RATE
    resampler: Literal["soxr", "sinc"] = "sinc"
    dims: Mapping[Part, int]
    modalities: frozenset[Modality] = frozenset({"audio", "image", "text"})
    metadata_weight = 0.5
    keeps_metadata = False
    raw_scale = 20.0

    def __init__(self, folder: Path, setup: Setup, sizes: Mapping[towers.Name, towers.Size]):
        self._folder = folder
        self._setup = setup
        self._sizes = sizes
        self.window = OFFICIAL if setup.windows == "official" else WindowRule(2.0, 2.0)
        self.dims = {"audio": sizes["audio"].out, "metadata": sizes["text"].out}

    @property
    def device(self) -> str:
        return self._device.type

    def fingerprint(self, part: Part) -> str:
        hashes = weights.hashes(self._folder)
        made_of = {
            "audio": (hashes["audio.safetensors"], VERSION, self.resampler, self.window),
            "metadata": (hashes["text.safetensors"], hashes["vocabulary.txt.gz"]),
        }
        facts = (self.name, part, self.dims[part], *made_of[part])
        return hashlib.sha256(repr(facts).encode()).hexdigest()

    def embed_audio(self, waveforms: Sequence[Waveform]) -> Vectors:
        return {"audio": self._rows(self._hear(waveforms))}

    def embed_metadata(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return written(texts, self.dims["metadata"], lambda said: self._rows(self._read(said)))

    def embed_images(self, images: Sequence[Image]) -> Vectors:
        return self._question(self._see(images))

    def embed_texts(self, texts: Sequence[str]) -> Vectors:
        return self._question(self._read(texts))

    def tower(self, name: towers.Name) -> towers.Tower:
        """The network for one modality, read from its file. Raises WeightsDamaged."""
        from safetensors.torch import load_file

        path = self._folder / f"{name}.safetensors"
        with _whole(path):
            tower = towers.load(name, load_file(path), self._sizes[name])
        return tower.to(self._device, self._dtype)

    @cached_property
    def _hear(self) -> devices.Batches[Waveform, NDArray[np.float32]]:
        rule = self._setup.windows
        return self._batches("audio", lambda batch: spectra(batch, rule).to(self._dtype))

    @cached_property
    def _see(self) -> devices.Batches[Image, NDArray[np.float32]]:
        return self._batches("vision", lambda batch: pixels(batch).to(self._dtype))

    @cached_property
    def _read(self) -> devices.Batches[str, NDArray[np.float32]]:
        path = self._folder / "vocabulary.txt.gz"
        with _whole(path):
            words = Words(path)
        return self._batches("text", words.tokens)

    def _batches(
        self, name: towers.Name, prepare: Callable[[Sequence[T]], torch.Tensor]
    ) -> devices.Batches[T, NDArray[np.float32]]:
        tower = self.tower(name)

        @torch.inference_mode()
        def run(batch: Sequence[T]) -> NDArray[np.float32]:
            vectors: torch.Tensor = tower(prepare(batch).to(self._device))
            return np.asarray(vectors.float().cpu().numpy(), dtype=np.float32)

        return devices.Batches(run, devices.room(self._device, _BYTES, _MOST))

    def _question(self, batches: list[NDArray[np.float32]]) -> Vectors:
        rows = self._rows(batches)
        return {"audio": rows, "metadata": rows}

    def _rows(self, batches: list[NDArray[np.float32]]) -> NDArray[np.float32]:
        none = np.zeros((0, self.dims["audio"]), dtype=np.float32)
        return normalize(np.concatenate([none, *batches]))

    @cached_property
    def _device(self) -> torch.device:
        return devices.choose(self._setup.device)

    @cached_property
    def _dtype(self) -> torch.dtype:
        if self._setup.precision == "float32":
            return torch.float32
        return devices.fast_dtype(self._device)


@contextmanager
def _whole(path: Path) -> Iterator[None]:
    """What reading a file that has changed comes to, in words."""
    from safetensors import SafetensorError

    try:
        yield
    except (SafetensorError, zlib.error, EOFError, OSError, RuntimeError, ValueError) as error:
        raise WeightsDamaged(
            f"{path} has changed since it was fetched: run sonorize models fetch "
            f"{ImageBindEncoder.name}."
        ) from error


def load(
    folder: Path, setup: Setup, sizes: Mapping[towers.Name, towers.Size] = towers.FULL
) -> ImageBindEncoder:
    """The encoder over the files in `folder`. Raises WeightsMissing, saying what to run."""
    weights.require(ImageBindEncoder.name, folder)
    return ImageBindEncoder(folder, setup, sizes)
