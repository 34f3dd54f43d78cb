"""CLAP: words and sounds in one space (Wu et al. 2023), through transformers.

A sound is cut into 10 s windows at 48 kHz. A shorter one is repeated as often as it fits into
the window, then padded with zeros, as its authors do; zeros at the end of a window count as
padding. Channels are averaged, or the loudest is taken where they cancel out.
"""

from __future__ import annotations

import hashlib
import json
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import numpy as np

from indexer.encoders import device as devices
from indexer.encoders import weights
from indexer.encoders.pretrained import component, computing, converted, library, trimmed
from indexer.encoders.protocol import WindowRule
from indexer.encoders.weights import ModelFiles
from indexer.encoders.written import written
from indexer.errors import ModalityMissing
from indexer.geometry import normalize

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    import torch
    from numpy.typing import NDArray
    from PIL.Image import Image

    from indexer.audio.waveform import Waveform
    from indexer.encoders.protocol import Modality, Part, Setup, Vectors

T = TypeVar("T")

REPO, REVISION = "laion/larger_clap_general", "ada0c23a36c4e8582805bb38fec3905903f18b41"
VERSION = "1"
_BYTES = 60_000_000  # of activations for one window, with room to spare
_MOST = 128


def files(name: str, repo: str, revision: str) -> ModelFiles:
    """A CLAP as its authors keep it: the weights are a torch checkpoint."""
    plain = ("config.json", "preprocessor_config.json", "tokenizer.json", "tokenizer_config.json")
    return ModelFiles(
        name,
        (
            *(component(repo, each, "Apache-2.0", revision) for each in plain),
            converted(repo, "Apache-2.0", revision),
        ),
    )


FILES = files("clap", REPO, REVISION)


class ClapEncoder:
    """Sounds, and words as questions and as what is written; the model is read when needed."""

    name = "clap"
    licence = "Apache-2.0"
    caveat = ""
    sample_rate = 48000
    resampler: Literal["soxr", "sinc"] = "soxr"
    window = WindowRule(seconds=10.0, hop=10.0)
    modalities: frozenset[Modality] = frozenset({"audio", "text"})
    metadata_weight = 0.5
    keeps_metadata = False

    def __init__(self, folder: Path, setup: Setup) -> None:
        self._folder = folder
        self._setup = setup
        self._hashes = weights.hashes(folder)
        width = json.loads((folder / "config.json").read_text("utf-8"))["projection_dim"]
        self.dims: Mapping[Part, int] = {"audio": width, "metadata": width}

    @property
    def device(self) -> str:
        return self._device.type

    def fingerprint(self, part: Part) -> str:
        read = {
            "audio": ("model.safetensors", "config.json", "preprocessor_config.json"),
            "metadata": (
                "model.safetensors", "config.json", "tokenizer.json", "tokenizer_config.json"
            ),
        }  # fmt: skip
        heard = (VERSION, self.resampler, self.window) if part == "audio" else ()
        made_of = [self._hashes[name] for name in read[part]]
        facts = (self.name, part, self.dims[part], made_of, *heard)
        return hashlib.sha256(repr(facts).encode()).hexdigest()

    def embed_audio(self, waveforms: Sequence[Waveform]) -> Vectors:
        return {"audio": self._rows(self._hear(waveforms))}

    def embed_metadata(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return written(texts, self.dims["metadata"], lambda said: self._rows(self._read(said)))

    def embed_images(self, images: Sequence[Image]) -> Vectors:
        raise ModalityMissing(
            "The clap model sees no pictures: ask this library with query-by-text or "
            "query-by-sound, or change it to a model that does with `sonorize library reembed`."
        )

    def embed_texts(self, texts: Sequence[str]) -> Vectors:
        rows = self._rows(self._read(texts))
        return {"audio": rows, "metadata": rows}

    def _rows(self, batches: list[NDArray[np.float32]]) -> NDArray[np.float32]:
        none = np.zeros((0, self.dims["audio"]), dtype=np.float32)
        return normalize(np.concatenate([none, *batches]))

    @cached_property
    def _hear(self) -> devices.Batches[Waveform, NDArray[np.float32]]:
        model, extractor = self._model, self._extractor

        def run(waveforms: Sequence[Waveform]) -> torch.Tensor:
            heard = extractor(
                [trimmed(w) for w in waveforms], sampling_rate=self.sample_rate, return_tensors="pt"
            )
            found: torch.Tensor = model.get_audio_features(**heard.to(self._device)).pooler_output
            return found

        return self._batches(run)

    @cached_property
    def _read(self) -> devices.Batches[str, NDArray[np.float32]]:
        model, tokenizer = self._model, self._tokenizer

        def run(texts: Sequence[str]) -> torch.Tensor:
            words = tokenizer(list(texts), padding=True, truncation=True, return_tensors="pt")
            found: torch.Tensor = model.get_text_features(**words.to(self._device)).pooler_output
            return found

        return self._batches(run)

    def _batches(
        self, run: Callable[[Sequence[T]], torch.Tensor]
    ) -> devices.Batches[T, NDArray[np.float32]]:
        import torch

        exact = self._setup.precision == "float32"
        dtype = torch.float32 if exact else devices.fast_dtype(self._device)

        def rows(items: Sequence[T]) -> NDArray[np.float32]:
            with torch.inference_mode(), computing(self._device, dtype):
                return np.asarray(run(items).float().cpu().numpy(), dtype=np.float32)

        return devices.Batches(rows, devices.room(self._device, _BYTES, _MOST))

    @cached_property
    def _device(self) -> torch.device:
        return devices.choose(self._setup.device)

    @cached_property
    def _model(self) -> Any:
        model = _transformers().ClapModel.from_pretrained(
            self._folder, local_files_only=True, use_safetensors=True
        )
        return model.float().eval().to(self._device)

    @cached_property
    def _extractor(self) -> Any:
        return _transformers().ClapFeatureExtractor.from_pretrained(
            self._folder, local_files_only=True
        )

    @cached_property
    def _tokenizer(self) -> Any:
        return _transformers().AutoTokenizer.from_pretrained(
            self._folder, local_files_only=True, trust_remote_code=False
        )


def load(folder: Path, setup: Setup) -> ClapEncoder:
    """CLAP over the files in `folder`. Raises WeightsMissing; EncoderError without the extra."""
    _transformers()
    weights.require(ClapEncoder.name, folder)
    return ClapEncoder(folder, setup)


def _transformers() -> Any:
    return library(ClapEncoder.name, "ClapModel")
