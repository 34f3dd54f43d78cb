"""Freesound's JSON of a sound, as columns of Sound."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from html.parser import HTMLParser
from typing import Any

from indexer.catalog.entries import TEXT_FIELDS
from indexer.catalog.question import clean
from indexer.credits import spdx

FIELDS = (
    "id,name,tags,description,category,subcategory,category_code,category_is_user_provided,geotag,"
    "created,license,gen_ai_preference,type,channels,filesize,bitrate,bitdepth,duration,samplerate,"
    "username,pack,pack_name,previews,num_downloads,avg_rating,num_ratings,num_comments,"
    "is_explicit,is_remix,was_remixed,md5,url,score"
)
"""What a search asks for: all that is worth having, so that no sound is asked for by itself."""

KBPS = {"hq": 192, "lq": 80}
"""What Freesound's Ogg previews take, about (Vorbis quality 6 and 1)."""


_TEXTS = frozenset(
    "name description category subcategory category_code geotag created license gen_ai_preference "
    "type username pack pack_name md5 url".split()
)
_NUMBERS = frozenset(
    "channels filesize bitrate bitdepth duration samplerate num_downloads avg_rating num_ratings "
    "num_comments score".split()
)
_LARGEST = 2**53


def kept(result: Any) -> dict[str, Any] | None:
    """A result of a search, without fields that are not of their type; None if it is no sound."""
    if not isinstance(result, dict):
        return None
    number = result.get("id")
    if type(number) is not int or not 0 < number < 10**12:
        return None
    return {name: _written(value) for name, value in result.items() if _fits(name, value)}


def _written(value: Any) -> Any:
    """Without what no database writes: halves of signs, and NUL."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode().replace("\0", " ")
    return [_written(one) for one in value] if isinstance(value, list) else value


def _fits(name: str, value: Any) -> bool:
    if value is None:
        return True
    if name in _TEXTS:
        return isinstance(value, str)
    if name in _NUMBERS:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        return number and math.isfinite(value) and abs(value) < _LARGEST
    if name == "tags":
        return isinstance(value, list) and all(isinstance(tag, str) for tag in value)
    return True


def licence(said: Mapping[str, Any]) -> str:
    """SPDX id, or "" for one that is not known."""
    found = spdx(str(said.get("license") or ""))
    return "" if "/" in found else found


def address(said: Mapping[str, Any]) -> str:
    return f"https://freesound.org/s/{said['id']}/"


def columns(said: Mapping[str, Any], licences: Sequence[Sequence[str]]) -> dict[str, Any]:
    """Words, licence and origin. `licences` as in FreesoundSound: the last one counts."""
    words = {
        "title": said.get("name"),
        "description": _plain(said.get("description") or ""),
        "category": said.get("category"),
        "subcategory": said.get("subcategory"),
        "author": said.get("username"),
        "pack": said.get("pack_name"),
        "location": said.get("geotag"),
        "licence": licence(said),
        "licence_url": _https(said.get("license") or ""),
        "url": address(said),
    }
    return {
        **{name: clean(str(words.get(name) or "")) for name in TEXT_FIELDS if name != "tags"},
        "tags": sorted(clean(str(tag)) for tag in said.get("tags") or []),
        "time_reference": None,
        "raw": {"freesound": _facts(said, licences)},
    }


def _facts(said: Mapping[str, Any], licences: Sequence[Sequence[str]]) -> dict[str, Any]:
    """What one has to know to use a sound; all else stays where Freesound's answers are kept."""
    return {
        "id": said["id"],
        "is_remix": bool(said.get("is_remix")),
        "gen_ai_preference": said.get("gen_ai_preference") or "",
        "licence_seen": licences[-1][1],
    }


def _https(url: str) -> str:
    return re.sub(r"^http:", "https:", url)


def _plain(text: str) -> str:
    """A description without its HTML."""
    heard = _Text()
    heard.feed(text.replace("\r\n", "\n"))
    heard.close()
    return re.sub(r"\n{3,}", "\n\n", "".join(heard.parts)).strip()


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []

    def handle_data(self, data: str) -> None:
        self.parts.append(data)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("br", "p", "li", "div"):
            self.parts.append("\n")
