"""The words of sounds in PostgreSQL: the tokens of SQLite's FTS5, found by GIN, ranked by its BM25.

A lexeme is the letter of its field and a token ("adog": dog in the title), so a phrase never runs
on into the next field. Positions run through all fields; their labels A to D are the four weights
that fields have, and `ts_rank_cd` of a phrase is then the sum of the weights of where it stands.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnElement,
    Double,
    Integer,
    case,
    cast,
    column,
    false,
    func,
    literal,
    select,
    table,
)
from sqlalchemy.dialects.postgresql import ARRAY, REAL, TSQUERY, TSVECTOR, insert

from indexer.catalog.question import And, Expression, Not, Or, Term
from indexer.catalog.tokens import completed, tokens

if TYPE_CHECKING:
    from sqlalchemy import Insert

SOUND_TEXT = table(
    "sound_text",
    column("sound_id", BigInteger),
    column("words", TSVECTOR),
    column("length", Integer),
)
TOTAL = table("sound_text_total", column("sounds", Integer), column("length", BigInteger))
K1, B = 1.2, 0.75  # of BM25, as in SQLite
LEAST = 1e-6  # what SQLite counts a word for that is in half of all sounds or more
LONGEST = 500  # characters of a token; PostgreSQL takes 2,046 bytes
ROOM = 1_000_000  # bytes: a tsvector ends at 1 MB,
POSITIONS = 16_383  # and counts no further


class Words:
    """Reads and writes one table of words; `weights`: of its fields, at most four different."""

    table = SOUND_TEXT
    key: ColumnElement[int] = SOUND_TEXT.c.sound_id

    def __init__(self, weights: Mapping[str, float]) -> None:
        different = sorted(set(weights.values()))
        labels = dict(zip(reversed(different), "ABCD", strict=False))
        self._letters = {name: chr(ord("a") + at) for at, name in enumerate(weights)}
        self._labels = {name: labels[weight] for name, weight in weights.items()}
        self._most = different[-1]  # ts_rank_cd takes weights up to 1
        shares = [weight / self._most for weight in different]
        self._shares = cast([0.0] * (4 - len(shares)) + shares, ARRAY(REAL))

    # In

    def row(self, sound_id: int, fields: Mapping[str, str]) -> dict[str, Any]:
        """What `PUT` takes."""
        # the longest last: what is beyond the last position is found no more, but counted
        names = sorted(fields, key=lambda name: len(fields[name]))
        places: dict[str, list[str]] = {}
        length, room = 0, ROOM
        for name, words in zip(names, tokens([fields[name] for name in names]), strict=True):
            for position, word in enumerate(words[: max(0, POSITIONS - length)], length + 1):
                lexeme = self._letters[name] + word[:LONGEST]
                room -= len(lexeme.encode()) + 4
                if room > 0:
                    places.setdefault(lexeme, []).append(f"{position}{self._labels[name]}")
            length += len(words)
        written = " ".join(f"'{lexeme}':{','.join(here)}" for lexeme, here in places.items())
        return {"sound_id": sound_id, "words": written, "length": length}

    # Out

    def matches(self, expression: Expression) -> ColumnElement[bool]:
        query = self._query(expression)
        return _holds(query) if query else false()

    def score(self, expression: Expression) -> ColumnElement[float]:
        """Of a row that matches."""
        summed = cast(func.sum(TOTAL.c.sounds), Double)
        total = select(
            summed.label("sounds"),
            (cast(func.sum(TOTAL.c.length), Double) / summed).label("length"),
        ).cte("total")
        sounds = select(total.c.sounds).scalar_subquery()
        usual = select(total.c.length).scalar_subquery()
        k = K1 * (1 - B + B * SOUND_TEXT.c.length / usual)
        score: ColumnElement[float] = literal(0.0, Double)
        for at, ((phrase, guard), times) in enumerate(Counter(self._phrases(expression)).items()):
            found = select(func.count().label("sounds")).select_from(SOUND_TEXT)
            once = found.where(_holds(phrase)).cte(f"having{at}")
            having = select(once.c.sounds).scalar_subquery()
            rarity = func.greatest(LEAST, func.ln((sounds - having + 0.5) / (having + 0.5)))
            share = func.ts_rank_cd(self._shares, SOUND_TEXT.c.words, cast(phrase, TSQUERY))
            weight = func.round(cast(share * self._most, Double))
            # (K1 + 1) w / (w + k), with w once: it is what takes the time
            part = times * rarity * ((K1 + 1) - (K1 + 1) * k / (weight + k))
            score = score + (case((_holds(guard), part), else_=0.0) if guard else part)
        return score

    def among(self, key: ColumnElement[int], ids: list[int]) -> ColumnElement[bool]:
        return key == func.any(cast(ids, ARRAY(BigInteger)))

    def _query(self, expression: Expression) -> str:
        """The expression in the language of tsquery; "" for one that nothing can match."""
        if isinstance(expression, Term):
            return _any([self._phrase(*way, expression.column) for way in _ways(expression)])
        if isinstance(expression, Not):
            raise ValueError("NOT stands within And only")
        if isinstance(expression, Or):
            return _any([query for part in expression.parts if (query := self._query(part))])
        wanted = [self._query(part) for part in expression.parts if not isinstance(part, Not)]
        unwanted = [self._query(part.part) for part in expression.parts if isinstance(part, Not)]
        if not all(wanted):
            return ""
        return "(" + " & ".join([*wanted, *(f"!{query}" for query in unwanted if query)]) + ")"

    def _phrases(self, expression: Expression, guard: str = "") -> Iterator[tuple[str, str]]:
        """Each phrase with what must hold where it is to count; "": nothing."""
        if isinstance(expression, Term):
            for way in _ways(expression):
                yield self._phrase(*way, expression.column), guard
        elif isinstance(expression, Or):
            for part in expression.parts:
                inner = self._query(part) if isinstance(part, And) else ""
                yield from self._phrases(part, " & ".join(filter(None, [guard, inner])))
        elif isinstance(expression, And) and self._query(expression):
            for part in expression.parts:
                yield from self._phrases(part, guard)

    def _phrase(self, words: Sequence[str], prefix: bool, column: str | None) -> str:
        letters = self._letters.values() if column is None else [self._letters[column]]
        end = ":*" if prefix else ""
        return _any(["<->".join(f"'{letter}{word}'" for word in words) + end for letter in letters])


@cache
def put() -> Insert:
    """The words of a sound, new or anew."""
    new = insert(SOUND_TEXT)
    return new.on_conflict_do_update(
        index_elements=["sound_id"],
        set_={"words": new.excluded.words, "length": new.excluded.length},
    )


def _ways(term: Term) -> list[tuple[tuple[str, ...], bool]]:
    """The phrases that a term is looked for as: (tokens, whether the last may go on)."""
    texts = [term.text, *(completed(term.text) if term.prefix else ())]
    found = [tuple(word[:LONGEST] for word in words) for words in tokens(texts)]
    return [(words, term.prefix and not at) for at, words in enumerate(found) if words]


def _holds(query: str) -> ColumnElement[bool]:
    return SOUND_TEXT.c.words.op("@@", return_type=Boolean())(cast(query, TSQUERY))


def _any(queries: Sequence[str]) -> str:
    """Halved, not in a row: PostgreSQL goes as deep as there are signs in a row."""
    if len(queries) < 3:
        return f"({' | '.join(queries)})" if queries else ""
    middle = len(queries) // 2
    return f"({_any(queries[:middle])} | {_any(queries[middle:])})"
