"""What is asked of Freesound: preset terms, and the filters that all of them share."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from indexer.credits import SHORT_LICENCES
from indexer.errors import SourceError

Quality = Literal["hq", "lq"]
STOP_WORDS = frozenset(
    "a an and are as at be but by for if in into is it no not of on or such that the their then "
    "there these they this to was will with".split()
)
"""Words that Freesound's text fields do not hold; every word of a query must be found."""


@dataclass(frozen=True, slots=True)
class Term:
    """One query; `filter` in Freesound's syntax; `count`: sounds wanted, or none of its own."""

    query: str
    filter: str = ""
    count: int | None = None

    @property
    def stop_words(self) -> list[str]:
        """Words outside quotation marks that only a tag can fulfil."""
        loose = re.sub(r'"[^"]*"', " ", self.query).split()
        return [word for word in loose if word.lower() in STOP_WORDS]


@dataclass(frozen=True, slots=True)
class Wishes:
    """What all terms share.

    per_term: sounds of each. licences: short names or SPDX ids. Durations in seconds.
    category: a name of Freesound's taxonomy, or CATEGORY/SUBCATEGORY. explicit: those too.
    """

    per_term: int = 20
    licences: tuple[str, ...] = ("cc0", "by")
    min_duration: float | None = None
    max_duration: float | None = None
    category: str = ""
    sort: str = "score"
    explicit: bool = False
    quality: Quality = "hq"

    def allows(self, licence: str) -> bool:
        """Whether an SPDX id is among the licences; an unknown one never is."""
        return bool(licence) and any(_is_of(licence, name) for name in self.licences)

    def filter(self, term: Term) -> str:
        """The filter of a search for this term, in Freesound's syntax."""
        category, _, subcategory = self.category.partition("/")
        parts = [
            f"({term.filter})" if re.search(r"\bOR\b", term.filter) else term.filter,
            "" if self.explicit else "is_explicit:false",
            _range("duration", self.min_duration, self.max_duration),
            f'category:"{category.strip()}"' if category else "",
            f'subcategory:"{subcategory.strip()}"' if subcategory else "",
        ]
        return " ".join(part for part in parts if part)


def parse_terms(said: str) -> list[Term]:
    """`WORDS`, or `@FILE` with a term a line: `QUERY | FILTER | COUNT`, the last two optional.

    Empty lines and those that begin with # say nothing. Raises SourceError.
    """
    if not said.startswith("@"):
        return [_term(said, "freesound: ")]
    path = Path(said[1:]).expanduser()
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise SourceError(f"The terms in {path} cannot be read: {reason}.") from error
    numbered = [(n, line.strip()) for n, line in enumerate(lines, 1)]
    terms = [_term(line, f"{path}, line {n}: ") for n, line in numbered if line and line[0] != "#"]
    if not terms:
        raise SourceError(f"{path} holds no term: write one query a line.")
    return list(dict.fromkeys(terms))


def _term(line: str, where: str) -> Term:
    query, *rest = (part.strip() for part in line.split("|"))
    count = rest.pop() if rest and re.fullmatch(r"[0-9]{1,7}", rest[-1]) else None
    if len(rest) > 1:
        raise SourceError(f"{where}{line!r} is not QUERY | FILTER | COUNT.")
    if not query and not any(rest):
        raise SourceError(f'{where}no words to ask for: write freesound:"WORDS".')
    if count == "0":
        raise SourceError(f"{where}{line!r} wants no sound: say a count of 1 or more.")
    return Term(query, rest[0] if rest else "", int(count) if count else None)


def _range(name: str, least: float | None, most: float | None) -> str:
    if least is None and most is None:
        return ""
    bounds = ["*" if bound is None else f"{bound:g}" for bound in (least, most)]
    return f"{name}:[{bounds[0]} TO {bounds[1]}]"


def _is_of(licence: str, name: str) -> bool:
    return any(
        licence.startswith(spdx) and re.fullmatch(r"[\d.]*", licence[len(spdx) :]) is not None
        if spdx.endswith("-")
        else licence == spdx
        for spdx in SHORT_LICENCES.get(name, (name,))
    )
