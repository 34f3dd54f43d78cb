"""The search of the server for tests ranks, filters and pages as Freesound does; its sounds."""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import freesound_corpus
import pytest
import soundfile
from freesound_asks import SEARCH, TERMS, Clock, ask, get, made, numbers, results
from freesound_corpus import FIELDS
from freesound_server import FreesoundServer

pytestmark = pytest.mark.slow


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def server(clock: Clock) -> Iterator[FreesoundServer]:
    with FreesoundServer(*made(TERMS, 40), clock=clock) as server:
        yield server


# the search


def test_all_words_are_required_and_score_by_the_field_that_holds_them(
    server: FreesoundServer,
) -> None:
    found = results(server, query="dog bark", page_size=150, fields="id,score,tags")
    assert len(found) == 44
    scores = [sound["score"] for sound in found]
    assert scores == sorted(scores, reverse=True)
    assert {8.1, 8.06, 4.0} <= set(scores)
    assert (
        numbers(server, query="rain")
        != numbers(server, query="dog")
        == numbers(server, query="dog bark")
    )
    next(iter(server.sounds.values()))["description"] = "a dog in bark"
    assert not numbers(server, query="dog in bark"), "a stop word stands in no text field"
    assert len(numbers(server, query='"dog in bark"')) > 0, "but may in a phrase"
    assert len(numbers(server)) == 80
    assert len(numbers(server, query="rain dog")) == 8
    assert numbers(server, query="rain -dog") == numbers(server, query="rain") - numbers(
        server, query="dog"
    )


def test_one_word_in_tag_description_and_name(server: FreesoundServer) -> None:
    sound = next(iter(server.sounds.values()))
    sound.update(name="zap", tags=["zap"], description="a zap", pack_name="zap", username="zap")
    assert results(server, query="zap", fields="score") == [{"score": 4.08}]
    sound.update(tags=[], username="x")
    assert results(server, query="zap", fields="score") == [{"score": 3.04}]


def test_fields_come_in_freesounds_order_and_unknown_ones_are_dropped(
    server: FreesoundServer,
) -> None:
    [sound] = results(server, query="rain", page_size=1)
    assert list(sound) == ["id", "name", "tags", "license", "username"]
    [sound] = results(server, query="rain", page_size=1, fields="score,nonsense,id, name")
    assert list(sound) == ["id", "score"]
    [sound] = results(server, query="rain", page_size=1, fields="*")
    assert list(sound) == FIELDS


def test_a_page_holds_150_at_most(server: FreesoundServer) -> None:
    sound = next(iter(server.sounds.values()))
    server.sounds = {number: {**sound, "id": number} for number in range(160)}
    assert len(results(server, page_size=151)) == 150
    assert len(results(server, page_size=151, page=2)) == 10
    assert len(results(server)) == len(results(server, page_size="many", page="some")) == 15


def test_pages_end_in_404_unless_nothing_is_found(server: FreesoundServer) -> None:
    assert get(server, SEARCH, query="rain", page_size=44).json["next"] is None
    for wrong in ({"page": 2}, {"page": 0}, {"page_size": 0}, {"page_size": -1}):
        got = get(server, SEARCH, **{"query": "rain", "page_size": 44, **wrong})
        assert (got.status, got.json) == (404, {"detail": "Not found"})
    got = get(server, SEARCH, query="nowhere", page=7)
    assert got.status == 200
    assert {"count": 0, "next": None, "results": []}.items() <= got.json.items()


def test_next_has_no_token_and_a_bare_plus_and_the_real_sites_host(server: FreesoundServer) -> None:
    asked = {"token": server.key, "query": "+rain", "filter": "duration:[0.1 TO 5]", "page_size": 2}
    got = ask(f"{server.address}{SEARCH}?{urlencode(asked)}").json
    assert got["next"] == (
        "https://freesound.org/apiv2/search/"
        "?&query=+rain&filter=duration:[0.1%20TO%205]&weights=&page=2&page_size=2"
    )
    assert parse_qs(urlsplit(got["next"]).query)["query"] == [" rain"]
    assert got["previous"] is None
    assert "&page=1&" in get(server, SEARCH, **asked, page=2).json["previous"]


