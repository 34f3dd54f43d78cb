"""kill -9 a build at random moments, finish it, and compare with a build nobody disturbed.

    python benchmarks/kill.py --encoder toy --runs 50

A fresh library each run. Prints how many runs were killed at which stage, and the largest
differences found; exit code 1 if a row differs.
"""

from __future__ import annotations

import argparse
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from sqlalchemy import select

from indexer.catalog.models import Analysis, Embedding, File, Sound, Space, Window
from indexer.library import Library

RATE = 16_000
COLUMNS = [column for column in Sound.__table__.columns if column.key not in ("id", "take_group")]


def make_sounds(folder: Path, count: int) -> None:
    """Files of 0.1 to 3 s, some of 20 s, a few alike, a few unreadable."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    for number in range(count):
        path = folder / f"{number % 7}" / f"thing {number:03}.wav"
        path.parent.mkdir(exist_ok=True)
        if number % 40 == 13:
            path.write_bytes(b"these are no samples")
        elif number % 50 == 49:
            shutil.copy(folder / f"{(number - 9) % 7}" / f"thing {number - 9:03}.wav", path)
        else:
            seconds = 20.0 if number % 25 == 7 else rng.uniform(0.1, 3.0)
            time_axis = np.arange(int(seconds * RATE)) / RATE
            tone = 0.5 * np.sin(2 * np.pi * rng.uniform(100, 6000) * time_axis)
            soundfile.write(path, tone + 0.01 * rng.standard_normal(len(tone)), RATE)


def build(sounds: Path, library: Path, encoder: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", "from query.cli.main import main; main()", "build-index"]
    return subprocess.Popen(
        [*command, str(sounds), "--library", str(library), "--encoder", encoder],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def contents(folder: Path) -> dict[str, Any]:
    """All that a library holds, by path and without ids; vectors last."""
    with Library.open(folder) as library, library.catalog.engine.connect() as connection:

        def rows(*columns: Any) -> Any:
            query = select(File.relative_path, *columns).join(Sound, Sound.id == File.sound_id)
            return connection.execute(query)

        ids = dict(connection.execute(select(File.relative_path, File.sound_id)).all())
        vectors = connection.execute(
            select(File.relative_path, Space.part, Window.start, Window.end, Embedding.vector)
            .join(Embedding, Embedding.sound_id == File.sound_id)
            .join(Space, Space.id == Embedding.space_id)
            .outerjoin(Window, Window.id == Embedding.window_id)
        )
        windows = select(File.relative_path, Window.start, Window.end).join(
            Window, Window.sound_id == File.sound_id
        )
        analysis = select(File.relative_path, *Analysis.__table__.columns[1:]).join(
            Analysis, Analysis.sound_id == File.sound_id
        )
        groups: dict[Any, set[str]] = {}
        for path, group in rows(Sound.take_group):
            groups.setdefault(group, set()).add(path)
        same: dict[Any, set[str]] = {}
        for path, sound_id in ids.items():
            same.setdefault(sound_id, set()).add(path)
        return {
            "sounds": sorted(map(repr, rows(*COLUMNS))),
            "files": sorted(map(repr, rows(File.size, File.mtime_ns, File.state))),
            "same": sorted(map(sorted, same.values())),
            "takes": sorted(map(sorted, groups.values())),
            "windows": sorted(map(tuple, connection.execute(windows))),
            "analysis": sorted(map(repr, connection.execute(analysis))),
            "vectors": {tuple(row[:4]): row[4] for row in vectors},
        }


def differences(left: dict[str, Any], right: dict[str, Any]) -> tuple[list[str], float]:
    """Names of what differs, and the smallest cosine between vectors of the same place."""
    wrong = [name for name in left if name != "vectors" and left[name] != right[name]]
    if left["vectors"].keys() != right["vectors"].keys():
        wrong.append("vectors")
    lowest = 1.0
    for key in left["vectors"].keys() & right["vectors"].keys():
        pair = [np.frombuffer(side["vectors"][key], "<f2").astype(float) for side in (left, right)]
        if len(pair[0]) != len(pair[1]):
            wrong.append(f"vector {key}")
        elif len(pair[0]) and not np.array_equal(*pair):
            lengths = np.linalg.norm(pair[0]) * np.linalg.norm(pair[1])
            lowest = min(lowest, float(pair[0] @ pair[1] / lengths))
    return wrong, lowest


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--encoder", default="toy")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--files", type=int, default=200)
    asked = parser.parse_args()
    random.seed(0)
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        make_sounds(base / "sounds", asked.files)
        start = time.perf_counter()
        build(base / "sounds", base / "whole", asked.encoder).wait()
        whole = time.perf_counter() - start
        expected = contents(base / "whole")
        print(f"undisturbed: {whole:.1f} s, {len(expected['sounds'])} files, "
              f"{len(expected['vectors'])} vectors")  # fmt: skip
        found: Counter[str] = Counter()
        worst = 1.0
        for run in range(asked.runs):
            library = base / f"killed-{run}"
            process = build(base / "sounds", library, asked.encoder)
            time.sleep(random.uniform(0.1 * whole, 1.0 * whole))
            found["killed" if process.poll() is None else "too late"] += 1
            process.send_signal(signal.SIGKILL)
            process.wait()
            build(base / "sounds", library, asked.encoder).wait()
            wrong, lowest = differences(expected, contents(library))
            worst = min(worst, lowest)
            found["equal" if not wrong else f"differs: {', '.join(wrong)}"] += 1
            shutil.rmtree(library)
        print(f"{dict(found)}; lowest cosine between vectors of one place: {worst:.7f}")
    return int(found["equal"] != asked.runs)


if __name__ == "__main__":
    sys.exit(main())
