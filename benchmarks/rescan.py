"""A build over a large folder where nothing changed: seconds per 10,000 files, and memory.

    python benchmarks/rescan.py --files 100000

Makes that many short sounds, builds a library with the toy encoder, then builds again twice:
as it is, and with 1 ms added to each look at a file, as on a network drive.
"""

from __future__ import annotations

import argparse
import os
import resource
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from indexer.build.run import build_index
from indexer.encoders import registry
from indexer.library import Config, Library
from indexer.sources.folder import FolderSource

FOLDER = 500  # files in each


class SlowFolder(FolderSource):
    """Every look at a file takes a millisecond more."""

    def look(self, entry: os.DirEntry[str]) -> tuple[int, int] | None:
        time.sleep(0.001)
        return super().look(entry)


def make_sounds(folder: Path, count: int) -> None:
    """Sounds of 23 ms, each different, by the header of a WAV and bytes."""
    size = 2 * 184
    head = struct.pack(
        "<4sI4s4sIHHIIHH4sI", b"RIFF", 36 + size, b"WAVE", b"fmt ", 16, 1, 1, 8000, 16000, 2, 16,
        b"data", size,
    )  # fmt: skip
    for number in range(count):
        path = folder / f"{number // FOLDER:04}" / f"click {number}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        samples = struct.pack("<I", number) + bytes([number % 251, number % 17]) * (size // 2 - 2)
        path.write_bytes(head + samples)


def timed(library: Path, source: FolderSource) -> float:
    encoder = registry.load("toy", models_dir=library)
    start = time.perf_counter()
    with Library.create(library, Config(encoder="toy")) as opened:
        report = build_index(opened, [source], encoder)
    print({**report.figures(), "notes": report.notes[:2]}, file=sys.stderr)
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=2_000)
    parser.add_argument("--again", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.again:
        again(given.again[0], Path(given.again[1]))
        return
    count = given.files
    with tempfile.TemporaryDirectory() as base:
        sounds, library = Path(base, "sounds"), Path(base, "library")
        make_sounds(sounds, count)
        first = timed(library, FolderSource(sounds))
        print(
            f"first build of {count:,} files: {first:.1f} s, {first * 1e4 / count:.1f} s per 10,000"
        )
        for name in ("unchanged", "+1 ms"):  # each in a process of its own, for its memory
            subprocess.run([sys.executable, __file__, "--again", name, base], check=True)


def again(name: str, base: Path) -> None:
    source = (SlowFolder if name == "+1 ms" else FolderSource)(base / "sounds")
    took = timed(base / "library", source)
    count = sum(1 for _ in FolderSource(base / "sounds").items())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{name}: {took:.1f} s, {took * 1e4 / count:.2f} s per 10,000, {peak:.0f} MB")


if __name__ == "__main__":
    main()