def test_a_result_may_be_null(server: FreesoundServer) -> None:
    server.fail("search", "null", 2)
    assert [sound is None for sound in results(server, query="rain")] == [True] + [False] * 14
    assert results(server, query="rain")[0] is None
    assert None not in results(server, query="rain")
    gone = results(server, query="rain", page=2)[3]["id"]
    server.fail("search", "null", of=gone)
    assert None not in results(server, query="rain")
    assert results(server, query="rain", page=2)[3] is None


def test_equal_scores_change_places_between_pages(server: FreesoundServer) -> None:
    def pages(shuffled: bool) -> list[tuple[float, int]]:
        found: list[tuple[float, int]] = []
        for page in (1, 2, 3):
            if shuffled:
                server.fail("search", "shuffle")
            one = results(server, query="rain", fields="id,score", page=page)
            found += [(sound["score"], sound["id"]) for sound in one]
        return found

    calm, still, moved = pages(False), pages(False), pages(True)
    assert calm == still != moved
    assert len(set(calm)) == 44, "nothing comes twice while the index rests"
    assert len(set(moved)) < 44, "one sound comes twice, another never"
    assert [score for score, _ in calm] == [score for score, _ in moved]
    assert pages(False) == pages(False) != calm, "at rest again, in another order"


@pytest.mark.parametrize("sort", ["duration", "created", "downloads", "rating"])
def test_it_sorts_both_ways(server: FreesoundServer, sort: str) -> None:
    key = {"downloads": "num_downloads", "rating": "avg_rating"}.get(sort, sort)

    def order(way: str) -> list[Any]:
        fields = f"{key},num_ratings"
        found = results(server, sort=f"{sort}_{way}", page_size=150, fields=fields)
        return [sound[key] for sound in found if sort != "rating" or sound["num_ratings"] > 2]

    assert order("desc") == sorted(order("asc"), reverse=True)
    assert order("asc") == sorted(order("asc")) != order("desc")
    assert results(server, query="rain", sort="nonsense") == results(server, query="rain")


def test_ratings_count_from_three_and_the_index_goes_to_ten(server: FreesoundServer) -> None:
    few, many = list(server.sounds)[:2]
    server.sounds[few].update(avg_rating=4.9, num_ratings=2)
    server.sounds[many].update(avg_rating=3.7, num_ratings=3)
    found = results(server, filter="avg_rating:[7 TO 7.5]", fields="id,avg_rating")
    assert {"id": many, "avg_rating": 3.7} in found
    assert few in numbers(server, filter="avg_rating:0")
    assert few not in numbers(server, filter="avg_rating:[0.1 TO *]")


# the filter


def expected(server: FreesoundServer, test: Any) -> set[int]:
    found = {number for number, sound in server.sounds.items() if test(sound)}
    assert 0 < len(found) < len(server.sounds)
    return found


@pytest.mark.parametrize(
    ("text", "test"),
    [
        ('license:"Attribution"', lambda s: "/by/" in s["license"]),
        (
            'license:("Attribution" OR "Creative Commons 0")',
            lambda s: "/by/" in s["license"] or "zero" in s["license"],
        ),
        ('-license:"Sampling+"', lambda s: "sampling" not in s["license"]),
        ('license:"Attribution NonCommercial"', lambda s: "by-nc" in s["license"]),
        ("is_explicit:false", lambda s: not s["is_explicit"]),
        ("duration:[0.31 TO 0.37]", lambda s: 0.31 <= s["duration"] <= 0.37),
        ("duration:{0.3 TO *]", lambda s: s["duration"] > 0.3),
        (
            "created:[2008-01-01T00:00:00Z TO 2015-06-01T12:00:00Z]",
            lambda s: "2008" <= s["created"] <= "2015-06-01T12",
        ),
        (
            'category:"Sound effects" subcategory:"Animals"',
            lambda s: s["subcategory"] == "Animals",
        ),
        ('category:("Music" OR "Speech")', lambda s: s["category"] in ("Music", "Speech")),
        ("tag:FIELD-recording -is_explicit:true", lambda s: "Field-Recording" in s["tags"]
         and not s["is_explicit"]),
        ("username:xserra", lambda s: s["username"] == "xserra"),
        ("pack:field", lambda s: s["pack"]),
        ("is_geotagged:true", lambda s: s["geotag"]),
        ("bitdepth:16", lambda s: s["bitdepth"] == 16),
        ('tag:rain OR username:"xserra"', lambda s: "rain" in s["tags"]
         or s["username"] == "xserra"),
        ("(tag:rain OR tag:dog) AND channels:2", lambda s: {"rain", "dog"} & {*s["tags"]}
         and s["channels"] == 2),
        ("channels:2 tag:rain OR tag:dog", lambda s: s["channels"] == 2),
        ("(-tag:rain)", lambda s: "rain" not in s["tags"]),
    ],
)  # fmt: skip
def test_filters(server: FreesoundServer, text: str, test: Any) -> None:
    assert numbers(server, filter=text) == expected(server, test)


