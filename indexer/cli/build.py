"""`sonorize build-index`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import click

from indexer.cli import pull
from indexer.cli.common import (
    Bars,
    confirm,
    copies_said,
    device_option,
    library_folder,
    library_option,
    load_encoder,
    one_line,
    say,
    say_failures,
    windows_option,
)
from indexer.counting import counted

if TYPE_CHECKING:
    from indexer.build.estimate import Plan
    from indexer.build.report import BuildReport
    from indexer.library import Config, Library
    from indexer.sources.protocol import Source


@click.command("build-index")
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE…")
@library_option
@click.option("--encoder", "encoder_name", help="Model for a new library.  [default: starter]")
@windows_option
@click.option("--metadata", is_flag=True, help="Embed words about sounds as well, from now on.")
@click.option("--index", "index", metavar="KIND",
              help="For a new library: auto, exact, faiss, approximate, or milvus:ADDRESS, "
              "milvus:FILE.db. auto is exact where few sounds are, approximate where many.  "
              "[default: auto]")  # fmt: skip
@device_option
@click.option("--prune", is_flag=True, help="Forget files that are gone from these sources.")
@click.option(
    "--whole",
    is_flag=True,
    help="With --prune: what is not there was deleted, even "
    "if so much is lacking that a drive might have failed.",
)
@click.option("--yes", is_flag=True, help="Prune without asking.")
@click.option(
    "--ray",
    default="",
    metavar="ADDRESS",
    help="Hear on a Ray cluster (an address, auto, or local for one on this machine); it must "
    "see the sounds and the library under the same paths.",
)
@click.option("--retry-failed", is_flag=True, help="Try unreadable files again.")
@click.option("--dry-run", is_flag=True, help="Say what would be done, and stop.")
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table")
@pull.freesound_options
def build_index_command(sources: tuple[str, ...], **given: Any) -> None:
    """Make or update a library from folders of sounds, which are only read, or from Freesound.

    Sounds can be searched by name at once, and by what is heard as the build goes on. Stop it
    with Ctrl-C; the next run goes on from there.

    \b
    sonorize build-index ~/Sounds
    sonorize build-index ~/Sounds /Volumes/FX --library ~/my-library
    sonorize build-index ~/Sounds --prune
    sonorize build-index ~/Sounds --prune --whole
    sonorize build-index freesound:"rain window" --per-term 50 --dry-run
    sonorize build-index freesound:@terms.txt --license cc0,by --max-duration 30

    A file of terms has a query a line, with a filter and a count if you like:
    rain window | duration:[1 TO 20] | 40

    Exit code 3: done, but some files could not be read.
    """
    from indexer.build.cluster import require as require_ray
    from indexer.build.report import Options
    from indexer.build.run import build_index
    from indexer.sources.folder import parse_source

    if given["ray"]:
        require_ray()
    if given["whole"] and not given["prune"]:
        raise click.UsageError("--whole says what --prune may forget: give both.")
    freesound = pull.asked(sources, given)
    if freesound is None:
        pull.refuse_without(click.get_current_context())
    folder = library_folder(given["library_folder"])
    config = _config(folder, given)
    encoder = load_encoder(config, given["device"])
    parsed: list[Source] = [
        parse_source(text) for text in sources if not text.startswith(pull.PREFIX)
    ]
    with ExitStack() as stack:
        if freesound is not None:
            stack.callback(freesound.client.close)
        library = _library(stack, folder, config, parsed, freesound, given)
        bars = stack.enter_context(closing(BuildBars(given)))
        fetched = freesound.run(library, bars, given) if freesound is not None else None
        if fetched is not None and not given["dry_run"]:
            parsed.append(fetched.source)
        if not parsed:
            return
        options = Options(given["prune"], given["retry_failed"], given["whole"], given["ray"])
        report = build_index(library, parsed, encoder, options, bars)
        bars.close()
        if fetched is not None:
            fetched.close(report)
        _show(report, library, given["form"])
    if report.failed or (fetched is not None and fetched.pulled.until is not None):
        raise click.exceptions.Exit(3)


def _library(
    stack: ExitStack,
    folder: Path,
    config: Config,
    sources: Sequence[Source],
    freesound: pull.Pull | None,
    given: dict[str, Any],
) -> Library:
    """The library, open; a new one only when its first source has answered, so that nothing is
    left behind for a name that was mistyped, and elsewhere in a dry run."""
    from indexer.library import Library, exists, require

    if not exists(folder):
        for source in sources:
            next(source.items(), None)
        if freesound is not None:
            freesound.begin()
        if given["dry_run"]:
            folder = Path(stack.enter_context(TemporaryDirectory()))
    library = stack.enter_context(Library.create(folder, config))
    require(library.config, folder, encoder=config.encoder, windows=config.windows)
    if library.config != config and not given["dry_run"]:
        with library.lock():
            library.require_unchanged()
            library.configure(config)
    return library


class BuildBars(Bars):
    """Says what is ahead, and asks or stops there if the options say so."""

    def __init__(self, given: dict[str, Any]) -> None:
        super().__init__()
        self._given = given

    def planned(self, plan: Plan) -> None:
        say(plan.sentence())
        if self._given["dry_run"]:
            raise click.exceptions.Exit(0)
        if self._given["prune"] and plan.unseen and not self._given["yes"]:
            confirm(f"Forget up to {counted(plan.unseen, 'file', 'that is/that are')} gone?")


def _config(folder: Path, given: dict[str, Any]) -> Config:
    """Of the library that is there, or of a new one as asked for."""
    from indexer.encoders import registry
    from indexer.errors import LibraryError, typed
    from indexer.library import Config, exists, read_config, require
    from indexer.vectors.registry import require as require_index

    name, windows = given["encoder_name"], given["windows"]
    if not exists(folder):
        index = given["index"] or "auto"
        require_index(index)
        return Config(name or registry.default, windows or "all", given["metadata"], index=index)
    config = read_config(folder)
    if (index := given["index"]) not in (None, config.index):
        require_index(index)
        raise LibraryError(
            f"This library is searched by {config.index}: change that with `sonorize library "
            f"migrate --index {typed(index)} --library {typed(folder)}`, then build without "
            "--index."
        )
    registry.require_windows(name or config.encoder, windows or "all")
    require(config, folder, encoder=name, windows=windows)
    return replace(config, metadata=config.metadata or given["metadata"])


def _show(report: BuildReport, library: Library, form: str) -> None:
    for note in report.notes:
        say(one_line(note))
    say_failures(report, "`sonorize library status` lists them")
    figures = report.figures()
    if form == "json":
        click.echo(json.dumps(figures))
        return
    passed_over = counted(report.passed_over, "other file")
    other = f", {passed_over} passed over" if report.passed_over else ""
    click.echo(
        f"{report.added:,} added, {report.skipped:,} unchanged, {report.failed:,} failed, "
        f"{report.removed:,} removed{other}; the library holds {counted(report.sounds, 'sound')} "
        f"({counted(report.windows, 'window')}) in {library.folder}"
        + (f"; {copies_said(report.copies)}" if report.copies else "")
    )
