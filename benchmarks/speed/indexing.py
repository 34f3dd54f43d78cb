"""A build against the bare encoder on the same windows."""

from __future__ import annotations

import shutil
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
    from collections.abc import Callable, Iterator, Sequence

    from indexer.encoders.protocol import Encoder

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))
from libraries import make_sounds

BATCH = 32


def figures(files: int, rounds: int) -> Iterator[Figure]:
    """With the toy encoder, where all time is ours, and with the starter, if it is here."""
    models = settings.load().models
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        make_sounds(base / "sounds", files)
        for name in ("toy", "starter"):
            if name == "starter" and weights.status(name, models).state != "ready":
                continue
            encoder = registry.load(name, models_dir=models)
            yield from one(encoder, base, files, rounds)


def one(encoder: Encoder, base: Path, files: int, rounds: int) -> Iterator[Figure]:
    heard = list(windows_of(base / "sounds", encoder))
    reports: list[Any] = []
    processor: dict[str, list[float]] = {}

    def timed(name: str, job: Callable[[], object]) -> Callable[[], object]:
        def run() -> None:
            start = time.process_time()
            job()
            processor.setdefault(name, []).append(time.process_time() - start)

        return run

    jobs = {
        "bare": partial(bare, encoder, heard),
        "loop": partial(loop, encoder, base / "sounds"),
        "build": lambda: reports.append(build(encoder, base)),
    }
    took = medians({name: timed(name, job) for name, job in jobs.items()}, rounds)
    stages = {f"of it {stage}": 1000 * s for stage, s in reports[-1].seconds.items()}
    used = {f"processor, {name}": 1000 * min(times) for name, times in processor.items()}
    peers = {"a plain loop": took["loop"], **used, **stages}
    yield Figure(f"build, {encoder.name}, files", files, took["build"], took["bare"], peers)


def build(encoder: Encoder, base: Path) -> Any:
    place = base / "library"
    shutil.rmtree(place, ignore_errors=True)
    start = time.perf_counter()
    with Library.create(place, Config(encoder=encoder.name)) as library:
        report = build_index(library, [FolderSource(base / "sounds")], encoder)
    report.seconds["all"] = time.perf_counter() - start
    return report


def bare(encoder: Encoder, heard: Sequence[Any]) -> None:
    """The forward passes alone, in batches as a build makes them."""
    for at in range(0, len(heard), BATCH):
        encoder.embed_audio(heard[at : at + BATCH])


def loop(encoder: Encoder, folder: Path) -> None:
    """What one would write first: file after file, heard and embedded."""
    for path in sorted(folder.rglob("*.wav")):
        if waves := list(windows_in(path, encoder)):
            encoder.embed_audio(waves)


def windows_of(folder: Path, encoder: Encoder) -> Iterator[Any]:
    for path in sorted(folder.rglob("*.wav")):
        yield from windows_in(path, encoder)


def windows_in(path: Path, encoder: Encoder) -> Iterator[Any]:
    from indexer.audio.decode import blocks
    from indexer.audio.resample import resample
    from indexer.audio.window import windows
    from indexer.errors import AudioError

    try:
        stream = resample(blocks(path), encoder.sample_rate, encoder.resampler)
        yield from (window.waveform for window in windows(stream, encoder.window))
    except AudioError:
        return