def test_known_sounds_by_their_numbers(server: FreesoundServer) -> None:
    some = list(server.sounds)[5:9]
    assert numbers(server, filter=f"id:({' OR '.join(map(str, some))} OR 999999999)") == {*some}
    long = " OR ".join(str(number) for number in range(10**6, 10**6 + 600))
    assert get(server, SEARCH, filter=f"id:({long})").status == 400


@pytest.mark.parametrize("text", ["", "  "])
def test_a_blank_filter_is_refused(server: FreesoundServer, text: str) -> None:
    got = get(server, SEARCH, query="rain", filter=text)
    assert (got.status, got.json) == (400, {"detail": "Invalid filter."})


@pytest.mark.parametrize(
    "text",
    [
        *("nonsense:1", "loose", "duration:[1 TO", "(tag:a", "tag:a)", "duration:[a TO b]"),
        *("created:[2020 TO *]", 'tag:"open', "tag:", "duration:long", "()"),
    ],
)
def test_a_wrong_filter_is_refused_in_solrs_words(server: FreesoundServer, text: str) -> None:
    got = get(server, SEARCH, filter=text)
    assert got.status == 400
    assert got.json["detail"].startswith(
        "Search server error: Solr responded with an error (HTTP 400)"
    )


# the sounds


def test_the_corpus_is_the_same_every_time() -> None:
    made_anew = freesound_corpus._audio.__wrapped__
    assert made_anew(3, 0.3, 2) == made_anew(3, 0.3, 2)
    assert freesound_corpus.corpus("a", 3) == freesound_corpus.corpus("a", 3)


def test_the_corpus_has_what_freesound_has() -> None:
    sounds, files = made(TERMS, 40)
    assert set(sounds) == set(files)
    assert list(sounds) != sorted(sounds)
    for number, sound in sounds.items():
        assert [*sound, "score"] == FIELDS
        assert sound["id"] == number
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", sound["created"])
    licences = {sound["license"] for sound in sounds.values()}
    assert {urlsplit(licence).scheme for licence in licences} == {"http", "https"}
    assert {licence.rstrip("/").rsplit("/", 1)[1] for licence in licences} == {"1.0", "3.0", "4.0"}
    for name in ("bitdepth", "category", "subcategory", "pack", "geotag", "similar_sounds"):
        values = [sound[name] for sound in sounds.values()]
        assert None in values
        assert any(value is not None for value in values)
    names = {sound["name"] for sound in sounds.values()}
    assert any("/" in name for name in names)
    assert any("." not in name for name in names)
    assert not all(name.isascii() for name in names)
    assert len({sound["gen_ai_preference"] for sound in sounds.values()}) == 4
    assert {True, False} == {sound["is_explicit"] for sound in sounds.values()}


def test_the_corpus_can_be_heard_and_checked() -> None:
    sounds, files = made(TERMS, 40)
    assert len({ogg for ogg, _ in files.values()}) == len({wav for _, wav in files.values()}) == 80
    for number, (ogg, wav) in files.items():
        sound, heard = sounds[number], soundfile.info(io.BytesIO(ogg))
        assert heard.format == "OGG"
        assert heard.duration == pytest.approx(sound["duration"], abs=0.01)
        assert heard.channels == sound["channels"]
        assert hashlib.md5(wav).hexdigest() == sound["md5"]
        assert len(wav) == sound["filesize"]
        assert soundfile.info(io.BytesIO(wav)).duration == sound["duration"]


def test_one_sound(server: FreesoundServer) -> None:
    number = next(iter(server.sounds))
    got = get(server, f"/apiv2/sounds/{number}/").json
    assert list(got) == FIELDS[:-1]
    assert got == server.sounds[number]
    assert get(server, f"/apiv2/sounds/{number}/", fields="score,id,nonsense").json == {
        "id": number,
        "score": None,
    }
    del server.sounds[number]
    got = get(server, f"/apiv2/sounds/{number}/")
    assert (got.status, got.json) == (404, {"detail": "No Sound matches the given query."})
    assert number not in numbers(server)
