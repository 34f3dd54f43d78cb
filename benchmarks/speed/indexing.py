"""A build against the bare encoder on the same windows, by the clock and by processor time."""

from __future__ import annotations

import os
import shutil
import statistics
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from measure import Figure, medians

from indexer import settings
from indexer.build.run import build_index
from indexer.encoders import registry, weights
from indexer.library import Config, Library
from indexer.sources.folder import FolderSource

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from indexer.encoders.protocol import Encoder

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))
from libraries import make_sounds

ENOUGH = 60.0  # seconds of one job
HEAVY = 5  # times fewer files for ImageBind


def figures(files: int, rounds: int) -> Iterator[Figure]:
    """With the toy encoder, where all time is ours, the starter, if it is here, and ImageBind."""
    import plain

    models = settings.load().models
    named = ["toy"] + ["starter"] * (weights.status("starter", models).state == "ready")
    for name in named:
        yield from measured(registry.load(name, models_dir=models), files, rounds)
    yield from measured(plain.RandomImageBind(), max(2, files // HEAVY), rounds)


def measured(encoder: Encoder, files: int, rounds: int) -> Iterator[Figure]:
    import plain

    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        sounds, rows = base / "sounds", base / "rows.npy"
        make_sounds(sounds, files)
        rate, rule = encoder.sample_rate, encoder.window
        heard = [
            w for path in sorted(sounds.rglob("*.wav")) for w in plain.windows_in(path, rate, rule)
        ]
        reports: list[Any] = []
        jobs = {
            "bare": partial(plain.bare, encoder, heard),
            "build": lambda: reports.append(build(encoder, base)),
            "a plain loop": partial(plain.loop, encoder, sounds, rows),
            "clip-retrieval's pipeline": partial(plain.pipeline, encoder, sounds, rows),
        }
        used: dict[str, list[float]] = {name: [] for name in jobs}
        timed = {name: counted(job, used[name]) for name, job in jobs.items()}
        took = medians(timed, rounds, ENOUGH)
    stages = {f"of it {stage}": 1000 * s for stage, s in reports[-1].seconds.items()}
    what = f"build, {encoder.name}, files"
    yield figure(what, files, took, stages)
    # the first of each does not count, as by the clock
    yield figure(
        f"{what}, processor",
        files,
        {name: 1000 * statistics.median(each[1:] or each) for name, each in used.items()},
        {},
    )


def figure(what: str, files: int, took: dict[str, float], more: dict[str, float]) -> Figure:
    peers = {name: ms for name, ms in took.items() if name not in ("bare", "build")}
    return Figure(what, files, took["build"], took["bare"], {**peers, **more})


def counted(job: Callable[[], object], used: list[float]) -> Callable[[], object]:
    """The job, which adds what it used: processor seconds, of its child processes too."""

    def run() -> None:
        start = processor()
        job()
        used.append(processor() - start)

    return run


def processor() -> float:
    """Seconds used so far, of child processes that have ended too."""
    user, system, children_user, children_system, _ = os.times()
    return user + system + children_user + children_system


def build(encoder: Encoder, base: Path) -> Any:
    place = base / "library"
    shutil.rmtree(place, ignore_errors=True)
    start = time.perf_counter()
    with Library.create(place, Config(encoder=encoder.name)) as library:
        report = build_index(library, [FolderSource(base / "sounds")], encoder)
    report.seconds["all"] = time.perf_counter() - start
    return report
