"""CLAP: words and sounds in one space (Wu et al. 2023), through transformers.

A sound is cut into 10 s windows at 48 kHz. A shorter one is repeated as often as it fits into
the window, then padded with zeros, as its authors do; zeros at the end of a window count as
padding. Channels are averaged; where they cancel out (below a tenth of the loudest channel's
energy) the loudest one is heard.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from indexer.encoders import device as devices
from indexer.encoders import weights
from indexer.encoders.hub import HubFile
from indexer.encoders.protocol import WindowRule
from indexer.encoders.weights import Component, ModelFiles
from indexer.errors import EncoderError, ModalityMissing
from indexer.geometry import normalize

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    import torch
    from numpy.typing import NDArray
    from PIL.Image import Image

    from indexer.audio.waveform import Waveform
    from indexer.encoders.protocol import Modality, Part, Setup, Vectors

REPO = "laion/larger_clap_general"
VERSION = "1"
BATCH = 8


def _component(filename: str) -> Component:
    def unpack(fetched: Path, folder: Path) -> None:
        shutil.copyfile(fetched, folder / filename)

    return Component(HubFile(REPO, "main", filename), "Apache-2.0", (filename,), unpack)


FILES = ModelFiles(
    name="clap",
    components=tuple(
        _component(name)
        for name in (
            "config.json",
            "preprocessor_config.json",
            "tokenizer.json",
            "tokenizer_config.json",
            "model.safetensors",
        )
    ),
)


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

    def __init__(self, folder: Path, device: str) -> None:
        self._folder = folder
        self._device_name = device
        self._hash = weights.hashes(folder)["model.safetensors"]
        width = json.loads((folder / "config.json").read_text("utf-8"))["projection_dim"]
        self.dims: Mapping[Part, int] = {"audio": width, "metadata": width}

    def fingerprint(self, part: Part) -> str:
        facts = (self.name, part, self.dims[part], self._hash, VERSION, self.window)
        return hashlib.sha256(repr(facts).encode()).hexdigest()

    def embed_audio(self, waveforms: Sequence[Waveform]) -> Vectors:
        return {"audio": self._rows(list(waveforms), self._hear)}

    def embed_metadata(self, texts: Sequence[str]) -> NDArray[np.float32]:
        rows = np.zeros((len(texts), self.dims["metadata"]), dtype=np.float32)
        some = [i for i, text in enumerate(texts) if text.strip()]
        if some:
            rows[some] = self._rows([texts[i] for i in some], self._read)
        return rows

    def embed_images(self, images: Sequence[Image]) -> Vectors:
        raise ModalityMissing("The clap model sees no pictures: ask it with --text.")

    def embed_texts(self, texts: Sequence[str]) -> Vectors:
        rows = self._rows(list(texts), self._read)
        return {"audio": rows, "metadata": rows}

    def _rows(
        self, items: list[Any], run: Callable[[list[Any]], torch.Tensor]
    ) -> NDArray[np.float32]:
        import torch

        rows = [np.zeros((0, self.dims["audio"]), dtype=np.float32)]
        with torch.inference_mode():
            for i in range(0, len(items), BATCH):
                rows.append(run(items[i : i + BATCH]).float().cpu().numpy())
        return normalize(np.concatenate(rows))

    def _hear(self, waveforms: list[Waveform]) -> torch.Tensor:
        heard = self._extractor(
            [_mono(w) for w in waveforms],
            sampling_rate=self.sample_rate,
            return_tensors="pt",
        ).to(self._model.device)
        found: torch.Tensor = self._model.get_audio_features(**heard).pooler_output
        return found

    def _read(self, texts: list[str]) -> torch.Tensor:
        words = self._tokenizer(texts, padding=True, truncation=True, return_tensors="pt")
        found: torch.Tensor = self._model.get_text_features(
            **words.to(self._model.device)
        ).pooler_output
        return found

    @cached_property
    def _model(self) -> Any:
        transformers = _transformers()
        model = transformers.ClapModel.from_pretrained(
            self._folder, local_files_only=True, use_safetensors=True
        )
        return model.float().eval().to(devices.choose(self._device_name))

    @cached_property
    def _extractor(self) -> Any:
        return _transformers().ClapFeatureExtractor.from_pretrained(
            self._folder, local_files_only=True
        )

    @cached_property
    def _tokenizer(self) -> Any:
        return _transformers().AutoTokenizer.from_pretrained(self._folder, local_files_only=True)


def load(folder: Path, setup: Setup) -> ClapEncoder:
    """CLAP over the files in `folder`. Raises WeightsMissing; EncoderError without the extra."""
    _transformers()
    weights.require(ClapEncoder.name, folder)
    return ClapEncoder(folder, setup.device)


def _transformers() -> Any:
    try:
        import transformers
    except ImportError as error:
        raise EncoderError(
            "The clap model needs transformers: run pip install 'sonorize[clap]'."
        ) from error
    logging: Any = transformers.logging
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    return transformers


def _mono(waveform: Waveform) -> NDArray[np.float32]:
    samples = waveform.samples.astype(np.float64)
    mean = samples.mean(axis=0)
    energies = (samples**2).sum(axis=1)
    if (mean**2).sum() < 0.1 * energies.max():
        mean = samples[energies.argmax()]
    heard = np.trim_zeros(mean, "b")
    return (heard if heard.size else np.zeros(1)).astype(np.float32)
