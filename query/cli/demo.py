"""`sonorize demo`."""

from __future__ import annotations

import shutil
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from indexer.cli.common import Bars, say

if TYPE_CHECKING:
    from indexer.encoders.protocol import Encoder
    from indexer.library import Library
    from query.ranking import Hit

MODEL = "starter"


@click.command()
@click.option(
    "--into",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for its sounds, photographs and library.  [default: your data folder]",
)
@click.option("--from", "found_in",
              type=click.Path(exists=True, file_okay=False, path_type=Path),
              help="A folder with files that were downloaded elsewhere.")  # fmt: skip
def demo(into: Path | None, found_in: Path | None) -> None:
    """See it work: a library of ten animal sounds, asked with a photograph of a cat.

    Downloads the sounds, the photographs and the starter model if they are not here yet.
    The last line on stdout is the first hit as JSON.

    \b
    sonorize demo
    sonorize demo --into ~/sonorize-demo
    """
    from indexer import samples
    from indexer.library import Config, Library
    from query import tables

    folder = into or _own_folder()
    samples.bring(folder, say, found_in=found_in)
    encoder = _encoder(found_in)
    with Library.create(folder / "library", Config(encoder=encoder.name)) as library:
        _build(library, encoder, folder / samples.SOUNDS)
        hits = _ask(library, encoder, folder / samples.CAT)
    click.echo(f"Which sound belongs to {folder / samples.CAT}?")
    tables.show(hits, "table")
    sys.stdout.flush()  # before what stderr says next
    say(f"{encoder.caveat}\n\n{_next(folder)}\n\nThe first hit as JSON:")
    click.echo(tables.to_json(hits[0]))


def _own_folder() -> Path:
    import platformdirs

    return platformdirs.user_data_path("sonorize", appauthor=False) / "demo"


def _encoder(found_in: Path | None) -> Encoder:
    """The starter model, fetched first if it is not here: its licence is said before."""
    from indexer import settings
    from indexer.encoders import registry, weights

    folder = settings.load().models
    if weights.status(MODEL, folder).state != "ready":
        entry = registry.entry(MODEL)
        say(f"The {MODEL} model, {weights.in_words(entry.size)}, under {entry.licence}.")
        weights.fetch(MODEL, folder, weights.Progress(say), found_in=found_in)
    return registry.load(MODEL, models_dir=folder)


def _build(library: Library, encoder: Encoder, sounds: Path) -> None:
    from indexer import samples
    from indexer.build.run import build_index
    from indexer.sources.folder import FolderSource

    source = FolderSource(sounds)
    with closing(Bars()) as bars:
        build_index(library, [source], encoder, progress=bars)
    library.catalog.set_licence(source.location, samples.LICENCE, samples.LICENCE_URL)


def _ask(library: Library, encoder: Encoder, picture: Path) -> list[Hit]:
    from query.ask import Ask
    from query.search import Searcher
    from query.video import read_pictures

    return Searcher(library, encoder).by_pictures(read_pictures(picture), Ask(k=5))


def _next(folder: Path) -> str:
    from indexer.errors import typed

    command = typed("sonorize" if shutil.which("sonorize") else sys.argv[0])
    library = f"--library {typed(folder / 'library')}"
    return (
        "Now try:\n"
        f'  {command} query-by-text "barking dog" {library}\n'
        f"  {command} build-index FOLDER-OF-YOUR-SOUNDS\n"
        f"  {command} query-by-frame PICTURE"
    )
