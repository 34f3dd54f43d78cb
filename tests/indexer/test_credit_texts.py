from __future__ import annotations

import json
from html.parser import HTMLParser
from typing import Any

import pytest
from markdown_it import MarkdownIt

from indexer.credits.licences import asks_credit, deed, label, non_commercial, spdx, wanted
from indexer.credits.texts import Credit, as_html, credit, fields, markdown, once, text
from indexer.errors import CreditsError

BY = "CC-BY-4.0"
DEED = "http://creativecommons.org/licenses/by/4.0/"
NOT_IN_A_LINE = [chr(n) for n in (*range(32), *range(127, 160), 0x2028, 0x2029, 0x202E, 0x2066)]


def gong(**changed: Any) -> Credit:
    """A sound of Freesound, as Freesound's own JSON gives it."""
    columns: dict[str, Any] = {
        "sound_id": 1,
        "name": "voice-gong.wav",
        "author": "xserra",
        "url": "https://freesound.org/people/xserra/sounds/9/",
        "licence": BY,
        "licence_url": DEED,
        "freesound": {"id": 9, "is_remix": False, "licence_seen": "2026-11-24"},
    }
    return credit(**columns | changed)


def local(**changed: Any) -> Credit:
    columns: dict[str, Any] = {"sound_id": 1, "name": "dog.wav"}
    return credit(**columns | dict.fromkeys("author url licence licence_url".split(), "") | changed)


# Freesound's own texts


def test_a_freesound_sound_is_credited_in_freesounds_words() -> None:
    said = "voice-gong.wav by xserra -- https://freesound.org/s/9/ -- License: Attribution 4.0"
    assert text(gong()) == said


def test_what_a_sound_was_made_from_is_credited_with_it() -> None:
    source = {"title": "Gong", "author": "bob", "licence": BY, "url": "https://x.org/1"}
    other = {"title": "d", "author": "", "licence": "unknown", "url": ""}
    made = local(name="like Gong", author="audioldm (generated)", sources=[source, other])
    assert text(made) == (
        "like Gong by audioldm (generated) -- License: unknown -- Made from the sound of: "
        "Gong by bob (https://x.org/1, License: Attribution 4.0); "
        "d by unknown author (License: unknown)"
    )
    assert 'Made from the sound of: <a href="https://x.org/1">Gong</a> by bob' in as_html(made)
    assert "[Gong](https://x.org/1) by bob" in markdown(made)
    assert [each["license"] for each in fields(made)["made_from"]] == [BY, None]
    assert len(list(once([made, local(name="like Gong", author="audioldm (generated)")]))) == 2


def test_freesounds_html() -> None:
    assert as_html(gong()) == (
        '<a href="https://freesound.org/s/9/">voice-gong.wav</a> by '
        '<a href="https://freesound.org/people/xserra/">xserra</a> | License: '
        '<a href="http://creativecommons.org/licenses/by/4.0/">Attribution 4.0</a>'
    )


def test_the_same_in_markdown() -> None:
    assert markdown(gong()) == (
        r"[voice-gong.wav](https://freesound.org/s/9/) by "
        "[xserra](https://freesound.org/people/xserra/) | License: "
        "[Attribution 4.0](http://creativecommons.org/licenses/by/4.0/)"
    )


def test_freesounds_json_and_what_is_known_beside() -> None:
    assert fields(gong()) == {
        "sound_url": "https://freesound.org/s/9/",
        "sound_name": "voice-gong.wav",
        "author_url": "https://freesound.org/people/xserra/",
        "author_name": "xserra",
        "license_url": "http://creativecommons.org/licenses/by/4.0/",
        "license_name": "Attribution 4.0",
        "license": BY,
        "required": True,
        "is_remix": False,
        "made_from": [],
        "licence_seen": "2026-11-24",
        "ids": [1],
    }


def test_a_user_name_stays_within_its_part_of_the_address() -> None:
    found = gong(author="a b/../ü?#").author_url
    assert found == "https://freesound.org/people/a%20b%2F..%2F%C3%BC%3F%23/"


@pytest.mark.parametrize("freesound", [None, {}, {"id": "9"}, {"id": None}, "9", [9]])
def test_what_is_no_freesound_record_is_credited_by_its_address(freesound: Any) -> None:
    found = gong(freesound=freesound)
    assert (found.url, found.author_url) == ("https://freesound.org/people/xserra/sounds/9/", "")


# Other sounds


def test_what_is_known_of_a_sound_is_said() -> None:
    known = local(author="Ann", url="https://example.com/dog", licence="CC-BY-SA-3.0")
    assert text(known) == (
        "dog.wav by Ann -- https://example.com/dog -- License: Attribution ShareAlike 3.0"
    )
    assert fields(known)["license_url"] == "https://creativecommons.org/licenses/by-sa/3.0/"


