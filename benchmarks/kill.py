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

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from libraries import contents, differences, make_sounds


def build(sounds: Path, library: Path, encoder: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", "from query.cli.main import main; main()", "build-index"]
    return subprocess.Popen(
        [*command, str(sounds), "--library", str(library), "--encoder", encoder],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


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
