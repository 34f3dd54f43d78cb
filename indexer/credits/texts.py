"""Credits as text, Markdown, HTML and JSON.

The texts are those that Freesound itself hands out; what is not known is said to be unknown.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Any
from urllib.parse import quote

from indexer.credits.licences import asks_credit, deed, label

FREESOUND = "https://freesound.org"
_NOBODY = "unknown author"
_MADE_FROM = "Made from the sound of"
_JOINERS = "\u200c\u200d"  # emoji and some scripts are written with them
_WEB = re.compile(r"https?://[^\s/?#]+", re.IGNORECASE)
_URL_SIGNS = "/:?#[]@!$&'*+,;=%~"
_MARKS = re.compile(r"[\\`*_{}\[\]<>()#+!|~&$=]|^-")
_NUMBER = re.compile(r"^(\d+)(?=\.)")


@dataclass(frozen=True, slots=True)
class Credit:
    """What is to be said of one sound, or of several of which the same is said.

    Empty where nothing is known. `licence` is an SPDX id; `seen`: the ISO date on which
    Freesound said so; `remix`: made of sounds of others, who are not named here; `sources`: the
    sounds whose sound a model was given to make it; `sounds`: ids.
    """

    name: str
    author: str
    author_url: str
    url: str
    licence: str
    licence_url: str
    sounds: tuple[int, ...] = field(compare=False)
    sources: tuple[Credit, ...] = ()
    remix: bool = field(compare=False, default=False)
    seen: str = field(compare=False, default="")


def credit(
    sound_id: int,
    name: str,
    author: str,
    url: str,
    licence: str,
    licence_url: str,
    freesound: Mapping[str, Any] | None = None,
    sources: Sequence[Mapping[str, str]] | None = None,
) -> Credit:
    """The credit of a sound; `freesound` is its `raw["freesound"]`, if it is from there, and
    `sources` its `raw["generated"]["sources"]`, if a model made it."""
    own = freesound if isinstance(freesound, Mapping) else {}
    number = own.get("id")
    from_there = isinstance(number, int)
    return Credit(
        name=name,
        author=author,
        author_url=f"{FREESOUND}/people/{_quoted(author, '')}/" if from_there and author else "",
        url=f"{FREESOUND}/s/{number}/" if from_there else url,
        licence=licence,
        licence_url=licence_url or deed(licence),
        sounds=(sound_id,),
        sources=tuple(map(_source, sources or ())),
        remix=from_there and own.get("is_remix") is True,
        seen=str(own.get("licence_seen") or ""),
    )


def _source(said: Mapping[str, str]) -> Credit:
    licence = said.get("licence", "")
    licence = "" if licence == "unknown" else licence
    names = (said.get("title", ""), said.get("author", ""), said.get("url", ""))
    return credit(0, *names, licence, "")


def once(credits: Iterable[Credit]) -> Iterator[Credit]:  # noqa: A002
    """Neighbours that say the same as one credit, with all their sounds."""
    for said, group in groupby(credits):
        alike = list(group)
        yield replace(
            said,
            sounds=tuple(sorted(sound for each in alike for sound in each.sounds)),
            remix=any(each.remix for each in alike),
            seen=max(each.seen for each in alike),
        )


def text(credit: Credit) -> str:
    """NAME by USER -- ADDRESS -- License: LABEL, on one line."""
    parts = [
        f"{one_line(credit.name)} by {one_line(credit.author) or _NOBODY}",
        *([one_line(credit.url)] if credit.url else []),
        f"License: {one_line(label(credit.licence)) or 'unknown'}",
        *([f"{_MADE_FROM}: {made_from(credit)}"] if credit.sources else []),
    ]
    return " -- ".join(parts)


def made_from(credit: Credit) -> str:
    """Its sources, each as NAME by USER (ADDRESS, License: LABEL), on one line; "" for none."""
    return "; ".join(
        f"{one_line(each.name)} by {one_line(each.author) or _NOBODY} ("
        + (f"{one_line(each.url)}, " if each.url else "")
        + f"License: {one_line(label(each.licence)) or 'unknown'})"
        for each in credit.sources
    )


def as_html(credit: Credit) -> str:
    """The same as HTML, in ASCII: it reads alike whatever the page's encoding."""

    def linked(words: str, address: str) -> str:
        words = html.escape(one_line(words))
        return f'<a href="{html.escape(address)}">{words}</a>' if address else words

    return _composed(credit, linked).encode("ascii", "xmlcharrefreplace").decode()


def markdown(credit: Credit) -> str:
    """The same as Markdown."""

    def linked(words: str, address: str) -> str:
        words = unmarked(words)
        return f"[{words}]({address})" if address else words

    return _composed(credit, linked)


def fields(credit: Credit) -> dict[str, Any]:
    """The six fields that Freesound's JSON has, and what we know beside them; none: unknown.

    Addresses are those that are safe to link to.
    """
    return {
        "sound_url": web_address(credit.url) or None,
        "sound_name": credit.name,
        "author_url": credit.author_url or None,
        "author_name": credit.author or None,
        "license_url": web_address(credit.licence_url) or None,
        "license_name": label(credit.licence) or None,
        "license": credit.licence or None,
        "required": asks_credit(credit.licence),
        "is_remix": credit.remix,
        "made_from": [fields(each) for each in credit.sources],
        "licence_seen": credit.seen or None,
        "ids": list(credit.sounds),
    }


def one_line(words: str) -> str:
    """The words without line breaks; control characters and stray bytes made visible."""
    return (words if words.isprintable() else "".join(map(_tame, words))).strip()


def web_address(address: str) -> str:
    """The address, ready to be linked to; "" unless it is one of http or https."""
    address = address.strip()
    return _quoted(address, _URL_SIGNS) if _WEB.match(address) else ""


def _composed(credit: Credit, linked: Any) -> str:
    address = web_address(credit.url)
    name = linked(credit.name, address)
    if credit.url and not address:
        name += f" ({linked(credit.url, '')})"
    author = linked(credit.author or _NOBODY, credit.author_url)
    terms = linked(label(credit.licence) or "unknown", web_address(credit.licence_url))
    sources = "; ".join(f"{_composed(each, linked)}" for each in credit.sources)
    made = f" | {_MADE_FROM}: {sources}" if sources else ""
    return f"{name} by {author} | License: {terms}{made}"


def _tame(sign: str) -> str:
    if sign.isprintable() or sign in _JOINERS or unicodedata.category(sign) == "Zs":
        return sign
    return " " if sign.isspace() else repr(sign)[1:-1]


def unmarked(words: str) -> str:
    """The words with every sign that Markdown reads made plain."""
    words = _MARKS.sub(lambda sign: "\\" + sign[0], one_line(words))
    return _NUMBER.sub(r"\1\\", words)


def _quoted(words: str, safe: str) -> str:
    return quote(words, safe=safe, errors="surrogatepass")
