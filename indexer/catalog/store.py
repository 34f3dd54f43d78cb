"""The catalog of one library: what may be asked of it, and `record`, the one way to write."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
from sqlalchemy import (
    and_,
    delete,
    exists,
    func,
    insert,
    select,
    update,
)

from indexer.catalog import record as records
from indexer.catalog import schema, text
from indexer.catalog.answers import CountedRoot, Known, Measured, RootInfo, SoundInfo
from indexer.catalog.embeddings import Embeddings
from indexer.catalog.entries import Described, Entry
from indexer.catalog.filters import Filters, matching, whose, without_all
from indexer.catalog.freesound import Freesound
from indexer.catalog.lookups import KNOWN, Lookups
from indexer.catalog.models import (
    Analysis,
    Build,
    File,
    Quality,
    Root,
    Sound,
    Window,
)
from indexer.catalog.quality import CURRENT, Qualities
from indexer.catalog.question import clean
from indexer.catalog.session import chunks, ids_of, make_engine, reading, writing
from indexer.catalog.takes import as_long
from indexer.catalog.todo import Todos

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Catalog:
    """Opens (and brings up to date) the catalog at `url`.

    Raises LibraryTooNew if a newer sonorize wrote it.
    """

    def __init__(self, url: str) -> None:
        self.engine = make_engine(url)
        self._turn = Lock()
        schema.upgrade(self.engine)
        self.embeddings = Embeddings(self.engine)
        self.freesound = Freesound(self.engine)
        self.quality = Qualities(self.engine)

    def close(self) -> None:
        self.engine.dispose()

    def record(self, entries: Iterable[Entry]) -> None:
        """Writes all entries or none; threads take turns, so that what is read holds to the end."""
        with self._turn, writing(self.engine) as connection:
            records.record(connection, entries)

    # Roots and files

    def root(self, kind: str, location: str, name: str = "") -> int:
        """The root's id; made if it is new."""
        where = and_(Root.kind == kind, Root.location == location)
        with writing(self.engine) as connection:
            found = connection.execute(select(Root.id).where(where)).scalar_one_or_none()
            if found is not None:
                return found
            name = clean(name or location)
            made = insert(Root).values(kind=kind, location=location, name=name)
            return records.inserted(connection, made)

    def move_root(self, root_id: int, location: str) -> None:
        with writing(self.engine) as connection:
            connection.execute(update(Root).where(Root.id == root_id).values(location=location))

    def settle(self, kind: str, location: str) -> None:
        """The root of a kind of which a library has one lies here now, if there is one."""
        if set(self.places(kind).values()) - {location}:
            with writing(self.engine) as connection:
                mine = Root.kind == kind
                connection.execute(update(Root).where(mine).values(location=location))

    def places(self, kind: str) -> dict[int, str]:
        """Root id → location of the roots of a kind."""
        query = select(Root.id, Root.location).where(Root.kind == kind)
        with reading(self.engine) as connection:
            return dict(connection.execute(query).all())

    def forget_roots(self, root_ids: Sequence[int]) -> None:
        """Removes these roots, which hold no file."""
        with writing(self.engine) as connection:
            connection.execute(delete(Root).where(Root.id.in_(root_ids)))

    def roots(self) -> list[RootInfo]:
        query = select(Root.id, Root.kind, Root.name, Root.location).order_by(Root.id)
        with reading(self.engine) as connection:
            return [RootInfo(*row) for row in connection.execute(query)]

    def counted_roots(self) -> list[CountedRoot]:
        """Goes through all files: `roots` is for whoever waits."""
        query = select(File.root_id, File.state, func.count()).group_by(File.root_id, File.state)
        with reading(self.engine) as connection:
            found = {(row[0], row[1]): int(row[2]) for row in connection.execute(query)}
        return [
            CountedRoot(*root, *(found.get((root.id, state), 0) for state in _STATES))
            for root in self.roots()
        ]

    def known(self, root_id: int) -> dict[str, Known]:
        """Every file of a root by its relative path."""
        with reading(self.engine) as connection:
            rows = connection.execute(KNOWN.where(File.root_id == root_id))
            return {row[0]: Known(*row[1:]) for row in rows}

    def lookups(self, root_id: int) -> Lookups:
        """The files of a root, by their paths."""
        return Lookups(self.engine, root_id)

    def at(self, root_id: int, relative_path: str) -> int | None:
        """The sound that lies there."""
        here = and_(File.root_id == root_id, File.relative_path == relative_path)
        with reading(self.engine) as connection:
            found = connection.execute(select(File.sound_id).where(here))
            return found.scalar_one_or_none()

    def content_hash(self, sound_id: int) -> str | None:
        with reading(self.engine) as connection:
            return connection.execute(
                select(Sound.content_hash).where(Sound.id == sound_id)
            ).scalar_one_or_none()

    def with_hash(self, content_hash: str) -> int | None:
        with reading(self.engine) as connection:
            return connection.execute(
                select(Sound.id).where(Sound.content_hash == content_hash)
            ).scalar_one_or_none()

    def hashes(self) -> NDArray[np.void]:
        """(n,) of content hash ("hash", ascending) and sound ("id"): all that was heard whole."""
        query = select(Sound.content_hash, Sound.id).where(Sound.content_hash.is_not(None))
        kind = np.dtype([("hash", "S32"), ("id", np.int64)])
        with reading(self.engine) as connection:
            rows = connection.execute(query)
            return np.sort(np.fromiter(map(tuple, rows), dtype=kind), order="hash")

    def prune(self, root_ids: Sequence[int]) -> int:
        """Forgets the missing files of these roots; returns how many they were."""
        gone = and_(File.root_id.in_(root_ids), File.state == "missing")
        with writing(self.engine) as connection:
            sounds = (
                connection.execute(select(File.sound_id).where(gone).distinct()).scalars().all()
            )
            count = connection.execute(delete(File).where(gone)).rowcount
            for sound_id in sounds:
                if not records.drop_if_orphan(connection, sound_id):
                    records.refresh_text(connection, sound_id)
                    records.read_again(connection, sound_id)
            return int(count)

    def drop_orphans(self) -> int:
        """Forgets sounds that lie in no file any more; returns how many. They are looked for among
        those that changed since the last build came to its end.

        What was imported for one goes to the recording at its place if that is the same, edited.
        """
        changed = self.embeddings.changes(self.last_built())[0]
        alone = select(Sound.id).where(~exists().where(File.sound_id == Sound.id))
        with writing(self.engine) as connection:
            former = records.hand_down(connection)
            gone: list[int] = []
            for part in chunks([*changed, *former]):
                gone += connection.execute(alone.where(Sound.id.in_(part))).scalars()
            leaving = {sound_id for sound_id in gone if not former.get(sound_id)}
            return sum(records.drop_if_orphan(connection, sound_id) for sound_id in leaving)

    # Work to do

    def hear_again(self, space_ids: Sequence[int]) -> int:
        """Heard sounds without a clip vector in one of these spaces are to be heard anew."""
        heard = Sound.status.in_(("ready", "partial"))
        with reading(self.engine) as connection:
            sound_ids = ids_of(connection, select(Sound.id).where(heard))
        lacking = self.embeddings.without(space_ids, sound_ids)
        with writing(self.engine) as connection:
            for part in chunks(lacking):
                again = update(Sound).where(heard, Sound.id.in_(part)).values(status="named")
                connection.execute(again)
        return len(lacking)

    def todo(self, root_ids: Sequence[int], statuses: Sequence[str], above: int = 0) -> Todos:
        """Sounds in one of these states with a present file in these roots, in path order."""
        return Todos(self.engine, root_ids, statuses, above)

    # Questions

    def search_text(
        self, question: str, limit: int, allowed: Collection[int] | None = None
    ) -> list[tuple[int, float]]:
        """Sounds whose words match, best first; see indexer.catalog.text for the grammar."""
        with reading(self.engine) as connection:
            return text.search_text(connection, question, limit, allowed)

    def allowed(self, filters: Filters) -> NDArray[np.int64]:
        """Ids of the sounds that match, ascending."""
        with reading(self.engine) as connection:
            return ids_of(connection, matching(filters, text.words_of(self.engine)))

    def narrowed(self, filters: Filters) -> NDArray[np.int64] | None:
        """`allowed`, or None where all sounds are."""
        with reading(self.engine) as connection:
            if not (filters := without_all(connection, filters)):
                return None
            total = connection.execute(select(func.count()).select_from(Sound)).scalar_one()
        found = self.allowed(filters)
        return None if len(found) == total else found

    def sounds(self, sound_ids: Sequence[int]) -> dict[int, SoundInfo]:
        """Rows by id; ids that do not exist are left out."""
        found: dict[int, SoundInfo] = {}
        with reading(self.engine) as connection:
            for part in chunks(sound_ids):
                for row in connection.execute(_SHOWN.where(Sound.id.in_(part))).mappings():
                    columns = {key: row[key] for key in _COLUMNS}
                    places = (row["root_kind"], row["root_location"], row["path"], row["state"])
                    found.setdefault(row["id"], SoundInfo(columns, *places))
        return found

    def take_counts(self, groups: Sequence[str]) -> dict[str, int]:
        """How many readable sounds share each take group."""
        query = select(Sound.take_group, func.count()).where(Sound.status != "failed")
        query = query.group_by(Sound.take_group)
        counts: dict[str, int] = {}
        with reading(self.engine) as connection:
            for part in chunks([group for group in groups if group]):
                counts.update(
                    dict(connection.execute(query.where(Sound.take_group.in_(part))).all())
                )
        return counts

    def measured(self, sound_ids: Sequence[int]) -> dict[int, Measured]:
        """Of the sounds that were heard to their end."""
        query = select(Analysis.sound_id, *(getattr(Analysis, name) for name in Measured._fields))
        with reading(self.engine) as connection:
            return {
                row[0]: Measured(*row[1:])
                for part in chunks(sound_ids)
                for row in connection.execute(query.where(Analysis.sound_id.in_(part)))
            }

    def counts(self) -> dict[str, int]:
        """Sounds by status, and windows."""
        with reading(self.engine) as connection:
            by_status = connection.execute(
                select(Sound.status, func.count()).group_by(Sound.status)
            )
            counts = {"named": 0, "partial": 0, "ready": 0, "failed": 0, **dict(by_status.all())}
            windows = connection.execute(select(func.count()).select_from(Window)).scalar_one()
            return {**counts, "windows": int(windows)}

    def copies(self) -> int:
        """By how many the files, but for missing ones, outnumber the sounds."""
        files = select(func.count() - func.count(File.sound_id.distinct()))
        with reading(self.engine) as connection:
            return int(connection.execute(files.where(File.state != "missing")).scalar_one())

    def failures(self) -> Iterator[tuple[str, str, str]]:
        """(path, status, reason) of every sound that cannot be read, or only in part."""
        query = (
            select(Root.location, File.relative_path, Sound.status, Sound.reason)
            .join(File, File.root_id == Root.id)
            .join(Sound, Sound.id == File.sound_id)
            .where(Sound.reason != "")
            .order_by(Root.location, File.relative_path)
        )
        with reading(self.engine) as connection:
            for location, path, status, reason in connection.execute(query).all():
                yield f"{location}/{path}", status, reason

    def set_licence(
        self, pack_or_root: str, licence: str, url: str, *, replace: bool = False
    ) -> tuple[int, int]:
        """Licence of the sounds of a pack, or of a root by its id or place.

        `root:` or `pack:` before it says which; LibraryError if it may be either.
        A sound that says one already keeps it unless `replace`. Returns how many sounds have
        this licence from now on, and how many keep another.
        """
        with writing(self.engine) as connection:
            mine = whose(connection, pack_or_root)
            rows = connection.execute(select(Sound.id, Sound.licence).where(mine)).all()
            said = {"licence": licence, "licence_url": url}
            chosen = [row.id for row in rows if replace or row.licence in ("", licence)]
            records.record(connection, (Described(sound_id, said) for sound_id in chosen))
        return len(chosen), len(rows) - len(chosen)

    def faults(self) -> list[str]:
        """What SQLite finds wrong with its own file, a sentence each."""
        if self.engine.dialect.name != "sqlite":
            return []
        with reading(self.engine) as connection:
            found = connection.exec_driver_sql("PRAGMA quick_check(10)").scalars().all()
        return [f"The catalog file is damaged: {line}." for line in found if line != "ok"]

    # Builds and takes

    def start_build(self, **columns: Any) -> int:
        with writing(self.engine) as connection:
            return records.inserted(connection, insert(Build).values(**columns))

    def finish_build(self, build_id: int, report: Mapping[str, Any], *, whole: bool = True) -> None:
        """Not `whole`: it was stopped, and could say so."""
        finished = datetime.now(UTC) if whole else None
        change = update(Build).where(Build.id == build_id)
        with writing(self.engine) as connection:
            connection.execute(change.values(finished=finished, report=dict(report)))

    def forget_build(self, build_id: int) -> None:
        with writing(self.engine) as connection:
            connection.execute(delete(Build).where(Build.id == build_id))

    def died(self) -> bool:
        """Whether the last build was ended without a word, as when its process crashes."""
        query = select(Build.report).order_by(Build.id.desc()).limit(1)
        with reading(self.engine) as connection:
            return any(not report for report in connection.scalars(query))

    def last_built(self) -> int:
        """The change number up to which a build came to its end; 0 if none did."""
        query = select(Build.report).where(Build.finished.is_not(None)).order_by(Build.id.desc())
        with reading(self.engine) as connection:
            report = connection.execute(query.limit(1)).scalar_one_or_none()
        return int(report["seq"]) if report is not None else 0

    def durations(self, since: int) -> dict[float, list[int]]:
        """Readable sounds by duration to the millisecond, where one changed after `since`."""
        fresh = self.embeddings.changes(since)[0]
        groups: dict[float, list[int]] = {}
        with reading(self.engine) as connection:
            for sound_id, duration in as_long(connection, fresh):
                groups.setdefault(round(duration, 3), []).append(sound_id)
        known = set(fresh)
        return {
            duration: ids
            for duration, ids in groups.items()
            if len(ids) > 1 and not known.isdisjoint(ids)
        }

    def join_takes(self, together: Iterable[Sequence[int]]) -> None:
        """Sounds that stand together get one take group; others of their groups keep theirs."""
        with writing(self.engine) as connection:
            for sound_ids in together:
                parts = list(chunks(sound_ids))
                first = min(
                    group
                    for part in parts
                    for group in connection.execute(
                        select(Sound.take_group).where(Sound.id.in_(part)).distinct()
                    ).scalars()
                )
                for part in parts:
                    joined = update(Sound).where(Sound.id.in_(part)).values(take_group=first)
                    connection.execute(joined)


_COLUMNS = (*(column.key for column in Sound.__table__.columns), "faults")
_STATES = ("present", "missing", "offline")

_SHOWN = (
    select(
        Sound.__table__,
        Root.kind.label("root_kind"),
        Root.location.label("root_location"),
        File.relative_path.label("path"),
        File.state,
        Quality.faults,
    )
    .join(File, File.sound_id == Sound.id)
    .join(Root, Root.id == File.root_id)
    .outerjoin(Quality, and_(Quality.sound_id == Sound.id, CURRENT))
    # "present" sorts last of the three states, so it comes first here
    .order_by(Sound.id, File.state.desc(), File.root_id, File.relative_path)
)
