"""`sonorize video` beside the bare encoder on the frames that it looks at: ./dev bench film

Makes films of so many minutes (moving patterns, a cut every four seconds and one shot of a minute)
and a library of made-up sounds, gives each film its sound in a process of its own, and prints
seconds, processor seconds, peak memory, and processor seconds ÷ those of the encoder alone.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import av
import numpy as np
from PIL import Image

from indexer import settings
from indexer.build.run import build_index
from indexer.encoders import registry
from indexer.library import Config, Library
from indexer.sources.folder import FolderSource
from query.scene.make import APART, SIZE, film_of
from query.scene.stills import Stills
from query.shots import Pass

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from libraries import make_sounds

RATE = 25
SHOT, LONG = 4, 60  # s; the second one is the long one


def main() -> None:
    parser = argparse.ArgumentParser(prog="./dev bench film", description=__doc__)
    parser.add_argument("--minutes", type=float, nargs="+", default=[5, 20])
    parser.add_argument("--height", type=int, default=720)
    parser.add_argument("--format", choices=("table", "json"), default="table")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        library = made_library(base)
        for minutes in asked.minutes:
            film = make_film(base / f"{minutes:g}.mp4", minutes, asked.height)
            found = measured(film, library)
            told = {"minutes": minutes, "height": asked.height, **found}
            print(json.dumps(told) if asked.format == "json" else spoken(told), flush=True)


def spoken(told: dict[str, Any]) -> str:
    return (
        "{minutes:g} minutes, {height} lines, {shots} shots: {wall_s} s, {cpu_s} s of processor, "
        "peak {peak_mb} MB; {stills} frames, encoder alone {bare_cpu_s} s of processor, "
        "ratio {ratio}".format(**told)
    )


def made_library(base: Path) -> Path:
    make_sounds(base / "sounds", 60)
    encoder = registry.load("starter", models_dir=settings.load().models)
    with Library.create(base / "library", Config(encoder="starter")) as library:
        build_index(library, [FolderSource(base / "sounds")], encoder)
    return base / "library"


def make_film(path: Path, minutes: float, height: int) -> Path:
    width = height * 16 // 9 // 2 * 2
    random = np.random.default_rng(1)
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("libx264", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.options = {"preset": "veryfast", "g": "50"}
        begins = {0, SHOT, *range(SHOT + LONG, round(60 * minutes), SHOT)}
        wide = np.empty(0)
        for number in range(round(60 * minutes * RATE)):
            if number % RATE == 0 and number // RATE in begins:
                small = Image.fromarray(random.integers(0, 256, (9, 16, 3), np.uint8))
                large = small.resize((width + 100, height + 25), Image.Resampling.BICUBIC)
                wide = np.asarray(large)
            x, y = number % 100, number // 4 % 25
            seen = np.ascontiguousarray(wide[y : y + height, x : x + width])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(seen)))
        container.mux(stream.encode(None))
    return path


def measured(film: Path, library: Path) -> dict[str, Any]:
    out, project = film.with_suffix(".out.mp4"), film.with_suffix(".sonorize.json")
    sonorize = Path(sys.executable).with_name("sonorize")
    arguments = [sonorize, "video", film, "--library", library, "-o", out, "-o", project, "--yes"]
    command = [str(argument) for argument in arguments]
    start = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as child:
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    wall = time.perf_counter() - start
    if child.returncode:
        sys.exit(f"sonorize video ended with {child.returncode}")
    cpu = used.ru_utime + used.ru_stime
    stills, bare = bare_seconds(film)
    return {
        "shots": len(json.loads(project.read_text(encoding="utf-8"))["shots"]),
        "wall_s": round(wall, 1),
        "cpu_s": round(cpu, 1),
        "peak_mb": round(used.ru_maxrss / 1024),
        "stills": stills,
        "bare_cpu_s": round(bare, 1),
        "ratio": round(cpu / bare, 2),
    }


def bare_seconds(film: Path) -> tuple[int, float]:
    """How many frames a second there are of each shot, and the encoder's time for them."""
    encoder = registry.load("starter", models_dir=settings.load().models)
    seen = Pass(Path(film_of(film).path), every=APART, size=SIZE)
    stills, numbers = Stills(), []
    for number, picture in seen:
        stills.add(number, picture)
        numbers.append(number)
    encoder.embed_images([stills[numbers[0]]])  # reads the network
    taken = 0.0
    for number in numbers:
        picture = stills[number]
        start = time.process_time()
        encoder.embed_images([picture])
        taken += time.process_time() - start
    return len(numbers), taken


if __name__ == "__main__":
    main()
