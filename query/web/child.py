"""The process in which files of others are decoded: one job, then it ends.

A file can be made to crash a decoder, or to fill the memory. Here that ends this process alone.
The job is a line of JSON on stdin, the answer one on stdout.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from indexer.errors import AudioError, PictureError

MEMORY = 4_000_000_000  # bytes of address space
ASKED_SIDE, SHOWN_SIDE = 1600, 640  # pixels, the longer side
FILM_SIDE = 360  # pixels, the shorter side
FILM = {"preset": "ultrafast", "crf": "26", "g": "24"}  # a key frame a second: it is scrubbed
PLAYED_CODECS = ("h264", "vp8", "vp9", "av1")
PLAYED_CONTAINERS = ("mp4", "mov", "webm", "matroska")
BEST_RATE = 48_000  # Hz, from twice which on a proxy is resampled


def main() -> None:
    """Loads what a job needs, waits for it, does it, and says what became of it."""
    import av  # noqa: F401
    from PIL import Image  # noqa: F401

    import query.video  # noqa: F401

    line = sys.stdin.readline()
    if not line:
        return
    _limit_memory()
    job = json.loads(line)
    try:
        said = JOBS[job.pop("job")](**job)
    except (AudioError, PictureError) as error:
        said = {"error": str(error)}
    except MemoryError:
        said = {"error": "It needs too much memory to be read: give a smaller file."}
    print(json.dumps(said))


def _limit_memory() -> None:
    with suppress(ImportError, ValueError, OSError):  # there is no such thing on Windows
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


def picture(file: str, into: str, at: str = "", side: str = str(SHOWN_SIDE)) -> dict[str, Any]:
    """`into`.png to ask with, `into`.jpg to show, whose longer side has `side` pixels at most.

    `at`: seconds in a video. Raises PictureError.
    """
    from PIL import Image

    from query.video import read_pictures

    [found] = read_pictures(Path(file), at or None)
    size = found.size
    found.thumbnail((ASKED_SIDE, ASKED_SIDE), Image.Resampling.LANCZOS)
    found.save(f"{into}.png", compress_level=1)
    found.thumbnail((int(side), int(side)), Image.Resampling.LANCZOS)
    found.save(f"{into}.jpg", quality=85)
    return {"width": size[0], "height": size[1]}


def proxy(file: str, into: str, gain: str = "0") -> dict[str, Any]:
    """A stereo FLAC of 16 bits that any browser plays and seeks in, `gain` dB louder.

    Raises AudioError.
    """
    import av
    import numpy as np

    from indexer.audio.decode import blocks, probe
    from indexer.audio.resample import resample
    from query.scene.voice import levels

    facts = probe(Path(file))
    stream = blocks(Path(file))
    factor = 10 ** (float(gain) / 20)
    rate = facts.sample_rate if facts.sample_rate < 2 * BEST_RATE else BEST_RATE
    with av.open(into, "w", format="flac") as container:
        out: Any = container.add_stream("flac", rate=rate, layout="stereo")
        out.format = "s16"
        for block in resample(stream, rate, "soxr"):
            layout = facts.channel_layout if facts.channels == block.channels else ""
            mixed = factor * (levels(layout, block.channels) @ block.samples)
            mixed = np.clip(mixed, -1, 32767 / 32768)
            packed = np.rint(mixed.T * 32768).astype(np.int16).reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(packed, format="s16", layout="stereo")
            frame.sample_rate = rate
            container.mux(out.encode(frame))
        container.mux(out.encode(None))
    return {}


def video(file: str) -> dict[str, Any]:
    """What a video is, and whether browsers play it. Raises PictureError."""
    from query.video import facts
    from query.video.reading import opened

    known = facts(Path(file), counted=False)
    with opened(Path(file)) as (container, stream):
        codec, pixels = stream.codec_context.codec.canonical_name, stream.pix_fmt
        plays = (codec in PLAYED_CODECS and pixels == "yuv420p") and any(
            name in PLAYED_CONTAINERS for name in container.format.name.split(",")
        )
    return {
        "seconds": float(known.duration), "rate": float(known.rate), "start": known.named(0),
        "width": known.width, "height": known.height, "plays": plays,
    }  # fmt: skip


def film(file: str, into: str) -> dict[str, Any]:
    """A small silent H.264 of a video, each frame at its own time. Raises PictureError."""
    import av

    from query.video import facts
    from query.video.frames import spans, upright

    known = facts(Path(file))
    with av.open(into, "w", format="mp4", options={"movflags": "+faststart"}) as made:
        out: Any = made.add_stream("libx264", rate=known.rate, options=FILM)
        out.pix_fmt = "yuv420p"
        out.codec_context.time_base = 1 / known.rate
        for number, _, frame, track in spans(Path(file), known):
            shown = upright(frame, track, FILM_SIDE)
            if not number:
                out.width, out.height = (max(2, side // 2 * 2) for side in shown.size)
            whole: Any = av.VideoFrame.from_image(shown)  # type: ignore[no-untyped-call]
            small = whole.reformat(out.width, out.height, "yuv420p")
            small.pts, small.time_base = number, 1 / known.rate
            made.mux(out.encode(small))
        made.mux(out.encode(None))
    return {}


JOBS: dict[str, Callable[..., dict[str, Any]]] = {
    "picture": picture, "proxy": proxy, "video": video, "film": film,
}  # fmt: skip


if __name__ == "__main__":
    main()
