"""The vectors of a catalog, and which of them changed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from sqlalchemy import and_, exists, func, insert, select

from indexer.catalog import record as records
from indexer.catalog.models import Change, Embedding, Sound, Space, Window
from indexer.catalog.session import chunks, ids_of, reading, writing
from indexer.geometry import normalize

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from sqlalchemy import Engine, Row, Select


class Embeddings:
    """Reads vectors as float32 unit rows; `record` writes them."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._dims: dict[int, int] = {}  # of spaces, which never change

    def space(self, encoder: str, part: str, fingerprint: str, dim: int) -> int:
        """The space's id; made if it is new."""
        where = and_(Space.encoder == encoder, Space.part == part, Space.fingerprint == fingerprint)
        known = select(Space.id).where(where)
        with reading(self._engine) as connection:  # a question waits for no writer
            found = connection.execute(known).scalar_one_or_none()
        if found is not None:
            return found
        with writing(self._engine) as connection:
            found = connection.execute(known).scalar_one_or_none()
            if found is not None:
                return found
            made = insert(Space).values(
                encoder=encoder, part=part, fingerprint=fingerprint, dim=dim
            )
            return records.inserted(connection, made)

    def fingerprints(self, encoder: str, part: str) -> set[str]:
        """Of the spaces of this encoder that hold vectors of this part."""
        filled = exists().where(Embedding.space_id == Space.id)
        query = select(Space.fingerprint).where(
            Space.encoder == encoder, Space.part == part, filled
        )
        with reading(self._engine) as connection:
            return set(connection.execute(query).scalars())

    def heard(self, encoder: str, fingerprint: str | None = None) -> set[int]:
        """Sounds whose audio part this encoder made, with these weights and windows or with any."""
        mine = [Space.encoder == encoder, Space.part == "audio"]
        if fingerprint is not None:
            mine.append(Space.fingerprint == fingerprint)
        query = (
            select(Embedding.sound_id)
            .join(Space, Space.id == Embedding.space_id)
            .where(Embedding.window_id.is_(None), *mine)
        )
        with reading(self._engine) as connection:
            return set(connection.execute(query).scalars())

    def encoders(self) -> dict[str, int]:
        """How many sounds each encoder heard; the same with other windows or weights is one."""
        spaces = (
            select(Space.encoder, Space.id).where(Space.part == "audio").order_by(Space.encoder)
        )
        made_in: dict[str, list[int]] = {}
        counts = {}
        with reading(self._engine) as connection:
            for encoder, space_id in connection.execute(spaces):
                made_in.setdefault(encoder, []).append(space_id)
            for encoder, ids in made_in.items():
                # A space has one clip vector of a sound: only of several must sounds be told apart.
                sounds = Embedding.sound_id.distinct() if len(ids) > 1 else Embedding.sound_id
                clips = (Embedding.space_id.in_(ids), Embedding.window_id.is_(None))
                counts[encoder] = connection.execute(
                    select(func.count(sounds)).where(*clips)
                ).scalar_one()
        return {encoder: int(count) for encoder, count in counts.items() if count}

    def lacking(self, space_id: int) -> list[int]:
        """Readable sounds that have no row in this space yet, not even an absent one."""
        with reading(self._engine) as connection:
            readable = ids_of(connection, select(Sound.id).where(Sound.status != "failed"))
            has = ids_of(connection, _clips_of(space_id))
        return list(map(int, np.setdiff1d(readable, has, assume_unique=True)))

    def without(self, space_ids: Sequence[int], sound_ids: NDArray[np.int64]) -> list[int]:
        """Those of the sounds that have no clip vector in one of these spaces."""
        with reading(self._engine) as connection:
            lack = [
                np.setdiff1d(sound_ids, ids_of(connection, _clips_of(s)), assume_unique=True)
                for s in space_ids
            ]
        return list(map(int, np.unique(np.concatenate([np.empty(0, np.int64), *lack]))))

    def having(self, space_ids: Sequence[int]) -> list[int]:
        """Sounds with a clip vector in one of these spaces, ascending."""
        query = select(Embedding.sound_id).where(
            Embedding.space_id.in_(space_ids),
            Embedding.window_id.is_(None),
            Embedding.vector != b"",
        )
        with reading(self._engine) as connection:
            return sorted(connection.execute(query.distinct()).scalars())

    def count(self, space_id: int) -> int:
        """How many vectors there are in a space, absent ones included."""
        query = select(func.count()).where(Embedding.space_id == space_id)
        with reading(self._engine) as connection:
            return int(connection.execute(query).scalar_one())

    def clips(
        self, space_id: int, sound_ids: Sequence[int] | None = None
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Clip vectors of a space: ids ascending and (n, dim) unit rows; absent parts left out."""
        query = select(Embedding.sound_id, Embedding.vector).where(
            Embedding.space_id == space_id, Embedding.window_id.is_(None)
        )
        rows, dim = self._rows(query, space_id, sound_ids)
        return _decode([(row.sound_id, row.vector) for row in rows], dim)

    def windows(
        self, space_id: int, sound_ids: Sequence[int] | None = None
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64], NDArray[np.float32]]:
        """Windows of a space: ids (n,), sound ids (n,), seconds (n, 2), unit rows (n, dim)."""
        query = (
            select(Window.id, Window.sound_id, Window.start, Window.end, Embedding.vector)
            .join(Embedding, Embedding.window_id == Window.id)
            .where(Embedding.space_id == space_id)
            .order_by(Window.id)
        )
        rows, dim = self._rows(query, space_id, sound_ids)
        rows = [row for row in rows if row.vector]
        ids, vectors = _decode([(row.id, row.vector) for row in rows], dim)
        by_id = {row.id: row for row in rows}
        ordered = [by_id[int(key)] for key in ids]
        return (
            ids,
            np.array([row.sound_id for row in ordered], dtype=np.int64),
            np.array([(row.start, row.end) for row in ordered], dtype=np.float64).reshape(-1, 2),
            vectors,
        )

    def _rows(
        self, query: Select[*tuple[Any, ...]], space_id: int, sound_ids: Sequence[int] | None
    ) -> tuple[list[Row[Any]], int]:
        """Rows of Embedding for these sounds, or all; and the width of the space."""
        with reading(self._engine) as connection:
            dim = self._dims.get(space_id)
            if dim is None:
                width = select(Space.dim).where(Space.id == space_id)
                dim = self._dims[space_id] = connection.execute(width).scalar_one()
            if sound_ids is None:
                return list(connection.execute(query)), dim
            wanted = (query.where(Embedding.sound_id.in_(part)) for part in chunks(sound_ids))
            return [row for each in wanted for row in connection.execute(each)], dim

    def token(self, seq: int) -> str | None:
        """What tells this change from one of the same number in another copy of the catalog."""
        with reading(self._engine) as connection:
            found = select(Change.token).where(Change.seq == seq)
            return connection.execute(found).scalar_one_or_none()

    def last(self) -> int:
        """The number of the last change; 0 if there is none."""
        with reading(self._engine) as connection:
            return int(connection.execute(select(func.max(Change.seq))).scalar() or 0)

    def changes(self, since: int) -> tuple[list[int], int]:
        """Sounds whose vectors changed after change number `since`, and the last number."""
        query = select(Change.sound_id).where(Change.seq > since).distinct()
        with reading(self._engine) as connection:
            last = connection.execute(select(func.max(Change.seq))).scalar() or 0
            return list(connection.execute(query).scalars()), int(last)


def _clips_of(space_id: int) -> Select[Any]:
    """Sounds with a row of their own in a space: an index holds these alone."""
    return select(Embedding.sound_id).where(
        Embedding.space_id == space_id, Embedding.window_id.is_(None)
    )


def _decode(
    rows: Sequence[tuple[int, bytes]], dim: int
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    kept = sorted((key, vector) for key, vector in rows if vector)
    ids = np.array([key for key, _ in kept], dtype=np.int64)
    halves = np.frombuffer(b"".join(vector for _, vector in kept), dtype="<f2")
    return ids, normalize(halves.reshape(len(kept), dim).astype(np.float32))
