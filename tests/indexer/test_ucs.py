"""UCS names, plain words of file names, and the two tables behind them."""

import string
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer import ucs

CODES = st.sampled_from(sorted(ucs.catids()))
FIELD = st.text(string.ascii_letters + string.digits + " ,.'é", max_size=12).map(str.strip)

# The heads of the starter's audio model leave these out; each must be a name of the table.
HEAD_GAPS = {
    "prosfx": ["ARCHIVED", "CLOCKS", "LEATHER", "WINDOWS"],
    "soundlyTrain": ["ARCHIVED", "GAMES", "GEOTHERMAL"],
    "ucsMixed": [
        *("ARCHIVED", "CLOCKS", "DESTRUCTION", "DIRT & SAND", "FOOD & DRINK", "LIQUID & MUD"),
        *("MACHINES", "NATURAL DISASTER", "ROCKS", "SCIFI", "SNOW", "SPORTS", "WINDOWS"),
    ],
}


def test_a_full_name_with_every_block() -> None:
    name = ucs.parse("GUNAuto-Close_RIFLE-AK47 Burst_JD_WARLIB_MKH 416_02")

    assert name == ucs.UcsName(
        catid=ucs.catids()["GUNAuto"],
        user_category="Close",
        vendor_category="RIFLE",
        fx_name="AK47 Burst",
        creator_id="JD",
        source_id="WARLIB",
        user_data="MKH 416_02",
    )


def test_the_four_required_blocks_alone() -> None:
    name = ucs.parse("DOORWood_Old Door Creak_ABC_HOUSE")

    assert name is not None
    assert (name.catid.category, name.catid.subcategory) == ("DOORS", "WOOD")
    assert (name.fx_name, name.creator_id, name.source_id) == ("Old Door Creak", "ABC", "HOUSE")
    assert (name.user_category, name.vendor_category, name.user_data) == ("", "", "")


@pytest.mark.parametrize(
    ("block", "vendor", "fx_name"),
    [
        ("EXPLOSION-Pyro Burst", "EXPLOSION", "Pyro Burst"),
        ("BIG CAT - Roar", "BIG CAT", "Roar"),
        ("Long Two-Handed Axe", "", "Long Two-Handed Axe"),
        ("T-Rex Roar", "", "T-Rex Roar"),
        ("TV-Set Hum", "", "TV-Set Hum"),
        ("ROAR-", "", "ROAR-"),
    ],
)
def test_a_hyphen_divides_the_name_only_after_capitals(
    block: str, vendor: str, fx_name: str
) -> None:
    name = ucs.parse(f"WEAPAxe_{block}_AB_CD")

    assert name is not None
    assert (name.vendor_category, name.fx_name) == (vendor, fx_name)


@pytest.mark.parametrize(
    ("stem", "code"),
    [
        ("ANMLDog_Barking dog 2_BSB", "ANMLDog"),
        ("ANMLDog", "ANMLDog"),
        ("anmldog_bark_ab_cd", "ANMLDog"),
        ("RAIN_Heavy On Street_AB_CITY", "RAIN"),
        ("MACHOffi_Printer_AB_OFFICE", "MACHOffi"),
    ],
)
def test_short_and_lower_case_names_that_still_count(stem: str, code: str) -> None:
    name = ucs.parse(stem)

    assert name is not None
    assert name.catid.code == code


@pytest.mark.parametrize(
    "stem",
    [
        "",
        "dog_bark_01",
        "ANMLUnicorn_Neigh_AB_CD",
        "anmldog_bark",
        "RAIN_Heavy",
        "rain_on_a_tin_roof",
        "mix_2021_03_final",
        "Door Wood, Creak_01",
    ],
)
def test_other_names_are_not_ucs(stem: str) -> None:
    assert ucs.parse(stem) is None


@given(CODES, FIELD, FIELD, FIELD, FIELD, st.lists(FIELD, max_size=3))
def test_a_name_built_from_blocks_comes_apart_into_them(
    code: str, user: str, fx_name: str, creator: str, source: str, data: list[str]
) -> None:
    name = ucs.parse("_".join([f"{code}-{user}", fx_name, creator, source, *data]))

    assert name is not None
    assert (name.catid.code, name.user_category, name.fx_name) == (code, user, fx_name)
    assert (name.creator_id, name.source_id) == (creator, source)
    assert name.user_data == "_".join(data)


@pytest.mark.parametrize("code", ["ANMLDog", "anmldog", "ANMLDOG", "AnmlDog"])
def test_a_catid_is_found_in_any_case(code: str) -> None:
    assert ucs.find_catid(code) is ucs.catids()["ANMLDog"]


def test_an_unknown_catid_is_none() -> None:
    assert ucs.find_catid("ANMLUnicorn") is None
    assert ucs.find_catid("") is None


