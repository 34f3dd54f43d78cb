from pathlib import Path

import pytest

from indexer.credits.licences import wanted
from indexer.errors import CreditsError, SourceError
from indexer.sources.freesound.terms import Term, Wishes, parse_terms


def test_words_are_one_term() -> None:
    assert parse_terms(" rain window ") == [Term("rain window")]


def test_a_file_has_a_term_a_line_with_a_filter_and_a_count(tmp_path: Path) -> None:
    path = tmp_path / "terms.txt"
    path.write_text(
        "\ufeff# weather\n\nrain window | duration:[1 TO 20] | 40\nthunder|12\n"
        "| tag:storm\nsnow steps | type:wav\nthunder | 12\n",
        encoding="utf-8",
    )
    assert parse_terms(f"@{path}") == [
        Term("rain window", "duration:[1 TO 20]", 40),
        Term("thunder", "", 12),
        Term("", "tag:storm"),
        Term("snow steps", "type:wav"),
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("rain | a | b | 3", "line 1: 'rain | a | b | 3' is not QUERY | FILTER | COUNT"),
        ("rain\n |", "line 2: no words to ask for"),
        ("rain | 0", "wants no sound"),
        ("# nothing\n", "holds no term"),
    ],
)
def test_a_line_that_makes_no_sense_is_named(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "terms.txt").write_text(text)
    with pytest.raises(SourceError) as error:
        parse_terms(f"@{tmp_path / 'terms.txt'}")
    assert said in str(error.value)


def test_a_file_that_is_not_there_or_no_text_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "latin.txt").write_bytes(b"caf\xe9")
    for name, said in (("none.txt", "No such file"), ("latin.txt", "not UTF-8")):
        with pytest.raises(SourceError, match=said):
            parse_terms(f"@{tmp_path / name}")


def test_no_words_at_all_are_refused() -> None:
    with pytest.raises(SourceError, match="no words"):
        parse_terms("  ")


def test_the_filter_joins_what_the_term_and_all_terms_want() -> None:
    wishes = Wishes(min_duration=0.5, max_duration=20, category="Sound effects/Animals")
    assert wishes.filter(Term("dog", "type:wav OR type:aiff")) == (
        "(type:wav OR type:aiff) is_explicit:false duration:[0.5 TO 20] "
        'category:"Sound effects" subcategory:"Animals"'
    )
    assert Wishes(explicit=True).filter(Term("dog")) == ""
    assert Wishes(max_duration=3).filter(Term("dog")) == "is_explicit:false duration:[* TO 3]"


@pytest.mark.parametrize(
    ("licence", "allowed"),
    [("CC0-1.0", True), ("CC-BY-3.0", True), ("CC-BY-4.0", True), ("CC-BY-NC-4.0", False),
     ("LicenseRef-Sampling-Plus-1.0", False), ("", False)],
)  # fmt: skip
def test_cc0_and_attribution_of_any_version_are_allowed_by_default(
    licence: str, allowed: bool
) -> None:
    assert Wishes().allows(licence) is allowed


def test_a_version_can_be_asked_for() -> None:
    wishes = Wishes(licences=wanted(("CC-BY-4.0", "sampling+")))
    assert wishes.allows("CC-BY-4.0")
    assert wishes.allows("LicenseRef-Sampling-Plus-1.0")
    assert not wishes.allows("CC-BY-3.0")


def test_a_licence_that_is_none_is_refused() -> None:
    with pytest.raises(CreditsError):
        wanted(("free",))


def test_stop_words_are_told_unless_quoted() -> None:
    assert Term("Walking in the snow").stop_words == ["in", "the"]
    assert Term('"walking in snow" slow').stop_words == []
