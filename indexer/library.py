"""A library on disk: its settings, its catalog, and indexes kept in step with the catalog."""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from itertools import chain, combinations
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import numpy as np

from indexer.catalog.session import building
from indexer.catalog.store import Catalog
from indexer.encoders.protocol import Windows
from indexer.errors import (
    EncoderMismatch,
    IndexDamaged,
    LibraryBusy,
    LibraryError,
    LibraryNotFound,
    LibraryReadOnly,
    LibraryTooNew,
    typed,
)
from indexer.vectors import registry
from indexer.vectors.index_files import IndexFiles

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from indexer.encoders.protocol import Encoder, Part
    from indexer.vectors.milvus import MilvusIndex
    from indexer.vectors.protocol import VectorIndex
    from indexer.vectors.rows import SortedRows

FORMAT = 1
SENT = 5_000  # sounds whose rows are held while they are sent to an index elsewhere
SAVE_AFTER = 2_000  # changes worth writing an index file for, outside a build


@dataclass(frozen=True, slots=True)
class Config:
    """What library.toml says.

    encoder    the model this library was built with
    windows    how that model hears a file: all of it, or as its authors cut it
    metadata   whether words about a sound are embedded too (always so with `starter`)
    catalog    SQLAlchemy URL without password, a relative SQLite path being inside the library;
               the password comes from SONORIZE_CATALOG_PASSWORD
    index      auto, exact, faiss (exact too), approximate, or milvus: and an address or a .db file
               (inside the library)
    """

    encoder: str
    windows: Windows = "all"
    metadata: bool = False
    catalog: str = "sqlite:///catalog.sqlite3"
    index: str = "auto"
    format: int = FORMAT


