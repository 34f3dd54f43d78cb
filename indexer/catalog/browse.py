"""What a page shows of a library without a question: takes, packs, licences, categories."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

from sqlalchemy import exists, func, select

from indexer.catalog.filters import Filters, holds, matching
from indexer.catalog.models import Analysis, Root, Sound
from indexer.catalog.session import chunks, reading
from indexer.catalog.text import words_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy import Engine, Select
    from sqlalchemy.orm import InstrumentedAttribute

    from indexer.catalog.text import Words

    Run = tuple[Select[Any], Sequence[Any]]  # ids, and what they are in the order of


Sort = Literal["title", "pack", "duration", "loudness", "added"]


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


def kinds(engine: Engine) -> list[str]:
    """Kinds of the roots."""
    with reading(engine) as connection:
        return sorted(connection.execute(select(Root.kind).distinct()).scalars())


def licences_of_packs(engine: Engine) -> list[tuple[str, dict[str, int]]]:
    """Each pack with its licences, "" for none, and how many readable sounds have which."""
    query = (
        select(Sound.pack, Sound.licence, func.count())
        .where(Sound.status != "failed")
        .group_by(Sound.pack, Sound.licence)
        .order_by(Sound.pack, Sound.licence)
    )
    found: dict[str, dict[str, int]] = {}
    with reading(engine) as connection:
        for pack, licence, count in connection.execute(query):
            found.setdefault(pack, {})[licence] = count
    return list(found.items())


def listed(
    engine: Engine,
    filters: Filters,
    sort: Sort = "title",
    *,
    descending: bool = False,
    offset: int = 0,
    limit: int = 100,
) -> tuple[list[int], int]:
    """Ids of the readable sounds that match, in order from `offset` on, and how many there are.

    Sounds without a pack or a loudness come last, by id. Each run of the order is walked in an
    index (see models), so that a page from the middle of a million is there at once.
    """
    all_of_them, runs = _runs(sort, filters, words_of(engine))
    ids: list[int] = []
    passed = 0
    with reading(engine) as connection:

        def count(part: Select[Any]) -> int:
            counting = part.with_only_columns(func.count(), maintain_column_froms=True)
            return int(connection.execute(counting).scalar_one())

        total = count(all_of_them)
        for part, keys in runs:
            here = total - passed if part is runs[-1][0] else count(part)
            if offset < passed + here and len(ids) < limit:
                order = [key.desc() if descending else key.asc() for key in keys]
                page = part.order_by(*order).offset(max(0, offset - passed))
                ids += connection.execute(page.limit(limit - len(ids))).scalars()
            passed += here
    return ids, total


def _runs(sort: Sort, filters: Filters, words: Words) -> tuple[Select[Any], list[Run]]:
    """The readable sounds that match, whole and in runs that follow each other."""
    chosen = matching(filters, words)
    found = select(Sound.id).where(Sound.status != "failed")
    heard = select(Analysis.sound_id).where(
        Analysis.sound_id.not_in(select(Sound.id).where(Sound.status == "failed"))
    )
    if filters:
        found, heard = found.where(Sound.id.in_(chosen)), heard.where(Analysis.sound_id.in_(chosen))
    title, pack = func.lower(Sound.title), func.lower(Sound.pack)
    measured = exists().where(Analysis.sound_id == Sound.id)
    runs: dict[Sort, list[Run]] = {
        "title": [(found, (title, Sound.id))],
        "pack": [
            (found.where(pack > ""), (pack, Sound.id)),
            (found.where(pack == ""), (Sound.id,)),
        ],
        "duration": [(found, (Sound.duration, Sound.id))],
        "loudness": [
            (heard.where(Analysis.loudness.is_not(None)), (Analysis.loudness, Analysis.sound_id)),
            (heard.where(Analysis.loudness.is_(None)), (Analysis.sound_id,)),
            (found.where(~measured), (Sound.id,)),
        ],
        "added": [(found, (Sound.id,))],
    }
    assert runs.keys() == set(get_args(Sort))
    return found, runs[sort]


def with_hashes(engine: Engine, hashes: Iterable[str]) -> dict[str, int]:
    """Hash of the audio → id, of those that are here."""
    query = select(Sound.content_hash, Sound.id)
    with reading(engine) as connection:
        return {
            str(row[0]): row[1]
            for part in chunks(list(hashes))
            for row in connection.execute(query.where(Sound.content_hash.in_(part)))
        }


def among(engine: Engine, sound_ids: Sequence[int], filters: Filters) -> list[int]:
    """Those of the sounds that match, in the order given."""
    if not filters:
        return list(sound_ids)
    with reading(engine) as connection:
        match = select(Sound.id).where(holds(filters, words_of(engine)))
        found = {
            key
            for part in chunks(sound_ids)
            for key in connection.execute(match.where(Sound.id.in_(part))).scalars()
        }
    return [key for key in sound_ids if key in found]


def hashes_of(engine: Engine, sound_ids: Sequence[int]) -> dict[int, str]:
    """Id → hash of the audio, of the sounds that were heard."""
    query = select(Sound.id, Sound.content_hash).where(Sound.content_hash.is_not(None))
    with reading(engine) as connection:
        return {
            row[0]: str(row[1])
            for part in chunks(sound_ids)
            for row in connection.execute(query.where(Sound.id.in_(part)))
        }
