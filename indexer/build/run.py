"""The stages of a build, in order."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Collection, Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

import numpy as np

from indexer.build import shards, takes
from indexer.build.apart import readers
from indexer.build.cluster import hear_there
from indexer.build.ears import hear, threads
from indexer.build.estimate import Work, estimate
from indexer.build.heads import HEAD, Heads
from indexer.build.hearing import Job
from indexer.build.listen import Stage
from indexer.build.naming import Naming
from indexer.build.report import BuildReport, Options, Progress
from indexer.build.scan import Scan, scan
from indexer.build.trial import Pace, pace
from indexer.build.words import FIRST, embed_words, name_files
from indexer.counting import counted

if TYPE_CHECKING:
    from indexer.audio.window import WindowRule
    from indexer.build.listen import Hears
    from indexer.catalog.answers import Todo
    from indexer.catalog.store import Catalog
    from indexer.encoders.protocol import Encoder
    from indexer.library import Library
    from indexer.sources.protocol import Source

START, REST = "Listening to the start of every file", "Listening to the rest of long files"
# Seconds of sound from which on files are read in processes of their own, beside a GPU; so many
# times as much beside a model on the CPU, which would wait 2 s for them to start. Below, files are
# read by threads, which nothing can end: one whose decoder goes in circles holds the build up, and
# one that crashes it ends the build. So after a build that ended without a word they are read in
# processes, however few they are: the next one names the file, and goes on.
MUCH, TIMES_ON_CPU = 600.0, 6


def build_index(
    library: Library,
    sources: Sequence[Source],
    encoder: Encoder,
    options: Options = Options(),
    progress: Progress | None = None,
) -> BuildReport:
    """Brings the library up to date with its sources.

    Names and tags go ahead, so that sounds can be searched by words at once; the first windows of
    every file are heard as they are named, then the rest. Every batch is one transaction: what was
    recorded stays, and the next call goes on from there. Raises LibraryBusy, EncoderMismatch,
    SourceError.
    """
    progress = progress or Progress()
    report = BuildReport()
    spaces = library.spaces(encoder)
    sources = list({(source.kind, source.location): source for source in sources}.values())
    with library.lock():
        library.require_unchanged()
        known = {root.id for root in library.catalog.roots()}
        found = [look(library, source, options, report) for source in sources]
        died = library.catalog.died()
        build_id = start(library, sources, encoder)
        with ExitStack() as stack:
            with _unless_it_fails(library.catalog, build_id, found, known):
                hears, heads = _planned(library, found, encoder, options, progress, died, stack)
            stack.callback(_count, library, report)
            with _said_if_stopped(library.catalog, build_id, report):
                _stages(library, found, encoder, options, report, progress, hears, heads)
        with _said_if_stopped(library.catalog, build_id, report), report.timed("index"):
            takes.join_similar(library.catalog, spaces)
            report.notes += save_indexes(library, encoder)
        seq = library.catalog.embeddings.last()
        library.catalog.finish_build(
            build_id, {**report.figures(), "seq": seq, "model_licence": encoder.licence}
        )
    return report


def _planned(
    library: Library,
    found: Sequence[Scan],
    encoder: Encoder,
    options: Options,
    progress: Progress,
    died: bool,
    stack: ExitStack,
) -> tuple[Sequence[Hears], Heads]:
    """Says what is to be done and how long it takes, as tried with the first files.

    Returns what hears files in processes, which end with the `stack`, and what the trial heard.
    """
    work, heads = Work.of(library.catalog, found), Heads()
    enough = MUCH * (TIMES_ON_CPU if encoder.device == "cpu" else 1)
    apart = (work.seconds > enough or died) and work.files and not options.ray
    hears = stack.enter_context(readers(threads(encoder) if apart else 0))
    speed = Pace(0.0, 0.0)
    if work.files:
        speed = pace(encoder, work.paths, library.catalog.with_hash, heads, hears)
    progress.planned(estimate(work, found, encoder, speed))
    return hears, heads


@contextmanager
def _unless_it_fails(
    catalog: Catalog, build_id: int, found: Sequence[Scan], known: Collection[int]
) -> Iterator[None]:
    """Forgets the build, and what was not `known`: nothing is built."""
    try:
        yield
    except BaseException:
        catalog.forget_roots([each.root_id for each in found if each.root_id not in known])
        catalog.forget_build(build_id)
        raise


@contextmanager
def _said_if_stopped(catalog: Catalog, build_id: int, report: BuildReport) -> Iterator[None]:
    try:
        yield
    except BaseException:
        with suppress(Exception):  # a full disk, as likely as not: what ended it is told
            catalog.finish_build(build_id, report.figures(), whole=False)
        raise


def _stages(
    library: Library,
    found: Sequence[Scan],
    encoder: Encoder,
    options: Options,
    report: BuildReport,
    progress: Progress,
    hears: Sequence[Hears],
    heads: Heads,
) -> None:
    catalog = library.catalog
    new, changed = (sum(len(getattr(each, what)) for each in found) for what in ("new", "changed"))
    # of the rest nothing is shown: they are read while files are heard
    first = new if options.ray else min(new, FIRST)
    some = " to begin with" if first < new else ""
    progress.stage(f"Reading names and tags{some}", first + changed)
    for each in found:
        with report.timed("record"):
            catalog.record(each.sightings())
        for count in name_files(catalog, each, each.changed, report):
            progress.advance(count)
    spaces = library.spaces(encoder)
    catalog.hear_again([spaces[part] for part in ("audio", "likeness") if part in spaces])
    shards.take_in(library, encoder, report)
    # two threads in one model: where torch is known to bear it
    words = _write(library, encoder, report, Progress()) if encoder.device != "mps" else _nothing()
    with Naming(_name(catalog, found, report), words) as naming:
        if options.ray:
            for count in naming:
                progress.advance(count)
            todos = catalog.todo(_roots(found), ["named", "partial"])
            seconds = float(todos.durations.sum())
            jobs = map(_job(found), todos)
            hear_there(library, encoder, jobs, seconds, options.ray, report, progress)
        else:
            _hear(library, found, encoder, naming, report, progress, hears, heads)
    catalog.drop_orphans()  # only now is it known which recordings went elsewhere
    # a file that turned out to be a copy may have given its sound another name
    for _ in _write(library, encoder, report, progress):
        pass
    if options.prune:
        report.removed = catalog.prune([each.root_id for each in found if not each.offline])


def _name(
    catalog: Catalog, found: Sequence[Scan], report: BuildReport
) -> Generator[int, None, None]:
    for each in found:
        yield from name_files(catalog, each, [(None, item) for item in each.new], report)


def _nothing() -> Generator[int, None, None]:
    yield from ()


def _write(
    library: Library, encoder: Encoder, report: BuildReport, progress: Progress
) -> Generator[int, None, None]:
    space = library.spaces(encoder).get("metadata")
    if space is not None:
        yield from embed_words(library.catalog, encoder, space, report, progress)


def _hear(
    library: Library,
    found: Sequence[Scan],
    encoder: Encoder,
    naming: Naming,
    report: BuildReport,
    progress: Progress,
    hears: Sequence[Hears],
    heads: Heads,
) -> None:
    def before(stage: Stage) -> None:
        if stage.name == REST and encoder.device == "mps":
            for _ in _write(library, encoder, report, progress):
                pass

    turns = iter(naming)
    progress.advance(next(turns))
    jobs = _jobs(library.catalog, found, encoder.window, itertools.chain([0], turns))
    report.added += hear(
        library, encoder, jobs, report, progress, heads=heads, hears=hears, before=before
    )


def _roots(found: Sequence[Scan]) -> list[int]:
    return [each.root_id for each in found]


def look(library: Library, source: Source, options: Options, report: BuildReport) -> Scan:
    """Scans a source; what the user should know of it goes into the report's notes."""
    with report.timed("scan"):
        found = scan(
            library.catalog, source, retry_failed=options.retry_failed, whole=options.whole
        )
    report.skipped += found.skipped
    if found.unreadable:
        report.notes.append(
            f"{counted(found.unreadable, 'file', 'is/are')} still unreadable in "
            f"{source.location}: `sonorize library status` lists them, --retry-failed tries them "
            "again."
        )
    report.notes += source.notes
    report.passed_over += source.passed_over
    if found.offline:
        report.notes.append(
            f"{source.location} is offline or lacks many of its files ({found.lost:,} of "
            f"{found.known:,}): its sounds stay searchable. Plug it in and build again"
            + (", or give" if found.is_empty else ", give")
            + " its new place with `sonorize library roots --move`"
            + ("." if found.is_empty else ", or, if they were deleted, say --prune --whole.")
        )
    elif found.gone and not options.prune:
        report.notes.append(
            f"{counted(found.gone, 'file', 'is/are')} gone from {source.location}: --prune forgets "
            "what is gone."
        )
    return found


