"""The Universal Category System (UCS 8.2.1), the trade's way to name sound effects.

A name is `CatID[-UserCategory]_[VendorCategory-]FXName_CreatorID_SourceID[_UserData]`. The
CatIDs and the names of categories are the standard's (universalcategorysystem.com), with one
spelling of its earlier lists kept (MACHOffi); descriptions and words are our own.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import groupby
from types import MappingProxyType
from typing import NamedTuple

_FREESOUND = re.compile(r"([0-9]{1,9})__(.+?)__(.+)")
_NAMELESS = frozenset({"MISC", "GENERAL"})
_APOSTROPHES = str.maketrans("", "", "'\u2019")

# What programs, cameras and recorders call a file, and what only says how it was made.
_SAYS_NOTHING = """
    untitled unnamed unknown noname default track trk audio sound sounds sfx sample samples clip
    file files copy new temp tmp test take takes edit edited version ver final master mastered
    mastering mix mixdown premix bounce bounced export exported render rendered stem stems
    project session proj region memo rec recorded recording recordings raw
    loop looped loopable seamless stereo mono binaural surround ambisonic ortf channel chan
    wav bwf aif aiff aifc flac ogg oga opus mpeg mpg wma aac caf khz kbps bit bits
    zoom tascam mixpre sounddevices edirol marantz nagra sennheiser olympus gopro gopr dji
    img image imgp dsc dscn dscf pxl mvi mov vid video aud ptt ste whatsapp screenrecording
    unbenannt aufnahme neue titel tonspur enregistrement nouvel sans titre piste
    registrazione senza titolo traccia grabación grabacion nueva pista sin título titulo
    the and for with from this that