class Library:
    """Use `Library.open` or `Library.create`; close it, or use it in a `with` block."""

    def __init__(self, folder: Path, config: Config) -> None:
        self.folder = folder
        self.config = config
        self.catalog = Catalog(catalog_url(folder, config.catalog))
        if config.catalog.startswith("sqlite"):  # no other folder's: it moved with this one
            with suppress(LibraryError):  # it can be asked where it cannot be written
                self.catalog.settle("freesound", str(self.sounds("freesound")))
                self._settle_generated()

    @classmethod
    def open(cls, folder: Path) -> Library:
        """Raises LibraryNotFound, LibraryTooNew or LibraryError, each saying what to do."""
        return cls(folder, read_config(folder))

    @classmethod
    def create(cls, folder: Path, config: Config) -> Library:
        """Opens the library, made first if it does not exist; `config` then counts."""
        if not exists(folder):
            _write_config(folder, config)
        return cls.open(folder)

    def sounds(self, kind: str) -> Path:
        """Where the library keeps sounds of its own, from a service; wherever it is opened from."""
        return self.folder.resolve() / "sounds" / kind

    def _settle_generated(self) -> None:
        """What lay in the library's own folder for generated sounds moved with it. Of other
        folders there may be any number: they stay where they are."""
        here = self.sounds("generated")
        if not here.is_dir():
            return
        places = self.catalog.places("generated")
        own = [key for key, place in places.items() if Path(place).parts[-2:] == here.parts[-2:]]
        if len(own) == 1 and not Path(places[own[0]]).is_dir():
            self.catalog.move_root(own[0], str(here))

    def close(self) -> None:
        self.catalog.close()

    def __enter__(self) -> Library:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def configure(self, config: Config) -> None:
        """From now on the library is this one: a process that opens it sees the old, or the new."""
        _write_config(self.folder, config)
        self.config = config

    def spaces(self, encoder: Encoder) -> dict[Part, int]:
        """Ids of the spaces this encoder fills in this library.

        Raises EncoderMismatch if the library was built with another one.
        """
        require(self.config, self.folder, encoder=encoder.name)
        return {
            part: self.catalog.embeddings.space(encoder.name, part, encoder.fingerprint(part), dim)
            for part, dim in encoder.dims.items()
            if part != "metadata" or self.uses_metadata(encoder)
        }

    def uses_metadata(self, encoder: Encoder) -> bool:
        return "metadata" in encoder.dims and (encoder.keeps_metadata or self.config.metadata)

    def ranked_parts(self, encoder: Encoder) -> list[tuple[Part, ...]]:
        """The parts that stand side by side in each index of this library."""
        parts = self.spaces(encoder)
        ranked: list[tuple[Part, ...]] = [
            ("audio", "metadata") if "metadata" in parts else ("audio",)
        ]
        return [*ranked, ("likeness",)] if "likeness" in parts else ranked

    def index(
        self, spaces: Sequence[int], dims: Sequence[int], *, save: bool = False
    ) -> VectorIndex:
        """One row per sound, its clip vectors in these spaces side by side; ids are sound ids.

        Brought up to date from the catalog; written to disk if `save` (the caller then holds
        the lock), or if much was new and nobody else is writing.
        """
        kind = self.config.index
        if kind.startswith(registry.MILVUS):
            return self._shared(spaces, dims, save=save)
        try:
            return self._here(spaces, dims, save=save)
        except IndexDamaged:  # in a row: now that it is known, its file is passed over, in words
            return self._here(spaces, dims, save=save)

    def _here(self, spaces: Sequence[int], dims: Sequence[int], *, save: bool) -> SortedRows:
        kind, spelled = self.config.index, "-".join(map(str, spaces))
        files = IndexFiles(self.folder / "index", f"clips-{spelled}", kind)
        index, seq = files.open_newest(sum(dims))
        marks = self.folder / "index" / f"marks-{spelled}.json"
        token = self.catalog.embeddings.token(seq)
        if seq and (token is None or _read_marks(marks).get(str(seq)) != token):
            index, seq = registry.create(kind, sum(dims)), 0  # the file of another catalog
        changed, last = self.catalog.embeddings.changes(seq)
        if changed:
            index.remove(np.array(sorted(changed), dtype=np.int64))
            ids, rows = self.rows(spaces, dims, changed if len(index) else None)
            index.add(ids, rows)
        if save and last != seq:
            self._save(files, index, last, marks)
        elif len(changed) > SAVE_AFTER:
            with suppress(LibraryBusy, LibraryReadOnly, OSError), self.lock():  # it is a cache
                self._save(files, index, last, marks)
        if save and index.unprepared:  # takes minutes, and may be stopped: the rows are there
            index.prepare(dims)
            files.save_beside(index, last)
        return index

    def _shared(self, spaces: Sequence[int], dims: Sequence[int], *, save: bool) -> VectorIndex:
        """An index that lives elsewhere, brought up to date by whoever holds the lock."""
        from indexer.vectors.milvus import MilvusIndex

        index = MilvusIndex(self._uri(), self._collection(spaces), sum(dims))
        with suppress(LibraryBusy, LibraryReadOnly), nullcontext() if save else self.lock():
            self._follow(index, spaces, dims)
        return index

    def forget_shared(self, spaces: Sequence[int]) -> None:
        """Takes away what lives elsewhere of any of these spaces, damaged or not."""
        from indexer.vectors.milvus import forget

        sizes = range(1, len(spaces) + 1)
        sides = chain.from_iterable(combinations(spaces, size) for size in sizes)
        forget(self._uri(), map(self._collection, sides))

    def _uri(self) -> str:
        place = self.config.index.removeprefix(registry.MILVUS)
        return place if "://" in place else str(self.folder.resolve() / place)

    def _collection(self, spaces: Sequence[int]) -> str:
        whose = sha256(f"{self.folder.resolve()} {self.config.catalog}".encode()).hexdigest()[:16]
        return f"clips_{'_'.join(map(str, spaces))}_{whose}"

    def _follow(self, index: MilvusIndex, spaces: Sequence[int], dims: Sequence[int]) -> None:
        """Brings it to the newest change; stopped anywhere, it goes on from there."""
        held, state = self.catalog.embeddings, index.state()
        if "seq" in state and state["token"] != (held.token(state["seq"]) or ""):
            index.clear()  # of another catalog
            state = {}
        if "seq" not in state:
            last = held.last()
            state = {"seq": last, "token": held.token(last) or "", "whole": False}
            index.mark(state)
        if not state["whole"]:
            self._send(index, spaces, dims, np.setdiff1d(held.having(spaces), index.ids()))
            index.mark({**state, "whole": True})
        changed, last = held.changes(state["seq"])
        if changed:
            index.remove(np.array(changed, dtype=np.int64))
            self._send(index, spaces, dims, np.array(sorted(changed), dtype=np.int64))
            index.mark({"seq": last, "token": held.token(last) or "", "whole": True})

    def _send(
        self,
        index: VectorIndex,
        spaces: Sequence[int],
        dims: Sequence[int],
        sound_ids: NDArray[np.int64],
    ) -> None:
        for at in range(0, len(sound_ids), SENT):
            index.add(*self.rows(spaces, dims, sound_ids[at : at + SENT].tolist()))

    def _save(self, files: IndexFiles, index: SortedRows, seq: int, marks: Path) -> None:
        """The file, then its mark: without one it is not believed."""
        files.save(index, seq)
        token = self.catalog.embeddings.token(seq) or ""
        both = {**dict(list(_read_marks(marks).items())[-1:]), str(seq): token}
        aside = marks.with_name(f"{marks.name}.part")
        aside.write_text(json.dumps(both), encoding="utf-8")
        aside.replace(marks)

    def require_unchanged(self) -> None:
        """Raises LibraryBusy if another process has changed to another encoder since `open`."""
        now = read_config(self.folder)
        if now != self.config:
            raise LibraryBusy(
                f"{self.folder} was changed to {now.encoder} meanwhile: run it again."
            )

    @contextmanager
    def lock(self) -> Iterator[None]:
        """The right to build and to write index files. Raises LibraryBusy if another has it, and
        LibraryReadOnly where nobody can."""
        # Here, since it brings asyncio along, and a question never locks.
        from filelock import FileLock, Timeout

        lock = FileLock(self.folder / "build.lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            raise LibraryBusy(
                f"Another build is writing to {self.folder}: wait for it, or stop it first."
            ) from None
        except OSError as error:
            raise LibraryReadOnly(
                f"{self.folder} cannot be written to ({error.strerror}): see that you may, or copy "
                "the library to a place of your own."
            ) from error
        try:
            with building(self.catalog.engine):
                yield
        finally:
            lock.release()

    def rows(
        self, spaces: Sequence[int], dims: Sequence[int], sound_ids: Sequence[int] | None
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Ids and the rows of an index: clip vectors side by side, of these sounds or of all."""
        parts = [self.catalog.embeddings.clips(space, sound_ids) for space in spaces]
        ids = np.unique(np.concatenate([ids for ids, _ in parts]))
        rows = np.zeros((len(ids), sum(dims)), dtype=np.float32)
        for (part_ids, vectors), dim, offset in zip(parts, dims, _offsets(dims), strict=True):
            rows[np.searchsorted(ids, part_ids), offset : offset + dim] = vectors
        return ids, rows


def exists(folder: Path) -> bool:
    return (folder / "library.toml").is_file()


def read_config(folder: Path) -> Config:
    """Raises LibraryNotFound, LibraryTooNew, or LibraryError for a file that makes no sense."""
    path = folder / "library.toml"
    if not path.is_file():
        raise LibraryNotFound(
            f"There is no library in {folder}: make one with `sonorize build-index FOLDER`, "
            "or name another with --library."
        )
    try:
        said = tomllib.loads(path.read_text(encoding="utf-8"))
        if int(said.get("format", 0)) > FORMAT:
            raise LibraryTooNew(f"{folder} was made by a newer sonorize: update sonorize.")
        config = replace(Config(encoder=str(said["encoder"])), **said)
        if config.windows not in get_args(Windows):
            raise ValueError(f"windows is {config.windows!r}")
        return config
    except (tomllib.TOMLDecodeError, KeyError, TypeError, ValueError) as error:
        raise LibraryError(
            f"{path} cannot be understood ({error}): mend it, or move it away and build again."
        ) from error


def require(
    config: Config, folder: Path, *, encoder: str | None = None, windows: Windows | None = None
) -> None:
    """Raises EncoderMismatch if one is given that the library in `folder` was not built with."""
    there = f"--library {typed(folder)}"
    if encoder not in (None, config.encoder):
        raise EncoderMismatch(
            f"This library was built with {config.encoder}, not {encoder}: switch it with "
            f"`sonorize library reembed --encoder {encoder} {there}`, use --encoder "
            f"{config.encoder}, or build a new library with --library."
        )
    if windows not in (None, config.windows):
        raise EncoderMismatch(
            f"This library was built with --windows {config.windows}, not {windows}: switch it "
            f"with `sonorize library reembed --encoder {config.encoder} --windows {windows} "
            f"{there}`, leave --windows out, or build a new library with --library."
        )


def _write_config(folder: Path, config: Config) -> None:
    import tomli_w

    aside = folder / f"library.toml.{os.getpid()}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        aside.write_text(tomli_w.dumps(asdict(config)), encoding="utf-8")
        aside.replace(folder / "library.toml")
    except OSError as error:
        raise LibraryError(
            f"No library can be made in {folder} ({error.strerror}): name another place "
            "with --library."
        ) from error


def catalog_url(folder: Path, url: str) -> str:
    """The URL with its password, and with a relative SQLite path set into the library."""
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError) as error:
        raise LibraryError(
            f"The catalog named in {folder / 'library.toml'} is not a database URL: "
            "write it like sqlite:///catalog.sqlite3."
        ) from error
    if parsed.get_backend_name() == "sqlite":
        parsed = parsed.set(database=str(folder / (parsed.database or "catalog.sqlite3")))
    elif password := os.environ.get("SONORIZE_CATALOG_PASSWORD"):
        parsed = parsed.set(password=password)
    return parsed.render_as_string(hide_password=False)


def _read_marks(path: Path) -> dict[str, str]:
    """Change number → token of the index files that were saved; empty if it cannot be read."""
    try:
        marks = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return marks if isinstance(marks, dict) else {}


def _offsets(dims: Sequence[int]) -> list[int]:
    return [sum(dims[:position]) for position in range(len(dims))]
