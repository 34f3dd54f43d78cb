"""The stages of a build, in order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from indexer.build import shards, takes
from indexer.build.cluster import hear_there
from indexer.build.ears import hear
from indexer.build.estimate import estimate
from indexer.build.heads import HEAD, Heads
from indexer.build.listen import Job, Jobs
from indexer.build.report import BuildReport, Options, Progress
from indexer.build.scan import Scan, scan
from indexer.build.words import embed_words, name_files
from indexer.counting import counted

if TYPE_CHECKING:
    from indexer.audio.window import WindowRule
    from indexer.catalog.store import Catalog
    from indexer.encoders.protocol import Encoder, Part
    from indexer.library import Library
    from indexer.sources.protocol import Source


def build_index(
    library: Library,
    sources: Sequence[Source],
    encoder: Encoder,
    options: Options = Options(),
    progress: Progress | None = None,
) -> BuildReport:
    """Brings the library up to date with its sources.

    Names and tags first, so that sounds can be searched by words at once; then the first
    windows of every file, then the rest. Every batch is one transaction: what was recorded
    stays, and the next call goes on from there. Raises LibraryBusy, EncoderMismatch, SourceError.
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
            progress.planned(estimate(library.catalog, found, encoder))
        except BaseException:
            library.catalog.forget_roots([f.root_id for f in found if f.root_id not in known])
            raise
        build_id = start(library, sources, encoder)
        try:
            _stages(library, found, encoder, options, report, progress)
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
) -> None:
    catalog = library.catalog
    spaces = library.spaces(encoder)
    for each in found:
        with report.timed("record"):
            catalog.record(each.sightings())
        name_files(catalog, each, report, progress)
    _embed_words(catalog, spaces, encoder, report, progress)
    catalog.hear_again([spaces[part] for part in ("audio", "likeness") if part in spaces])
    shards.take_in(library, encoder, report)
    if options.ray:
        jobs = _jobs(library, found, ["named", "partial"], None)
        hear_there(library, encoder, jobs, options.ray, report, progress)
    else:
        _hear(library, found, encoder, report, progress)
    catalog.drop_orphans()  # only now is it known which recordings went elsewhere
    # a file that turned out to be a copy may have given its sound another name
    _embed_words(catalog, spaces, encoder, report, progress)
    if options.prune:
        report.removed = catalog.prune([each.root_id for each in found if not each.offline])


def _hear(
    library: Library,
    found: Sequence[Scan],
    encoder: Encoder,
    report: BuildReport,
    progress: Progress,
) -> None:
    heads = Heads()
    report.added += hear(
        library, encoder, "Listening to the start of every file",
        _jobs(library, found, ["named"], _first(encoder.window)), report, progress, heads=heads,
    )  # fmt: skip
    report.added += hear(
        library, encoder, "Listening to the rest of long files",
        _jobs(library, found, ["partial"], None), report, progress, heads=heads,
    )  # fmt: skip


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


def _embed_words(
    catalog: Catalog,
    spaces: Mapping[Part, int],
    encoder: Encoder,
    report: BuildReport,
    progress: Progress,
) -> None:
    if "metadata" in spaces:
        embed_words(catalog, encoder, spaces["metadata"], report, progress)


def _first(rule: WindowRule) -> float | None:
    """Seconds of a window, where a file's first ones say something of it by themselves."""
    return None if rule.spread else rule.seconds


def _jobs(
    library: Library, found: Sequence[Scan], statuses: Sequence[str], window: float | None
) -> Jobs:
    """Files to hear. With `window` (seconds), long files are heard by their first windows only."""
    sources = {each.root_id: each.source for each in found}
    todos = library.catalog.todo(list(sources), statuses)

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
    report.copies = counts["copies"]


def save_indexes(library: Library, encoder: Encoder) -> list[str]:
    """Returns what the user should know of their answers, a sentence each."""
    spaces = library.spaces(encoder)
    notes = []
    for parts in library.ranked_parts(encoder):
        dims = [encoder.dims[part] for part in parts]
        notes.append(library.index([spaces[part] for part in parts], dims, save=True).note())
    return [note for note in notes if note]
