"""The language of exact search: a question as a tree of words.

A question is words and these signs, and nothing a user types is a mistake to the database:

    dog bark            both words; where no sound has both, either
    "dog bark"          these words in this order
    dog AND bark        both, without the second try
    dog OR wolf         either (AND binds closer)
    dog NOT puppy       also: dog -puppy
    hors*               words that begin so
    title:dog           in one field; also title:"dog bark" and title:(dog OR wolf)
    (dog OR wolf) howl  parentheses, 8 deep

Operators are upper-case. Words are compared by their stem, without case and diacritics.
Fields: see FIELDS; `author`, `designer` and `manufacturer` all look among those three, `licence`
compares the whole SPDX id. Only the first 64 words of a question count.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from indexer.errors import QueryError

# Each field with the column of the full-text table that it is looked for in.
FIELDS = {
    "title": "title",
    "description": "description",
    "tags": "tags",
    "category": "category",
    "author": "author",
    "designer": "author",
    "manufacturer": "author",
    "pack": "pack",
    "path": "path",
    "notes": "notes",
    "licence": "licence",
    "license": "licence",
}
MAX_WORDS = 64
MAX_DEPTH = 8  # SQLite's own parser gives up between 20 and 40

_TOKEN = re.compile(
    r"(?P<minus>-*)"
    # Not C:\sounds, 12:30 or http://: a field has two letters and more, and a value.
    r"(?:(?P<field>[^\W\d_]{2,}):(?=[^\s:/\\)]))?"
    r'(?:"(?P<phrase>[^"]*)"?|(?P<open>\()|(?P<close>\))|(?P<word>[^\s()"]+))'
)
_QUOTES = str.maketrans(dict.fromkeys("“”„‟«»", '"'))


@dataclass(frozen=True)
class Term:
    """Words that stand together; `prefix`: the last one may go on; `loose`: may be left out."""

    text: str
    column: str | None = None
    prefix: bool = False
    loose: bool = False


@dataclass(frozen=True)
class Not:
    part: Expression


@dataclass(frozen=True)
class And:
    """`implied`: no AND was written. Without parts it asks for nothing."""

    parts: tuple[Expression, ...]
    implied: bool = True


@dataclass(frozen=True)
class Or:
    parts: tuple[Expression, ...]


Expression = Term | Not | And | Or
NOTHING = And(())


class _Token(NamedTuple):
    minus: bool
    field: str | None
    kind: str  # word | phrase | open | close | AND | OR | NOT
    text: str


def parse(question: str) -> Expression:
    """The meaning of a question; NOTHING for one without words. Raises QueryError."""
    tokens = list(_tokens(clean(question).translate(_QUOTES)))[::-1]
    parts = []
    while tokens:
        parts.append(_alternatives(tokens, None))
        if tokens:  # a closing parenthesis too many
            tokens.pop()
    expression = _all(parts, implied=True)
    _check(expression)
    return expression


def loosened(expression: Expression) -> Expression | None:
    """The same with any of its plain words instead of all, if that is another question."""
    if not isinstance(expression, And) or not expression.implied:
        return None
    loose = [part for part in expression.parts if isinstance(part, Term) and part.loose]
    if len(loose) < 2:
        return None
    rest = [part for part in expression.parts if part not in loose]
    return _all([Or(tuple(loose)), *rest], implied=False)


def _tokens(question: str) -> Iterator[_Token]:
    depth = words = 0
    for found in _TOKEN.finditer(question):
        kind = text = str(found[str(found.lastgroup)])
        if found.lastgroup != "word" or found["minus"] or found["field"]:
            kind = str(found.lastgroup)
        elif text not in ("AND", "OR", "NOT"):
            kind = "word"
        depth = max(0, depth + {"open": 1, "close": -1}.get(kind, 0))
        words += kind in ("word", "phrase")
        if depth > MAX_DEPTH:
            raise QueryError(
                f"The parentheses of this question are more than {MAX_DEPTH} deep; leave some out."
            )
        if words > MAX_WORDS:
            return
        yield _Token(bool(found["minus"]), _column(found["field"]), kind, text)


def _column(field: str | None) -> str | None:
    if field is None:
        return None
    if field.lower() not in FIELDS:
        names = ", ".join(name for name in FIELDS if name != "license")
        raise QueryError(
            f'There is no field "{field}": the fields are {names}; '
            "put the words in quotes to look for them as they stand."
        )
    return FIELDS[field.lower()]


def _alternatives(tokens: list[_Token], column: str | None) -> Expression:
    # `tokens` are in reverse; this ends before a closing parenthesis.
    parts = [_together(tokens, column)]
    while tokens and tokens[-1].kind == "OR":
        tokens.pop()
        parts.append(_together(tokens, column))
    parts = [part for part in parts if part != NOTHING]
    if len(parts) < 2:
        return parts[0] if parts else NOTHING
    return Or(tuple(parts))


def _together(tokens: list[_Token], column: str | None) -> Expression:
    parts, implied, negated = [], True, False
    while tokens and tokens[-1].kind not in ("OR", "close"):
        token = tokens.pop()
        if token.kind == "AND":
            implied = False
        elif token.kind == "NOT":
            negated = not negated
        else:
            part = _part(token, tokens, column)
            parts.append(_not(part) if negated != token.minus else part)
            negated = False
    return _all(parts, implied)


def _part(token: _Token, tokens: list[_Token], outer: str | None) -> Expression:
    column = token.field or outer
    if token.kind == "open":
        group = _alternatives(tokens, column)
        if tokens:
            tokens.pop()
        return group
    text = token.text
    if not any(map(_is_letter, text)):
        return NOTHING
    if token.kind == "phrase":
        return Term(text.strip(), column)
    # dog's: with the s it would be a phrase that only dog's itself matches.
    text = re.sub(r"['’]s$", "", text, flags=re.IGNORECASE)
    return Term(text.rstrip("*"), column, prefix=text.endswith("*"), loose=column is None)


def _not(part: Expression) -> Expression:
    if isinstance(part, Not):
        return part.part
    return part if part == NOTHING else Not(part)


def _all(parts: Sequence[Expression], implied: bool) -> Expression:
    flat: list[Expression] = []
    for part in parts:
        if isinstance(part, And):
            flat += part.parts
            implied = implied and part.implied
        else:
            flat.append(part)
    if not flat:
        return NOTHING
    return flat[0] if len(flat) == 1 else And(tuple(flat), implied)


def _check(expression: Expression) -> None:
    parts = expression.parts if isinstance(expression, And) else (expression,)
    if parts and all(isinstance(part, Not) for part in parts):
        raise QueryError(
            "This question, or a part of it, says only what to leave out; "
            "add a word to find, as in: dog NOT puppy."
        )
    for part in parts:
        inner = part.part if isinstance(part, Not) else part
        for below in inner.parts if isinstance(inner, Or) else (inner,):
            if not isinstance(below, Term):
                _check(below)


def clean(text: str) -> str:
    """Text that any database takes, in one spelling of each letter."""
    # NUL ends a text in SQLite and is refused by PostgreSQL; neither takes lone surrogates.
    text = unicodedata.normalize("NFKC", text.replace("\0", " "))
    return text.encode("utf-8", "replace").decode()


def _is_letter(sign: str) -> bool:
    # What the tokenizer unicode61 makes words of.
    kind = unicodedata.category(sign)
    return kind[0] in "LN" or kind == "Co"


def meaning_of(question: str) -> tuple[str, bool]:
    """The words of a question that a model may be asked, and whether it also sets a condition.

    A question of plain words sets none, and is given back as it is. Otherwise the words are
    those to be found anywhere, in order: not what is excluded, nor the value of a field, nor
    a beginning of a word. Raises QueryError.
    """
    expression = parse(question)
    parts = expression.parts if isinstance(expression, And) else (expression,)
    implied = not isinstance(expression, And) or expression.implied
    if implied and all(isinstance(part, Term) and part.loose and not part.prefix for part in parts):
        return clean(question).strip(), False
    return " ".join(_wanted(expression)), True


def _wanted(expression: Expression) -> Iterator[str]:
    if isinstance(expression, Term):
        if expression.column is None and not expression.prefix:
            yield expression.text
    elif not isinstance(expression, Not):
        for part in expression.parts:
            yield from _wanted(part)