@pytest.mark.parametrize(
    ("stem", "expected"),
    [
        ("Door Wood, Creak_01", "Door Wood Creak"),
        ("dog_bark-03", "dog bark"),
        ("DoorCreakSlow", "Door Creak Slow"),
        ("XMLFile", "XML File"),
        ("UFOs_landing", "UFOs landing"),
        ("rain2thunder", "rain 2 thunder"),
        ("747_landing", "747 landing"),
        ("12 - cow", "cow"),
        ("take 0012 wolf 20210304", "take wolf"),
        ("Vögel_im_Wald.02", "Vögel im Wald"),
        ("cafe\u0301_noise", "café noise"),
        ("дверь-скрип_7", "дверь скрип"),
        ("हिन्दी_बारिश", "हिन्दी बारिश"),
        ("雨音_3", "雨音"),
        ("dog's bowl", "dogs bowl"),
        ("210304_001", ""),
        ("ANMLDog_Small Terrier Bark 02_AB_PETS_mono", "animals dog Small Terrier Bark"),
        ("9__xserra__voice-gong", "voice gong"),
        ("345__a_user__ANMLDog_Small Bark_AB_PETS", "animals dog Small Bark"),
        ("ANMLMisc-Close_ZOO-Grunt_AB_PETS", "animals Close ZOO Grunt"),
    ],
)
def test_a_file_name_in_plain_words(stem: str, expected: str) -> None:
    assert ucs.words(stem) == expected


@given(st.text())
def test_words_of_words_are_the_same_words(stem: str) -> None:
    once = ucs.words(stem)

    assert ucs.words(once) == once


@given(st.text(st.sampled_from(string.ascii_letters + string.digits + "_-. '")))
def test_words_lose_no_letter_of_a_plain_name(stem: str) -> None:
    if ucs.parse(stem) is None:
        letters = [c for c in ucs.words(stem) if c.isalpha()]
        assert letters == [c for c in stem if c.isalpha()]


@given(st.text(), CODES)
def test_any_text_is_parsed_or_refused_without_an_error(text: str, code: str) -> None:
    assert ucs.parse(text) is None or ucs.find_catid(
        text.partition("_")[0].partition("-")[0].strip()
    )
    ucs.parse(f"{code}_{text}")


@pytest.mark.parametrize(
    "stem",
    [
        *("ZOOM0012", "TASCAM_0034", "DR-40", "H4n", "210304_001", "MIX_final_02", "IMG_2231"),
        *("Untitled", "Audio Track 3", "new recording 12", "stereo mix bounce.wav", "REC00001"),
        *("AUD-20210304-WA0001", "Neue Aufnahme 7", "the final mix", "STE-000", "DSC_0042", ""),
    ],
)
def test_names_given_by_machines_hold_nothing_usable(stem: str) -> None:
    assert ucs.usable(stem) == ""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ZOOM0012_dog_bark_take_3", "dog bark"),
        ("New Recording - Thunder Storm (stereo)", "Thunder Storm"),
        ("ox cart on gravel", "cart gravel"),
    ],
)
def test_usable_keeps_the_words_that_say_something(text: str, expected: str) -> None:
    assert ucs.usable(text) == expected


@given(st.text())
def test_usable_words_are_meaningful_words_of_the_name(text: str) -> None:
    kept = ucs.usable(text).split()

    assert all(ucs.is_meaningful(word) for word in kept)
    assert kept == [word for word in ucs.words(text).split() if word in kept]


def test_categories_are_the_82_in_order() -> None:
    names = [category.name for category in ucs.categories()]

    assert len(names) == 82
    assert names == sorted(set(names))
    assert (names[0], names[-1]) == ("AIR", "WOOD")


def test_descriptions_are_short_and_each_its_own() -> None:
    descriptions = [category.description for category in ucs.categories()]

    assert len(set(descriptions)) == 82
    assert all(8 <= len(text.split()) <= 20 for text in descriptions)


def test_every_catid_lies_in_a_category_and_every_category_has_catids() -> None:
    named = {category.name for category in ucs.categories()}

    assert {catid.category for catid in ucs.catids().values()} == named


def test_catids_are_unique_in_any_case_and_cover_the_standard() -> None:
    codes = [code.lower() for code in ucs.catids()]
    pairs = {(catid.category, catid.subcategory) for catid in ucs.catids().values()}

    assert len(codes) == len(set(codes))
    assert len(pairs) == 753


def test_search_words_are_plain_and_hold_the_subcategory() -> None:
    for catid in ucs.catids().values():
        plain = catid.words.split()
        assert len(plain) == len(set(plain)) > 0, catid.code
        assert catid.words == catid.words.lower()
        if catid.subcategory not in {"MISC", "GENERAL"}:
            assert set(catid.subcategory.lower().replace("&", "").split()) <= set(plain), catid.code


@pytest.mark.parametrize(
    ("head", "classes"), [("prosfx", 78), ("soundlyTrain", 79), ("ucsMixed", 69)]
)
def test_the_gaps_of_the_audio_heads_are_categories(head: str, classes: int) -> None:
    names = {category.name for category in ucs.categories()}

    assert len(names - set(HEAD_GAPS[head])) == classes


@pytest.mark.parametrize(("table", "columns"), [("ucs_categories.tsv", 2), ("ucs_catids.tsv", 4)])
def test_tables_are_whole(table: str, columns: int) -> None:
    lines = files("indexer").joinpath(table).read_text(encoding="utf-8").splitlines()

    assert all(len([c for c in line.split("\t") if c.strip()]) == columns for line in lines)
