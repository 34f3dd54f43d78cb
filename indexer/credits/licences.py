"""Licences: from what people and files call them to SPDX ids, and from those to words."""

from __future__ import annotations

import re
from collections.abc import Iterable

from indexer.errors import CreditsError

SHORT_LICENCES = {
    "cc0": ("CC0-1.0",),
    "by": ("CC-BY-",),
    "by-nc": ("CC-BY-NC-",),
    "by-sa": ("CC-BY-SA-",),
    "by-nd": ("CC-BY-ND-",),
    "by-nc-sa": ("CC-BY-NC-SA-",),
    "by-nc-nd": ("CC-BY-NC-ND-",),
    "sampling+": ("LicenseRef-Sampling-Plus-",),
    "public-domain": ("CC-PDM-1.0", "CC-PDDC", "LicenseRef-Public-Domain"),
}
"""What people call the common licences → SPDX ids; one ending in "-" stands for all versions."""

_ADDRESS = re.compile(r"creativecommons\.org/(?:licenses|publicdomain)/([a-z+-]+)/(\d\.\d)")
_ZERO = re.compile(r"(?:cc|creative commons)[ -]?(?:0|zero)\b.*")
_NAME = re.compile(
    r"(?:cc|creative commons)?[ -]*(by(?:[ -](?:nc|nd|sa))*)(?:[ -]*v?(\d\.\d))?"
    r"(?: (?:international|unported))?"
)
_FORM = re.compile(
    r"(?:CC|LicenseRef)-[\w.+-]+|[A-Za-z][\w+-]*-\d[\w.+-]*|CC0-1\.0|MIT|ISC|Unlicense"
)
_CC = re.compile(r"CC-(BY(?:-(?:NC|SA|ND))*)-(\d\.\d)(?:-([A-Z]+))?")
_NON_COMMERCIAL = re.compile(r"\bCC-(?:[A-Z]+-)*NC\b|Sampling-Plus|non-?commercial", re.IGNORECASE)
_CONDITIONS = {
    "BY": "Attribution",
    "NC": "NonCommercial",
    "SA": "ShareAlike",
    "ND": "NoDerivatives",
}
_LABELS = {
    "CC0-1.0": "Creative Commons 0",
    "CC-PDM-1.0": "Public Domain Mark 1.0",
    "CC-PDDC": "Public Domain Dedication",
    "LicenseRef-Public-Domain": "Public Domain",
    "LicenseRef-Sampling-Plus-1.0": "Sampling+",
}
_IDS = {words.lower(): licence for licence, words in _LABELS.items() if words != "Public Domain"}
_DEEDS = {
    "CC0-1.0": "publicdomain/zero/1.0",
    "CC-PDM-1.0": "publicdomain/mark/1.0",
    "CC-PDDC": "licenses/publicdomain",
    "LicenseRef-Sampling-Plus-1.0": "licenses/sampling+/1.0",
}
_FREE_OF_CREDIT = {
    "CC0-1.0", "CC-PDM-1.0", "CC-PDDC", "LicenseRef-Public-Domain", "0BSD", "MIT-0", "Unlicense",
}  # fmt: skip
_TERMS = {
    "LicenseRef-Stability-AI-Community": "is free up to 1,000,000 US dollars of yearly revenue, "
    "for those who registered with Stability AI",
}
_WORDS = (("attribution", "by"), ("non ?-?commercial", "nc"), ("share ?-?alike", "sa"),
          ("no ?-?deriv[a-z]*", "nd"))  # fmt: skip


