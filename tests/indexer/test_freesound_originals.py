"""Originals of Freesound, from servers that fail in all the known ways."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from freesound_fetched import AT_ONCE, PASSING, names
from freesound_server import FreesoundServer, corpus

from indexer.errors import FetchFailed, KeyRefused, LimitReached, SourceError
from indexer.sources.freesound.budget import Budget
from indexer.sources.freesound.files import fetch_original, file_name


@pytest.fixture
def server() -> Iterator[FreesoundServer]:
    with FreesoundServer(*corpus(["rain"], each=3)) as one:
        yield one


@pytest.fixture
def sound(server: FreesoundServer) -> dict[str, Any]:
    return next(iter(server.sounds.values()))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "sounds"


class Day:
    """A clock that sleeping moves on, and the requests that were counted by it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.now = folder, 1e9
        self.budget = Budget(folder, "key", clock=lambda: self.now, sleep=self.sleep)

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def requests(self) -> int:
        [log] = self.folder.glob("*.log")
        return len(log.read_text().split())


@pytest.fixture
def day(tmp_path: Path) -> Day:
    return Day(tmp_path / "state")


class Originals:
    def __init__(self, server: FreesoundServer, folder: Path, day: Day) -> None:
        self.server, self.folder, self.day = server, folder, day
        self.token = server.grant()["access_token"]

    def fetch(self, sound: Mapping[str, Any]) -> bytes:
        place = self.folder, self.token, self.server.address, self.day.budget
        path = fetch_original(sound, *place, pace=AT_ONCE)
        assert names(self.folder) == [path.name] == [file_name(sound, "wav")]
        return path.read_bytes()


@pytest.fixture
def originals(server: FreesoundServer, folder: Path, day: Day) -> Originals:
    return Originals(server, folder, day)


def test_an_original_comes_once_unless_it_was_changed(
    server: FreesoundServer, sound: Any, originals: Originals, day: Day
) -> None:
    wav = server.files[sound["id"]][1]
    assert originals.fetch(sound) == wav
    assert originals.fetch(sound) == wav
    [seen] = server.seen
    assert seen.headers["authorization"] == f"Bearer {originals.token}"
    assert seen.query == {}
    assert day.requests() == 1
    [path] = originals.folder.iterdir()
    path.write_bytes(wav[:-1] + b"x")
    assert originals.fetch(sound) == wav


@pytest.mark.parametrize("how", PASSING)
def test_troubles_of_originals_pass(
    server: FreesoundServer, sound: Any, originals: Originals, how: str
) -> None:
    server.fail("download", how)
    wav = originals.fetch(sound)
    assert wav == server.files[sound["id"]][1]
    assert originals.day.requests() == server.count("site")
    assert sum(one.sent for one in server.seen if one.status in (200, 206)) == len(wav)


def test_where_it_is_redirected_to_the_token_does_not_go(
    server: FreesoundServer, sound: Any, originals: Originals, day: Day
) -> None:
    server.fail("download", "redirect")
    originals.fetch(sound)
    assert [one.host for one in server.seen] == ["site", "previews"]
    assert originals.token not in str(server.seen[1])
    assert day.requests() == 1


def test_elsewhere_a_401_says_nothing_of_the_login(
    server: FreesoundServer, sound: Any, originals: Originals
) -> None:
    server.fail("download", "redirect")
    server.fail("download", "401")
    with pytest.raises(FetchFailed, match="answered 401"):
        originals.fetch(sound)


def test_the_name_that_a_server_gives_is_not_taken(
    server: FreesoundServer, sound: Any, originals: Originals, tmp_path: Path
) -> None:
    server.sounds[sound["id"]] = {**sound, "type": "/../../evil"}
    originals.fetch(sound)
    assert not list(tmp_path.rglob("*evil*"))


@pytest.mark.parametrize(
    ("said", "why"), [({"md5": "0" * 32}, "not the sound"), ({"filesize": 9}, "offers .* not 9")]
)
def test_another_file_than_was_said_is_not_kept(
    sound: Any, originals: Originals, folder: Path, said: dict[str, Any], why: str
) -> None:
    with pytest.raises(FetchFailed, match=why) as failed:
        originals.fetch(sound | said)
    assert names(folder) == []
    assert not failed.value.permanent


@pytest.mark.parametrize(
    "said", [{"type": "exe"}, {"type": "../wav"}, {"type": None}, {"md5": None}, {"filesize": ""}]
)
def test_what_cannot_be_checked_is_not_asked_for(
    server: FreesoundServer, sound: Any, originals: Originals, said: dict[str, Any]
) -> None:
    with pytest.raises(FetchFailed, match="left out") as failed:
        originals.fetch(sound | said)
    assert failed.value.permanent
    assert server.seen == []


def test_an_old_token_is_said(server: FreesoundServer, sound: Any, originals: Originals) -> None:
    originals.token = "old"
    with pytest.raises(KeyRefused, match=r"\(The access token is invalid\): run `sonorize free"):
        originals.fetch(sound)
    assert len(server.seen) == 1


def test_refusals_are_told_apart(
    server: FreesoundServer, sound: Any, originals: Originals, day: Day, folder: Path
) -> None:
    server.fail("download", "429 suspended")
    with pytest.raises(KeyRefused, match="suspended"):
        originals.fetch(sound)
    server.fail("download", "html 200")
    with pytest.raises(FetchFailed, match="page came instead"):
        originals.fetch(sound)
    server.fail("download", "429 minute")
    begun = day.now
    assert originals.fetch(sound)
    assert day.now - begun > 60
    server.fail("download", "429 day")
    with pytest.raises(LimitReached) as limit:
        originals.fetch({**sound, "md5": "0" * 32})
    assert limit.value.until > datetime.fromtimestamp(day.now + 86_000, UTC)
    assert names(folder) == [file_name(sound, "wav")]


def test_the_token_is_in_no_log_and_no_error(
    server: FreesoundServer, sound: Any, originals: Originals, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server.fail("download", "hang up", 9)
    with pytest.raises(FetchFailed) as failed:
        originals.fetch(sound)
    error: BaseException | None = failed.value
    while error is not None:
        assert originals.token not in str(vars(error)) + str(error)
        assert not hasattr(error, "_request")
        error = error.__cause__ or error.__context__
    assert originals.token not in caplog.text


def test_a_token_is_not_sent_where_it_can_be_read(
    server: FreesoundServer, sound: Any, originals: Originals, day: Day
) -> None:
    with pytest.raises(SourceError, match="has to begin with https"):
        fetch_original(sound, originals.folder, "t", "http://example.org", day.budget)
    assert not day.folder.exists()
