"""Freesound's search over sounds in memory: query, filter, sort, pages; for tests.

The scores are those of its Solr set-up: of each word the largest weight of the fields that hold it
and a hundredth of the others', summed over the words, all of which are required.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple
from urllib.parse import quote, unquote

from freesound_corpus import FIELDS, STOP_WORDS

Sound = Mapping[str, Any]
Test = Callable[[Sound], bool]

WEIGHTS = {"id": 40.0, "tag": 4.0, "description": 3.0, "name": 2.0, "pack": 2.0, "username": 1.0}
TEXT = {"name": "name", "description": "description", "pack": "pack_name"}
EXACT = {
    *("id", "duration", "filesize", "samplerate", "bitrate", "bitdepth", "channels", "md5"),
    *("created", "num_downloads", "num_ratings", "num_comments", "is_explicit", "is_remix"),
    *("was_remixed", "is_geotagged", "gen_ai_preference", "category", "subcategory"),
}
SORTS: dict[str, Callable[[Sound], Any]] = {
    "duration": lambda sound: sound["duration"],
    "created": lambda sound: sound["created"],
    "downloads": lambda sound: sound["num_downloads"],
    "rating": lambda sound: _indexed_rating(sound),
}
LICENCES = {
    "/publicdomain/zero/": "Creative Commons 0",
    "/licenses/by/": "Attribution",
    "/licenses/by-nc/": "Attribution NonCommercial",
    "/licenses/sampling+/": "Sampling+",
}
SITE = "https://freesound.org"


class Refused(Exception):
    """What the search answers instead: an HTTP status and its `detail`."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status, self.detail = status, detail


class Found(NamedTuple):
    """One page: `ids` and `results` in the same order; `total` over all pages."""

    total: int
    ids: list[int]
    results: list[dict[str, Any]]
    previous: str | None
    next: str | None


def search(sounds: Mapping[int, Sound], asked: Mapping[str, str], order: int = 0) -> Found:
    """The page that `asked` wants. `order` decides between sounds of equal rank.

    Raises Refused where Freesound answers an error.
    """
    sounds = dict(sounds)
    page, size = _number(asked.get("page"), 1), min(_number(asked.get("page_size"), 15), 150)
    passes = parse_filter(asked["filter"]) if "filter" in asked else lambda _: True
    words = _words(asked.get("query", ""))
    scored = {
        number: score
        for number, sound in sounds.items()
        if (score := _score(sound, words)) is not None and passes(sound)
    }
    ranked = _sorted(sounds, scored, asked.get("sort", "score"), order)
    start = (page - 1) * size
    if size < 1 or page < 1 or (scored and start >= len(ranked)):
        raise Refused(404, "Not found")
    ids = ranked[start : start + size]
    return Found(
        len(ranked),
        ids,
        [
            chosen({**sounds[number], "score": scored[number]}, asked.get("fields"))
            for number in ids
        ],
        _link(asked, page - 1, size) if page > 1 else None,
        _link(asked, page + 1, size) if start + size < len(ranked) else None,
    )


def chosen(sound: Sound, fields: str | None, usual: Sequence[str] | None = None) -> dict[str, Any]:
    """The wanted fields in Freesound's order; names that it does not know are dropped silently."""
    wanted = usual or ["id", "name", "tags", "username", "license"]
    if fields is not None:
        wanted = FIELDS if fields == "*" else fields.split(",")
    return {name: sound.get(name) for name in FIELDS if name in wanted}


def _number(text: str | None, otherwise: int) -> int:
    try:
        return int(text or "")
    except ValueError:
        return otherwise


def _sorted(
    sounds: Mapping[int, Sound], scored: Mapping[int, float], sort: str, order: int
) -> list[int]:
    """Equal ones stand in an order that only `order` knows, as in an index that was rewritten."""
    ids = sorted(scored, key=lambda number: zlib.crc32(f"{order}:{number}".encode()))
    name, _, way = sort.rpartition("_")
    if name not in SORTS or way not in ("asc", "desc"):
        return sorted(ids, key=lambda number: -scored[number])
    if name == "rating":  # in both directions the often rated first
        ids.sort(key=lambda number: -sounds[number]["num_ratings"])
    return sorted(ids, key=lambda number: SORTS[name](sounds[number]), reverse=way == "desc")


