"""Sound to a WAV file, with what a broadcast WAV says of itself (EBU Tech 3285)."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Literal

import av
import numpy as np

from indexer.audio.container import layout_name
from indexer.audio.waveform import Waveform

if TYPE_CHECKING:
    from av.container import OutputContainer
    from numpy.typing import NDArray

Bits = Literal[16, 24, 32]

_FORMATS = {16: ("pcm_s16le", "s16"), 24: ("pcm_s24le", "s32"), 32: ("pcm_f32le", "flt")}


@dataclass(frozen=True, slots=True)
class Bext:
    """What a broadcast WAV says of itself.

    time_reference   samples since midnight of the first one, 0 or more
    description, originator, reference   are cut to 256, 32 and 32 bytes of UTF-8
    title, author, rights   go into its INFO chunk, as INAM, IART and ICOP
    """

    time_reference: int
    description: str = ""
    originator: str = "sonorize"
    reference: str = ""
    recorded: datetime | None = None
    title: str = ""
    author: str = ""
    rights: str = ""


class WavWriter:
    """A WAV that takes its sound in blocks; see `wav_writer`."""

    def __init__(self, container: OutputContainer, rate: int, layout: str, bits: Bits) -> None:
        codec, self._format = _FORMATS[bits]
        self._container, self._bits = container, bits
        self._rate, self._layout = rate, layout
        stream: Any = container.add_stream(codec, rate=rate, layout=layout)
        stream.format = self._format
        self._stream = stream
        self._container.start_encoding()

    def write(self, samples: NDArray[np.float32]) -> None:
        """(channels, n), any n."""
        if samples.shape[1]:
            packed = np.ascontiguousarray(stored(samples, self._bits).T).reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(packed, format=self._format, layout=self._layout)
            frame.sample_rate = self._rate
            self._container.mux(self._stream.encode(frame))


@contextmanager
def wav_writer(
    path: Path,
    sample_rate: int,
    channels: int,
    bits: Bits = 24,
    *,
    layout: str = "",
    bext: Bext | None = None,
) -> Iterator[WavWriter]:
    """A WAV of `bits` per sample (32: float); louder than full scale is clipped at 16 and 24.

    layout: FFmpeg's name of the speakers, if they have places. Past 4 GB it becomes an RF64.
    Written beside `path` and renamed at the end, so `path` is never half a file.
    """
    path = Path(path)
    handle, aside = _aside(path)
    options = {"fflags": "+bitexact", "rf64": "auto", "write_bext": str(int(bext is not None))}
    try:
        with handle as file:
            with av.open(file, "w", format="wav", options=options) as container:
                container.metadata.update(_said(bext) if bext else {})
                yield WavWriter(container, sample_rate, layout_name(channels, layout), bits)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise


def _aside(path: Path) -> tuple[BinaryIO, Path]:
    """A new file beside it, which others may read where files usually may be: mkstemp's may not."""
    aside = path.with_name(f".sonorize-{secrets.token_hex(8)}.wav")
    return aside.open("xb"), aside


def write_wav(path: Path, waveform: Waveform, bits: Bits = 24) -> None:
    """A whole sound at once; see `wav_writer`."""
    with wav_writer(path, waveform.sample_rate, waveform.channels, bits) as file:
        file.write(waveform.samples)


def stored(samples: NDArray[np.float32], bits: Bits) -> NDArray[Any]:
    """As FFmpeg takes them packed: int16, int32 with 24 bits at the top, or float32."""
    if bits == 32:
        return samples
    full = 1 << (bits - 1)
    whole = np.rint(samples.astype(np.float64) * full).clip(-full, full - 1)
    return whole.astype(np.int16) if bits == 16 else whole.astype(np.int32) << 8


def _said(bext: Bext) -> dict[str, str]:
    said = {
        "description": _cut(bext.description, 256),
        "originator": _cut(bext.originator, 32),
        "originator_reference": _cut(bext.reference, 32),
        "time_reference": str(bext.time_reference),
        "title": bext.title,
        "artist": bext.author,
        "copyright": bext.rights,
    }
    if bext.recorded:
        said["origination_date"] = f"{bext.recorded:%Y-%m-%d}"
        said["origination_time"] = f"{bext.recorded:%H:%M:%S}"
    return said


def _cut(text: str, size: int) -> str:
    """So many bytes at most, and no half a character."""
    return text.encode("utf-8", "replace")[:size].decode("utf-8", "ignore")
