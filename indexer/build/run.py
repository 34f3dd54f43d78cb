"""The stages of a build, in order."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from indexer.build import shards, takes
from indexer.build.apart import readers
from indexer.build.cluster import hear_there
from indexer.build.ears import hear, threads
from indexer.build.estimate import estimate
from indexer.build.heads import HEAD, Heads
from indexer.build.hearing import Job
from indexer.build.listen import Jobs
from indexer.build.naming import Naming
from indexer.build.report import BuildReport, Options, Progress
from indexer.build.scan import Scan, scan
from indexer.build.words import NAMED, embed_words, name_files
from indexer.counting import counted

if TYPE_CHECKING:
    from indexer.audio.window import WindowRule
    from indexer.build.listen import Hears
    from indexer.catalog.store import Catalog
    from indexer.catalog.todo import Todos
    from indexer.encoders.protocol import Encoder
    from indexer.library import Library
    from indexer.sources.protocol import Source

MUCH = 600.0  # seconds of sound from which on files are read in processes of their own


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
        try:
            plan = estimate(library.catalog, found, encoder)
            progress.planned(plan)
        except BaseException:
            library.catalog.forget_roots([f.root_id for f in found if f.root_id not in known])
            raise
        build_id = start(library, sources, encoder)
        try:
            much = 3600 * plan.hours > MUCH and not options.ray
            with readers(threads(encoder) if much else 0) as hears:
                _stages(library, found, encoder, options, report, progress, hears)
        finally:
            _count(library, report)
        with report.timed("index"):
            takes.join_similar(library.catalog, spaces)
            report.notes += save_indexes(library, encoder)
        seq = library.catalog.embeddings.last()
        library.catalog.finish_build(
            build_id, {**report.figures(), "seq": seq, "model_licence": encoder.licence}
        )
    return report


def _stages(
    library: Library,
    found: Sequence[Scan],
    encoder: Encoder,
    options: Options,
    report: BuildReport,
    progress: Progress,
    hears: Sequence[Hears],
) -> None:
    catalog = library.catalog
    new, changed = (sum(len(getattr(each, what)) for each in found) for what in ("new", "changed"))
    # of the rest nothing is shown: they are read while files are heard
    first = new if options.ray else min(new, NAMED)
    progress.stage("Reading names and tags", first + changed)
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
            jobs = _jobs(found, catalog.todo(_roots(found), ["named", "partial"]), None)
            hear_there(library, encoder, jobs, options.ray, report, progress)
        else:
            _hear(library, found, encoder, naming, report, progress, hears)
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
) -> None:
    heads, catalog, roots = Heads(), library.catalog, _roots(found)
    last = 0
    for count in naming:
        if not last:
            progress.advance(count)
        todos = catalog.todo(roots, ["named"], above=last)  # what vanished stays named
        last = todos.last
        report.added += hear(
            library, encoder, "Listening to the start of every file",
            _jobs(found, todos, _first(encoder.window)), report, progress, heads=heads,
            hears=hears,
        )  # fmt: skip
    if encoder.device == "mps":
        for _ in _write(library, encoder, report, progress):
            pass
    report.added += hear(
        library, encoder, "Listening to the rest of long files",
        _jobs(found, catalog.todo(roots, ["partial"]), None), report, progress, heads=heads,
        hears=hears,
    )  # fmt: skip


def _roots(found: Sequence[Scan]) -> list[int]:
    return [each.root_id for each in found]


def look(library: Library, source: Source, options: Options, report: BuildReport) -> Scan:
    """Scans a source; what the user should know of it goes into the report's notes."""
    with report.timed("scan"):
        found = scan(
            library.catalog, source, retry_failed=options.retry_failed, whole=options.whole
        )
    report.skipped += found.skipped
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


def _first(rule: WindowRule) -> float | None:
    """Seconds of a window, where a file's first ones say something of it by themselves."""
    return None if rule.spread else rule.seconds


def _jobs(found: Sequence[Scan], todos: Todos, window: float | None) -> Jobs:
    """Files to hear. With `window` (seconds), long files are heard by their first windows only."""
    sources = {each.root_id: each.source for each in found}

    def cut(duration: float) -> bool:
        return window is not None and not 0 < duration <= HEAD * window

    def seconds(duration: float) -> float:
        return min(duration, HEAD * window) if window is not None else duration

    jobs = (
        Job(
            todo.sound_id,
            sources[todo.root_id].path(todo.relative_path),
            HEAD if cut(todo.duration) else None,
            seconds(todo.duration),
        )
        for todo in todos
    )
    return Jobs(jobs, sum(map(seconds, todos.durations.tolist())))


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
