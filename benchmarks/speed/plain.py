"""What a build is measured against: the encoder alone, and other ways to feed it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from indexer.audio.decode import blocks
from indexer.audio.resample import resample
from indexer.audio.waveform import Waveform
from indexer.audio.window import WindowRule, windows
from indexer.encoders.imagebind.encoder import ImageBindEncoder
from indexer.encoders.imagebind.towers import FULL, build
from indexer.encoders.protocol import Setup
from indexer.errors import AudioError

if TYPE_CHECKING:
    from indexer.encoders.protocol import Encoder, Part

BATCH = 32
READERS = 1  # processes that read; the encoder has the other of two cores


def bare(encoder: Encoder, heard: Sequence[Waveform]) -> None:
    """The forward passes alone."""
    for at in range(0, len(heard), BATCH):
        encoder.embed_audio(heard[at : at + BATCH])


def loop(encoder: Encoder, folder: Path, into: Path) -> None:
    """What one would write first: file after file decoded, embedded, appended."""
    rows = []
    for path in sorted(folder.rglob("*.wav")):
        if waves := list(windows_in(path, encoder.sample_rate, encoder.window)):
            rows.append(encoder.embed_audio(waves)["audio"])
    np.save(into, np.concatenate(rows))


def pipeline(encoder: Encoder, folder: Path, into: Path) -> None:
    """As clip-retrieval does it: a DataLoader of processes reads, its batches are mapped, written.

    (Its runner: reader → mapper → writer, the writer with a buffer that becomes one .npy.)
    """
    files = Files(sorted(folder.rglob("*.wav")), encoder.sample_rate, encoder.window)
    reader: Any = DataLoader(files, BATCH, num_workers=READERS, collate_fn=list, prefetch_factor=2)
    rows = []
    for batch in reader:
        waves = [Waveform(samples.numpy(), encoder.sample_rate) for samples in batch]
        rows.append(encoder.embed_audio(waves)["audio"])
    np.save(into, np.concatenate(rows))


class Files(IterableDataset[torch.Tensor]):
    """(channels, n) windows of files, of which each process reads its share."""

    def __init__(self, paths: Sequence[Path], rate: int, rule: WindowRule) -> None:
        self._paths, self._rate, self._rule = paths, rate, rule

    def __iter__(self) -> Iterator[torch.Tensor]:
        worker = get_worker_info()
        first, step = (worker.id, worker.num_workers) if worker else (0, 1)
        for path in islice(self._paths, first, None, step):
            for waveform in windows_in(path, self._rate, self._rule):
                yield torch.from_numpy(waveform.samples)


def windows_in(path: Path, rate: int, rule: WindowRule) -> Iterator[Waveform]:
    try:
        for window in windows(resample(blocks(path), rate), rule):
            yield window.waveform
    except AudioError:
        return


class RandomImageBind(ImageBindEncoder):
    """ImageBind's tower for sounds in full size, with weights that mean nothing."""

    def __init__(self) -> None:
        super().__init__(Path(), Setup("cpu"), FULL)

    def fingerprint(self, part: Part) -> str:
        return f"random {part}"

    def tower(self, name: Any) -> Any:
        torch.manual_seed(0)
        made = build(name).eval().requires_grad_(False)
        for weight in made.parameters():
            weight.normal_(std=0.02)
        return made.to(self._device, self._dtype)
