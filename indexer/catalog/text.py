"""Full-text search over all that is written about a sound; see `question` for its language."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import reduce
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    String,
    and_,
    case,
    cast,
    column,
    delete,
    func,
    insert,
    literal,
    literal_column,
    not_,
    or_,
    select,
    table,
)

from indexer.catalog.models import File, Sound
from indexer.catalog.question import NOTHING, And, Expression, Not, Or, Term, clean, loosened, parse
from indexer.catalog.session import chunks
from indexer.credits import spdx

# Columns of the full-text table with their weights in BM25.
WEIGHTS = {
    "title": 10.0,
    "description": 5.0,
    "tags": 10.0,
    "category": 5.0,
    "author": 2.0,
    "pack": 2.0,
    "path": 2.0,
    "notes": 1.0,
}

SOUND_TEXT = table("sound_text", column("rowid"), column("sound_text"), *map(column, WEIGHTS))
_PUT = insert(SOUND_TEXT).prefix_with("OR REPLACE")
WRITTEN: dict[str, tuple[ColumnElement[str], ...]] = {
    "title": (Sound.title.expression,),
    "description": (Sound.description.expression,),
    "tags": (cast(Sound.tags, String),),
    "category": (Sound.category.expression, Sound.subcategory.expression),
    "author": (
        Sound.author.expression,
        Sound.designer.expression,
        Sound.manufacturer.expression,
    ),
    "pack": (Sound.pack.expression,),
    "notes": (Sound.notes.expression, Sound.location.expression, Sound.microphone.expression),
}

# Endings that the stemmer takes off; see `_completed`.
ENDINGS = (
    "s es ed edly ing ings ion ions ation ations ational ive ively ness ment ments able ible ably "
    "ance ence ate ator ators al ally er ers ity ous ously ful fully ly ize izer ism ist ic ical "
    "ant ent"
)


def index_text(connection: Connection, sound_id: int, fields: Mapping[str, str]) -> None:
    """Puts, or puts anew, the words of a sound; keys as in WEIGHTS, what is left out is empty.

    Databases other than SQLite search the tables themselves: nothing is done there.
    """
    unknown = fields.keys() - WEIGHTS.keys()
    if unknown:
        raise ValueError(f"no such text columns: {sorted(unknown)}")
    if connection.dialect.name == "sqlite":
        row = {name: clean(fields.get(name, "")) for name in WEIGHTS}
        connection.execute(_PUT, {"rowid": sound_id, **row})


def remove_text(connection: Connection, ids: Collection[int]) -> None:
    """Forgets the words of these sounds; unknown ids are passed over."""
    if connection.dialect.name == "sqlite":
        for part in chunks(list(ids)):
            connection.execute(delete(SOUND_TEXT).where(SOUND_TEXT.c.rowid.in_(part)))


def search_text(
    connection: Connection,
    question: str,
    limit: int,
    allowed: Collection[int] | None = None,
) -> list[tuple[int, float]]:
    """At most `limit` (sound id, score), best first, equal ones by id; only ids in `allowed`.

    A sound has all the words asked for. Where none has, and no AND was written, one of the plain
    words is enough; phrases, fields and NOT hold as before. Scores are ≥ 0 and mean nothing
    across questions. Raises QueryError for a field that does not exist, for a question that says
    only what to leave out, and for parentheses more than 8 deep.
    """
    expression = parse(question)
    if expression == NOTHING or limit < 1 or (allowed is not None and not len(allowed)):
        return []
    find = by_fts if connection.dialect.name == "sqlite" else by_like
    found = find(connection, expression, limit, allowed)
    looser = loosened(expression)
    if found or looser is None:
        return found
    return find(connection, looser, limit, allowed)


# The full-text table of SQLite


def by_fts(
    connection: Connection, expression: Expression, limit: int, allowed: Collection[int] | None
) -> list[tuple[int, float]]:
    """Ranked by BM25 with WEIGHTS."""
    parts = expression.parts if isinstance(expression, And) else (expression,)
    words = [part for part in parts if _is_words(part)]
    score: ColumnElement[float] = literal(0.0)
    key: ColumnElement[int] = Sound.id.expression
    chosen = select(key)
    if any(not isinstance(part, Not) for part in words):
        parts = tuple(part for part in parts if part not in words)
        score = -func.bm25(literal_column("sound_text"), *WEIGHTS.values())
        key = SOUND_TEXT.c.rowid
        # Without a condition on it, the sound's row would be read for each that matches.
        chosen = select(key).join(Sound, Sound.id == key) if parts else select(key)
        chosen = chosen.where(_matches(And(tuple(words))))
    for part in parts:
        chosen = chosen.where(_condition(part, _has_words))
    if allowed is not None:
        ids = func.json_each(json.dumps([int(i) for i in allowed])).table_valued("value")
        chosen = chosen.where(key.in_(select(ids.c.value)))
    return _ranked(connection, chosen, score, limit, key)


def fts(expression: Expression) -> str:
    """The expression in the language of FTS5; every word is quoted, none is a sign there."""
    if isinstance(expression, Term):
        return _fts_term(expression)
    if isinstance(expression, Not):
        raise ValueError("NOT stands within And only")
    if isinstance(expression, Or):
        return f"({' OR '.join(map(fts, expression.parts))})"
    wanted = [fts(part) for part in expression.parts if not isinstance(part, Not)]
    unwanted = [fts(part.part) for part in expression.parts if isinstance(part, Not)]
    found = f"({' AND '.join(wanted)})"
    return f"({found} NOT ({' OR '.join(unwanted)}))" if unwanted else found


def _fts_term(term: Term) -> str:
    quoted = f'"{term.text}"'
    if term.prefix:
        ways = [f"{quoted} *", *(f'"{text}"' for text in _completed(term.text))]
        quoted = f"({' OR '.join(ways)})"
    return quoted if term.column is None else f"{{{term.column}}} : {quoted}"


def _completed(start: str) -> list[str]:
    # The table holds stems: "explosi" begins "explosion", not its stem "explos". Where a start
    # ends within an ending, or in a doubled letter (slamm-ing), the whole words are asked for too.
    if len(start) < 3:
        return []
    first = 0 if start[-1] == start[-2] else 1
    return sorted(
        {
            start + ending[cut:]
            for ending in ENDINGS.split()
            for cut in range(first, len(ending))
            if start.lower().endswith(ending[:cut])
        }
    )


def _is_words(expression: Expression) -> bool:
    if isinstance(expression, Term):
        return expression.column != "licence"
    if isinstance(expression, Not):
        return _is_words(expression.part)
    return all(map(_is_words, expression.parts))


def _matches(expression: Expression) -> ColumnElement[bool]:
    return SOUND_TEXT.c.sound_text.match(fts(expression))


def _has_words(term: Term) -> ColumnElement[bool]:
    return Sound.id.in_(select(SOUND_TEXT.c.rowid).where(_matches(term)))


# Any other database


def by_like(
    connection: Connection, expression: Expression, limit: int, allowed: Collection[int] | None
) -> list[tuple[int, float]]:
    """By LIKE over the tables: slow in a large catalog, and a word is found within words too.

    The score counts, for each word, the weights of the fields it stands in.
    """
    chosen = select(Sound.id).where(_condition(expression, _is_written))
    score: ColumnElement[float] = literal(0.0)
    for term in _wanted(expression):
        for name in WEIGHTS if term.column is None else [term.column]:
            if name != "licence":
                score = score + case((_stands_in(name, term.text), WEIGHTS[name]), else_=0.0)
    key = Sound.id.expression
    if allowed is None:
        return _ranked(connection, chosen, score, limit, key)
    found: list[tuple[int, float]] = []
    for ids in chunks([int(i) for i in allowed]):
        found += _ranked(connection, chosen.where(key.in_(ids)), score, limit, key)
    return sorted(found, key=lambda hit: (-hit[1], hit[0]))[:limit]


def _wanted(expression: Expression) -> Iterator[Term]:
    if isinstance(expression, Term):
        yield expression
    elif not isinstance(expression, Not):
        for part in expression.parts:
            yield from _wanted(part)


def _is_written(term: Term) -> ColumnElement[bool]:
    names = WEIGHTS if term.column is None else [term.column]
    return or_(*(_stands_in(name, term.text) for name in names))


def _stands_in(name: str, text: str) -> ColumnElement[bool]:
    text = re.sub(r"^\W+|\W+$", "", text)
    if name == "path":
        here = File.relative_path.icontains(text, autoescape=True)
        return select(File.id).where(File.sound_id == Sound.id, here).exists()
    whole = reduce(lambda one, other: one + "\n" + other, WRITTEN[name])
    found = whole.icontains(text, autoescape=True)
    if name == "tags" and not text.isascii():
        # JSON may keep such letters as \u codes.
        return or_(found, whole.contains(json.dumps(text)[1:-1], autoescape=True))
    return found


# Both


def _condition(
    expression: Expression, has: Callable[[Term], ColumnElement[bool]]
) -> ColumnElement[bool]:
    if isinstance(expression, Term):
        return _licence(expression) if expression.column == "licence" else has(expression)
    if isinstance(expression, Not):
        return not_(_condition(expression.part, has))
    join: Callable[..., ColumnElement[bool]] = and_ if isinstance(expression, And) else or_
    return join(*(_condition(part, has) for part in expression.parts))


def _licence(term: Term) -> ColumnElement[bool]:
    licence = func.lower(Sound.licence)
    text = (term.text if term.prefix else spdx(term.text)).lower()
    return licence.startswith(text, autoescape=True) if term.prefix else licence == text


def _ranked(
    connection: Connection,
    chosen: Select[Any],
    score: ColumnElement[float],
    limit: int,
    key: ColumnElement[int],
) -> list[tuple[int, float]]:
    scored = chosen.add_columns(score.label("score")).order_by(score.desc(), key)
    best = scored.limit(limit).subquery()
    there = select(*best.c).join(Sound, Sound.id == best.c[0]).order_by(best.c[1].desc(), best.c[0])
    return [(row[0], float(row[1])) for row in connection.execute(there)]
