"""Care of a library: comparing its indexes with the catalog, making them anew, moving roots."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from indexer.errors import IndexDamaged, LibraryError
from indexer.sources.folder import FolderSource
from indexer.vectors import registry
from indexer.vectors.files import read_rows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from indexer.encoders.protocol import Encoder
    from indexer.library import Library


def check(library: Library, encoder: Encoder) -> list[str]:
    """What is wrong with the catalog or an index file, a sentence each; empty if all is well."""
    findings = library.catalog.faults()
    if harm := list(damaged(library)):  # compared with the catalog, they would be told once more
        return [*findings, *harm]
    spaces = library.spaces(encoder)
    for parts in library.ranked_parts(encoder):
        index = library.index([spaces[p] for p in parts], [encoder.dims[p] for p in parts])
        held = [library.catalog.embeddings.clips(spaces[part])[0] for part in parts]
        expected = np.unique(np.concatenate(held))
        if not np.array_equal(index.ids(), expected):
            findings.append(
                f"The {' and '.join(parts)} index holds {len(index):,} sounds, "
                f"the catalog {len(expected):,}."
            )
    return findings


def damaged(library: Library) -> Iterator[str]:
    """Index files that cannot be read, a sentence each; questions are answered without them."""
    for path in sorted((library.folder / "index").glob("clips-*")):
        if path.suffix.removeprefix(".") not in registry.available():
            continue
        try:
            read_rows(path)  # all kinds write the same file
        except IndexDamaged as error:
            yield str(error)


def rebuild(library: Library, encoder: Encoder) -> int:
    """Makes every index anew from the catalog; returns the number of sounds in the first."""
    spaces = library.spaces(encoder)
    with library.lock():
        for path in (library.folder / "index").glob("clips-*"):
            path.unlink()
        counts = [
            len(
                library.index(
                    [spaces[p] for p in parts], [encoder.dims[p] for p in parts], save=True
                )
            )
            for parts in library.ranked_parts(encoder)
        ]
    return counts[0]


def move_root(library: Library, root_id: str, place: str) -> tuple[int, int]:
    """Lets a root lie at another folder; returns how many of its files are there, and are not.

    A file counts as there by its path and size. Raises LibraryError if there is no such root,
    or if less than half of its files are there: that is another folder.
    """
    roots = {str(root.id): root for root in library.catalog.roots()}
    if root_id not in roots:
        raise LibraryError(f"There is no root {root_id}: `sonorize library roots` lists them.")
    if roots[root_id].kind != FolderSource.kind:
        raise LibraryError(
            f"Root {root_id} lies in the library: move the library's folder, and build again."
        )
    source = FolderSource(place)
    there = {(item.relative_path, item.size) for item in source.items()}
    if any(
        (root.kind, root.location) == (source.kind, source.location) and root.id != int(root_id)
        for root in roots.values()
    ):
        raise LibraryError(
            f"{source.location} is another root of this library already: build it again, and "
            "its sounds are recognised."
        )
    known = {(path, file.size) for path, file in library.catalog.known(int(root_id)).items()}
    found = len(known & there)
    if 2 * found < len(known):
        raise LibraryError(
            f"{source.location} holds {found or 'none'} of the {len(known):,} files of root "
            f"{root_id}: name the folder that holds them."
        )
    with library.lock():
        library.catalog.move_root(int(root_id), source.location)
    return found, len(known) - found
