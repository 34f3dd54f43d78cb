"""Files heard by many processes, on many machines and GPUs, through Ray.

Each worker holds the model and hears a few files at a time; what it heard lies in a shard
(`indexer.build.shards`) in the library's cache folder before it is told of. This process alone
writes to the catalog. Another worker takes the place of one that dies, and its files are heard
again, half of them at a time, until a file that kills is alone; if this process dies, the next
build records the shards that are there.
"""

from __future__ import annotations

import itertools
import logging
import os
import socket
import sys
import uuid
from collections import Counter
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from indexer.audio.waveform import Waveform
from indexer.build import shards
from indexer.build.ears import Ears, ahead, threads
from indexer.build.heads import Heads
from indexer.build.hearing import hear
from indexer.build.listen import Listener
from indexer.build.report import BuildReport, Progress
from indexer.build.shards import Shard
from indexer.catalog.entries import Failed, Heard, Same
from indexer.errors import LibraryError, SonorizeError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from indexer.build.hearing import Job
    from indexer.catalog.entries import Entry
    from indexer.encoders.protocol import Encoder, Windows
    from indexer.library import Library

LOCAL = "local"  # the address of a cluster on this machine alone, made for this build
CORES = 2  # of a worker without a GPU
FILES = 128  # of a shard at most
SECONDS = 900.0  # of sound in a shard, or one file
DEATHS = 4  # of workers that heard one file, until it is given up
KILLS = f"{DEATHS} processes died that heard it: its decoder crashes, or memory runs out"
KNOCKED = 10  # seconds at the door of a cluster
SHARED = "put it on storage that all machines see under the same path."


class Worker:
    """Runs on any machine of the cluster.

    name, windows   the library's model, and how it hears a file
    known           path of what `Catalog.hashes` gave; shards come to lie beside it
    """

    def __init__(self, name: str, windows: Windows, made_for: shards.MADE_FOR, known: Path) -> None:
        self._name, self._windows, self._made_for, self._known = name, windows, made_for, known
        self._loaded: Encoder | None = None

    def lacks(self, sound: Job) -> str:
        """What keeps this machine from taking part, as one sentence, or ""."""
        if not self._known.is_file():
            return f"{_here()} does not see the library in {self._known.parents[2]}: {SHARED}"
        if not os.access(sound.path, os.R_OK):
            return f"{_here()} cannot read {sound.path}: {SHARED}"
        return self._lacks_model()

    def _lacks_model(self) -> str:
        try:
            made_here = {part: self._encoder.fingerprint(part) for part in self._encoder.dims}
        except SonorizeError as error:
            return f"{_here()} cannot run the {self._name} model: {error}"
        if any(made_here[part] != mine for part, _, mine in self._made_for):  # type: ignore[index]
            return (
                f"{_here()} has another {self._name} model, or another sonorize, than this one: "
                "bring both to the same version."
            )
        # One that the model kills, dies here: of no file.
        self._encoder.embed_audio([self._silence()])
        return ""

    def _silence(self) -> Waveform:
        seconds, rate = self._encoder.window.seconds, self._encoder.sample_rate
        return Waveform(np.zeros((1, round(seconds * rate)), np.float32), rate)

    def hear(self, jobs: list[Job]) -> str:
        """Hears the files; the name of the shard that holds what was heard."""
        report, kept, encoder = BuildReport(), _Kept(), self._encoder
        spaces: Any = {part: space for part, space, _ in self._made_for}
        ears = Ears(spaces, encoder, report, Progress(), kept, Heads())
        hears = [hear] * threads(encoder)
        listener = Listener(jobs, encoder, self._find, hears, ahead=ahead(encoder))
        try:
            ears.hear(listener)
        finally:
            listener.close()
        name = f"{uuid.uuid4().hex}.npz"
        seconds = {"decode": listener.seconds, "embed": report.seconds["embed"]}
        paths = {job.sound_id: str(job.path) for job in jobs}
        heard = [each for each in kept.entries if isinstance(each, Heard | Same | Failed)]
        shard = Shard(self._made_for, paths, heard, seconds, report.failures, report.notes)
        shards.write(self._known.with_name(name), shard)
        return name

    def _find(self, content_hash: str) -> int | None:
        known = np.load(self._known, mmap_mode="r")
        place = int(np.searchsorted(known["hash"], content_hash.encode()))
        if place == len(known) or known["hash"][place] != content_hash.encode():
            return None
        return int(known["id"][place])

    @property
    def _encoder(self) -> Encoder:
        from indexer import settings
        from indexer.encoders import registry
        from indexer.encoders.protocol import Setup

        if self._loaded is None:
            found = settings.load()
            setup = Setup(found.device, self._windows)
            self._loaded = registry.load(self._name, models_dir=found.models, setup=setup)
        return self._loaded


