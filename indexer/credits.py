"""Licences: from what people and files call them to SPDX ids."""

from __future__ import annotations

import re

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
_WORDS = (("attribution", "by"), ("non ?-?commercial", "nc"), ("share ?-?alike", "sa"),
          ("no ?-?deriv[a-z]*", "nd"))  # fmt: skip


def spdx(licence: str) -> str:
    """The SPDX id of a licence as people write it: "cc0", "by 4.0", "CC BY-NC 3.0", its address.

    A version that is not said is taken to be 4.0. What is not recognised comes back as it is.
    """
    said = " ".join(licence.lower().replace("_", " ").split())
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


def _by_address(kind: str, version: str) -> str:
    if kind in ("zero", "mark"):
        return {"zero": "CC0", "mark": "CC-PDM"}[kind] + f"-{version}"
    if kind == "sampling+":
        return f"LicenseRef-Sampling-Plus-{version}"
    return f"CC-{kind.upper()}-{version}"
