"""The process in which files of others are decoded: one job, then it ends.

A file can be made to crash a decoder, or to fill the memory. Here that ends this process alone.
The job is a line of JSON on stdin, the answer one on stdout.
"""

from __future__ import annotations

import json
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from indexer.errors import AudioError, PictureError

MEMORY = 4_000_000_000  # bytes of address space
ASKED_SIDE, SHOWN_SIDE = 1600, 640  # pixels, the longer side
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
        said = JOBS[job.pop("job")](**{name: Path(value) for name, value in job.items()})
    except (AudioError, PictureError) as error:
        said = {"error": str(error)}
    except MemoryError:
        said = {"error": "It needs too much memory to be read: give a smaller file."}
    print(json.dumps(said))


def _limit_memory() -> None:
    with suppress(ImportError, ValueError, OSError):  # there is no such thing on Windows
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


def picture(file: Path, into: Path) -> dict[str, Any]:
    """`into`.png to ask with, `into`.jpg to show. Raises PictureError."""
    from PIL import Image

    from query.video import read_pictures

    [found] = read_pictures(file)
    size = found.size
    found.thumbnail((ASKED_SIDE, ASKED_SIDE), Image.Resampling.LANCZOS)
    found.save(into.with_suffix(".png"), compress_level=1)
    found.thumbnail((SHOWN_SIDE, SHOWN_SIDE), Image.Resampling.LANCZOS)
    found.save(into.with_suffix(".jpg"), quality=85)
    return {"width": size[0], "height": size[1]}


def proxy(file: Path, into: Path) -> dict[str, Any]:
    """A stereo FLAC of 16 bits that any browser plays and seeks in. Raises AudioError."""
    import av
    import numpy as np

    from indexer.audio.decode import blocks, probe
    from indexer.audio.resample import resample
    from query.scene.voice import levels

    facts = probe(file)
    stream = blocks(file)
    rate = facts.sample_rate if facts.sample_rate < 2 * BEST_RATE else BEST_RATE
    with av.open(str(into), "w", format="flac") as container:
        out: Any = container.add_stream("flac", rate=rate, layout="stereo")
        out.format = "s16"
        for block in resample(stream, rate, "soxr"):
            layout = facts.channel_layout if facts.channels == block.channels else ""
            mixed = np.clip(levels(layout, block.channels) @ block.samples, -1, 32767 / 32768)
            packed = np.rint(mixed.T * 32768).astype(np.int16).reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(packed, format="s16", layout="stereo")
            frame.sample_rate = rate
            container.mux(out.encode(frame))
        container.mux(out.encode(None))
    return {}


JOBS = {"picture": picture, "proxy": proxy}


if __name__ == "__main__":
    main()
