"""Originals of chosen sounds, in place of their previews."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from indexer.catalog.entries import Place, Relinked
from indexer.errors import AudioError, FetchFailed, SourceError
from indexer.sources.freesound.source import DAY, PREVIEWS, id_of

if TYPE_CHECKING:
    from indexer.catalog.freesound import Freesound
    from indexer.catalog.store import Catalog
    from indexer.progress import Progress
    from indexer.sources.freesound.source import FreesoundSource


def parse_ids(said: str) -> list[int]:
    """Freesound's ids, or addresses of sounds, with commas or blanks between. SourceError."""
    ids = []
    for each in re.split(r"[,\s]+", said.strip()):
        found = re.fullmatch(r"(?:https?://freesound\.org/\S*?)?([0-9]{1,12})/?", each)
        if not found:
            raise SourceError(f"{each!r} is no id of a Freesound sound: say it like 1234.")
        ids.append(int(found[1]))
    return list(dict.fromkeys(ids))


def still_previews(source: FreesoundSource, ids: Sequence[int]) -> list[int]:
    here = source.here()
    return [key for key in ids if not (key in here and here[key].is_original)]


def fetch_originals(
    kept: Freesound,
    ids: Sequence[int],
    fetch: Callable[[Mapping[str, Any]], Path],
    progress: Progress,
) -> Iterator[tuple[int, FetchFailed | AudioError | None]]:
    """One after the other; each with what went wrong. One that cannot be read does not stay."""
    from indexer.audio.decode import probe

    progress.stage("Fetching originals", len(ids), "sounds")
    for key in ids:
        failure: FetchFailed | AudioError | None = None
        try:
            path = fetch(kept.kept([key])[key].said)
            try:
                probe(path)
            except AudioError as unfit:
                path.unlink()
                failure = unfit
        except FetchFailed as unfetched:
            failure = unfetched
        progress.advance()
        yield key, failure


def relink(catalog: Catalog, source: FreesoundSource) -> int:
    """Originals that are here take the place of their previews; returns how many did.

    The next build hears them. The file of a preview stays: a session may use it.
    """
    root_id = catalog.root(source.kind, source.location)
    files = catalog.known(root_id)
    previews = {id_of(path): path for path in files if path.startswith(PREVIEWS)}
    revisions = catalog.freesound.revisions()
    entries = [
        Relinked(
            files[previews[key]].file_id,
            Place(root_id, file.relative_path, file.size, revisions[key] * DAY),
        )
        for key, file in source.here().items()
        if file.is_original and file.relative_path not in files and key in previews
    ]
    catalog.record(entries)
    return len(entries)
