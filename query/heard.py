"""Sound files: heard as a question, and cut as an answer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from indexer import geometry
from indexer.audio.waveform import Waveform
from indexer.errors import AudioError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from indexer.catalog.answers import SoundInfo
    from indexer.encoders.protocol import Encoder, Vectors


def embed_file(path: Path, encoder: Encoder) -> Vectors:
    """(1, dim) clip vectors of what is heard in a file, as the build makes them.

    Raises AudioError.
    """
    windows = embed_windows(path, encoder)
    return {part: geometry.mean_direction(rows)[None] for part, rows in windows.items()}


def embed_windows(path: Path, encoder: Encoder) -> Vectors:
    """(windows, dim) vectors of what is heard in a file, one row or more. Raises AudioError."""
    from indexer.audio.decode import blocks
    from indexer.audio.resample import resample
    from indexer.audio.window import batched, windows

    if path.is_dir():
        raise AudioError(f"{path} is a folder: give a sound file.")
    if not path.is_file():
        raise AudioError(f"There is no file {path}: check the name.")
    stream = resample(blocks(path), encoder.sample_rate, encoder.resampler)
    cut = windows(stream, encoder.window)
    batches = [
        encoder.embed_audio([window.waveform for window in batch]) for batch in batched(cut, 32)
    ]
    if not batches:
        raise AudioError(f"{path} is too short to be heard: give a longer sound.")
    return {part: np.concatenate([batch[part] for batch in batches]) for part in batches[0]}


def embed_file_and_text(path: Path, encoder: Encoder) -> Vectors:
    """`embed_file`, with the metadata part of its tags and name. Raises AudioError."""
    from indexer.build.words import file_text

    vectors = dict(embed_file(path, encoder))
    if "metadata" in encoder.dims:
        vectors["metadata"] = encoder.embed_metadata([file_text(path)])
    return vectors


def cut(sound: SoundInfo, start: float, end: float) -> tuple[float, float]:
    """The window moved to usable edit points, as far as the file can be read now; seconds."""
    from indexer.audio.decode import blocks
    from indexer.audio.edit import LEAD_SECONDS, edit_points

    if sound.state != "present":
        return start, end
    offset = max(0.0, start - LEAD_SECONDS)
    parts: list[NDArray[np.float32]] = []
    length = 0.0
    try:
        stream = blocks(sound.path, start=offset)
        for block in stream:
            parts.append(block.samples)
            length += block.duration
            if offset + length >= end:
                stream.close()
                break
    except (AudioError, OSError):
        return start, end
    if not parts:
        return start, end
    region = Waveform(np.concatenate(parts, axis=1), block.sample_rate)
    return edit_points(region, start, end, offset=offset)