def _here() -> str:
    return f"The machine {socket.gethostname()}"


class _Kept:
    """Entries that are not recorded here."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []

    def record(self, entries: Sequence[Entry]) -> None:
        self.entries += entries


def require() -> Any:
    """The module ray. Raises LibraryError where it is not installed."""
    # before it is imported, it reads these
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
    except ImportError as error:
        raise LibraryError(
            "Hearing on a cluster needs Ray: run pip install 'sonorize[ray]', here and on its "
            "machines."
        ) from error
    return ray


def hear_there(
    library: Library,
    encoder: Encoder,
    jobs: Iterable[Job],
    seconds: float,
    address: str,
    report: BuildReport,
    progress: Progress,
) -> None:
    """Hears the jobs, `seconds` of sound in all, on the cluster at `address`, and records what
    comes back.

    Raises LibraryError if there is no cluster, or if one of its machines cannot take part.
    """
    progress.stage("Listening on the cluster", seconds, "s of sound")
    packed = _packed(jobs)
    first = next(packed, None)
    if first is None:
        return
    into = shards.folder(library)
    into.mkdir(parents=True, exist_ok=True)
    known = into / f"{uuid.uuid4().hex}.npy"
    np.save(known, library.catalog.hashes(), allow_pickle=False)
    asked = (encoder.name, library.config.windows, shards.made_for(library, encoder), known)
    try:
        # Ray tells of workers that died on stdout, where the report belongs.
        with redirect_stdout(sys.stderr), connected(address) as ray:
            crew = _Crew(ray, asked, first[0])
            for some, name in crew.hear(itertools.chain([first], packed)):
                progress.advance(sum(job.seconds for job in some))
                if name is None:
                    library.catalog.record([Failed(job.sound_id, KILLS) for job in some])
                    _fail(some, KILLS, report)
                elif not shards.record(library, encoder, into / name, report):
                    _fail(some, "what its worker heard cannot be read: build again", report)
    finally:
        known.unlink()


def _fail(jobs: Iterable[Job], why: str, report: BuildReport) -> None:
    for job in jobs:
        report.fail(str(job.path), why)


@contextmanager
def connected(address: str, **machine: Any) -> Iterator[Any]:
    """Ray, connected to a cluster; to the one of this process, if it has one already.

    `machine`: what a local cluster has, as `ray.init` calls it, instead of all that is here.
    """
    if address == LOCAL:  # else it listens on every interface
        os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
    ray = require()
    if ray.is_initialized():
        yield ray
        return
    own = {"include_dashboard": False, **machine} if address == LOCAL else {}
    try:
        _knock(address)
        ray.init(address, log_to_driver=False, logging_level=logging.ERROR, **own)
    except (OSError, OverflowError, ValueError, RuntimeError) as error:
        reason = str(error).partition("\n")[0].rstrip(".")
        raise LibraryError(
            f"There is no Ray cluster at {address} ({reason}): start one, or use --ray local."
        ) from error
    try:
        yield ray
    finally:
        ray.shutdown()


def _knock(address: str) -> None:
    """Raises OSError or OverflowError where nobody listens: Ray itself asks there for minutes."""
    host, _, port = address.rpartition(":")
    if host and port.isdecimal() and "/" not in host:
        socket.create_connection((host.strip("[]"), int(port)), KNOCKED).close()


class _Crew:
    """The workers of a build: one a GPU, or one for two cores where the cluster has no GPU."""

    def __init__(self, ray: Any, asked: tuple[Any, ...], sound: Job) -> None:
        self._ray, self._sound = ray, sound
        nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        gpus = sum(int(has.get("GPU", 0)) for has in nodes)
        cores = [int(has.get("CPU", 0)) for has in nodes]
        each = min(CORES, max(cores)) or 1
        kind = ray.remote(Worker).options(num_gpus=min(gpus, 1), num_cpus=1 if gpus else each)
        self._kind, self._asked = kind, asked
        self._coming: dict[Any, tuple[Any, int]] = {}
        self._busy: dict[Any, tuple[Any, list[Job]]] = {}
        self._idle: list[Any] = []
        self._again: list[list[Job]] = []
        self._deaths: Counter[int] = Counter()
        for _ in range(gpus or max(1, sum(has // each for has in cores))):
            self._begin()

    def hear(self, packed: Iterator[list[Job]]) -> Iterator[tuple[list[Job], str | None]]:
        """Jobs with the name of their shard; a job alone with None if worker after worker died.

        Raises LibraryError for a machine that cannot take part.
        """
        try:
            while self._busy or not self._idle:  # who is idle has found nothing more to hear
                [done], _ = self._ray.wait([*self._busy, *self._coming])
                if done in self._coming:
                    self._came(done)
                else:
                    yield from self._heard(done)
                self._give(packed)
        finally:
            at_it = [each for each, _ in [*self._coming.values(), *self._busy.values()]]
            for each in [*at_it, *self._idle]:
                self._ray.kill(each)

    def _begin(self, deaths: int = 0) -> None:
        """A worker more, of which so many died before they heard anything.

        One that the cluster has no room for, yet or any more, does not answer: the others go on.
        """
        worker = self._kind.remote(*self._asked)
        self._coming[worker.lacks.remote(self._sound)] = worker, deaths

    def _came(self, done: Any) -> None:
        worker, deaths = self._coming.pop(done)
        lacking = self._answer(done, worker)
        if lacking:
            raise LibraryError(lacking)
        if lacking is not None:
            self._idle.append(worker)
        elif deaths + 1 < DEATHS:
            self._begin(deaths + 1)
        else:
            raise LibraryError(f"{DEATHS} workers died before they heard anything: see Ray's logs.")

    def _heard(self, done: Any) -> Iterator[tuple[list[Job], str | None]]:
        worker, jobs = self._busy.pop(done)
        name = self._answer(done, worker)
        if name is not None:
            self._idle.append(worker)
            yield jobs, name
            return
        self._begin()
        if self._die(jobs):
            yield jobs, None

    def _die(self, jobs: list[Job]) -> bool:
        """Whether this job killed so many workers that it is given up; else all are heard again.

        Halves, since one file may have killed it, and the others are not to go with that one.
        """
        half = len(jobs) // 2
        if not half:
            self._deaths[jobs[0].sound_id] += 1
            if self._deaths[jobs[0].sound_id] == DEATHS:
                return True
        self._again += filter(None, [jobs[half:], jobs[:half]])
        return False

    def _give(self, packed: Iterator[list[Job]]) -> None:
        """Something to hear to each worker that is idle, while there is something."""
        while self._idle and (jobs := self._again.pop() if self._again else next(packed, None)):
            worker = self._idle.pop()
            self._busy[worker.hear.remote(jobs)] = worker, jobs

    def _answer(self, done: Any, worker: Any) -> str | None:
        """None if the worker died, or cannot be reached."""
        failed = self._ray.exceptions
        try:
            return str(self._ray.get(done))
        except failed.RayTaskError as error:
            raise error.cause from error
        except (failed.RayActorError, failed.OutOfMemoryError):
            self._ray.kill(worker)
            return None


def _packed(jobs: Iterable[Job]) -> Iterator[list[Job]]:
    """Jobs for one shard each."""
    some: list[Job] = []
    for job in jobs:
        if len(some) == FILES or (some and sum(j.seconds for j in some) + job.seconds > SECONDS):
            yield some
            some = []
        some.append(job)
    if some:
        yield some
