"""A table that describes sounds: how it is written, and what its cells mean."""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from indexer import ucs
from indexer.catalog.entries import TEXT_FIELDS
from indexer.credits import spdx
from indexer.errors import LibraryError
from indexer.imports.places import has_ending, name_of, path_of, without_ending

HEADER_WITHIN = 20  # rows; sheets of packs have a title above
LONGEST_LICENCE = 64

SYNONYMS = {
    "path": "filepath fullpath path pathname fullpathname fullfilepath sourcefile",
    "folder": "folder directory folderpath parentfolder",
    "file": "filename file audiofilename audiofile soundfile wavfile fname",
    "freesound": "id fsid soundid freesoundid",
    "catid": "catid ucscatid",
    "title": "title tracktitle fxname name soundname",
    "description": "description desc bwdescription bextdescription fxdescription caption",
    "tags": "keywords keyword searchterms tags tag",
    "category": "category maincategory ucscategory cat",
    "subcategory": "subcategory ucssubcategory subcat",
    "author": "artist author username recordist creator originator bworiginator",
    "designer": "designer sounddesigner",
    "manufacturer": "manufacturer vendor publisher label brand",
    "pack": "library pack packname librarytitle cdtitle album collection",
    "microphone": "microphone microphones mic mics",
    "location": "location recordinglocation place",
    "notes": "notes note comments comment usercomments usercomment remarks",
    "take": "take takenumber ixmltake",
    "recorded": "recorded recordingdate daterecorded bwdate originationdate date trackyear year",
    "licence": "licence license licencetype licensetype",
    "licence_url": "licenceurl licenseurl",
    "url": "url link website permalink",
}
"""What a row says → the names of columns that say it, without case, spaces and signs.

Where a table has several of them, the first that is filled counts.
"""


@dataclass(frozen=True, slots=True)
class _Layout:
    """How a table is written: `skip` rows stand up to and with its header line."""

    encoding: str
    delimiter: str
    header: tuple[str, ...]
    skip: int
    quoted: bool = True


class Sheet:
    """The rows of a table, and what their cells mean."""

    def __init__(self, table: Path, layout: _Layout) -> None:
        self._table = table
        self._layout = layout
        names = [_plain(name) for name in layout.header]
        self._at = {
            meaning: [at for word in words.split() for at, name in enumerate(names) if name == word]
            for meaning, words in SYNONYMS.items()
        }
        if not self._at["path"] and not self._at["file"]:
            self._at["file"] = [at for at, name in enumerate(names) if name == "name"]

    def rows(self) -> Iterator[list[str]]:
        """Every row below the header that is not blank."""
        for row in islice(_read(self._table, self._layout), self._layout.skip, None):
            if any(cell.strip() for cell in row):
                yield row

    def cell(self, row: Sequence[str], meaning: str) -> str:
        return self._pick(row, meaning)[1]

    def path(self, row: Sequence[str]) -> str:
        """The path of the row's file, as much of it as the row says."""
        path, name = (path_of(self.cell(row, meaning)) for meaning in ("path", "file"))
        if path and (not name or has_ending(path) or name_of(path) == name_of(name)):
            return path
        folder = path or path_of(self.cell(row, "folder"))
        return f"{folder}/{name}" if folder and name else name

    def columns(self, row: Sequence[str]) -> dict[str, Any]:
        """Columns of Sound that the row fills."""
        found: dict[str, Any] = {}
        for meaning in TEXT_FIELDS:
            at, cell = self._pick(row, meaning)
            if cell:
                found[meaning] = cell
            if cell and meaning == "tags":
                found[meaning] = _tags(cell, spaced=_plain(self._layout.header[at])[:3] == "tag")
        if "title" in found:
            found["title"] = without_ending(found["title"])
        return {**_categories(self.cell(row, "catid")), **found, **_licence(found)}

    def ignored(self) -> tuple[str, ...]:
        known = {at for positions in self._at.values() for at in positions}
        names = enumerate(self._layout.header)
        return tuple(name.strip() for at, name in names if at not in known and name.strip())

    def _pick(self, row: Sequence[str], meaning: str) -> tuple[int, str]:
        for at in self._at[meaning]:
            cell = row[at].replace("\0", "").strip() if at < len(row) else ""
            if cell:
                return at, cell
        return -1, ""


