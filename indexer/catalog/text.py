"""Full-text search over all that is written about a sound; see `question` for its language."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from typing import Any, Protocol

from sqlalchemy import (
    ColumnElement,
    Connection,
    Double,
    Engine,
    Select,
    TableClause,
    and_,
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

from indexer.catalog import tsvector
from indexer.catalog.models import Sound
from indexer.catalog.question import NOTHING, And, Expression, Not, Or, Term, clean, loosened, parse
from indexer.catalog.session import chunks
from indexer.catalog.tokens import completed
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

DIGITS = 12  # of a score, after the point

SOUND_TEXT = table("sound_text", column("rowid"), column("sound_text"), *map(column, WEIGHTS))
_PUT = insert(SOUND_TEXT).prefix_with("OR REPLACE")


def index_text(connection: Connection, sound_id: int, fields: Mapping[str, str]) -> None:
    """Puts, or puts anew, the words of a sound; keys as in WEIGHTS, what is left out is empty."""
    unknown = fields.keys() - WEIGHTS.keys()
    if unknown:
        raise ValueError(f"no such text columns: {sorted(unknown)}")
    row = {name: clean(fields.get(name, "")) for name in WEIGHTS}
    if connection.dialect.name == "sqlite":
        connection.execute(_PUT, {"rowid": sound_id, **row})
    else:
        connection.execute(tsvector.put(), _POSTGRESQL.row(sound_id, row))


def remove_text(connection: Connection, ids: Collection[int]) -> None:
    """Forgets the words of these sounds; unknown ids are passed over."""
    engine = words_of(connection)
    for part in chunks(list(ids)):
        connection.execute(delete(engine.table).where(engine.key.in_(part)))


def without_text(connection: Connection) -> list[int]:
    """Sounds whose words were never put."""
    engine = words_of(connection)
    lacking = Sound.id.not_in(select(engine.key))
    return list(connection.execute(select(Sound.id).where(lacking).order_by(Sound.id)).scalars())


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
    found = find(connection, expression, limit, allowed)
    looser = loosened(expression)
    if found or looser is None:
        return found
    return find(connection, looser, limit, allowed)


def find(
    connection: Connection, expression: Expression, limit: int, allowed: Collection[int] | None
) -> list[tuple[int, float]]:
    """Ranked by BM25 with WEIGHTS."""
    engine = words_of(connection)
    parts = expression.parts if isinstance(expression, And) else (expression,)
    words = [part for part in parts if _is_words(part)]
    score: ColumnElement[float] = literal(0.0)
    key: ColumnElement[int] = Sound.id.expression
    chosen = select(key)
    if any(not isinstance(part, Not) for part in words):
        parts = tuple(part for part in parts if part not in words)
        score, key = engine.score(And(tuple(words))), engine.key
        # Without a condition on it, the sound's row would be read for each that matches.
        chosen = select(key).join(Sound, Sound.id == key) if parts else select(key)
        chosen = chosen.where(engine.matches(And(tuple(words))))
    for part in parts:
        chosen = chosen.where(_condition(part, engine))
    if allowed is not None:
        chosen = chosen.where(engine.among(key, [int(i) for i in allowed]))
    return _ranked(connection, chosen, score, limit, key)


class Words(Protocol):
    """A table of words, a row for each sound."""

    table: TableClause
    key: ColumnElement[int]

    def matches(self, expression: Expression) -> ColumnElement[bool]: ...

    def score(self, expression: Expression) -> ColumnElement[float]:
        """Of a row that matches: the higher the better."""

    def among(self, key: ColumnElement[int], ids: list[int]) -> ColumnElement[bool]:
        """Whether `key` is one of many ids, as one parameter."""


def words_of(bind: Connection | Engine) -> Words:
    return _SQLITE if bind.dialect.name == "sqlite" else _POSTGRESQL


# The full-text table of SQLite


class Fts5:
    table = SOUND_TEXT
    key: ColumnElement[int] = SOUND_TEXT.c.rowid

    def matches(self, expression: Expression) -> ColumnElement[bool]:
        return SOUND_TEXT.c.sound_text.match(fts(expression))

    def score(self, expression: Expression) -> ColumnElement[float]:
        return -func.bm25(literal_column("sound_text"), *WEIGHTS.values())

    def among(self, key: ColumnElement[int], ids: list[int]) -> ColumnElement[bool]:
        listed = func.json_each(json.dumps(ids)).table_valued("value")
        return key.in_(select(listed.c.value))


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
        ways = [f"{quoted} *", *(f'"{text}"' for text in completed(term.text))]
        quoted = f"({' OR '.join(ways)})"
    return quoted if term.column is None else f"{{{term.column}}} : {quoted}"


def _is_words(expression: Expression) -> bool:
    if isinstance(expression, Term):
        return expression.column != "licence"
    if isinstance(expression, Not):
        return _is_words(expression.part)
    return all(map(_is_words, expression.parts))


_SQLITE, _POSTGRESQL = Fts5(), tsvector.Words(WEIGHTS)


# Both


def _condition(expression: Expression, engine: Words) -> ColumnElement[bool]:
    if isinstance(expression, Term):
        if expression.column == "licence":
            return _licence(expression)
        return Sound.id.in_(select(engine.key).where(engine.matches(expression)))
    if isinstance(expression, Not):
        return not_(_condition(expression.part, engine))
    join: Callable[..., ColumnElement[bool]] = and_ if isinstance(expression, And) else or_
    return join(*(_condition(part, engine) for part in expression.parts))


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
    # What is equal but for the order in which it was added up: by id. To round to a digit after
    # the point, both databases would write the number out.
    rounded = func.round(score * 10.0**DIGITS, type_=Double) / 10.0**DIGITS
    scored = chosen.add_columns(rounded.label("score")).order_by(
        literal_column("score").desc(), key
    )
    best = scored.limit(limit).subquery()
    there = select(*best.c).join(Sound, Sound.id == best.c[0]).order_by(best.c[1].desc(), best.c[0])
    return [(row[0], float(row[1])) for row in connection.execute(there)]
