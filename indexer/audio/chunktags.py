"""What WAV and AIFF files say of themselves in their own chunks: bext, iXML, INFO, AIFF text.

Facts: EBU Tech 3285 (bext), the iXML specification 3.0, RIFF INFO, AIFF 1.3. Each value comes
out under a key that says where it stood: `bext.description`, `ixml.USER.FXNAME`, `info.INAM`,
`aiff.NAME`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import BinaryIO
from xml.etree import ElementTree

from indexer.audio import riff
from indexer.audio.text import plain

PROBLEM = "problem"
"""The key under which unreadable tags are noted."""

_MOST_VALUES = 500
_DEEPEST = 50
_AIFF_TEXT = (b"NAME", b"AUTH", b"ANNO", b"(c) ")
_NOT_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_SETTING = re.compile(r"[a-z]([A-Z][A-Z0-9]+)=(.*)")
_LOOSE_AMPERSAND = re.compile(r"&(?!(?:[A-Za-z]+|#\d+|#x[0-9A-Fa-f]+);)")


def chunk_tags(file: BinaryIO) -> dict[str, str]:
    """All values by key; nothing for other kinds of file. Bad ones are left out and noted."""
    found: dict[str, str] = {}
    for chunk in riff.chunks(file):
        reader = _reader(chunk.name)
        if reader is None:
            continue
        try:
            for key, value in reader(riff.body(file, chunk)):
                found.setdefault(key, value)
        except (ValueError, ElementTree.ParseError) as error:
            found[PROBLEM] = f"{plain(chunk.name)}: {error}"
    return found


def _reader(name: bytes) -> Callable[[bytes], Iterator[tuple[str, str]]] | None:
    if name in _AIFF_TEXT:
        return lambda data: iter([(f"aiff.{plain(name)}", plain(data))])
    return {b"bext": _bext, b"iXML": _ixml, b"LIST": _info}.get(name)


def _bext(data: bytes) -> Iterator[tuple[str, str]]:
    if len(data) < 346:
        raise ValueError("the chunk is cut short")
    date, time = plain(data[320:330]), plain(data[330:338])
    description, settings = _settings(plain(data[:256]))
    yield "bext.description", description
    yield from settings.items()
    yield "bext.originator", plain(data[256:288])
    yield "bext.originator_reference", plain(data[288:320])
    yield "bext.recorded", f"{date} {time.replace('-', ':')}".strip()
    yield "bext.time_reference", str(int.from_bytes(data[338:346], "little"))
    yield "bext.coding_history", plain(data[602:])


def _settings(description: str) -> tuple[str, dict[str, str]]:
    """The words of a description, and what a recorder wrote into it (`sTAKE=03`) by key."""
    words, settings = [], {}
    for line in description.splitlines():
        if setting := _SETTING.fullmatch(line.strip()):
            settings[f"bext.{setting[1]}"] = setting[2].strip()
        else:
            words.append(line)
    return "\n".join(words).strip(), settings


def _info(data: bytes) -> Iterator[tuple[str, str]]:
    if data[:4] == b"INFO":
        for name, value in riff.subchunks(data):
            yield f"info.{plain(name)}", plain(value)


def _ixml(data: bytes) -> Iterator[tuple[str, str]]:
    text = _NOT_XML.sub("", plain(data))
    if re.search(r"<!(DOCTYPE|ENTITY)", text, re.IGNORECASE):
        raise ValueError("it declares entities, which are not read")
    # The text is decoded already: what the prologue says of its encoding no longer holds.
    text = re.sub(r"^\s*<\?xml[^>]*\?>", "", text)
    values, error = _elements(text)
    if error:
        values, error = _elements(_LOOSE_AMPERSAND.sub("&amp;", text))
    yield from values.items()
    if error:
        raise error


def _elements(text: str) -> tuple[dict[str, str], Exception | None]:
    """Texts by path, as far as the XML is well formed; and what stopped it."""
    flat = _Flat()
    parser = ElementTree.XMLParser(target=flat)
    try:
        parser.feed(text)
        parser.close()
    except (ElementTree.ParseError, ValueError) as error:
        return flat.values, error
    return flat.values, None


class _Flat:
    """Collects the texts of elements by their path; never holds a tree."""

    def __init__(self) -> None:
        self._path: list[str] = []
        self._text: list[str] = []
        self.values: dict[str, str] = {}

    def start(self, tag: str, _attributes: dict[str, str]) -> None:
        self._path.append(tag)
        self._text.clear()
        if len(self._path) > _DEEPEST:
            raise ValueError(f"it is nested more than {_DEEPEST} deep")

    def data(self, text: str) -> None:
        self._text.append(text)

    def end(self, _tag: str) -> None:
        key = ".".join(["ixml", *self._path[1:]])
        text = "".join(self._text).strip()
        if text and len(self.values) < _MOST_VALUES:
            self.values.setdefault(key, text)
        self._text.clear()
        self._path.pop()
