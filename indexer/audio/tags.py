"""What is written in and on a sound file, in the catalog's fields."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path, PurePosixPath
from typing import Any

from indexer import ucs
from indexer.audio.chunktags import PROBLEM, chunk_tags
from indexer.audio.container import NotDemuxed, open_audio, open_file
from indexer.audio.text import mended
from indexer.credits import spdx
from indexer.errors import AudioError

_LONGEST = 10_000
_MOST_VALUES = 500
_NO_NEWS = {
    "encoder", "major_brand", "minor_version", "compatible_brands", "language", "handler_name",
    "vendor_id",
}  # fmt: skip

_KEYS = {
    "title": "ixml.user.fxname ixml.aswg.fxname ixml.user.tracktitle title info.inam aiff.name",
    "description": "ixml.user.description bext.description ixml.bext.bwf_description description"
    " info.icmt comment synopsis info.isbj subject aiff.anno",
    "author": "ixml.user.artist artist author performer info.iart aiff.auth album_artist composer",
    "designer": "ixml.user.designer ixml.aswg.creatorid designer",
    "manufacturer": "ixml.user.manufacturer ixml.aswg.originatorstudio manufacturer publisher"
    " organization label",
    "pack": "ixml.user.library ixml.aswg.library library album info.iprd ixml.project",
    "category": "ixml.user.category ixml.aswg.category category genre info.ignr",
    "subcategory": "ixml.user.subcategory ixml.aswg.subcategory subcategory",
    "url": "ixml.user.url url website www purl source_url contact",
    "microphone": "ixml.user.microphone ixml.aswg.mictype microphone",
    "location": "ixml.user.location ixml.location.location_name ixml.aswg.recordingloc location",
    "notes": "ixml.user.notes ixml.aswg.notes ixml.note notes bext.note ixml.user",
    "take": "ixml.take take bext.take",
}
"""Where each field may stand, the best place first; keys in lower case. `ixml.user.*` are the
fields that sound-library programs write into a WAV, `ixml.aswg.*` those of ASWG-G006."""

_KEYWORDS = "ixml.user.keywords keywords keyword tags info.ikey"
_RECORDED = "bext.recorded ixml.bext.bwf_origination_date date creation_time info.icrd year"
_LICENCE = "ixml.user.license license licence license_url licenseurl copyright info.icop rights"
_CATID = "ixml.user.catid ixml.aswg.catid catid"
_MIDNIGHT = "timestamp_samples_since_midnight"

_CC_ADDRESS = re.compile(r"(?:https?://)?creativecommons\.org/[^\s,;)\"]+")
_SPDX = re.compile(r"(?:CC0|CC|LicenseRef)-[A-Za-z0-9.-]+")
_CC_NAME = re.compile(r"\bCC[ -]?(?:0|BY)(?:[ -](?:NC|SA|ND))*(?:[ -]v?\d\.\d)?\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Tags:
    """Empty where nothing is said. `licence` is an SPDX id; `time_reference` counts samples
    since midnight; `recorded` is a date, and a time where known, as written; `raw` holds every
    value found under the key it stood at, and under `problem` what could not be read.
    """

    title: str = ""
    description: str = ""
    keywords: tuple[str, ...] = ()
    author: str = ""
    designer: str = ""
    manufacturer: str = ""
    pack: str = ""
    category: str = ""
    subcategory: str = ""
    licence: str = ""
    licence_url: str = ""
    url: str = ""
    microphone: str = ""
    location: str = ""
    notes: str = ""
    take: str = ""
    time_reference: int | None = None
    recorded: str = ""
    raw: Mapping[str, str] = field(default_factory=dict)


def read_tags(path: Path) -> Tags:
    """All that the file says of itself. Never raises for what a file holds, or for a lost file."""
    raw: dict[str, str] = {}
    try:
        with open_file(path) as file:
            raw.update(chunk_tags(file))
        raw = {**_container_tags(path, own_description="bext.description" in raw), **raw}
    except (AudioError, NotDemuxed) as error:
        raw[PROBLEM] = str(error)
    return _from_raw({key: value[:_LONGEST] for key, value in raw.items() if value})


def _container_tags(path: Path, *, own_description: bool) -> dict[str, str]:
    with open_audio(path) as (container, stream):
        both = {**stream.metadata, **container.metadata}
    found = {mended(key).lower(): mended(value) for key, value in list(both.items())[:_MOST_VALUES]}
    if own_description:
        # FFmpeg gives the bext text whole, recorder settings and all.
        found.pop("description", None)
    return {key: value for key, value in found.items() if key not in _NO_NEWS}


def _from_raw(raw: dict[str, str]) -> Tags:
    said = {key.lower(): value for key, value in raw.items()}
    return Tags(
        **{name: _first(said, keys) for name, keys in _KEYS.items()},
        **_licence(said),
        keywords=_words_of(_first(said, _KEYWORDS)),
        time_reference=_time_reference(said),
        recorded=next((r for r in _every(said, _RECORDED) if re.search("[1-9]", r)), ""),
        raw=raw,
    )


def _every(said: Mapping[str, str], keys: str) -> Iterator[str]:
    return (said[key] for key in keys.split() if said.get(key))


def _first(said: Mapping[str, str], keys: str) -> str:
    return next(_every(said, keys), "")


def _words_of(text: str) -> tuple[str, ...]:
    """Keywords between commas, semicolons, bars or line ends, each once."""
    return tuple(dict.fromkeys(word.strip() for word in re.split(r"[,;|\n]", text) if word.strip()))


def _licence(said: Mapping[str, str]) -> dict[str, str]:
    """SPDX id and address of a Creative Commons licence; others are left to `raw`."""
    texts = list(_every(said, _LICENCE))
    addresses = [m[0] for text in texts for m in _CC_ADDRESS.finditer(text)]
    names = [m[0] for text in texts for m in _CC_NAME.finditer(text)]
    found = (spdx(text) for text in [*addresses, *texts, *names])
    return {
        "licence": next((one for one in found if _SPDX.fullmatch(one)), ""),
        "licence_url": addresses[0] if addresses else "",
    }


def _time_reference(said: Mapping[str, str]) -> int | None:
    """0 is what programs write that do not know."""
    halves = [
        ("ixml.speed." + _MIDNIGHT + "_hi", "ixml.speed." + _MIDNIGHT + "_lo"),
        ("ixml.bext.bwf_time_reference_high", "ixml.bext.bwf_time_reference_low"),
    ]
    whole = [_number(said, key) for key in ("bext.time_reference", "time_reference")]
    split = [(_number(said, high) << 32) + _number(said, low) for high, low in halves]
    return next((count for count in (*whole, *split) if 0 < count < 1 << 63), None)


def _number(said: Mapping[str, str], key: str) -> int:
    text = said.get(key, "")
    return int(text) if re.fullmatch(r"[0-9]{1,19}", text) else 0


def enrich(relative_path: str, tags: Tags) -> Tags:
    """Empty fields filled from the file's name and folder; nothing said is overwritten, but a
    title without a meaningful word ("1889") counts as empty where the name has one.

    A UCS name gives title, category, subcategory, designer (CreatorID), pack (SourceID), notes
    (user data) and keywords; a CatID in the tags does for category and keywords. A name that
    Freesound gave (ID__USER__NAME) says author and address as well. Any other name gives a title
    if it holds a meaningful word. The nearest folder that does is the pack.
    """
    path = PurePosixPath(relative_path)
    named = _by_name(path.stem)
    if named["title"] and not ucs.usable(tags.title):
        tags = replace(tags, title="")
    filled = _filled(tags, named)
    filled = _filled(filled, _by_catid(_first({k.lower(): v for k, v in tags.raw.items()}, _CATID)))
    folders = [name for name in reversed(path.parent.parts) if ucs.usable(name)]
    return _filled(filled, {"pack": folders[0].replace("_", " ")} if folders else {})


def _by_name(stem: str) -> dict[str, Any]:
    if fetched := ucs.parse_freesound(stem):
        origin = {"author": fetched.user, "url": f"https://freesound.org/s/{fetched.id}/"}
        return {**_by_name(fetched.name), **origin}
    name = ucs.parse(stem)
    if name is None:
        return {"title": ucs.words(stem) if ucs.usable(stem) else ""}
    return {
        "title": name.fx_name,
        "designer": name.creator_id,
        "pack": "" if name.source_id.upper() == "NONE" else name.source_id,
        "notes": name.user_data,
        **_by_catid(name.catid.code),
    }


def _by_catid(code: str) -> dict[str, Any]:
    catid = ucs.find_catid(code)
    if catid is None:
        return {}
    return {
        "category": catid.category,
        "subcategory": catid.subcategory,
        "keywords": tuple(catid.words.split()),
    }


def _filled(tags: Tags, values: Mapping[str, Any]) -> Tags:
    empty = {f.name for f in fields(tags) if not getattr(tags, f.name)}
    return replace(tags, **{name: value for name, value in values.items() if name in empty})
