"""Any sound file as a stream of float32 blocks, in bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from indexer.audio import riff
from indexer.audio.container import (
    NotDemuxed,
    bit_depth,
    layout_name,
    open_audio,
    open_file,
    stated_duration,
)
from indexer.audio.frames import block_size, decoded, joined, seek, unbroken
from indexer.audio.libsndfile import open_sound
from indexer.audio.waveform import Waveform

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame
    from av.audio.stream import AudioStream
    from av.container import InputContainer

_COUNTED = {"flac", "caf", "w64", "mov"}
"""Containers whose stated duration is counted, not guessed from the file's size."""

_LOUDEST = 1e6
"""Times full scale; some files hold floats of 16-bit size, none that are sound hold more."""

_SHORT = 0.1
"""Seconds by which a sound may fall short of what its head states, unremarked."""


@dataclass(frozen=True, slots=True)
class AudioFacts:
    """What the file's head says of its first audio stream.

    `duration` in seconds may be an estimate; 0.0 where the head does not say. `bit_depth`
    is None where the codec is lossy or does not say. `channel_layout` is FFmpeg's name
    ("mono", "5.1", "9 channels"); `container` and `codec` likewise ("wav", "pcm_s24le").
    """

    duration: float
    sample_rate: int
    channels: int
    channel_layout: str
    bit_depth: int | None
    codec: str
    container: str


def probe(path: Path) -> AudioFacts:
    """The facts, nothing decoded. Raises AudioError as `Blocks` does, where the head shows it."""
    path = Path(path)
    try:
        with open_audio(path) as (container, stream):
            return stated(container, stream)
    except NotDemuxed as refusal:
        with open_sound(path, str(refusal)) as sound:
            return AudioFacts(
                duration=sound.frames / sound.samplerate,
                sample_rate=sound.samplerate,
                channels=sound.channels,
                channel_layout=layout_name(sound.channels),
                bit_depth=None,
                codec=sound.subtype.lower(),
                container=sound.format.lower(),
            )


def stated(container: InputContainer, stream: AudioStream) -> AudioFacts:
    """The facts of a file that is open."""
    return AudioFacts(
        duration=stated_duration(container, stream),
        sample_rate=stream.rate,
        channels=stream.channels,
        channel_layout=layout_name(stream.channels, stream.layout.name),
        bit_depth=bit_depth(stream),
        codec=stream.codec_context.codec.canonical_name,
        container=container.format.name.split(",")[0],
    )


def blocks(path: Path, *, start: float = 0.0, gaps: bool = False) -> Blocks:
    """The first audio stream from `start` seconds on, about one second at a time.

    Past the end of the file there is nothing. gaps: where the file's own times leave one there is
    silence, as under a film; else what is there is joined. See `Blocks`.
    """
    return Blocks(Path(path), start, gaps)


def read(path: Path) -> Waveform:
    """The whole sound at once; for short ones. Raises AudioError as `Blocks` does."""
    parts = list(blocks(path))
    return Waveform(np.concatenate([p.samples for p in parts], axis=1), parts[0].sample_rate)


class Blocks(Iterator[Waveform]):
    """An iterator of Waveforms, all with the sample rate and channels of the first.

    A stream that changes rate or channels on its way is converted. Samples that are NaN,
    infinite or beyond a million times full scale come out as 0. Damage within a file thins
    or ends the sound, and is noted; only a file that gives no sample at all is an error.

    invalid_samples   how many samples had to be replaced by 0, so far
    note              what is wrong with the file, or ""; complete at the end

    Raises AudioError: missing, not readable, empty, not audio, no audio stream, 0 Hz, no
    samples, or a drive that fails while it is read.
    """

    def __init__(self, path: Path, start: float, gaps: bool = False) -> None:
        self.invalid_samples = 0
        self._notes: list[str] = []
        self._path = path
        self._start = start
        self._timed: Callable[[Iterator[AudioFrame]], Iterator[AudioFrame]]
        self._timed = unbroken if gaps else iter
        self._waveforms = self._decode()

    def __next__(self) -> Waveform:
        return self._cleaned(next(self._waveforms))

    @property
    def note(self) -> str:
        return "; ".join(self._notes)

    def close(self) -> None:
        """Let go of the file before its end."""
        self._waveforms.close()

    def _cleaned(self, block: Waveform) -> Waveform:
        # NaN compares as false.
        valid = np.abs(block.samples) <= _LOUDEST
        if valid.all():
            return block
        self.invalid_samples += int(valid.size - np.count_nonzero(valid))
        return Waveform(np.where(valid, block.samples, np.float32(0)), block.sample_rate)

    def _decode(self) -> Generator[Waveform, None, None]:
        refusal = "holds no sound that can be decoded"
        try:
            if self._start and (yield from self._from_a_seek()):
                return
            if (yield from self._from_the_top()):
                return
        except NotDemuxed as error:
            refusal = str(error)
        self._notes.clear()
        with open_sound(self._path, refusal) as sound:
            if self._start:
                sound.seek(min(sound.frames, round(self._start * sound.samplerate)))
            size = block_size(sound.samplerate)
            while len(samples := sound.read(size, dtype="float32", always_2d=True)):
                yield Waveform(np.ascontiguousarray(samples.T), sound.samplerate)

    def _from_a_seek(self) -> Generator[Waveform, None, bool]:
        with open_audio(self._path) as (container, stream):
            found = seek(container, stream, self._start, self._notes)
            if found is None:
                self._notes.clear()
                return False
            frames, skip = found
            for block in joined(self._timed(frames)):
                yield from _after(block, skip)
                skip = max(0, skip - block.samples.shape[1])
        return True

    def _from_the_top(self) -> Generator[Waveform, None, float]:
        """Gives out what lies after `start`; returns the seconds that were decoded."""
        ended = 0.0
        with open_audio(self._path) as (container, stream):
            promised = stated_duration(container, stream) if _counted(container) else 0.0
            for block in joined(self._timed(decoded(container, stream, self._notes))):
                yield from _after(block, round((self._start - ended) * block.sample_rate))
                ended += block.duration
        with open_file(self._path) as file:
            cut_short = riff.cut_short(file) or ended < promised - _SHORT
        if cut_short:
            self._notes.append(f"cut short or damaged: {ended:.2f} s could be read")
        return ended


def _counted(container: InputContainer) -> bool:
    return container.format.name.split(",")[0] in _COUNTED


def _after(block: Waveform, skip: int) -> Iterator[Waveform]:
    """The block without its first `skip` samples, if any are left."""
    if skip <= 0:
        yield block
    elif skip < block.samples.shape[1]:
        yield Waveform(block.samples[:, skip:], block.sample_rate)
