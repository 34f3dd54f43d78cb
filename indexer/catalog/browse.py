"""What a page shows of a library without a question: takes, packs, licences, categories."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from indexer.catalog.models import Sound
from indexer.catalog.session import reading

if TYPE_CHECKING:
    from sqlalchemy import Engine
    from sqlalchemy.orm import InstrumentedAttribute


@dataclass(frozen=True, slots=True)
class Counted:
    """A pack, licence or category, and how many readable sounds have it."""

    name: str
    count: int


def takes_of(engine: Engine, sound_id: int) -> list[int]:
    """Ids of the readable sounds in a sound's take group, itself first."""
    group = select(Sound.take_group).where(Sound.id == sound_id).scalar_subquery()
    query = (
        select(Sound.id)
        .where(Sound.take_group == group, Sound.take_group != "", Sound.status != "failed")
        .order_by(Sound.title, Sound.id)
    )
    with reading(engine) as connection:
        found = list(connection.execute(query).scalars())
    return [sound_id, *(each for each in found if each != sound_id)]


def counted(engine: Engine, column: InstrumentedAttribute[str], most: int = 500) -> list[Counted]:
    """The values of a column of Sound, the most frequent first; "" for sounds that say none."""
    count = func.count().label("count")
    query = (
        select(column, count)
        .where(Sound.status != "failed")
        .group_by(column)
        .order_by(count.desc(), column)
        .limit(most)
    )
    with reading(engine) as connection:
        return [Counted(*row) for row in connection.execute(query)]
