"""`sonorize library …`: what a library holds, whether it is sound, and its care."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from indexer.cli.common import (
    Bars,
    confirm,
    copies_said,
    device_option,
    library_option,
    load_encoder,
    open_library,
    say,
    say_failures,
    windows_option,
)
from indexer.counting import counted
from indexer.errors import LibraryError

if TYPE_CHECKING:
    from indexer.encoders.protocol import Windows
    from indexer.library import Config, Library

form_option = click.option(
    "--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True
)


@click.group()
def library() -> None:
    """What a library holds, and its care."""


@library.command()
@library_option
@form_option
def status(library_folder: Path | None, form: str) -> None:
    """Counts, roots, and the files that cannot be read, with reasons.

    \b
    sonorize library status
    sonorize library status --format json
    """
    from indexer.care import searched
    from indexer.encoders import registry

    with open_library(library_folder) as opened:
        config = opened.config
        model_licence = registry.entry(config.encoder).licence
        counts = {**opened.catalog.counts(), "copies": opened.catalog.copies()}
        failures = list(opened.catalog.failures())
        heard = opened.catalog.embeddings.encoders()
        if form == "json":
            click.echo(
                json.dumps(
                    {
                        "library": str(opened.folder),
                        "encoder": config.encoder,
                        "encoder_windows": config.windows,
                        "model_licence": model_licence,
                        "heard": heard,
                        **counts,
                        "approximate": {
                            name: asdict(known)
                            for name, known in searched(opened).items()
                            if known is not None
                        },
                        "roots": [root._asdict() for root in opened.catalog.counted_roots()],
                        "failures": failures,
                    }
                )
            )
            return
        cut = "" if config.windows == "all" else f" --windows {config.windows}"
        click.echo(
            f"{opened.folder}, built with {config.encoder}{cut} (model licence {model_licence})"
        )
        click.echo(
            f"{counted(counts['ready'], 'sound')} ready, {counts['partial']:,} half heard, "
            f"{counts['named']:,} known by name only, {counts['failed']:,} failed; "
            f"{counted(counts['windows'], 'window')}"
        )
        if counts["copies"]:
            click.echo(f"{copies_said(counts['copies'])}.")
        if heard.keys() - {config.encoder}:
            held = ", ".join(
                f"{counted(count, 'sound')} by {name}" for name, count in heard.items()
            )
            click.echo(f"Vectors are kept of {held}.")
        for known in filter(None, searched(opened).values()):
            click.echo(f"Search is {known.said()}.")
        _list_roots(opened)
        for path, state, reason in failures:
            click.echo(f"{'failed' if state == 'failed' else 'damaged'}: {path!r}: {reason}")


@library.command()
@library_option
def check(library_folder: Path | None) -> None:
    """Compare the indexes with the catalog; exit code 1 if one has to be rebuilt.

    \b
    sonorize library check
    """
    from indexer.care import check as compare
    from indexer.care import left_over

    with open_library(library_folder) as opened:
        findings = compare(opened, load_encoder(opened.config))
        harmless = list(left_over(opened))
    for finding in [*findings, *harmless]:
        click.echo(finding)
    if findings:
        raise LibraryError(
            "The index is not what the catalog says: run `sonorize library rebuild`."
        )
    click.echo("The catalog is sound and every index agrees with it.")


@library.command()
@library_option
def rebuild(library_folder: Path | None) -> None:
    """Make the index files again from the catalog. Nothing is read or heard anew.

    \b
    sonorize library rebuild
    """
    from indexer.care import rebuild as make

    with open_library(library_folder) as opened:
        count = make(opened, load_encoder(opened.config))
    click.echo(f"Indexes made anew from the catalog: {counted(count, 'sound')}.")


@library.command()
@library_option
@click.option("--index", "kind", metavar="KIND",
              help="auto, exact, faiss, approximate, milvus:ADDRESS, milvus:FILE.db.")  # fmt: skip
@click.option("--catalog", "url", metavar="URL",
              help="postgresql://USER@HOST/DATABASE, sqlite:///FILE in the library.")  # fmt: skip
def migrate(library_folder: Path | None, kind: str | None, url: str | None) -> None:
    """Move the index or the catalog of a library elsewhere. Nothing is read or heard anew.

    The new index is filled from the catalog and compared with the old one, their sounds and the
    first ten answers of 1,000 questions; until they agree the old one is asked. A Milvus that does
    not answer any more can be left: the catalog is compared then. A key for Milvus is read from
    SONORIZE_MILVUS_TOKEN.

    A catalog is copied into an empty database, row for row; once all are there the library uses
    it. The former one stays as it is. Close the page first. The password of a PostgreSQL is read
    from SONORIZE_CATALOG_PASSWORD.

    Stop either with Ctrl-C; the same command goes on from there.

    \b
    sonorize library migrate --index milvus:http://127.0.0.1:19530
    sonorize library migrate --index milvus:rows.db
    sonorize library migrate --index auto
    sonorize library migrate --catalog postgresql://ann@db.example/sounds
    sonorize library migrate --catalog sqlite:///back.sqlite3
    """
    if (kind is None) == (url is None):
        raise click.UsageError("Say one of the two: --index KIND or --catalog URL.")
    with open_library(library_folder) as opened:
        if url is not None:
            _migrate_catalog(opened, url)
        elif kind is not None:
            _migrate_index(opened, kind)


def _migrate_index(opened: Library, kind: str) -> None:
    from indexer.care import migrate as move

    count = move(opened, load_encoder(opened.config), kind)
    click.echo(f"{opened.folder} is searched by {kind} now: {counted(count, 'sound')}, compared.")


def _migrate_catalog(opened: Library, url: str) -> None:
    from contextlib import closing

    from indexer.care import move_catalog

    with closing(Bars()) as bars:
        count = move_catalog(opened, url, bars)
    click.echo(
        f"The catalog of {opened.folder} lies in {url} now: {counted(count, 'row')}, counted. "
        "The former one is as it was, and used no more."
    )


@library.command()
@library_option
@click.option("--encoder", "name", required=True, help="The model that the library changes to.")
@windows_option
@click.option("--metadata", is_flag=True, help="Embed words about sounds as well, from now on.")
@device_option
@click.option("--without-them", is_flag=True, help="Also if some sounds cannot be heard now.")
@click.option("--yes", is_flag=True, help="Begin without asking.")
def reembed(
    library_folder: Path | None,
    name: str,
    windows: Windows | None,
    metadata: bool,
    device: str | None,
    without_them: bool,
    yes: bool,
) -> None:
    """Hear the sounds of a library with another model, and change to it.

    Until all are heard the library stays as it is and answers questions. Stop it with Ctrl-C;
    the same command goes on from there. Vectors of the former model are kept: changing back
    hears only what came since.

    \b
    sonorize library reembed --encoder imagebind
    sonorize library reembed --encoder imagebind --windows official --yes
    """
    from contextlib import closing

    from indexer.build import reembed as again
    from indexer.encoders import registry

    with open_library(library_folder) as opened:
        before = opened.config.encoder
        config = _as_asked(opened.config, name, windows, metadata)
        encoder = load_encoder(config, device)
        ahead = again.look_ahead(opened, config, encoder)
        say(ahead.sentence(name))
        if notice := registry.entry(name).notice:
            say(f"{name}: {encoder.licence}: {notice}.")
        if ahead.jobs and not yes:
            confirm("Begin?")
        with closing(Bars()) as bars:
            report = again.reembed(opened, config, encoder, bars, without_them=without_them)
        click.echo(
            f"{counted(report.added, 'sound')} heard; {opened.folder} is searched with {name} now"
            + (f", and can go back to {before}." if before != name else ".")
        )
        say_failures(report, "build-index names them all")
    if report.failed:
        raise click.exceptions.Exit(3)


def _as_asked(config: Config, encoder: str, windows: Windows | None, metadata: bool) -> Config:
    """Windows stay with the encoder that they were chosen for."""
    from dataclasses import replace

    kept = config.windows if encoder == config.encoder else "all"
    return replace(
        config,
        encoder=encoder,
        windows=windows or kept,
        metadata=config.metadata or metadata,
    )


@library.command()
@library_option
@form_option
@click.option("--move", nargs=2, metavar="ID PLACE", help="The root ID lies at PLACE now.")
def roots(library_folder: Path | None, form: str, move: tuple[str, str] | None) -> None:
    """List the folders and drives of a library, or say where one lies now.

    \b
    sonorize library roots
    sonorize library roots --move 2 /Volumes/FX
    """
    from indexer.build.scan import scan
    from indexer.care import move_root
    from indexer.sources.folder import FolderSource

    with open_library(library_folder) as opened:
        if move is not None:
            found, lacking = move_root(opened, move[0], move[1])
            seen = scan(opened.catalog, FolderSource(move[1]))
            opened.catalog.record(seen.sightings())
            others = f", {lacking:,} {'is' if lacking == 1 else 'are'} not" if lacking else ""
            say(f"{counted(found, 'file', 'is/are')} there{others}.")
        if form == "json":
            for root in opened.catalog.counted_roots():
                click.echo(json.dumps(root._asdict()))
        else:
            _list_roots(opened)


@library.command()
@library_option
@click.argument("pack")
@click.argument("licence")
@click.option("--url", default="", help="Where the licence can be read.")
@click.option("--replace", is_flag=True, help="Also where a sound says another licence.")
def licence(library_folder: Path | None, pack: str, licence: str, url: str, replace: bool) -> None:
    """Say under which licence a pack, or a root by its id or place, may be used.

    A sound that says its licence already keeps it. `unknown --replace` takes a licence back.
    Where a pack has the name of a root, say root:NAME or pack:NAME.

    \b
    sonorize library licence "Night Walks" cc0
    sonorize library licence 2 LicenseRef-Vendor --url https://example.com/licence
    sonorize library licence pack:2 cc-by-4.0
    """
    from indexer.credits import known

    meant = known(licence)
    with open_library(library_folder) as opened:
        count, kept = opened.catalog.set_licence(pack, meant, url, replace=replace)
        if not count + kept:
            raise LibraryError(
                f"No sound belongs to a pack or a root {pack!r}: see `sonorize library roots`."
            )
    click.echo(f"{counted(count, 'sound')}: {meant or 'unknown'}")
    if kept:
        others = counted(kept, "sound", "says/say")
        say(f"{others} another licence, which stays; --replace changes that too.")


@library.command("import")
@library_option
@click.argument("table", type=click.Path(path_type=Path, exists=True, dir_okay=False))
def import_(library_folder: Path | None, table: Path) -> None:
    """Take over descriptions from a CSV that another tool wrote (a path or file name and columns).

    Sounds are found by path, else by file name. Columns are known by their usual names:
    FileName, FilePath, Description, Keywords, Category, SubCategory, Library, Designer,
    Manufacturer, Microphone, Location, Notes, Take, Licence, and variants of these. What the
    table says replaces what was known; empty cells change nothing.

    \b
    sonorize library import effects.csv
    """
    from indexer.imports.table import import_csv

    with open_library(library_folder) as opened:
        report = import_csv(opened.catalog, table)
    click.echo(
        f"{counted(report.updated, 'sound')} updated, "
        f"{counted(report.unmatched, 'row')} without a sound"
        + (f"; columns passed over: {', '.join(report.ignored)}" if report.ignored else "")
    )
    if report.updated:
        say("The next build-index embeds the new words.")


def _list_roots(opened: Library) -> None:
    for root in opened.catalog.counted_roots():
        away = f", {root.offline:,} offline" if root.offline else ""
        gone = f", {root.missing:,} gone" if root.missing else ""
        click.echo(
            f"{root.id:>4}  {root.kind}:{root.location}  {root.present:,} present{away}{gone}"
        )