def _link(asked: Mapping[str, str], page: int, size: int) -> str:
    """Of the real site, whatever host was asked; without a token, and a `+` stays bare in it."""
    parts = {
        "query": asked.get("query", ""),
        "filter": asked.get("filter"),
        "weights": "",
        "sort": asked.get("sort"),
        "page": str(page),
        "page_size": str(size),
        "fields": asked.get("fields"),
    }
    given = {name: value for name, value in parts.items() if value is not None}
    pairs = (f"{name}={quote(value, safe='+:,[](){}*')}" for name, value in given.items())
    return f"{SITE}/apiv2/search/?&{'&'.join(pairs)}"


# the query


class Word(NamedTuple):
    text: str
    wanted: bool


def _words(query: str) -> list[Word]:
    """Freesound decodes the query twice."""
    parts = re.findall(r'([+-]?)(?:"([^"]*)"|(\S+))', unquote(query))
    return [Word((phrase or word).casefold(), sign != "-") for sign, phrase, word in parts]


def _score(sound: Sound, words: Sequence[Word]) -> float | None:
    total = 0.0
    for word in words:
        weights = sorted(_matches(sound, word.text), reverse=True)
        if bool(weights) != word.wanted:
            return None
        if word.wanted:
            total += weights[0] + 0.01 * sum(weights[1:])
    return round(total, 6) if words else 1.0


def _matches(sound: Sound, word: str) -> Iterator[float]:
    """The weight of each field that holds the word; tags, name and number must equal it."""
    if word == str(sound["id"]):
        yield WEIGHTS["id"]
    if word in (tag.casefold() for tag in sound["tags"]):
        yield WEIGHTS["tag"]
    if set(_letters(word)) & set(_letters(sound["username"])):
        yield WEIGHTS["username"]
    tokens = stems(word)
    for field, key in TEXT.items():
        if tokens and _holds(stems(sound[key] or ""), tokens):
            yield WEIGHTS[field] * len(tokens)


def _letters(text: str) -> list[str]:
    return re.findall(r"[^\W\d_]+", text.casefold())


@cache
def stems(text: str) -> list[str]:
    """Words as the text fields keep them: no stop words, and a plural is its singular."""
    words = (word for word in re.findall(r"[^\W_]+", text.casefold()) if word not in STOP_WORDS)
    return [word[:-1] if len(word) > 3 and word[-1] == "s" else word for word in words]


def _holds(tokens: Sequence[str], wanted: Sequence[str]) -> bool:
    size = len(wanted)
    return any(tokens[at : at + size] == wanted for at in range(len(tokens) - size + 1))


# the filter: Lucene's grammar as its classic parser reads it with q.op=AND

_TOKEN = re.compile(r'\s*(?:([\[{][^\]}]*[\]}])|("(?:[^"\\]|\\.)*")|([()])|([^\s()\[\]{}"]+))')
_FIELD = re.compile(r"([A-Za-z_]+):(.*)", re.DOTALL)


def parse_filter(text: str) -> Test:
    """Raises Refused where Freesound does."""
    if not text.strip():
        raise Refused(400, "Invalid filter.")
    tokens, at = [], 0
    while at < len(text.rstrip()):
        if not (match := _TOKEN.match(text, at)):
            raise _wrong(f"Cannot parse '{text}'")
        tokens += _split(match.group().strip())
        at = match.end()
    reader = _Reader(text, tokens)
    test = reader.clauses(None)
    if reader.tokens:
        raise _wrong(f"Cannot parse '{text}'")
    return test


def _split(token: str) -> list[str]:
    """`-name:value` in its parts; the colons of a date or phrase stay."""
    if token[0] in '[{"()':
        return [token]
    sign, rest = (token[0], token[1:]) if token[0] in "+-" else ("", token)
    match = _FIELD.fullmatch(rest)
    parts = [sign, f"{match[1]}:", match[2]] if match else [sign, rest]
    return [part for part in parts if part]


def _wrong(reason: str) -> Refused:
    said = "Search server error: Solr responded with an error (HTTP 400): [Reason: "
    return Refused(400, f"{said}{reason}]")


