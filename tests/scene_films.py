"""Small films, made by code, and cue sheets over them."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import sounds

from query.scene.cues import Clip, Cue, CueSheet, Film, Shot

PAL = Fraction(25)
NTSC_FILM = Fraction(24000, 1001)


def video(
    path: Path,
    frames: int = 50,
    rate: Fraction = PAL,
    sound: sounds.Samples | None = None,
    codec: str = "libx264",
    audio: str = "aac",
    flash: int | None = None,
    **more: Any,
) -> Path:
    """Grey frames, each a little lighter; at frame `flash` it is white, and whiter with the next.

    `sound` at 48 kHz. more: `timecode`, `rotation` (degrees, counter-clockwise), `first` (number of
    the first frame), `colour` (R, G, B) in place of grey.
    """
    with av.open(os.fspath(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=rate, options={"g": "12"})
        stream.width, stream.height, stream.pix_fmt = 64, 36, "yuv420p"
        if "timecode" in more:
            stream.metadata["timecode"] = more["timecode"]
        if "rotation" in more:
            stream.set_display_rotation(more["rotation"])
        if sound is not None:
            heard: Any = container.add_stream(audio, rate=48_000, layout=_layout(len(sound)))
            _mux_sound(container, heard, sound)
        for number in range(frames):
            shown = more.get("colour", 40 + number % 50)
            white = {flash: 250, (flash or 0) + 1: 255} if flash is not None else {}
            pixels = np.full((36, 64, 3), white.get(number, shown), np.uint8)
            frame = av.VideoFrame.from_ndarray(pixels)
            frame.pts, frame.time_base = number + more.get("first", 0), 1 / rate
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def _layout(channels: int) -> str:
    return {1: "mono", 2: "stereo", 6: "5.1"}[channels]


def _mux_sound(container: Any, stream: Any, sound: sounds.Samples) -> None:
    packed = np.ascontiguousarray(sound.T).reshape(1, -1)
    frame = av.AudioFrame.from_ndarray(packed, format="flt", layout=_layout(len(sound)))
    frame.sample_rate, frame.pts = 48_000, 0
    container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


def film(path: Path, frames: int = 50, rate: Fraction = PAL, **more: Any) -> Film:
    return Film(str(path), rate, frames, **more)


def clip(path: Path, samples: sounds.Samples, sample_rate: int = 48_000, **more: Any) -> Clip:
    """A 32-bit WAV of these samples, as a clip."""
    sounds.write(path, samples, sample_rate, "FLOAT")
    duration = samples.shape[1] / sample_rate
    named = {"identity": path.name, "title": path.stem, **more}
    return Clip(
        str(path),
        named.pop("identity"),
        named.pop("title"),
        duration,
        sample_rate,
        len(samples),
        **named,
    )


def cue(number: int, layer: str, start: int, frames: int, clip: Clip, **more: Any) -> Cue:
    return Cue(str(number), layer, more.pop("shot", 0), start, frames, clip, **more)  # type: ignore[arg-type]


def sheet(film: Film, *cues: Cue) -> CueSheet:
    return CueSheet(film, (Shot(0, 0, film.frames),), cues)