def test_what_is_unknown_is_said_to_be_unknown() -> None:
    assert text(local()) == "dog.wav by unknown author -- License: unknown"
    assert as_html(local()) == "dog.wav by unknown author | License: unknown"
    assert markdown(local()) == "dog.wav by unknown author | License: unknown"
    unknown = fields(local())
    for key in ("sound_url", "author_url", "author_name", "license_url", "license_name", "license"):
        assert unknown[key] is None
    assert unknown["required"] is True


def test_a_licence_of_ones_own_is_named_by_its_id_and_linked_by_its_address() -> None:
    own = local(licence="LicenseRef-Vendor", licence_url="https://example.com/licence")
    assert as_html(own).endswith('<a href="https://example.com/licence">LicenseRef-Vendor</a>')


# Hostile words

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</ul></li>&amp;'\"",
    "[a](javascript:alert(1))",
    "![x](http://example.com/x.png)",
    "<https://example.com>",
    "`code` *a* _b_ ~~c~~ $x$ | # \\",
    "# title",
    "- item",
    "1. first",
    "a\r\nb\tc",
    "\x1b[2J\x07\x9b2J",
    "\u202eevil\u2066",
    "\udcff",
    "",
    "   ",
]


class Reader(HTMLParser):
    """Tags and addresses of a piece of HTML, and its words."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.words = ""
        self.feed(source)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        assert [name for name, _ in attrs] == (["href"] if tag == "a" else [])
        self.addresses += [value or "" for _, value in attrs]

    def handle_data(self, data: str) -> None:
        self.words += data


def everywhere(words: str) -> Credit:
    return local(name=words, author=words, url=words, licence=words, licence_url=words)


@pytest.mark.parametrize("words", HOSTILE)
def test_hostile_words_are_one_line_of_text(words: str) -> None:
    line = text(everywhere(words))
    assert not any(sign in line for sign in NOT_IN_A_LINE)
    line.encode()


@pytest.mark.parametrize("words", HOSTILE)
def test_hostile_words_are_no_html(words: str) -> None:
    found = Reader(as_html(everywhere(words)))
    assert found.tags == []
    if words.isprintable() and words.strip():
        assert words in found.words
    assert as_html(gong(name=words, author=words)).isascii()
    assert Reader(as_html(gong(name=words, author=words or "x"))).tags == ["a", "a", "a"]


@pytest.mark.parametrize("words", HOSTILE)
@pytest.mark.parametrize("linked", [False, True])
def test_hostile_words_are_no_markdown(words: str, linked: bool) -> None:
    found = gong(name=words, author=words or "x") if linked else everywhere(words)
    html = MarkdownIt("gfm-like", {"linkify": False, "html": True}).render(f"- {markdown(found)}")
    read = Reader(html)
    assert [tag for tag in read.tags if tag != "a"] == ["ul", "li"]
    assert len(read.addresses) == (3 if linked else 0)
    assert all(address.startswith(("https://freesound.org/", DEED)) for address in read.addresses)
    if words.isprintable() and words.strip():
        assert words in read.words


@pytest.mark.parametrize(
    ("words", "written"),
    [
        ("[a](javascript:alert(1))", r"\[a\]\(javascript:alert\(1\)\)"),
        ("![x]", r"\!\[x\]"),
        ("<b>&lt;", r"\<b\>\&lt;"),
        ("a_b*c`d|e~f", r"a\_b\*c\`d\|e\~f"),
        ("# title", r"\# title"),
        ("- item", r"\- item"),
        ("1. first", r"1\. first"),
        ("1) first", r"1\) first"),
        ("a\n\n# b", r"a  \# b"),
        ("a\\", "a\\\\"),
        ("my-own 2.wav", "my-own 2.wav"),
    ],
)
def test_markdown_is_escaped(words: str, written: str) -> None:
    assert markdown(local(name=words)).startswith(written + " by ")
    assert markdown(gong(name=words)).startswith(f"[{written}](https://freesound.org/s/9/)")


@pytest.mark.parametrize(
    "address",
    ["javascript:alert(1)", "JavaScript:alert(1)//https://x", "data:text/html,x", "//example.com",
     " javascript:alert(1)", "java\nscript:alert(1)", "\x01javascript:alert(1)", "https:", "https:///x",
     "vbscript:x", "mailto:ann@example.com", "www.example.com/dog"],
)  # fmt: skip
def test_only_the_web_is_linked_to(address: str) -> None:
    found = local(url=address, licence="CC0-1.0", licence_url=address)
    assert Reader(as_html(found)).tags == []
    assert "](" not in markdown(found)
    assert (fields(found)["sound_url"], fields(found)["license_url"]) == (None, None)


def test_an_address_that_is_no_link_is_shown() -> None:
    found = local(url="www.example.com/dog")
    assert text(found) == "dog.wav by unknown author -- www.example.com/dog -- License: unknown"
    assert as_html(found).startswith("dog.wav (www.example.com/dog) by ")
    assert markdown(found).startswith("dog.wav (www.example.com/dog) by ")


@pytest.mark.parametrize(
    ("address", "linked"),
    [
        ("HTTPS://example.com/a?b=c&d=e#f", "HTTPS://example.com/a?b=c&d=e#f"),
        ("https://example.com/a b", "https://example.com/a%20b"),
        ('https://example.com/"><script>', "https://example.com/%22%3E%3Cscript%3E"),
        ("https://example.com/a_(b)\n", "https://example.com/a_%28b%29"),
        ("https://example.com/ü%20\udcff", "https://example.com/%C3%BC%20%ED%B3%BF"),
    ],
)
def test_an_address_cannot_leave_its_link(address: str, linked: str) -> None:
    found = local(url=address)
    assert Reader(as_html(found)).addresses == [linked]
    assert f"[dog.wav]({linked})" in markdown(found)


def test_letters_of_all_scripts_stay() -> None:
    name = "Gämse 犬 שלום \u200d👩\u200d🚀 a\u00a0b"
    assert text(local(name=name)).startswith(f"{name} by ")
    assert Reader(as_html(local(name=name))).words.startswith(f"{name} by ")
    assert as_html(local(name=name)).isascii()
    assert json.loads(json.dumps(fields(local(name=name))))["sound_name"] == name


# The same said of several


def test_neighbours_of_which_the_same_is_said_are_one_credit() -> None:
    earlier = gong(sound_id=7, freesound={"id": 9, "is_remix": True, "licence_seen": "2026-01-01"})
    [one, other] = once([gong(sound_id=8), earlier, local(sound_id=3)])
    assert (one.sounds, one.remix, one.seen) == ((7, 8), True, "2026-11-24")
    assert other.sounds == (3,)


# Licences


@pytest.mark.parametrize(
    ("licence", "words", "address"),
    [
        ("CC-BY-3.0", "Attribution 3.0", "licenses/by/3.0"),
        (BY, "Attribution 4.0", "licenses/by/4.0"),
        ("CC-BY-NC-3.0", "Attribution NonCommercial 3.0", "licenses/by-nc/3.0"),
        ("CC-BY-NC-4.0", "Attribution NonCommercial 4.0", "licenses/by-nc/4.0"),
        ("CC-BY-SA-4.0", "Attribution ShareAlike 4.0", "licenses/by-sa/4.0"),
        ("CC-BY-NC-ND-2.5", "Attribution NonCommercial NoDerivatives 2.5", "licenses/by-nc-nd/2.5"),
        ("CC0-1.0", "Creative Commons 0", "publicdomain/zero/1.0"),
        ("CC-PDM-1.0", "Public Domain Mark 1.0", "publicdomain/mark/1.0"),
        ("LicenseRef-Sampling-Plus-1.0", "Sampling+", "licenses/sampling+/1.0"),
    ],
)
def test_a_licence_in_words_and_at_its_address_and_back(
    licence: str, words: str, address: str
) -> None:
    assert label(licence) == words
    assert deed(licence) == f"https://creativecommons.org/{address}/"
    assert spdx(deed(licence)) == licence
    assert spdx(words) == licence


def test_a_ported_licence_keeps_its_country() -> None:
    assert label("CC-BY-3.0-US") == "Attribution 3.0 US"
    assert deed("CC-BY-3.0-US") == "https://creativecommons.org/licenses/by/3.0/us/"


@pytest.mark.parametrize("licence", ["MIT", "LicenseRef-Vendor", "all rights reserved", ""])
def test_other_licences_stay_as_they_are(licence: str) -> None:
    assert (label(licence), deed(licence)) == (licence, "")


def test_only_what_is_known_to_be_free_asks_no_credit() -> None:
    free = ("CC0-1.0", "CC-PDM-1.0", "LicenseRef-Public-Domain")
    bound = (BY, "CC-BY-NC-4.0", "LicenseRef-Sampling-Plus-1.0", "LicenseRef-Vendor", "MIT", "")
    assert not any(map(asks_credit, free))
    assert all(map(asks_credit, bound))


def test_what_restricts_commercial_use() -> None:
    bound = ("CC-BY-NC-3.0", "CC-BY-NC-SA-4.0", "LicenseRef-Sampling-Plus-1.0",
             "Apache-2.0 AND CC-BY-NC-4.0", "PolyForm-Noncommercial-1.0.0")  # fmt: skip
    free = (BY, "CC-BY-SA-4.0", "CC0-1.0", "Apache-2.0 AND CC-BY-4.0", "LicenseRef-NC-17", "")
    assert all(map(non_commercial, bound))
    assert not any(map(non_commercial, free))


def test_licences_wanted_are_short_names_or_ids() -> None:
    assert wanted(["CC0,by 3.0", " by-nc "]) == ("cc0", "CC-BY-3.0", "by-nc")
    assert wanted([]) == ()
    for wrong in ("unknown", "banana", "by,", ""):
        with pytest.raises(CreditsError):
            wanted([wrong])
