"""Sounds that may be takes of each other: those of one length."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from indexer.catalog.models import Sound

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import Connection

FEW = 1_000  # sounds that are looked up one by one


def as_long(connection: Connection, sound_ids: Sequence[int]) -> Iterator[Any]:
    """(id, duration) of readable sounds as long as one of these, to a millisecond or two.

    Found in the index of durations where few are asked for, among all sounds where many are.
    """
    ready = select(Sound.id, Sound.duration).where(Sound.status == "ready")
    if len(sound_ids) > FEW:
        yield from connection.execute(ready)
        return
    own = select(Sound.duration).where(Sound.id.in_(sound_ids))
    lengths = sorted({round(length, 3) for length in connection.execute(own).scalars()})
    for length in lengths:
        near = Sound.duration.between(length - 0.001, length + 0.001)
        yield from (
            row for row in connection.execute(ready.where(near)) if round(row[1], 3) == length
        )
