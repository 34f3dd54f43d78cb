"""Freesound's search against a server that refuses, stumbles and misleads as Freesound does."""

from __future__ import annotations

import logging
import random
import traceback
from collections.abc import Callable, Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest
from freesound_server import FreesoundServer, corpus

from indexer.errors import KeyRefused, LimitReached, SourceError
from indexer.sources.freesound import sounds, web
from indexer.sources.freesound.budget import Budget
from indexer.sources.freesound.client import Client, Page

pytestmark = pytest.mark.slow

SOUNDS = cache(lambda: corpus(["rain"], each=7))
FREE_PORT = "http://127.0.0.1:9"  # the discard service: nobody listens


class Time:
    """now: s since 1970; sleeping moves it on."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0
        self.slept: list[float] = []

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def server(time: Time) -> Iterator[FreesoundServer]:
    with FreesoundServer(*SOUNDS(), clock=time.clock) as running:
        yield running


Open = Callable[..., Client]


@pytest.fixture
def opened(server: FreesoundServer, tmp_path: Path, time: Time) -> Iterator[Open]:
    """Clients of the server, closed in the end."""
    clients = []

    def make(key: str = server.key, address: str = server.address) -> Client:
        budget = Budget(tmp_path, key, clock=time.clock, sleep=time.sleep)
        clients.append(Client(address, key, budget))
        return clients[-1]

    yield make
    for client in clients:
        with client:
            pass


def everything(client: Client, size: int) -> list[Page]:
    pages = []
    while not pages or not pages[-1].last:
        page = client.search("rain", page=len(pages) + 1, page_size=size)
        assert page is not None
        pages.append(page)
    return pages


# What is found


@pytest.mark.parametrize(("size", "asked"), [(3, 3), (7, 1), (150, 1), (1_000, 1)])
def test_pages_come_until_the_last_and_no_request_more(
    server: FreesoundServer, opened: Open, size: int, asked: int
) -> None:
    pages = everything(opened(), size)
    ids = [sound["id"] for page in pages for sound in page.results if sound]
    assert len(pages) == asked == len(server.seen)
    assert sorted(ids) == sorted(server.sounds)
    assert {page.count for page in pages} == {7}


def test_every_field_comes_with_it(server: FreesoundServer, opened: Open) -> None:
    page = opened().search("rain")
    assert page
    assert page.results[0]
    assert sorted(page.results[0]) == sorted(sounds.FIELDS.split(","))


def test_a_page_holds_what_the_server_gives_and_no_more(
    server: FreesoundServer, opened: Open
) -> None:
    [first, *_] = server.sounds.values()
    for number in range(1_000_000, 1_000_160):
        server.sounds[number] = first | {"id": number}
    pages = everything(opened(), 1_000)
    assert [len(page.results) for page in pages] == [150, pages[0].count - 150]


def test_a_page_past_the_end_is_none(opened: Open) -> None:
    assert opened().search("rain", page=9) is None


def test_nothing_found_is_an_empty_last_page(opened: Open) -> None:
    assert opened().search("zeppelin") == Page(0, [], True)


def test_a_sound_that_is_gone_is_none_among_the_results(
    server: FreesoundServer, opened: Open
) -> None:
    server.fail("search", "null")
    page = opened().search("rain")
    assert page
    assert page.results.count(None) == 1
    assert len(page.results) == 7


@pytest.mark.parametrize("number", [None, "7", True, -7, 0, 10**30, [7], float("nan")])
def test_a_result_without_a_number_is_none(
    server: FreesoundServer, opened: Open, number: object
) -> None:
    key = opened().search("rain").results[0]["id"]
    server.sounds[key]["id"] = number
    results = opened().search("rain").results
    assert (results[0], len([one for one in results if one])) == (None, 6)


@pytest.mark.parametrize(
    ("field", "wrong"),
    [("tags", 7), ("tags", [None]), ("description", ["x"]), ("license", {}), ("name", 7),
     ("num_downloads", []), ("duration", "long"), ("avg_rating", True), ("filesize", 1e999)],
)  # fmt: skip
def test_a_field_of_another_type_is_left_out(
    server: FreesoundServer, opened: Open, field: str, wrong: object
) -> None:
    key = opened().search("rain").results[0]["id"]
    server.sounds[key][field] = wrong
    page = opened().search("", filter=f"id:{key}")
    assert page.results[0]["id"] == key
    assert field not in page.results[0]


def test_signs_that_no_database_writes_are_replaced() -> None:
    said = sounds.kept({"id": 7, "name": "a\0\ud800b", "tags": ["\udfff"]})
    assert said == {"id": 7, "name": "a ?b", "tags": ["?"]}


def test_pages_that_hold_nothing_have_an_end(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    said = {"count": 10**6, "next": "more", "results": []}
    monkeypatch.setattr(web, "ask", lambda *_, **__: web.Answer(200, said))
    assert opened().search("rain").last


def test_a_first_page_that_is_not_there_is_an_error(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web, "ask", lambda *_, **__: web.Answer(404, {"detail": "Not found"}))
    with pytest.raises(SourceError, match="did not answer the search"):
        opened().search("rain")


def test_what_is_asked_is_what_was_meant(server: FreesoundServer, opened: Open) -> None:
    opened().search(
        "+rain 50%25 tönt", filter="duration:[0 TO 9]", sort="rating_desc", page_size=2, fields="id"
    )
    [seen] = server.seen
    assert seen.path == "/apiv2/search/"
    assert seen.query == {
        "query": "+rain 50%2525 tönt", "filter": "duration:[0 TO 9]", "sort": "rating_desc",
        "page": "1", "page_size": "2", "fields": "id",
    }  # fmt: skip
    assert seen.headers["user-agent"].startswith("sonorize")
    assert seen.headers["accept"] == "application/json"


# Troubles


@pytest.mark.parametrize("how", ["500", "500 html", "502 html", "400 down", "hang up", "truncate",
                                 "html 200"])  # fmt: skip
def test_what_passes_is_waited_for(
    server: FreesoundServer, opened: Open, time: Time, how: str
) -> None:
    server.fail("search", how, 3)
    random.seed(4)
    page = opened().search("rain")
    assert page
    assert page.count == 7
    assert len(server.seen) == 4
    waits = [wait for wait in time.slept if wait >= 1]
    assert [1 <= waits[0] <= 1.5, 5 <= waits[1] <= 7.5, 15 <= waits[2] <= 22.5] == [True] * 3


@pytest.mark.parametrize("how", ["500", "502 html", "400 down", "hang up", "html 200"])
def test_what_does_not_pass_ends_in_a_sentence(
    server: FreesoundServer, opened: Open, how: str
) -> None:
    server.fail("search", how, 10)
    with pytest.raises(SourceError, match="later"):
        opened().search("rain")
    assert len(server.seen) == 4


def test_slow_answers_are_taken(server: FreesoundServer, opened: Open) -> None:
    server.fail("search", "trickle")
    assert len(everything(opened(), 150)) == 1


def test_an_answer_without_an_end_is_not_waited_for(
    server: FreesoundServer, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web, "WHOLE", 0.05)
    server.fail("search", "trickle", 4)
    with pytest.raises(SourceError, match="was not whole"):
        opened().search("rain")


def test_silence_is_not_waited_for(
    server: FreesoundServer, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web, "SECONDS", 0.05)
    server.delay = 0.2
    with pytest.raises(SourceError, match="no answer within"):
        opened().search("rain")


def test_without_a_network_it_says_so(opened: Open, time: Time) -> None:
    with pytest.raises(SourceError, match=r"no connection.*online"):
        opened(address=FREE_PORT).search("rain")
    assert [wait for wait in time.slept if wait >= 1.5] == []


def test_a_wrong_question_is_not_asked_again(server: FreesoundServer, opened: Open) -> None:
    server.fail("search", "400 syntax")
    with pytest.raises(SourceError, match=r"'rain \('.*Cannot parse"):
        opened().search("rain (")
    assert len(server.seen) == 1


def test_a_redirect_is_not_followed(server: FreesoundServer, opened: Open) -> None:
    server.fail("search", "redirect")
    with pytest.raises(SourceError, match="elsewhere"):
        opened().search("rain")
    assert [seen.host for seen in server.seen] == ["site"]


# The key


@pytest.mark.parametrize("how", ["401", "429 suspended"])
def test_a_key_that_is_not_taken_is_said_at_once(
    server: FreesoundServer, opened: Open, how: str
) -> None:
    server.fail("search", how)
    with pytest.raises(KeyRefused, match="suspended" if "429" in how else "Invalid token.*login"):
        opened().search("rain")
    assert len(server.seen) == 1


@pytest.mark.parametrize(
    "address",
    ["http://freesound.org", "ftp://127.0.0.1", "https://user:word@freesound.org", "freesound.org",
     "http://127.0.0.1@freesound.org", "http://127.0.0.1.freesound.org", "https://[::1", "https://",
     ""],
)  # fmt: skip
def test_the_key_goes_nowhere_where_it_could_be_read(opened: Open, address: str) -> None:
    with pytest.raises(SourceError, match="https://") as refused:
        opened(address=address)
    assert "word" not in str(refused.value)


@pytest.mark.parametrize(
    "address", ["https://freesound.org/", "http://[::1]:80", "http://localhost"]
)
def test_these_addresses_are_good(opened: Open, address: str) -> None:
    opened(address=address)


@pytest.mark.parametrize("key", ["", "k" * 39, "k" * 39 + "\n\x00", "k" * 39 + "é"])
def test_what_is_no_key_is_not_sent(opened: Open, key: str) -> None:
    with pytest.raises(KeyRefused):
        opened(key=key)


TROUBLES = ["429 suspended", "429 day", "401", "500", "400 syntax", "502 html", "hang up",
            "truncate", "redirect", "html 200", "trickle"]  # fmt: skip


@pytest.mark.parametrize("how", [*TROUBLES, "away"])
def test_the_key_is_in_no_log_no_error_and_no_address(
    server: FreesoundServer,
    opened: Open,
    caplog: pytest.LogCaptureFixture,
    tmp_path: Path,
    how: str,
) -> None:
    caplog.set_level(logging.DEBUG)
    key = server.key
    client = opened(address=FREE_PORT) if how == "away" else opened()
    if how != "away":
        server.fail("search", how, 5)
    told, chained = [repr(client), str(client)], [None]
    try:
        client.search(f"rain {key[:5]}")
    except SourceError as error:
        told += [*traceback.format_exception(error), repr(error), str(error)]
        chained += [error.__cause__, error.__context__]
    assert {type(error).__module__ for error in chained} <= {"builtins", "indexer.errors"}
    told += [str((record.msg, record.args)) + record.getMessage() for record in caplog.records]
    assert {"httpx2", "httpcore2"} & {record.name.split(".")[0] for record in caplog.records}
    told += [path.name + path.read_text() for path in tmp_path.iterdir()]
    assert not [text for text in told if key in text]
    assert not [seen for seen in server.seen if key in str(seen.query) + seen.path]
    for seen in server.seen:
        assert seen.host == "site"
        assert [name for name, value in seen.headers.items() if key in value] == ["authorization"]


def test_an_answer_that_echoes_the_key_does_not_show_it(server: FreesoundServer) -> None:
    echo = {"detail": f"Solr\x1b[1m\r\n knows no {server.key}"}
    assert web.Answer(400, echo).said(server.key) == "Solr [1m knows no …"
    assert web.Answer(400, {"detail": {"x": [server.key]}}).said(server.key) == '{"x": ["…"]}'


# Limits


def test_a_full_minute_is_waited_for_once(
    server: FreesoundServer, opened: Open, time: Time
) -> None:
    server.per_minute = 5
    client = opened()
    start = time.now
    for _ in range(15):
        client.search("rain", page_size=1)
    refused = [seen for seen in server.seen if seen.status == 429]
    assert len(refused) == 1
    assert len(server.seen) == 16
    assert 120 < time.now - start < 200


def test_a_usual_key_is_never_refused(server: FreesoundServer, opened: Open, time: Time) -> None:
    server.per_minute = 60
    client = opened()
    for _ in range(130):
        client.search("rain", page_size=1, fields="id")
    assert {seen.status for seen in server.seen} == {200}
    assert server.most_at_once["site"] == 1
    times = [seen.at for seen in server.seen]
    assert min(later - first for first, later in pairwise(times)) > 0.99


def test_a_full_day_ends_politely_and_is_remembered(
    server: FreesoundServer, opened: Open, time: Time
) -> None:
    server.per_day = 3
    client = opened()
    for _ in range(3):
        client.search("rain")
    with pytest.raises(LimitReached) as reached:
        client.search("rain")
    asked = len(server.seen)
    with pytest.raises(LimitReached):
        opened().search("rain")
    assert len(server.seen) == asked == 4
    time.now = reached.value.until.timestamp()
    assert opened().search("rain")


def test_one_who_is_always_refused_gives_up(server: FreesoundServer, opened: Open) -> None:
    server.fail("search", "429 minute", 100)
    with pytest.raises(SourceError, match="60/minute"):
        opened().search("rain")
    assert len(server.seen) == 10