def _jobs(
    catalog: Catalog, found: Sequence[Scan], rule: WindowRule, turns: Iterator[int]
) -> Iterator[Job | Stage]:
    """What is to be heard, with stages: the start of every file at each turn, then the rest."""
    first, roots, job = _first(rule), _roots(found), _job(found)
    last = 0
    for _ in turns:
        todos = catalog.todo(roots, ["named"], above=last)  # what vanished stays named
        last = todos.last
        yield Stage(START, float(np.minimum(todos.durations, first).sum()), grows=True)
        for todo in todos:
            yield job(todo, first)
    # of the last of them the first windows were read, and are still to be embedded
    read, todos = catalog.todo(roots, ["named"]), catalog.todo(roots, ["partial"])
    since = first if first < math.inf else 0.0
    left = np.concatenate([read.durations[read.durations > first], todos.durations]) - since
    yield Stage(REST, float(left.clip(min=0).sum()))
    given = set()
    for todo in read:
        if _is_long(todo.duration, first):
            given.add(todo.sound_id)
            yield job(todo, since=since)
    yield from (job(todo, since=since) for todo in todos if todo.sound_id not in given)


def _job(found: Sequence[Scan]) -> Callable[..., Job]:
    """Makes jobs of what is to do; given `first` (seconds), long files are heard so far only,
    `since`: that they were."""
    sources = {each.root_id: each.source for each in found}

    def job(todo: Todo, first: float = math.inf, since: float = 0.0) -> Job:
        return Job(
            todo.sound_id,
            sources[todo.root_id].path(todo.relative_path),
            HEAD if _is_long(todo.duration, first) else None,
            max(0.0, min(todo.duration, first) - since),
            since,
        )

    return job