def open_sheet(table: Path) -> Sheet:
    """Finds out how a table is written.

    Raises LibraryError for what is not text, cannot be read or names no files.
    """
    try:
        encoding = _encoding(table)
        layouts = [found for delimiter in ",;\t" for found in _headers(table, encoding, delimiter)]
        if not layouts:
            raise LibraryError(
                f"{table.name} has no column that says which file a row is about; it must be "
                f"named FilePath or Filename (known besides: {', '.join(_known())})."
            )
        layout = max(layouts, key=lambda layout: _count_known(layout.header))
        return Sheet(table, _with_quoting(table, layout))
    except OSError as error:
        raise LibraryError(
            f"{table} cannot be read ({error.strerror}); check the path and its permissions."
        ) from error


def _known() -> list[str]:
    return [SYNONYMS[meaning].split()[0] for meaning in TEXT_FIELDS]


def _encoding(table: Path) -> str:
    """The text's encoding. Raises LibraryError for what is not text."""
    with table.open("rb") as file:
        start = file.read(4096)
        if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return "utf-16"
        odd, even = start[1::2].count(0), start[::2].count(0)
        if max(odd, even) > 0.4 * len(start) and min(odd, even) == 0:
            return "utf-16-le" if odd else "utf-16-be"
        if b"\0" in start or start.startswith((b"PK\x03\x04", b"%PDF", b"\xd0\xcf\x11\xe0")):
            raise LibraryError(
                f"{table.name} is not a table in text: export it as CSV, or as text with tabs."
            )
        file.seek(0)
        decoder = codecs.getincrementaldecoder("utf-8")()
        try:
            while block := file.read(1 << 20):
                decoder.decode(block)
        except UnicodeDecodeError:
            return "cp1252"
    return "utf-8-sig"


def _read(table: Path, layout: _Layout) -> Iterator[list[str]]:
    # Windows-1252 leaves five bytes undefined; one of them must not cost the table.
    with table.open(encoding=layout.encoding, errors="replace", newline="") as file:
        reader = csv.reader(
            file,
            delimiter=layout.delimiter,
            quoting=csv.QUOTE_MINIMAL if layout.quoted else csv.QUOTE_NONE,
        )
        try:
            yield from reader
        except csv.Error as error:
            raise LibraryError(
                f"{table.name} is not a table from line {reader.line_num} on ({error}); "
                "is a quotation mark there without its second?"
            ) from error


def _headers(table: Path, encoding: str, delimiter: str) -> Iterator[_Layout]:
    """Rows that may be the header, if this is what parts the cells."""
    rows = _read(table, _Layout(encoding, delimiter, (), 0))
    try:
        for number, row in enumerate(islice(rows, HEADER_WITHIN), start=1):
            if any(_plain(cell) in _naming_files() for cell in row):
                yield _Layout(encoding, delimiter, tuple(row), number)
    except LibraryError:
        return  # cells of such a length come from the wrong delimiter


def _naming_files() -> set[str]:
    return {*SYNONYMS["path"].split(), *SYNONYMS["file"].split(), "name"}


def _count_known(header: Iterable[str]) -> int:
    known = {word for words in SYNONYMS.values() for word in words.split()}
    return len(known & {_plain(name) for name in header})


def _with_quoting(table: Path, layout: _Layout) -> _Layout:
    """Some tools write tabs without quoting: a mark such as 3" would swallow rows there."""
    if layout.delimiter == "\t":
        rows = _read(table, layout)
        try:
            swallowed = any("\t" in cell and "\n" in cell for row in rows for cell in row)
        except LibraryError:
            swallowed = True
        if swallowed:
            return replace(layout, quoted=False)
    return layout


def _plain(name: str) -> str:
    return re.sub(r"[\W_]+", "", name.casefold())


def _tags(cell: str, spaced: bool) -> list[str]:
    words = re.split(r"[,;|\n]", cell)
    if len(words) == 1 and spaced:  # Freesound's tags have no spaces within
        words = cell.split()
    # Lists written as Python or JSON have brackets and quotes.
    return list(
        dict.fromkeys(word for word in (word.strip(" []'\"\r\t") for word in words) if word)
    )


def _categories(catid: str) -> dict[str, str]:
    found = ucs.find_catid(catid)
    return {"category": found.category, "subcategory": found.subcategory} if found else {}


def _licence(found: Mapping[str, str]) -> dict[str, str]:
    """The licence as an SPDX id, if it is one of Creative Commons by its address or name."""
    licence = found.get("licence") or found.get("licence_url", "")
    address = re.search(r"https?://\S*creativecommons\.org/\S*", licence, re.IGNORECASE)
    if not licence:
        return {}
    url = found.get("licence_url") or (address[0] if address else "")
    return {"licence": spdx(licence)[:LONGEST_LICENCE], **({"licence_url": url} if url else {})}
