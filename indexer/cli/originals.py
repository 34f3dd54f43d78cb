"""`sonorize freesound originals`."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from indexer.cli.common import Bars, library_option, load_encoder, open_library, say
from indexer.cli.pull import source_of
from indexer.errors import SourceError

if TYPE_CHECKING:
    from indexer.library import Library


@click.command()
@library_option
@click.option("--ids", default="", metavar="ID,…", help="Freesound's ids, or addresses of sounds.")
@click.option(
    "--project",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="The sounds of a session (any that is text: .rpp, .otio, .fcpxml, .edl); a copy of it "
    "is written that uses the originals.",
)
@click.option("--dry-run", is_flag=True, help="Say what would be fetched, and stop.")
def originals(library_folder: Path | None, ids: str, project: Path | None, dry_run: bool) -> None:
    """Fetch the originals of chosen sounds, in place of their previews.

    Freesound gives originals to its members only: `sonorize freesound login` comes first. The
    previews stay where they are.

    \b
    sonorize freesound originals --ids 9,1234
    sonorize freesound originals --project film.rpp

    Exit code 3: done, but some could not be had.
    """
    from indexer.build.run import build_index
    from indexer.sources.freesound import originals as logic

    if not ids and project is None:
        raise click.UsageError("Say which: --ids or --project.")
    session = project.read_bytes() if project else b""
    wanted = list(dict.fromkeys([*(logic.parse_ids(ids) if ids else []), *logic.used_in(session)]))
    if not wanted:
        raise SourceError(f"{project} names no preview of Freesound: give the sounds by --ids.")
    with open_library(library_folder) as opened, closing(Bars()) as bars:
        source = source_of(opened)
        _require_known(opened, wanted)
        lacking = logic.still_previews(source, wanted)
        say(_ahead(opened, wanted, lacking))
        if dry_run:
            return
        failures = _fetch(opened, lacking, bars) if lacking else {}
        if lacking:
            with opened.lock():
                logic.relink(opened.catalog, source)
            build_index(opened, [source], load_encoder(opened.config))
        bars.close()
        for key, reason in failures.items():
            say(f"failed: https://freesound.org/s/{key}/: {reason}")
        here = {key: Path(path).name for key, path in source.here().items() if key in wanted}
    click.echo(f"{len(lacking) - len(failures):,} originals fetched.")
    if project:
        _write_beside(project, logic.relinked(session, here))
    if failures:
        raise click.exceptions.Exit(3)
