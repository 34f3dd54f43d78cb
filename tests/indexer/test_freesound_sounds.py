import pytest
from freesound_corpus import corpus

from indexer.catalog.entries import TEXT_FIELDS
from indexer.sources.freesound import sounds

SAID = {
    "id": 9,
    "name": "voice-gong.wav",
    "tags": ["morph", "Gong"],
    "description": "A <b>gong</b> &amp; a voice;\r\n3 < 4<br>dry",
    "license": "http://creativecommons.org/licenses/by/3.0/",
    "username": "xserra",
    "pack_name": None,
    "category": "Sound effects",
    "subcategory": None,
    "geotag": "41.4 2.19",
    "is_remix": True,
    "gen_ai_preference": "no-gen-ai",
}
LICENCES = [["http://creativecommons.org/licenses/by-nc/3.0/", "2026-01-02"],
            ["http://creativecommons.org/licenses/by/3.0/", "2026-03-04"]]  # fmt: skip


def test_what_freesound_says_becomes_words_licence_and_origin() -> None:
    columns = sounds.columns(SAID, LICENCES)
    assert {name: columns[name] for name in TEXT_FIELDS if columns[name]} == {
        "title": "voice-gong.wav",
        "description": "A gong & a voice;\n3 < 4\ndry",
        "tags": ["Gong", "morph"],
        "category": "Sound effects",
        "author": "xserra",
        "location": "41.4 2.19",
        "licence": "CC-BY-3.0",
        "licence_url": "https://creativecommons.org/licenses/by/3.0/",
        "url": "https://freesound.org/s/9/",
    }


def test_what_one_must_know_to_use_it_is_kept_with_it() -> None:
    assert sounds.columns(SAID, LICENCES)["raw"]["freesound"] == {
        "id": 9,
        "is_remix": True,
        "gen_ai_preference": "no-gen-ai",
        "licence_seen": "2026-03-04",
    }


@pytest.mark.parametrize(
    ("address", "spdx"),
    [
        ("http://creativecommons.org/publicdomain/zero/1.0/", "CC0-1.0"),
        ("https://creativecommons.org/licenses/by-nc/4.0/", "CC-BY-NC-4.0"),
        ("http://creativecommons.org/licenses/sampling+/1.0/", "LicenseRef-Sampling-Plus-1.0"),
        ("https://example.org/licence", ""),
        (None, ""),
    ],
)
def test_a_licence_is_known_by_its_address(address: str | None, spdx: str) -> None:
    assert sounds.licence({"license": address}) == spdx


def test_awkward_sounds_have_every_column_as_text() -> None:
    said, _ = corpus(["rain"], each=20)
    for each in said.values():
        columns = sounds.columns(each, [[each["license"], "2026-11-24"]])
        words = [columns[name] for name in TEXT_FIELDS if name != "tags"]
        assert all(isinstance(word, str) and "\x00" not in word for word in words)
        assert columns["licence"]
