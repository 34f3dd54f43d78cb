"""Films whose frames say their own number, in bars that survive any codec."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.uint8]

BITS, WIDE, HIGH = 10, 160, 48


def barred(number: int) -> Pixels:
    """160 x 48: ten bars, white where a bit of the number is set."""
    picture = np.full((HIGH, WIDE, 3), 16, np.uint8)
    for bit in range(BITS):
        if number >> bit & 1:
            picture[:, bit * 16 : bit * 16 + 16] = 235
    return picture


def number(picture: Image.Image) -> int:
    """The number of an upright picture of barred()."""
    bars = np.asarray(picture.convert("L").resize((BITS, 1), Image.Resampling.BOX))[0]
    return sum(1 << bit for bit, bar in enumerate(bars) if bar > 127)


def film(
    path: Path,
    frames: int = 50,
    rate: Fraction | int = 25,
    *,
    draw: Callable[[int], Pixels] = barred,
    codec: str = "libx264",
    pixels: str = "yuv420p",
    timecode: str | None = None,
    rotation: float | None = None,
    aspect: Fraction | None = None,
    ticks: Sequence[int] | None = None,
    tick: Fraction | None = None,
    sound: bool = False,
    codec_options: dict[str, str] | None = None,
    options: dict[str, str] | None = None,
) -> Path:
    """Writes one. ticks: when each frame is shown, in units of `tick`, where they are uneven."""
    with av.open(str(path), "w", options=options or {}) as container:
        if timecode:
            container.metadata["timecode"] = timecode
        stream: Any = container.add_stream(codec, rate=rate, options=codec_options or {})
        height, stream.width = draw(0).shape[:2]
        stream.height, stream.pix_fmt = height, pixels
        if aspect:
            stream.codec_context.sample_aspect_ratio = aspect
        if rotation is not None:
            stream.set_display_rotation(rotation)
        if tick:
            stream.codec_context.time_base = tick
        if sound:
            _hum(container, frames / rate)
        for count in range(frames):
            frame = av.VideoFrame.from_ndarray(draw(count), format="rgb24")
            frame.pts = ticks[count] if ticks else count
            frame.time_base = tick or 1 / Fraction(rate)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def _hum(container: Any, seconds: float) -> None:
    stream = container.add_stream("aac", rate=8000, layout="mono")
    samples = np.zeros((1, int(seconds * 8000)), np.float32)
    frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
    frame.sample_rate = 8000
    container.mux(stream.encode(frame))
    container.mux(stream.encode(None))
