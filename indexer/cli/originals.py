"""`sonorize freesound originals`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from indexer.cli.common import Bars, library_option, load_encoder, open_library, say
from indexer.cli.freesound import api_key
from indexer.cli.pull import source_of, wait
from indexer.counting import counted
from indexer.errors import KeyRefused, SourceError

if TYPE_CHECKING:
    from indexer.catalog.freesound import Kept
    from indexer.library import Library
    from indexer.sources.freesound.sessions import Original
    from indexer.sources.freesound.source import FreesoundSource


@click.command()
@library_option
@click.option("--ids", default="", metavar="ID,…", help="Freesound's ids, or addresses of sounds.")
@click.option(
    "--project",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="The sounds of a session (any that is text: .sonorize.json, .rpp, .otio, .fcpxml, .edl); "
    "a copy of it is written that uses the originals.",
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
    from indexer.sources.freesound.originals import parse_ids, still_previews
    from indexer.sources.freesound.sessions import copy_of, used_in, with_originals

    if not ids and project is None:
        raise click.UsageError("Say which: --ids or --project.")
    session = project.read_bytes() if project else b""
    wanted = list(dict.fromkeys([*(parse_ids(ids) if ids else []), *used_in(session)]))
    if not wanted:
        raise SourceError(f"{project} names no preview of Freesound: give the sounds by --ids.")
    copy = copy_of(project) if project else None
    if copy and copy.exists():
        raise SourceError(f"{copy} is there already: move it away and run the same again.")
    with open_library(library_folder) as opened:
        source = source_of(opened)
        known = _known(opened, wanted)
        lacking = still_previews(source, wanted)
        size = sum(int(known[key].said.get("filesize") or 0) for key in lacking)
        say(
            f"{counted(len(wanted), 'sound')}, {counted(len(lacking), 'original')} to fetch, "
            f"{max(1, round(size / 1e6)) if lacking else 0:,} MB."
        )
        if dry_run:
            return
        failures = _fetch(opened, source, lacking)
        here = _originals(opened, source, known)
    for key, reason in failures.items():
        say(f"failed: https://freesound.org/s/{key}/: {reason}")
    click.echo(f"{counted(len(lacking) - len(failures), 'original')} fetched.")
    if copy:
        _write(copy, with_originals(session, here))
    if failures:
        raise click.exceptions.Exit(3)


def _known(opened: Library, ids: Sequence[int]) -> Mapping[int, Kept]:
    known = opened.catalog.freesound.kept(ids)
    if unknown := [key for key in ids if key not in known]:
        raise SourceError(
            f"{', '.join(map(str, unknown))}: no sound of this library; `sonorize build-index "
            'freesound:"WORDS"` brings sounds into it.'
        )
    return known


def _fetch(opened: Library, source: FreesoundSource, ids: Sequence[int]) -> dict[int, str]:
    """Fetches, puts the originals in place of the previews, and hears them. id → what failed.

    Those that an earlier run fetched, and did not come to link, are linked too.
    """
    from indexer.build.run import build_index
    from indexer.sources.freesound.originals import fetch_originals, relink

    failures: dict[int, str] = {}
    linked = 0
    with closing(Bars()) as bars:
        with opened.lock():
            opened.catalog.settle(source.kind, source.location)
            try:
                if ids:
                    fetched = fetch_originals(opened.catalog.freesound, ids, _fetcher(source), bars)
                    failures = {key: str(failure) for key, failure in fetched if failure}
            finally:  # what came before a limit or Ctrl-C counts
                linked = relink(opened.catalog, source)
        if linked:
            build_index(opened, [source], load_encoder(opened.config), progress=bars)
    return failures


def _fetcher(source: FreesoundSource) -> Callable[[Mapping[str, Any]], Path]:
    """Raises SourceError at once where there is no key, or nobody logged in."""
    from indexer import settings
    from indexer.sources.freesound.budget import Budget
    from indexer.sources.freesound.files import fetch_original
    from indexer.sources.freesound.login import Access
    from indexer.sources.freesound.source import ORIGINALS

    found = settings.load()
    key = api_key(found.config).text
    access = Access(found.freesound, key, found.config)
    budget = Budget(found.state, key, sleep=wait)
    folder = source.path(ORIGINALS)
    access.access_token()

    def fetch(said: Mapping[str, Any]) -> Path:
        token = access.access_token()
        with suppress(KeyRefused):
            return fetch_original(said, folder, token, found.freesound, budget)
        renewed = access.access_token(refused=token)
        return fetch_original(said, folder, renewed, found.freesound, budget)

    return fetch


def _originals(
    opened: Library, source: FreesoundSource, ids: Collection[int]
) -> dict[int, Original]:
    """Those that are here, of the ids."""
    from indexer.sources.freesound.sessions import Original

    files = opened.catalog.known(opened.catalog.root(source.kind, source.location))
    found: dict[int, Original] = {}
    for key, file in source.here().items():
        if key in ids and file.is_original and file.relative_path in files:
            identity = opened.catalog.content_hash(files[file.relative_path].sound_id)
            found[key] = Original(Path(file.relative_path).name, identity or "")
    return found


def _write(copy: Path, session: bytes) -> None:
    """The user's session stays as it is."""
    try:
        with copy.open("xb") as out:
            out.write(session)
    except OSError as error:
        raise SourceError(
            f"{copy} cannot be written ({error.strerror}): move it away and run the same again."
        ) from error
    click.echo(f"{copy} uses them.")
