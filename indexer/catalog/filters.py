"""Which sounds a question may be answered with."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from string import ascii_lowercase, ascii_uppercase
from typing import TYPE_CHECKING, Any

from sqlalchemy import Select, String, Text, and_, cast, exists, func, or_, select

from indexer.catalog.models import Analysis, File, Quality, Root, Sound
from indexer.catalog.question import Or, Term, clean
from indexer.counting import counted
from indexer.credits import SHORT_LICENCES
from indexer.errors import LibraryError

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import ColumnElement, Connection

    from indexer.catalog.text import Words


@dataclass(frozen=True, slots=True)
class Filters:
    """Every field that is set must hold. Durations in seconds, loudness in LUFS; words compare
    without case.

    A sound of unknown licence matches no licence, one of unknown loudness no loudness, and one
    whose quality was not measured is not known to be faultless. `made`: sounds that a model made
    match whatever is said of tags, sources, packs and categories, which are of recordings, and of
    faults, which were looked for when they were made.
    """

    licences: tuple[str, ...] = ()
    min_duration: float | None = None
    max_duration: float | None = None
    tags: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    packs: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    min_loudness: float | None = None
    max_loudness: float | None = None
    faultless: bool = False
    made: bool = False

    def __bool__(self) -> bool:
        return self != Filters()


def matching(filters: Filters, words: Words) -> Select[Any]:
    """Ids of the sounds that match, in no order: in that of ids, SQLite would read all sounds.

    An id may come twice, where a sound lies at two places.

    words   the full-text table of the database, which leads to tags
    """
    if filters and filters == Filters(sources=filters.sources):  # no sound need be looked at
        return select(File.sound_id).where(_at(filters.sources))
    return select(Sound.id).where(holds(filters, words))


def holds(filters: Filters, words: Words) -> ColumnElement[bool]:
    """Whether a sound matches; `words` as in `matching`."""
    conditions = [
        *(_licence(filters.licences)),
        *([Sound.duration >= filters.min_duration] if filters.min_duration is not None else []),
        *([Sound.duration <= filters.max_duration] if filters.max_duration is not None else []),
        *_loud(filters),
    ]
    recorded = and_(True, *_recorded(filters, words))
    either = or_(Sound.id.in_(_MADE), recorded) if filters.made else recorded
    return and_(True, *conditions, either)


def without_all(connection: Connection, filters: Filters) -> Filters:
    """The filters but for those that, by the roots alone, all sounds match."""
    other = select(Root.id).where(~_of(filters.sources), exists().where(File.root_id == Root.id))
    if filters.sources and connection.execute(other.limit(1)).first() is None:
        filters = replace(filters, sources=())
    return Filters() if filters == Filters(made=True) else filters


def whose(connection: Connection, name: str) -> ColumnElement[bool]:
    """Sounds of a pack, or of a root by its id or place; `pack:` or `root:` before it says which.

    Raises LibraryError if the name alone is that of a pack and of a root with other sounds.
    """
    kind, said, rest = name.partition(":")
    meant = rest if said and kind in ("pack", "root") else name
    here = or_(Root.location == meant, cast(Root.id, String) == clean(meant))
    at_root: Any = select(File.sound_id).join(Root, Root.id == File.root_id).where(here)
    of_root, of_pack = Sound.id.in_(at_root), Sound.pack == clean(meant)
    if meant != name:
        return of_root if kind == "root" else of_pack
    found = [
        set(connection.execute(select(Sound.id).where(each)).scalars())
        for each in (of_root, of_pack)
    ]
    if all(found) and found[0] != found[1]:
        raise LibraryError(
            f"{name!r} is a root ({counted(len(found[0]), 'sound')}) and a pack "
            f"({counted(len(found[1]), 'sound')}): say root:{name} or pack:{name}."
        )
    return or_(of_root, of_pack)


def _recorded(filters: Filters, words: Words) -> list[ColumnElement[bool]]:
    return [
        *(_has_tag(tag, words) for tag in filters.tags),
        *([_from_sources(filters.sources)] if filters.sources else []),
        *([_from_packs(filters.packs)] if filters.packs else []),
        *([_of_categories(filters.categories)] if filters.categories else []),
        *([Sound.id.in_(_FAULTLESS)] if filters.faultless else []),
    ]


def _licence(names: tuple[str, ...]) -> list[ColumnElement[bool]]:
    wanted = [spdx for name in names for spdx in SHORT_LICENCES.get(name.lower(), (name,))]
    if not wanted:
        return []
    return [
        _among(
            Sound.licence.expression,
            lambda licence: or_(
                *(
                    licence.like(_escape(item) + "_._", escape="\\")
                    if item.endswith("-")
                    else func.lower(licence) == item.lower()
                    for item in wanted
                )
            ),
        )
    ]


def _has_tag(tag: str, words: Words) -> ColumnElement[bool]:
    tags = func.lower(cast(Sound.tags, Text))
    spelled = {json.dumps(spelling).lower() for spelling in _spellings(tag)}
    said = or_(*(tags.like(f"%{_escape(each)}%", escape="\\") for each in sorted(spelled)))
    # Other letters may be no words to SQLite: it knows those of an older Unicode.
    if not any(each.isascii() and each.isalnum() for each in tag):
        return said
    terms = tuple(Term(each.replace('"', " "), "tags") for each in _spellings(tag))
    there = words.matches(Or(terms) if len(terms) > 1 else terms[0])
    return and_(Sound.id.in_(select(words.key).where(there)), said)


def _from_sources(names: tuple[str, ...]) -> ColumnElement[bool]:
    return exists().where(File.sound_id == Sound.id, _at(names))


def _at(sources: tuple[str, ...]) -> ColumnElement[bool]:
    return File.root_id.in_(select(Root.id).where(_of(sources)))


def _of(names: tuple[str, ...]) -> ColumnElement[bool]:
    """Roots of one of these kinds, names or places."""
    cleaned = [clean(name) for name in names]
    return or_(Root.kind.in_(cleaned), Root.name.in_(cleaned), Root.location.in_(names))


def _from_packs(names: tuple[str, ...]) -> ColumnElement[bool]:
    spelled = [_lowered(each) for name in names for each in _spellings(name)]
    return _among(Sound.pack.expression, lambda pack: func.lower(pack).in_(spelled))


def _among(
    column: ColumnElement[str], chosen: Callable[[ColumnElement[str]], ColumnElement[bool]]
) -> ColumnElement[bool]:
    """Sounds whose value in an indexed column is chosen: each value is looked at once.

    The values are walked, not the sounds: one step in the index leads to the next value.
    """
    first = select(func.min(column).label("value")).cte(f"each_{column.key}", recursive=True)
    following = select(func.min(column)).where(column > first.c.value).scalar_subquery()
    values = first.union_all(select(following).where(first.c.value.is_not(None)))
    return column.in_(select(values.c.value).where(chosen(values.c.value)))


def _of_categories(names: tuple[str, ...]) -> ColumnElement[bool]:
    spelled = [_lowered(each) for name in names for each in _spellings(name)]
    return _among(Sound.category.expression, lambda category: func.lower(category).in_(spelled))


def _loud(filters: Filters) -> list[ColumnElement[bool]]:
    low, high = filters.min_loudness, filters.max_loudness
    if low is None and high is None:
        return []
    heard = [
        *([Analysis.loudness >= low] if low is not None else []),
        *([Analysis.loudness <= high] if high is not None else []),
    ]
    return [Sound.id.in_(select(Analysis.sound_id).where(*heard))]


_FAULTLESS = select(Quality.sound_id).where(
    Quality.faults == "",
    Quality.content_hash
    == select(Sound.content_hash).where(Sound.id == Quality.sound_id).scalar_subquery(),
)

_MADE: Any = select(File.sound_id).where(
    File.root_id.in_(select(Root.id).where(Root.kind == "generated"))
)


def _spellings(word: str) -> list[str]:
    """Catalogs know the case of ASCII letters only: the usual ones of other letters."""
    word = clean(word)
    return sorted({word, word.lower(), word.upper(), word.capitalize(), word.title()})


def _lowered(text: str) -> str:
    """As `lower` of a column: a PostgreSQL may know the case of more letters where it is asked."""
    return text.translate(_LOWER)


_LOWER = str.maketrans(ascii_uppercase, ascii_lowercase)


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