class _Reader:
    """Recursive descent over the tokens that are left."""

    def __init__(self, text: str, tokens: list[str]) -> None:
        self._text, self.tokens = text, tokens

    def _take(self) -> str:
        if not self.tokens:
            raise _wrong(f"Cannot parse '{self._text}'")
        return self.tokens.pop(0)

    def clauses(self, field: str | None) -> Test:
        """What OR joins is optional, all else required: mixed, the optional parts count nothing."""
        made: list[tuple[str, Test]] = []
        while self.tokens and self.tokens[0] != ")":
            joint = self._take() if self.tokens[0] in ("AND", "OR", "&&", "||") else ""
            either = joint in ("OR", "||")
            if joint and made and made[-1][0] != "not":
                made[-1] = ("may" if either else "must", made[-1][1])
            sign = self._take() if self.tokens and self.tokens[0] in ("+", "-", "NOT", "!") else ""
            occurs = "not" if sign in ("-", "NOT", "!") else "may" if either else "must"
            made.append((occurs, self._clause(field)))
        if not made:
            raise _wrong(f"Cannot parse '{self._text}'")
        return _all_of(made)

    def _clause(self, field: str | None) -> Test:
        token = self._take()
        if token.endswith(":") and token[0] != '"':
            field, token = token[:-1], self._take()
            check_field(field)
        if token == "(":
            test = self.clauses(field)
            if self._take() != ")":
                raise _wrong(f"Cannot parse '{self._text}'")
            return test
        if field is None:
            raise _wrong("no field name specified in query and no default specified via 'df' param")
        return in_range(field, token) if token[0] in "[{" else equals(field, token.strip('"'))


def _all_of(made: Sequence[tuple[str, Test]]) -> Test:
    must, may, never = (
        [test for occurs, test in made if occurs == wanted] for wanted in ("must", "may", "not")
    )

    def test(sound: Sound) -> bool:
        if any(no(sound) for no in never) or not all(yes(sound) for yes in must):
            return False
        return bool(must) or not may or any(maybe(sound) for maybe in may)

    return test


def check_field(name: str) -> None:
    if name not in EXACT | set(TEXT) | {
        *("tag", "username", "license", "type", "avg_rating", "pack_grouping")
    }:
        raise _wrong(f"undefined field {name}")


def _indexed_rating(sound: Sound) -> float:
    """From 0 to 10, and 0 until three have rated; the answers' field goes from 0 to 5."""
    return float(2 * sound["avg_rating"]) if sound["num_ratings"] >= 3 else 0.0


def indexed(sound: Sound, field: str) -> Any:
    """The value that a filter compares."""
    if field == "avg_rating":
        return _indexed_rating(sound)
    if field == "license":
        return next(name for part, name in LICENCES.items() if part in sound["license"])
    if field == "pack_grouping":
        return sound["pack"] and f"{sound['pack'].split('/')[-2]}_{sound['pack_name']}"
    return sound[field]


def equals(field: str, value: str) -> Test:
    if field in TEXT:
        wanted = stems(value)
        return lambda sound: _holds(stems(sound[TEXT[field]] or ""), wanted)
    if field == "username":
        letters = set(_letters(value))
        return lambda sound: letters <= set(_letters(sound["username"]))
    folded = value.casefold()
    if field == "tag":
        return lambda sound: value == "*" or folded in (tag.casefold() for tag in sound["tags"])
    if field == "type":
        return lambda sound: folded in ("*", sound["type"])
    return lambda sound: _same(indexed(sound, field), value)


def _same(have: Any, value: str) -> bool:
    if have is None or value == "*":
        return have is not None
    if isinstance(have, bool):
        return value.casefold() == str(have).casefold()
    if isinstance(have, str):
        return have == value
    try:
        return bool(have == float(value))
    except ValueError:
        raise _wrong(f"Invalid Number: {value}") from None


def in_range(field: str, text: str) -> Test:
    match = re.fullmatch(r"([\[{])\s*(\S+)\s+TO\s+(\S+?)\s*([\]}])", text)
    if not match:
        raise _wrong(f"Cannot parse '{field}:{text}'")
    low, high = (_limit(field, limit) for limit in match.group(2, 3))

    def test(sound: Sound) -> bool:
        have = indexed(sound, field)
        if have is None:
            return False
        above = low is None or have > low or (match[1] == "[" and have == low)
        return above and (high is None or have < high or (match[4] == "]" and have == high))

    return test


def _limit(field: str, text: str) -> Any:
    """Dates compare as the text that they are; Freesound's NOW is not known here."""
    if text == "*":
        return None
    try:
        if field == "created":
            return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").strftime("%Y-%m-%dT%H:%M:%SZ")
        return float(text)
    except ValueError:
        kind = "Date String" if field == "created" else "Number"
        raise _wrong(f"Invalid {kind}:'{text}'") from None