"""
_STOP_WORDS = frozenset(_SAYS_NOTHING.split())


@dataclass(frozen=True, slots=True)
class Category:
    """One of the 82 categories; the description lists what its sounds are."""

    name: str
    description: str


@dataclass(frozen=True, slots=True)
class CatId:
    """A category and subcategory under one code, e.g. ANMLDog: ANIMALS, DOG.

    `words` are plain lower-case search words, synonyms included.
    """

    code: str
    category: str
    subcategory: str
    words: str


@dataclass(frozen=True, slots=True)
class UcsName:
    """The blocks of a file name; a block that is absent is an empty string."""

    catid: CatId
    user_category: str
    vendor_category: str
    fx_name: str
    creator_id: str
    source_id: str
    user_data: str


@cache
def categories() -> tuple[Category, ...]:
    """The 82 categories in alphabetical order."""
    return tuple(Category(*row) for row in _rows("ucs_categories.tsv"))


@cache
def catids() -> Mapping[str, CatId]:
    """Every CatID under its code as the standard writes it."""
    return MappingProxyType({row[0]: CatId(*row) for row in _rows("ucs_catids.tsv")})


def find_catid(code: str) -> CatId | None:
    """The CatID of this code, upper and lower case alike; None if the standard has none."""
    return _catids_in_lower_case().get(code.lower())


def parse(stem: str) -> UcsName | None:
    """The blocks of a file name without its extension; None if it is not a UCS name.

    Four blocks make a full name. With fewer, only a CatID spelt as in the standard counts
    (ANMLDog), and an all-capitals one (RAIN, MIX) must always be in capitals and in a full name:
    such words begin many names by chance. User data may hold further underscores. A hyphen in
    the name divides it only after capitals of three letters or more (EXPLOSION-Pyro Burst);
    elsewhere it belongs to a word (Two-Handed Axe).
    """
    blocks = [block.strip() for block in stem.split("_")]
    code, _, user_category = blocks[0].partition("-")
    code = code.strip()
    catid = find_catid(code)
    if catid is None or not _counts(code, catid, len(blocks)):
        return None
    blocks += [""] * (4 - len(blocks))
    vendor_category, fx_name = _vendor_and_name(blocks[1])
    return UcsName(
        catid=catid,
        user_category=user_category.strip(),
        vendor_category=vendor_category,
        fx_name=fx_name,
        creator_id=blocks[2],
        source_id=blocks[3],
        user_data="_".join(blocks[4:]),
    )


class FreesoundName(NamedTuple):
    """What a file fetched from Freesound is called: `ID__USER__NAME`."""

    id: int
    user: str
    name: str


def parse_freesound(stem: str) -> FreesoundName | None:
    found = _FREESOUND.fullmatch(stem)
    return FreesoundName(int(found[1]), found[2], found[3]) if found else None


def words(stem: str) -> str:
    """A file name in plain words: `dog_bark-03` is "dog bark", `DoorCreak` is "Door Creak".

    Letters of any script are kept, in NFC. Take numbers and ids go: a number stays only before a
    word, without a leading zero, up to four digits, and at the start from three digits (`747
    landing`). Of a UCS name: category, subcategory, user and vendor category, FXName. Of a name
    that Freesound gave (9__user__dog-bark): what follows the user.
    """
    fetched = parse_freesound(stem)
    stem = fetched.name if fetched else stem
    name = parse(stem)
    return " ".join(_without_take_numbers(list(_tokens(_readable(name) if name else stem))))


def is_meaningful(word: str) -> bool:
    """Whether a word can say what a sound is: three letters or more, not `untitled`, `take` …"""
    return len(word) >= 3 and word.isalpha() and word.lower() not in _STOP_WORDS


def usable(text: str) -> str:
    """The meaningful words of a name, a title or a description; "" if there are none."""
    return " ".join(word for word in words(text).split() if is_meaningful(word))


def _rows(name: str) -> Iterator[list[str]]:
    table = files(__package__).joinpath(name).read_text(encoding="utf-8")
    return (line.split("\t") for line in table.splitlines()[1:])


@cache
def _catids_in_lower_case() -> dict[str, CatId]:
    return {code.lower(): catid for code, catid in catids().items()}


def _counts(code: str, catid: CatId, blocks: int) -> bool:
    if blocks < 4:
        return code == catid.code and not code.isupper()
    return code == catid.code or not catid.code.isupper()


def _vendor_and_name(block: str) -> tuple[str, str]:
    vendor, hyphen, name = (part.strip() for part in block.partition("-"))
    if hyphen and name and vendor.isupper() and sum(map(str.isalpha, vendor)) >= 3:
        return vendor, name
    return "", block


def _readable(name: UcsName) -> str:
    subcategory = name.catid.subcategory
    kind = [name.catid.category.lower(), "" if subcategory in _NAMELESS else subcategory.lower()]
    return " ".join([*kind, name.user_category, name.vendor_category, name.fx_name])


def _tokens(text: str) -> Iterator[str]:
    """Runs of letters, cut at CamelCase borders, and runs of digits."""
    plain = unicodedata.normalize("NFC", text.translate(_APOSTROPHES))
    for kind, run in groupby(plain, _kind):
        if kind == "letter":
            yield from _camel_parts("".join(run))
        elif kind == "digit":
            yield "".join(run)


def _kind(char: str) -> str:
    if char.isdecimal():
        return "digit"
    return "letter" if unicodedata.category(char)[0] in "LM" else "border"


def _camel_parts(run: str) -> Iterator[str]:
    """`XMLFile` is XML, File; the plural of a short form stays whole (UFOs)."""
    start = 0
    for i in range(1, len(run)):
        begins_word = run[i + 1 : i + 2].islower() and run[i + 1 :] != "s"
        if run[i].isupper() and (run[i - 1].islower() or begins_word):
            yield run[start:i]
            start = i
    yield run[start:]


def _without_take_numbers(tokens: list[str]) -> list[str]:
    kept = [t for t in tokens if not t.isdecimal() or (int(t[0]) > 0 and len(t) <= 4)]
    while kept and kept[-1].isdecimal():
        kept.pop()
    while kept and kept[0].isdecimal() and len(kept[0]) < 3:
        kept.pop(0)
    return kept
