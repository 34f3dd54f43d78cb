"""The one write path for sounds: entries in, rows, full text and changes out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import singledispatch
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

import numpy as np
from sqlalchemy import Connection, Insert, delete, select, update

from indexer import ucs
from indexer.catalog import text
from indexer.catalog.entries import (
    MEANT_FIELDS,
    Described,
    Entry,
    Failed,
    Heard,
    Named,
    Reheard,
    Relinked,
    Retagged,
    Same,
    Seen,
    Unseen,
    Written,
)
from indexer.catalog.models import FOLLOWS, Analysis, Change, Embedding, File, Sound, Space, Window
from indexer.catalog.said import PLACE_OF, following, imported_of, overlaid, place_of, words_of
from indexer.catalog.statements import add, add_all, change, find, remove

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from sqlalchemy import ColumnElement


def encode(vector: NDArray[np.floating]) -> bytes:
    """A vector at rest: float16, little-endian; nothing at all for a part that is absent."""
    return vector.astype("<f2").tobytes() if np.any(vector) else b""


def record(connection: Connection, entries: Iterable[Entry]) -> None:
    """Writes the entries in their order, within the caller's transaction."""
    for entry in entries:
        _write(entry, connection)


@singledispatch
def _write(entry: object, connection: Connection) -> None:
    raise TypeError(f"{type(entry).__name__} is not an entry")


@_write.register
def _named(entry: Named, connection: Connection) -> None:
    place = entry.place
    known = find(
        connection, File, ("id", "sound_id"),
        root_id=place.root_id, relative_path=place.relative_path,
    ).first()  # fmt: skip
    columns = dict(entry.columns)
    former = _row(connection, known.sound_id) if known is not None else None
    if former and (imported_of(former) or place_of(former)):  # what was said may hold: see below
        columns["raw"] = {**columns.get("raw", {}), PLACE_OF: former["id"]}
    sound_id = add(connection, Sound, columns)
    values = {**_place_columns(place), "sound_id": sound_id}
    if known is None:
        add(connection, File, values)
    else:  # another recording; where the old one lies now, if anywhere, is not known yet
        change(connection, File, known.id, values)
        refresh_text(connection, known.sound_id)
        _changed(connection, known.sound_id)  # it may lie nowhere now
    refresh_text(connection, sound_id)


@_write.register
def _retagged(entry: Retagged, connection: Connection) -> None:
    """A copy whose path sorts later says nothing: the words are those of the first.

    The sound may be another than the file held before: files swap names.
    """
    before = find(connection, File, ("sound_id",), id=entry.file_id).scalar_one()
    now = {**_place_columns(entry.place), "sound_id": entry.sound_id}
    change(connection, File, entry.file_id, now)
    if before != entry.sound_id:
        _changed(connection, before)  # it may lie nowhere now
        refresh_text(connection, before)
        refresh_text(connection, entry.sound_id)
    first = first_path(connection, [entry.sound_id])
    if (first.root_id, first.relative_path) != (entry.place.root_id, entry.place.relative_path):
        return
    row = _row(connection, entry.sound_id)
    columns = following({"raw": row["raw"], **entry.columns}, place_of(row))
    rewrite(connection, entry.sound_id, overlaid(columns, imported_of(row)))


@_write.register
def _described(entry: Described, connection: Connection) -> None:
    row = _row(connection, entry.sound_id)
    if not row:  # a build found meanwhile that it is another sound
        return
    imported = {**imported_of(row), **entry.columns}
    if imported_of(row) != imported or any(row[name] != imported[name] for name in imported):
        rewrite(connection, entry.sound_id, overlaid({"raw": row["raw"]}, imported))


@_write.register
def _seen(entry: Seen, connection: Connection) -> None:
    change(connection, File, entry.file_id, _place_columns(entry.place))


@_write.register
def _unseen(entry: Unseen, connection: Connection) -> None:
    change(connection, File, entry.file_id, {"state": entry.state})


@_write.register
def _relinked(entry: Relinked, connection: Connection) -> None:
    change(connection, File, entry.file_id, _place_columns(entry.place))
    sound_id = find(connection, File, ("sound_id",), id=entry.file_id).scalar_one()
    change(connection, Sound, sound_id, {"content_hash": None, "status": "named", "reason": ""})
    refresh_text(connection, sound_id)


@_write.register
def _written(entry: Written, connection: Connection) -> None:
    now = _row(connection, entry.sound_id)
    read = {name: entry.columns[name] for name in MEANT_FIELDS if name in entry.columns}
    if any(now.get(name) != value for name, value in read.items()):
        return  # they were imported meanwhile; the sound still lacks this part
    if now.get("status") == "failed":
        return  # it was heard meanwhile, and is no sound
    if entry.path not in (None, _named_by(connection, entry)):
        return  # a copy was found meanwhile that gives it its name
    whose = {"space_id": entry.space_id, "sound_id": entry.sound_id}
    remove(connection, Embedding, **whose)
    add(connection, Embedding, {**whose, "vector": encode(entry.vector)})
    _changed(connection, entry.sound_id)


