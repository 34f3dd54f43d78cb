"""ImageBind at full size on random weights: `python benchmarks/imagebind.py`.

Each row is a process of its own with one tower alone: median seconds of ROUNDS calls, of the
tower alone and with the preparation of its input; peak memory of the process, and what of it
stood before the tower was made (Python and torch).
"""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import time
from typing import TYPE_CHECKING, cast

import numpy as np
import torch
from PIL import Image

from indexer.audio.waveform import Waveform
from indexer.encoders.imagebind import towers
from indexer.encoders.imagebind.pixels import pixels
from indexer.encoders.imagebind.spectrum import spectra

if TYPE_CHECKING:
    from collections.abc import Callable

ROUNDS = 3
INPUTS = {"vision": "one frame of 1920 x 1080", "audio": "one file of 3 windows", "text": "a text"}


def prepared(name: towers.Name) -> torch.Tensor:
    random = np.random.default_rng(0)
    if name == "vision":
        frame = random.integers(0, 256, (1080, 1920, 3), dtype=np.uint8)
        return pixels([Image.fromarray(frame)])
    if name == "audio":
        windows = random.uniform(-0.5, 0.5, (3, 1, 32000)).astype(np.float32)
        return spectra([Waveform(window, 16000) for window in windows], "all")
    return torch.tensor([[49406, 320, 1929, 49407, *[0] * 73]])


def random_tower(name: towers.Name, dtype: torch.dtype) -> towers.Tower:
    """Filled one parameter at a time in its own precision: memory peaks at the tower's size."""
    shapes = towers.expected()[name]
    weights = {key: torch.empty(shape, dtype=dtype) for key, shape in shapes.items()}
    for weight in weights.values():
        weight.normal_(std=0.02)
    return towers.load(name, weights)


def median(job: Callable[[], object]) -> float:
    taken = []
    for _ in range(ROUNDS + 1):
        start = time.perf_counter()
        job()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken[1:])


def peak() -> float:
    """MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure(name: towers.Name, precision: str) -> None:
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    before = peak()
    tower = random_tower(name, dtype)
    cast_to = dtype if name != "text" else torch.int64
    ready = prepared(name).to(cast_to)
    bare = median(lambda: tower(ready))
    whole = median(lambda: tower(prepared(name).to(cast_to)))
    figures = f"{bare:.2f} s, {whole:.2f} s prepared, {whole / bare:.2f} times the tower"
    print(f"{INPUTS[name]:26} {precision}: {figures}, {peak():.0f} MiB, {before:.0f} before")


if __name__ == "__main__":
    if len(sys.argv) == 3:
        measure(cast("towers.Name", sys.argv[1]), sys.argv[2])
    else:
        print(f"{torch.get_num_threads()} threads, torch {torch.__version__}", flush=True)
        for job in [(name, precision) for name in INPUTS for precision in ("fp32", "bf16")]:
            subprocess.run([sys.executable, __file__, *job], check=True)
