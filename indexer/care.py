"""Care of a library: comparing its indexes with the catalog, making them anew, moving roots."""

from __future__ import annotations

import re
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from indexer.catalog import move
from indexer.catalog.store import Catalog
from indexer.counting import counted
from indexer.errors import IndexDamaged, LibraryError, typed
from indexer.library import catalog_url
from indexer.sources.folder import FolderSource
from indexer.vectors import registry
from indexer.vectors.files import BESIDE, read_checked, read_rows
from indexer.vectors.known import known_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from indexer.encoders.protocol import Encoder, Part
    from indexer.library import Library
    from indexer.progress import Progress
    from indexer.vectors.known import Known
    from indexer.vectors.protocol import VectorIndex

SAMPLED = 1_000  # questions that a new index must answer as the old one does


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
                f"The {' and '.join(parts)} index holds {counted(len(index), 'sound')}, "
                f"the catalog {len(expected):,}."
            )
    return findings


def damaged(library: Library) -> Iterator[str]:
    """Index files that are to be read and cannot, a sentence each; questions are answered without
    them."""
    yield from filter(None, map(_harm, _newest(library).values()))


def left_over(library: Library) -> Iterator[str]:
    """Damaged index files that nothing is read from while there are newer ones, or ones of the
    kind that was chosen, a sentence each: they harm nobody."""
    files = {
        path
        for path in (library.folder / "index").glob("clips-*")
        if path.suffix.removeprefix(".") in registry.available()
    }
    for path in sorted(files - set(_newest(library).values())):
        if _harm(path):
            yield (
                f"{path} is damaged, but no question is answered from it: `sonorize library "
                "rebuild` takes it away."
            )


def _harm(path: Path) -> str:
    """What is wrong with an index file, or ""."""
    try:
        if (sums := read_rows(path).sums) is not None:  # all kinds write the same file
            sums.check_all()
        if (beside := path.with_name(path.name + BESIDE)).exists():
            read_checked(beside)
    except IndexDamaged as error:
        return str(error)
    return ""


def _newest(library: Library) -> dict[str, Path]:
    """The file that each index is read from."""
    newest: dict[str, tuple[int, Path]] = {}
    for path in (library.folder / "index").glob(f"clips-*.{registry.ending(library.config.index)}"):
        if named := re.fullmatch(r"(clips[-\d]*)-(\d+)", path.stem):
            name, seq = named[1], int(named[2])
            newest[name] = max(newest.get(name, (0, path)), (seq, path))
    return {name: path for name, (_, path) in sorted(newest.items())}


def searched(library: Library) -> dict[str, Known | None]:
    """What is known of the newest file of each index that is approximate; None: it is exact."""
    exact = library.config.index not in ("auto", "approximate")
    return {
        name: None if exact else known_of(path.with_name(path.name + BESIDE))
        for name, path in _newest(library).items()
    }


def rebuild(library: Library, encoder: Encoder) -> int:
    """Makes every index anew from the catalog; returns the number of sounds in the first."""
    spaces = library.spaces(encoder)
    with library.lock():
        for path in (library.folder / "index").glob("clips-*"):
            path.unlink()
        if library.config.index.startswith(registry.MILVUS):
            library.forget_shared(list(spaces.values()))
        counts = [
            len(
                library.index(
                    [spaces[p] for p in parts], [encoder.dims[p] for p in parts], save=True
                )
            )
            for parts in library.ranked_parts(encoder)
        ]
    return counts[0]


def migrate(library: Library, encoder: Encoder, kind: str) -> int:
    """Fills an index of another kind from the catalog, and changes to it if it answers alike.

    Stopped anywhere, the next call goes on. Raises LibraryError, and nothing is changed, where
    the ids differ or one of SAMPLED lists of ten. Where the old one is a Milvus that does not
    answer any more, the catalog's rows are the judge. Returns how many sounds the first holds.
    """
    registry.require(kind)
    with library.lock():
        library.require_unchanged()
        before = library.config
        counts = []
        for parts in library.ranked_parts(encoder):
            old = _old(library, encoder, parts)
            library.config = replace(before, index=kind)
            try:
                new = _index(library, encoder, parts)
            finally:
                library.config = before
            _require_alike(old, new, _some_rows(library, encoder, parts, old.ids()), library.folder)
            counts.append(len(new))
        library.configure(replace(before, index=kind))
    return counts[0]