@_write.register
def _heard(entry: Heard, connection: Connection) -> None:
    if entry.content_hash:
        original = _by_hash(connection, entry.content_hash)
        if original is not None and original != entry.sound_id:
            _write(Same(entry.sound_id, original), connection)
            return
    values = {
        **entry.columns,
        "status": "ready" if entry.complete else "partial",
        "content_hash": entry.content_hash,
    }
    change(connection, Sound, entry.sound_id, values)
    _replace_vectors(connection, entry)
    if entry.analysis is not None:
        remove(connection, Analysis, sound_id=entry.sound_id)
        add(connection, Analysis, {"sound_id": entry.sound_id, **entry.analysis})
    _changed(connection, entry.sound_id)


@_write.register
def _reheard(entry: Reheard, connection: Connection) -> None:
    if _by_hash(connection, entry.content_hash) == entry.sound_id:
        _replace_vectors(connection, entry)
        _changed(connection, entry.sound_id)


@_write.register
def _same(entry: Same, connection: Connection) -> None:
    """The older row stays; its words are those of the file whose path sorts first.

    What was imported for either is kept.
    """
    keep, drop = entry.original_id, entry.sound_id
    first = first_path(connection, [keep, drop])
    kept = _row(connection, keep)
    words, other = kept, _row(connection, drop)
    if first is not None and first.sound_id == drop:
        words, other = other, words
    if words["id"] == drop or imported_of(other):
        imported = {**imported_of(other), **imported_of(words)}
        columns = following(words_of(words), place_of(kept))  # not what the other followed
        rewrite(connection, keep, overlaid(columns, imported))
    if words["id"] == drop:  # another file name
        _drop_vectors(connection, keep, Space.part == "metadata")
    connection.execute(  # a moved file leaves nothing behind
        delete(File).where(File.sound_id == keep, File.state == "missing")
    )
    connection.execute(update(File).where(File.sound_id == drop).values(sound_id=keep))
    drop_if_orphan(connection, drop)
    refresh_text(connection, keep)


@_write.register
def _failed(entry: Failed, connection: Connection) -> None:
    change(connection, Sound, entry.sound_id, {"status": "failed", "reason": entry.reason})
    _drop_vectors(connection, entry.sound_id)


def inserted(connection: Connection, statement: Insert) -> int:
    """Id of the row that the statement made."""
    key = connection.execute(statement).inserted_primary_key
    assert key is not None
    return int(key[0])


def rewrite(connection: Connection, sound_id: int, columns: Mapping[str, Any]) -> None:
    """New words for a sound: its audio vectors stay; metadata vectors go if the words differ."""
    before = _row(connection, sound_id)
    change(connection, Sound, sound_id, columns)
    refresh_text(connection, sound_id)
    differing = {name for name, value in columns.items() if value != before[name]}
    if differing.intersection(MEANT_FIELDS):
        _drop_vectors(connection, sound_id, Space.part == "metadata")
    elif "take_group" in differing:  # its like are looked for again
        _changed(connection, sound_id)


def drop_if_orphan(connection: Connection, sound_id: int) -> bool:
    """Removes a sound that no file holds any more; True if it went."""
    if _has_file(connection, sound_id):
        return False
    row = _row(connection, sound_id)
    before = place_of(row) if row else None
    if before is not None:  # which waited for the answer to whether this takes its place
        _changed(connection, before)
    text.remove_text(connection, [sound_id])
    remove(connection, Sound, id=sound_id)
    _changed(connection, sound_id)
    return True


def read_again(connection: Connection, sound_id: int) -> None:
    """Makes the next build read the tags of the file whose words a sound has now."""
    first = first_path(connection, [sound_id])
    if first is None:
        return
    here = (File.root_id == first.root_id) & (File.relative_path == first.relative_path)
    connection.execute(update(File).where(here).values(mtime_ns=0))


def refresh_text(connection: Connection, sound_id: int) -> None:
    """Full text of a sound: its words and the paths it lies at."""
    row = find(connection, Sound, (), id=sound_id).mappings().one()
    paths = sorted(find(connection, File, ("relative_path",), sound_id=sound_id).scalars())
    text.index_text(
        connection,
        sound_id,
        {
            "title": row["title"],
            "description": row["description"],
            "tags": " ".join(row["tags"]),
            "category": f"{row['category']} {row['subcategory']}",
            "author": f"{row['author']} {row['designer']} {row['manufacturer']}",
            "pack": row["pack"],
            "path": "\n".join(f"{path} {ucs.words(PurePosixPath(path).stem)}" for path in paths),
            "notes": " ".join(row[name] for name in ("notes", "location", "microphone", "take")),
        },
    )


