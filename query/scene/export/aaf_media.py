"""What an AAF is made of: its mobs, one chain for each file, linked or embedded."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from indexer.credits.texts import one_line
from indexer.errors import SceneError
from query import timecode
from query.scene.cues import Clip, Film
from query.scene.export import files, lay

LINKED = frozenset({".wav", ".wave", ".bwf"})
BLOCK = 1 << 20  # frames that are embedded at a time
_BITS = {"PCM_U8": 8, "PCM_16": 16, "PCM_24": 24, "PCM_32": 32, "FLOAT": 32, "DOUBLE": 64}


class Media:
    """Makes the mobs of each file once, and clips that refer to them."""

    def __init__(self, file: Any, film: Film, edit_rate: Any) -> None:
        self.file, self.film, self.edit_rate = file, film, edit_rate
        self.masters: dict[str, Any] = {}

    def picture(self) -> Any:
        """The whole film, its source with the timecode of its first frame."""
        film = self.film
        source = self._mob("SourceMob", Path(film.path).name)
        source.descriptor = self._picture_descriptor()
        slot = source.create_empty_slot(self.edit_rate, "picture", 1)
        slot.segment.length = film.frames
        code = source.create_timecode_slot(
            self.edit_rate, timecode.nominal(film.rate), film.drop, film.frames
        )
        code.segment.start = film.start
        master = self._mob("MasterMob", Path(film.path).stem)
        place = master.create_timeline_slot(self.edit_rate)
        place.segment = source.create_source_clip(1, 0, film.frames, "picture")
        return master.create_source_clip(1, 0, film.frames, "picture")

    def clip(self, clip: Clip, channel: int) -> Any:
        """A reference to one channel. Raises SceneError if its file is not there or unreadable."""
        if clip.path not in self.masters:
            self.masters[clip.path] = self._master(clip)
        return self.masters[clip.path].create_source_clip(channel + 1, 0, 1, "sound")

    def _master(self, clip: Clip) -> Any:
        import soundfile

        try:
            info = soundfile.info(clip.path)
        except (OSError, soundfile.SoundFileError) as error:
            raise SceneError(
                f"An .aaf cannot hold {clip.path}, which is not there or of a format it cannot "
                "embed: collect the sounds first, with --collect."
            ) from error
        if info.channels < clip.channels:
            raise SceneError(
                f"{clip.path} has fewer channels than it had: choose its sounds again."
            )
        linked = Path(clip.path).suffix.lower() in LINKED and info.format in ("WAV", "WAVEX")
        master = self._mob("MasterMob", lay.name(clip))
        source = self._linked(clip, info) if linked else None
        for channel in range(info.channels):
            held = source or self._embedded(clip, info, channel)
            number = channel + 1 if linked else 1
            slot = master.create_timeline_slot(info.samplerate)
            slot["PhysicalTrackNumber"].value = channel + 1
            slot.segment = held.create_source_clip(number, 0, info.frames, "sound")
        return master

    def _linked(self, clip: Clip, info: Any) -> Any:
        """A WAV where it lies, a slot for each channel."""
        source = self._mob("SourceMob", Path(clip.path).name)
        made = self.file.create.WAVEDescriptor()
        made["SampleRate"].value = info.samplerate
        made["Length"].value = info.frames
        made["ContainerFormat"].value = self.file.dictionary.lookup_containerdef("AAF")
        made["Summary"].value = bytearray(_summary(info))
        made["Locator"].append(self._locator(clip.path))
        source.descriptor = made
        for channel in range(info.channels):
            slot = source.create_empty_slot(info.samplerate, "sound", channel + 1)
            slot["PhysicalTrackNumber"].value = channel + 1
            slot.segment.length = info.frames
        return source

    def _embedded(self, clip: Clip, info: Any, channel: int) -> Any:
        """One channel as 24-bit PCM within the AAF."""
        source = self._mob("SourceMob", f"{lay.title(clip)} {channel + 1}")
        essence, slot = source.create_essence(info.samplerate, "sound")
        made = self.file.create.PCMDescriptor()
        for name, value in (
            ("Channels", 1), ("BlockAlign", 3), ("SampleRate", info.samplerate),
            ("AverageBPS", 3 * info.samplerate), ("QuantizationBits", 24),
            ("AudioSamplingRate", info.samplerate),
        ):  # fmt: skip
            made[name].value = value
        source.descriptor = made
        stream, length = essence.open("w"), 0
        for data in _pcm(clip.path, channel):
            stream.write(data)
            length += len(data) // 3
        made.length = slot.segment.length = length
        return source

    def _picture_descriptor(self) -> Any:
        film = self.film
        made = self.file.create.CDCIDescriptor()
        for name, value in (
            ("SampleRate", self.edit_rate), ("Length", film.frames),
            ("StoredWidth", film.width or 1920), ("StoredHeight", film.height or 1080),
            ("FrameLayout", "FullFrame"), ("VideoLineMap", [42, 0]),
            ("ImageAspectRatio", f"{film.width or 16}/{film.height or 9}"),
            ("ComponentWidth", 8), ("HorizontalSubsampling", 2),
        ):  # fmt: skip
            made[name].value = value
        made["ContainerFormat"].value = self.file.dictionary.lookup_containerdef("AAF")
        made["Locator"].append(self._locator(film.path))
        return made

    def _locator(self, path: str) -> Any:
        locator = self.file.create.NetworkLocator()
        locator["URLString"].value = files.url(path, Path(path), None)
        return locator

    def _mob(self, kind: str, name: str) -> Any:
        mob = getattr(self.file.create, kind)(one_line(name))
        self.file.content.mobs.append(mob)
        return mob


def _pcm(path: str, channel: int) -> Iterator[bytes]:
    """A channel of a file as 24-bit little-endian samples."""
    import numpy as np
    import soundfile

    with soundfile.SoundFile(path) as file:
        for block in file.blocks(BLOCK, dtype="int32", always_2d=True):
            samples = np.ascontiguousarray(block[:, channel]).astype("<i4")
            yield samples.view(np.uint8).reshape(-1, 4)[:, 1:].tobytes()


def _summary(info: Any) -> bytes:
    """The RIFF header and the format chunk, by which a reader knows the file."""
    bits = _BITS.get(info.subtype, 24)
    block = info.channels * bits // 8
    tag = 3 if info.subtype in ("FLOAT", "DOUBLE") else 1
    shape = struct.pack(
        "<HHIIHH", tag, info.channels, info.samplerate, info.samplerate * block, block, bits
    )
    size = info.frames * block
    data = b"data" + struct.pack("<I", min(size, 0xFFFFFFFF))
    body = b"WAVEfmt " + struct.pack("<I", len(shape)) + shape + data
    return b"RIFF" + struct.pack("<I", min(len(body) + size, 0xFFFFFFFF)) + body