def _first(rule: WindowRule) -> float:
    """Seconds of a file's first windows, where they say something of it by themselves."""
    return math.inf if rule.spread else HEAD * rule.seconds


def _is_long(duration: float, first: float) -> bool:
    """Whether a file goes on after these seconds, as far as is known."""
    return first < math.inf and not 0 < duration <= first


def start(library: Library, sources: Sequence[Source], encoder: Encoder) -> int:
    """Records that a build begins; its id."""
    try:
        own = version("sonorize")
    except PackageNotFoundError:  # run from a checkout
        own = ""
    return library.catalog.start_build(
        source=" ".join(source.location for source in sources),
        encoder=encoder.name,
        device=encoder.device,
        version=own,
    )


def _count(library: Library, report: BuildReport) -> None:
    counts = library.catalog.counts()
    report.sounds = counts["named"] + counts["partial"] + counts["ready"]
    report.windows = counts["windows"]
    report.copies = library.catalog.copies()


def save_indexes(library: Library, encoder: Encoder) -> list[str]:
    """Returns what the user should know of their answers, a sentence each."""
    spaces = library.spaces(encoder)
    notes = []
    for parts in library.ranked_parts(encoder):
        dims = [encoder.dims[part] for part in parts]
        notes.append(library.index([spaces[part] for part in parts], dims, save=True).note())
    return [note for note in notes if note]
