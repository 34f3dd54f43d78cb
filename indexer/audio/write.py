"""Sound to a file."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Literal

import soundfile

from indexer.audio.waveform import Waveform


def write_wav(path: Path, waveform: Waveform, bits: Literal[16, 24, 32] = 24) -> None:
    """A WAV of `bits` per sample (32: float); louder than full scale is clipped at 16 and 24.

    Written beside `path` and renamed, so `path` is never half a file.
    """
    path = Path(path)
    subtype = {16: "PCM_16", 24: "PCM_24", 32: "FLOAT"}[bits]
    handle, aside = tempfile.mkstemp(dir=path.parent, prefix=".sonorize-", suffix=".wav")
    try:
        with os.fdopen(handle, "wb") as file:
            soundfile.write(
                file, waveform.samples.T, waveform.sample_rate, subtype=subtype, format="WAV"
            )
            file.flush()
            os.fsync(file.fileno())
        Path(aside).replace(path)
    except BaseException:
        Path(aside).unlink(missing_ok=True)
        raise
