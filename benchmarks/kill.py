"""kill -9 a build at random moments, finish it, and compare with a build nobody disturbed.

    python benchmarks/kill.py --encoder toy --runs 50
    python benchmarks/kill.py --encoder toy --reembed starter --runs 20

A fresh library each run; with --reembed, one that is built and then killed while it changes to
another encoder. Prints how many runs were killed at which stage, and the largest
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


def start(*arguments: object) -> subprocess.Popen[bytes]:
    """`sonorize` with these arguments."""
    command = [sys.executable, "-c", "from query.cli.main import main; main()"]
    return subprocess.Popen(
        [*command, *map(str, arguments)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--encoder", default="toy")
    parser.add_argument("--reembed", metavar="ENCODER", help="kill a change to this one instead")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--files", type=int, default=200)
    asked = parser.parse_args()
    random.seed(0)
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        make_sounds(base / "sounds", asked.files)
        built = ("build-index", base / "sounds", "--encoder", asked.encoder)
        changed = ("library", "reembed", "--yes", "--encoder", asked.reembed)
        command = changed if asked.reembed else built
        if asked.reembed:
            start(*built, "--library", base / "before").wait()

        def fresh(library: Path) -> Path:
            if asked.reembed:
                shutil.copytree(base / "before", library)
            return library

        fresh(base / "whole")
        began = time.perf_counter()
        start(*command, "--library", base / "whole").wait()
        whole = time.perf_counter() - began
        expected = contents(base / "whole")
        print(f"undisturbed: {whole:.1f} s, {len(expected['sounds'])} files, "
              f"{len(expected['vectors'])} vectors")  # fmt: skip
        found: Counter[str] = Counter()
        worst = 1.0
        for run in range(asked.runs):
            library = fresh(base / f"killed-{run}")
            process = start(*command, "--library", library)
            time.sleep(random.uniform(0.1 * whole, 1.0 * whole))
            found["killed" if process.poll() is None else "too late"] += 1
            process.send_signal(signal.SIGKILL)
            process.wait()
            start(*command, "--library", library).wait()
            wrong, lowest = differences(expected, contents(library))
            worst = min(worst, lowest)
            found["equal" if not wrong else f"differs: {', '.join(wrong)}"] += 1
            shutil.rmtree(library)
        print(f"{dict(found)}; lowest cosine between vectors of one place: {worst:.7f}")
    return int(found["equal"] != asked.runs)


if __name__ == "__main__":
    sys.exit(main())