def spdx(licence: str) -> str:
    """The SPDX id of a licence as people write it: "cc0", "by 4.0", "CC BY-NC 3.0", its address.

    A version that is not said is taken to be 4.0. What is not recognised comes back as it is.
    """
    said = " ".join(licence.lower().replace("_", " ").split())
    if said in _IDS:
        return _IDS[said]
    address = _ADDRESS.search(said)
    if address:
        return _by_address(address[1], address[2])
    if said == "public domain" or (said in SHORT_LICENCES and not said.startswith("by")):
        said = said.replace(" ", "-")
        first = SHORT_LICENCES[said][0]
        return first + "1.0" if first.endswith("-") else first
    if _ZERO.fullmatch(said):
        return "CC0-1.0"
    for word, short in _WORDS:
        said = re.sub(word, short, said)
    name = _NAME.fullmatch(said)
    if not name:
        return licence.strip()
    return f"CC-{name[1].upper().replace(' ', '-')}-{name[2] or '4.0'}"


def known(licence: str) -> str:
    """The SPDX id, or "" for "unknown". Raises CreditsError for what is no licence.

    Ids are recognised by their form: a name with a version, one of a few without, or
    LicenseRef-NAME for a licence of one's own.
    """
    found = spdx(licence)
    if found.lower() == "unknown":
        return ""
    if not _FORM.fullmatch(found):
        raise CreditsError(
            f"{licence!r} is no licence known here: say {', '.join(SHORT_LICENCES)}, an SPDX id, "
            "or LicenseRef-NAME for another."
        )
    return found


def wanted(said: Iterable[str]) -> tuple[str, ...]:
    """What `--license` was given, with commas or repeated: short names, else SPDX ids.

    Raises CreditsError for what is no licence.
    """
    return tuple(_wanted(part.strip()) for text in said for part in text.split(","))


def among(licence: str, names: Iterable[str]) -> bool:
    """Whether an SPDX id is one of what `wanted` returns."""
    return any(
        re.fullmatch(re.escape(name) + (r"\d\.\d" if name.endswith("-") else ""), licence, re.I)
        for name in names
    )


def label(licence: str) -> str:
    """An SPDX id as Freesound writes it, with its version: "Attribution NonCommercial 4.0".

    Ids that are none of Creative Commons stay as they are.
    """
    found = _CC.fullmatch(licence)
    if found is None:
        return _LABELS.get(licence, licence)
    words = [_CONDITIONS[condition] for condition in found[1].split("-")]
    return " ".join([*words, found[2], *([found[3]] if found[3] else [])])


def deed(licence: str) -> str:
    """The address where the licence with this SPDX id can be read, "" if it is not known."""
    found = _CC.fullmatch(licence)
    path = _DEEDS.get(licence, "")
    if found is not None:
        path = f"licenses/{found[1].lower()}/{found[2]}"
        path += f"/{found[3].lower()}" if found[3] else ""
    return f"https://creativecommons.org/{path}/" if path else ""


def asks_credit(licence: str) -> bool:
    """Whether credit is due; also where the licence is unknown, until it is found out."""
    return licence not in _FREE_OF_CREDIT


def non_commercial(licence: str) -> bool:
    """Whether an SPDX id or expression restricts commercial use.

    Sampling+ 1.0 does for the whole recording, and forbids advertising.
    """
    return _NON_COMMERCIAL.search(licence) is not None


def condition(licence: str) -> str:
    """On what commercial use depends under a licence of somebody's own, which is no SPDX id, in
    words after "commercial use"; "" of any other, and where it is not known or forbids that use.

    What such a licence says is known here of those that models have.
    """
    listed = _FORM.fullmatch(licence) and not licence.startswith("LicenseRef-")
    if not licence or listed or licence in _FREE_OF_CREDIT or non_commercial(licence):
        return ""
    return _TERMS.get(licence, "is as its owner's own terms say, which are to be read")


def _wanted(name: str) -> str:
    found = name.lower() if name.lower() in SHORT_LICENCES else known(name)
    if not found:
        raise CreditsError("A sound of unknown licence matches no --license.")
    return found


def _by_address(kind: str, version: str) -> str:
    if kind in ("zero", "mark"):
        return {"zero": "CC0", "mark": "CC-PDM"}[kind] + f"-{version}"
    if kind == "sampling+":
        return f"LicenseRef-Sampling-Plus-{version}"
    return f"CC-{kind.upper()}-{version}"
