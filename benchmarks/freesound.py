"""Pull a library from a Freesound that fails, kill it at random moments, and compare.

    python benchmarks/freesound.py --kills 30

A server on this machine stands in for Freesound. First an undisturbed library of 300 sounds of six
terms; then one that is killed (kill -9) again and again while the server refuses, breaks off,
trickles and redirects, and that once finds its disk full where a small one can be mounted.
Prints what was asked for beyond need, and exits with 1 if the libraries differ, if a file is not
what the server has, or if requests were made that no fault and no kill explains.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from freesound_server import FreesoundServer, corpus
from libraries import contents, differences
from sqlalchemy import select

from indexer.catalog.models import FreesoundRank, FreesoundSound, FreesoundTerm
from indexer.library import Library

TERMS = ("rain", "dog bark", "door", "engine", "crowd", "glass")
FAULTS = (
    ("search", "429 minute"), ("search", "500"), ("search", "502 html"), ("search", "400 down"),
    ("search", "hang up"), ("preview", "500 html"), ("preview", "truncate"),
    ("preview", "trickle"), ("preview", "redirect"), ("preview", "hang up"),
)  # fmt: skip
EVERYTHING = ("--license", "cc0,by,by-nc,sampling+", "--explicit", "--per-term", "60")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--each", type=int, default=50, help="sounds of a term")
    asked = parser.parse_args()
    random.seed(0)
    with tempfile.TemporaryDirectory() as folder, FreesoundServer(*corpus(TERMS, asked.each)) as s:
        base = Path(folder)
        (base / "terms.txt").write_text("\n".join(TERMS))
        began = time.perf_counter()
        code = start(s, base, base / "whole").wait()
        whole = state(base / "whole")
        site, previews = s.count("site"), s.count("previews")
        sounds = len(whole["sounds"])
        print(f"undisturbed: exit {code}, {time.perf_counter() - began:.0f} s, {sounds} sounds, "
              f"{site} requests and {previews} previews: "
              f"{site / sounds * 1000:.1f} requests per 1,000 sounds")  # fmt: skip
        failed = disturbed(s, base, whole, asked.kills) + full_disk(s, base)
    return int(failed > 0)


def disturbed(s: FreesoundServer, base: Path, whole: dict[str, Any], kills: int) -> int:
    """Kills so many processes; a library that comes to its end is compared, and another begun."""
    found: Counter[str] = Counter()
    library, s.pause = base / "disturbed-0", 0.001
    while True:
        s.seen.clear()
        injected = inject(s) if found["killed"] < kills else 0
        process = start(s, base, library)
        if found["killed"] < kills:
            wait_or_kill(process, random.uniform(0.5, 8))
        process.wait()
        found[
            "killed" if process.returncode == -signal.SIGKILL else f"exit {process.returncode}"
        ] += 1
        found["faults"] += injected - sum(fault.left for fault in s._faults)
        s._faults.clear()
        found["requests"] += s.count("site")
        found["previews"] += s.count("previews")
        if process.returncode == 0:
            now = state(library)
            wrong, lowest = differences(whole, now)
            found["equal" if not wrong and lowest == 1.0 else f"differs: {', '.join(wrong)}"] += 1
            found["broken files"] += broken(s, library)
            found["libraries"] += 1
            shutil.rmtree(library)
            library = base / f"disturbed-{found['libraries']}"
            if found["killed"] >= kills:
                break
    libraries = found["libraries"]
    needed = libraries * len(TERMS), libraries * len(whole["sounds"])
    spare = found["faults"] + 3 * found["killed"]  # one search and two previews on their way
    beyond = found["requests"] + found["previews"] - sum(needed)
    print(f"{dict(found)}; needed {needed[0]} requests and {needed[1]} previews; {beyond} beyond, "
          f"of which {found['faults']} met a fault and at most {3 * found['killed']} were on their "
          "way at a kill")  # fmt: skip
    return (libraries - found["equal"]) + found["broken files"] + max(0, beyond - spare)


def full_disk(s: FreesoundServer, base: Path) -> int:
    """A library on a disk too small for it, which then grows."""
    library = base / "small"
    with mounted(library, "2m") as done:
        if not done:
            print("disk full: not tried, no disk can be mounted here")
            return 0
        process = start(s, base, library, stderr=subprocess.PIPE)
        said = process.communicate()[1].decode().strip().splitlines()[-1]
        left = broken(s, library)
        print(f"disk full: exit {process.returncode}, {left} broken files, said: {said}")
        subprocess.run(["mount", "-o", "remount,size=200m", library], check=True)
        code = start(s, base, library).wait()
        wrong, _ = differences(state(base / "whole"), state(library))
        print(f"with room: exit {code}, {wrong or 'equal'}")
        return left + bool(wrong) + int(process.returncode not in (1, 3))


@contextmanager
def mounted(place: Path, size: str) -> Iterator[bool]:
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", place]
    done = subprocess.run(command, capture_output=True, check=False).returncode == 0
    try:
        yield done
    finally:
        if done:
            subprocess.run(["umount", place], check=True)


def start(
    s: FreesoundServer, base: Path, library: Path, stderr: int = subprocess.DEVNULL
) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", "from query.cli.main import main; main()", "build-index"]
    own = {
        "SONORIZE_FREESOUND_URL": s.address,
        "SONORIZE_FREESOUND_KEY": s.key,
        "SONORIZE_STATE": str(base / f"state-{time.monotonic_ns()}"),  # another day each time
        "SONORIZE_CONFIG": str(base / "config"),
    }
    return subprocess.Popen(
        [*command, f"freesound:@{base / 'terms.txt'}", *EVERYTHING, "--encoder", "toy",
         "--library", str(library)],
        env={**os.environ, **own},
        stdout=subprocess.DEVNULL,
        stderr=stderr,
    )  # fmt: skip


def wait_or_kill(process: subprocess.Popen[bytes], seconds: float) -> None:
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()


def inject(s: FreesoundServer) -> int:
    for where, how in random.sample(FAULTS, 2):
        s.fail(where, how)
    return 2


def state(library: Path) -> dict[str, Any]:
    """All that a library holds, and all that it keeps of Freesound but the times of asking."""
    found = contents(library)
    with Library.open(library) as opened, opened.catalog.engine.connect() as connection:
        columns = [column for column in FreesoundSound.__table__.columns if column.key != "fetched"]
        found["said"] = sorted(map(repr, connection.execute(select(*columns))))
        ranks = select(FreesoundTerm.query, *FreesoundRank.__table__.columns[1:]).join(
            FreesoundRank, FreesoundRank.term_id == FreesoundTerm.id
        )
        found["ranks"] = sorted(map(repr, connection.execute(ranks)))
    return found


def broken(s: FreesoundServer, library: Path) -> int:
    """Files under a final name that are not what the server has."""
    folder = library / "sounds/freesound/previews"
    if not folder.exists():
        return 0
    return sum(
        path.read_bytes() != s.files[int(path.name.partition("__")[0])][0]
        for path in folder.iterdir()
        if ".part" not in path.name
    )


if __name__ == "__main__":
    sys.exit(main())