def first_path(connection: Connection, sound_ids: list[int]) -> Any:
    """The row (sound_id, root_id, relative_path) that sorts first among present files."""
    return connection.execute(
        select(File.sound_id, File.root_id, File.relative_path)
        .where(File.sound_id.in_(sound_ids), File.state == "present")
        .order_by(File.root_id, File.relative_path)
        .limit(1)
    ).first()


def _row(connection: Connection, sound_id: int) -> dict[str, Any]:
    found = find(connection, Sound, (), id=sound_id).mappings()
    return {str(name): value for row in found for name, value in row.items()}


def hand_down(connection: Connection) -> dict[int, bool]:
    """At the end of a build: who gets what was imported for a sound that lost its place.

    A recording that was changed where it lies keeps it. One that took the name of another that
    moved does not; nor where that cannot be told, since the other was never heard to its end:
    a wrong licence is worse than none. Returns the sounds that lost their place, and whether they
    wait for the next build, and the answer with them: those without a file that may still be found
    in one of those that are to be heard.
    """
    marked = select(Sound.id).where(FOLLOWS)
    unheard = select(File.id).join(Sound, Sound.id == File.sound_id)
    unheard = unheard.where(File.state == "present", Sound.status.in_(("named", "partial")))
    undecided = connection.execute(unheard.limit(1)).first() is not None
    waiting: dict[int, bool] = {}
    for sound_id in connection.execute(marked.order_by(Sound.id)).scalars().all():
        row = _row(connection, sound_id)
        before = place_of(row)
        if before is None:
            continue
        former = _row(connection, before)
        lost = bool(former) and not _has_file(connection, before, File.state != "missing")
        waits = lost and undecided and _has_file(connection, sound_id)
        waiting[before] = waiting.get(before, False) or waits
        if waits:
            continue
        columns = following(words_of(row), None)
        if lost and (former["content_hash"] or former["status"] == "failed"):
            columns = overlaid(columns, {**imported_of(former), **imported_of(row)})
        rewrite(connection, sound_id, columns)
    return waiting


def _has_file(connection: Connection, sound_id: int, *where: ColumnElement[bool]) -> bool:
    found = select(File.id).where(File.sound_id == sound_id, *where).limit(1)
    return connection.execute(found).first() is not None


def _named_by(connection: Connection, entry: Written) -> str | None:
    """The path that gives a sound its name, looked for where it lies at several."""
    found = find(connection, File, ("id",), sound_id=entry.sound_id, state="present")
    if len(found.all()) < 2:
        return entry.path
    return str(first_path(connection, [entry.sound_id]).relative_path)


def _place_columns(place: Any) -> dict[str, Any]:
    return {
        "root_id": place.root_id,
        "relative_path": place.relative_path,
        "size": place.size,
        "mtime_ns": place.mtime_ns,
        "state": "present",
    }


def _by_hash(connection: Connection, content_hash: str) -> int | None:
    return find(connection, Sound, ("id",), content_hash=content_hash).scalar_one_or_none()


def _drop_vectors(connection: Connection, sound_id: int, *where: ColumnElement[bool]) -> None:
    """Its vectors in every space, or in those that `where` picks."""
    spaces = select(Space.id).where(*where)
    connection.execute(
        delete(Embedding).where(Embedding.sound_id == sound_id, Embedding.space_id.in_(spaces))
    )
    _changed(connection, sound_id)


def _changed(connection: Connection, sound_id: int) -> None:
    add(connection, Change, {"sound_id": sound_id})


def _replace_vectors(connection: Connection, entry: Heard | Reheard) -> None:
    for space in entry.clips:
        remove(connection, Embedding, space_id=space, sound_id=entry.sound_id)
    ids = _windows(connection, entry)
    rows = [
        {"space_id": space, "sound_id": entry.sound_id, "window_id": None, "vector": encode(clip)}
        for space, clip in entry.clips.items()
    ]
    rows += [
        {"space_id": space, "sound_id": entry.sound_id, "window_id": ids[key], "vector": encode(v)}
        for space, vectors in entry.window_vectors.items()
        for key, v in zip(entry.windows, vectors, strict=True)
    ]
    add_all(connection, Embedding, rows)  # none of a sound too short to be heard


def _windows(connection: Connection, entry: Heard | Reheard) -> dict[tuple[float, float], int]:
    """Ids of the entry's windows; other encoders may use the same ones already."""

    def known() -> dict[tuple[float, float], int]:
        found = find(connection, Window, ("start", "end", "id"), sound_id=entry.sound_id)
        return {(row.start, row.end): row.id for row in found}

    before = known()
    fresh = [span for span in entry.windows if span not in before]
    if not fresh:
        return before
    add_all(
        connection, Window,
        [{"sound_id": entry.sound_id, "start": start, "end": end} for start, end in fresh],
    )  # fmt: skip
    return known()
