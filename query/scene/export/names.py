"""Names of collected files, by a pattern, that Windows, macOS and Linux all take."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path
from string import Formatter

from indexer import ucs
from indexer.errors import SceneError
from query import timecode
from query.scene.cues import Cue, Film

PATTERN = "{shot}_{CatID}_{FXName}_{SourceID}_{tc}"
PLACEHOLDERS = ("shot", "layer", "cue", "CatID", "FXName", "CreatorID", "SourceID", "title", "tc")

_LONGEST = 200  # bytes, so that a number and an extension find room in 255
_LONGEST_VALUE = 60  # characters
_FORBIDDEN = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f-\x9f]+')
_DEVICES = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(\.|$)", re.IGNORECASE)


def parsed(pattern: str) -> list[tuple[str, str]]:
    """Pairs of text and the placeholder after it, or "". Raises SceneError."""
    try:
        parts = list(Formatter().parse(pattern))
    except ValueError as error:
        raise SceneError(
            f"The pattern {pattern!r} cannot be read ({error}): write placeholders in braces, as "
            f"in {PATTERN}."
        ) from error
    for _, name, form, conversion in parts:
        if name is not None and (name not in PLACEHOLDERS or form or conversion):
            raise SceneError(
                f"{{{name}}} is no placeholder for names: use "
                f"{', '.join(f'{{{known}}}' for known in PLACEHOLDERS)}."
            )
    return [(text, name or "") for text, name, _, _ in parts]


def name_of(cue: Cue, film: Film, parts: list[tuple[str, str]]) -> str:
    """A file name without its extension; `parts` of a pattern. No placeholder is left empty."""
    values = _values(cue, film)
    return safe("".join(text + values.get(name, "") for text, name in parts))


def safe(name: str) -> str:
    """The name without what a system forbids, in NFC, and no longer than 200 bytes."""
    name = _FORBIDDEN.sub("-", unicodedata.normalize("NFC", name))
    name = name.encode("utf-8", "replace")[:_LONGEST].decode("utf-8", "ignore").strip(" .")
    return f"_{name}" if _DEVICES.match(name) or not name else name


def _values(cue: Cue, film: Film) -> dict[str, str]:
    clip = cue.clip
    stem = Path(clip.path).stem
    said = ucs.parse(stem)
    title = clip.title or ucs.words(stem) or stem
    origin = clip.pack or ("Freesound" if ucs.parse_freesound(stem) else "")
    spelt = timecode.spell(film.start + cue.start, film.rate, film.drop)
    values = {
        "shot": f"{cue.shot + 1:03}",
        "layer": cue.layer,
        "cue": cue.id,
        "CatID": said.catid.code if said else _catid(clip.category),
        "FXName": said.fx_name if said else title,
        "CreatorID": said.creator_id if said else clip.author,
        "SourceID": said.source_id if said else origin,
        "title": title,
        "tc": re.sub("[:;]", "-", spelt),
    }
    # An underscore would begin the next part of a UCS name.
    return {
        k: value.replace("_", " ").strip()[:_LONGEST_VALUE] or "NONE" for k, value in values.items()
    }


def _catid(category: str) -> str:
    """The CatID that stands for a whole category."""
    wanted = (category.upper(), "MISC")
    found = (c.code for c in ucs.catids().values() if (c.category, c.subcategory) == wanted)
    return next(found, "")