def move_catalog(library: Library, url: str, progress: Progress) -> int:
    """Copies the catalog into another database, and changes to it once all rows are there.

    `url` as in Config: without password. The former catalog stays as it is. Stopped anywhere, the
    next call goes on. Raises LibraryError, and nothing is changed, if `url` cannot be kept, or
    names a database that holds anything but what this move has put there. Returns how many rows
    it has.
    """
    move.require_address(url)
    mark, where = library.folder / "catalog.moving", catalog_url(library.folder, url)
    there = url == library.config.catalog
    if there and not move.begun(url, mark):
        raise LibraryError(f"The catalog lies in {url} already.")
    with library.lock():
        library.require_unchanged()
        if there:  # stopped at its very end
            move.release(library.catalog.engine, url, mark)
            return move.count(library.catalog.engine)
        move.claim(where, url, mark)
        with closing(Catalog(where)) as target:
            source = library.catalog.engine
            count = move.count(source)
            progress.stage("Copying the catalog", count, "rows")
            changed = replace(library.config, catalog=url)
            move.copy(source, target.engine, progress.advance, lambda: library.configure(changed))
            move.release(target.engine, url, mark)
    return count


def _index(library: Library, encoder: Encoder, parts: Sequence[Part]) -> Any:
    """The caller holds the lock."""
    spaces = library.spaces(encoder)
    dims = [encoder.dims[part] for part in parts]
    return library.index([spaces[part] for part in parts], dims, save=True)


def _old(library: Library, encoder: Encoder, parts: Sequence[Part]) -> Any:
    """The index that is asked now, or the exact one of the catalog where that is lost."""
    try:
        return _index(library, encoder, parts)
    except LibraryError:
        if not library.config.index.startswith(registry.MILVUS):
            raise
    spaces, dims = library.spaces(encoder), [encoder.dims[part] for part in parts]
    judge = registry.create("exact", sum(dims))
    judge.add(*library.rows([spaces[part] for part in parts], dims, None))
    return judge


def _some_rows(
    library: Library, encoder: Encoder, parts: Sequence[Part], ids: NDArray[np.int64]
) -> NDArray[np.float32]:
    """At most SAMPLED rows, evenly taken."""
    spaces = library.spaces(encoder)
    taken = ids[:: max(1, -(-len(ids) // SAMPLED))].tolist()
    dims = [encoder.dims[part] for part in parts]
    return library.rows([spaces[part] for part in parts], dims, taken)[1]


def _require_alike(
    old: VectorIndex, new: VectorIndex, rows: NDArray[np.float32], folder: Path
) -> None:
    if not np.array_equal(old.ids(), new.ids()):
        raise LibraryError(
            f"The new index holds {counted(len(new), 'sound')}, the old one {len(old):,}: run "
            f"`sonorize library rebuild --library {typed(folder)}`, then this again. Nothing was "
            "changed."
        )
    there, here = old.search(rows, 10), new.search(rows, 10)
    differing = int((there.ids != here.ids).any(axis=1).sum())
    # What an approximate one passes over was measured when it was made, and said.
    if differing and not (old.note() or new.note()):
        raise LibraryError(
            f"The new index answers {differing:,} of {counted(len(rows), 'question')} otherwise "
            "than the old one. Nothing was changed."
        )


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
            f"{source.location} holds {found or 'none'} of the {counted(len(known), 'file')} of "
            f"root {root_id}: name the folder that holds them."
        )
    with library.lock():
        library.catalog.move_root(int(root_id), source.location)
    return found, len(known) - found
