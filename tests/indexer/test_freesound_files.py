"""Previews and originals of Freesound, from servers that fail in all the known ways."""

from __future__ import annotations

import contextlib
import itertools
import logging
import socket
import threading
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from freesound_server import FreesoundServer, corpus
from small_disk import make_room, small_disk

from indexer.errors import DiskFull, FetchFailed, KeyRefused, LimitReached, SourceError
from indexer.sources.freesound.budget import Budget
from indexer.sources.freesound.files import Previews, fetch_original, file_name
from indexer.transfer import Pace

AT_ONCE = Pace((0, 0, 0))
PASSING = ["truncate", "500 html", "502 html", "hang up", "no range", "redirect"]


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


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def preview(sound: Mapping[str, Any], folder: Path) -> bytes:
    with Previews(pace=AT_ONCE) as previews:
        path = previews.fetch(sound, "hq", folder)
    assert path.parent == folder
    assert names(folder) == [path.name] == [file_name(sound, "ogg")]
    return path.read_bytes()


def no_preview(sound: Mapping[str, Any], folder: Path, why: str) -> FetchFailed:
    """And nothing has its name."""
    with Previews(pace=AT_ONCE) as previews, pytest.raises(FetchFailed, match=why) as failed:
        previews.fetch(sound, "hq", folder)
    assert all(name.endswith(".part") for name in names(folder))
    return failed.value


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


# Previews


def test_a_preview_comes_once(server: FreesoundServer, sound: Any, folder: Path) -> None:
    ogg = server.files[sound["id"]][0]
    assert preview(sound, folder) == ogg
    assert preview(sound, folder) == ogg
    assert len(server.seen) == 1


def test_two_qualities_are_two_files(sound: Any, folder: Path) -> None:
    with Previews() as previews:
        hq, lq = (previews.fetch(sound, quality, folder) for quality in ("hq", "lq"))
    assert names(folder) == sorted((hq.name, lq.name))


def test_the_preview_host_sees_no_credential(
    server: FreesoundServer, sound: Any, folder: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    netrc = tmp_path / "netrc"
    netrc.write_text("default login user password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    preview(sound, folder)
    [seen] = server.seen
    assert seen.host == "previews"
    assert seen.query == {}
    assert set(seen.headers) == {*("host", "accept", "accept-encoding", "connection", "user-agent")}
    assert seen.headers["user-agent"].startswith("sonorize")


@pytest.mark.parametrize("how", PASSING)
def test_troubles_pass(server: FreesoundServer, sound: Any, folder: Path, how: str) -> None:
    server.fail("preview", how)
    assert preview(sound, folder) == server.files[sound["id"]][0]
    assert len(server.seen) == (1 if how == "no range" else 2)


def test_what_came_is_not_asked_for_again(
    server: FreesoundServer, sound: Any, folder: Path
) -> None:
    server.fail("preview", "truncate", 2)
    ogg = server.files[sound["id"]][0]
    assert preview(sound, folder) == ogg
    assert [one.status for one in server.seen] == [200, 206, 206]
    assert sum(one.sent for one in server.seen) == len(ogg)


def test_without_ranges_it_begins_again(server: FreesoundServer, sound: Any, folder: Path) -> None:
    server.fail("preview", "truncate")
    server.fail("preview", "no range")
    ogg = server.files[sound["id"]][0]
    assert preview(sound, folder) == ogg
    assert sum(one.sent for one in server.seen) == len(ogg) // 2 + len(ogg)


def test_another_call_goes_on_and_another_file_begins_again(
    server: FreesoundServer, sound: Any, folder: Path
) -> None:
    server.fail("preview", "truncate")
    server.fail("preview", "500 html", 3)
    assert not no_preview(sound, folder, r"answered 500.*run the same again").permanent
    half = names(folder)
    assert len(half) == 2
    server.files[sound["id"]] = (b"OggS, but other bytes" * 50, b"")
    assert preview(sound, folder) == b"OggS, but other bytes" * 50


def test_a_trickle_has_an_end(server: FreesoundServer, sound: Any, folder: Path) -> None:
    looks = itertools.count(0, 61)
    pace = Pace(sleep=lambda _: None, clock=lambda: next(looks))
    server.fail("preview", "trickle", 9)
    with Previews(pace=pace) as previews, pytest.raises(FetchFailed, match="bytes a second"):
        previews.fetch(sound, "hq", folder)
    assert len(server.seen) == 4
    assert all(name.endswith(".part") for name in names(folder))


def test_a_slow_preview_has_its_name_when_it_is_whole(
    server: FreesoundServer, sound: Any, folder: Path
) -> None:
    server.fail("preview", "trickle")
    ogg, path = server.files[sound["id"]][0], folder / file_name(sound, "ogg")
    fetching = threading.Thread(target=preview, args=(sound, folder))
    fetching.start()
    seen = []
    while fetching.is_alive():
        seen += [path.read_bytes() if path.exists() else b""]
    assert seen[0] == b""
    assert set(seen) <= {b"", ogg}
    assert path.read_bytes() == ogg


def test_pages_and_other_bytes_are_no_previews(
    server: FreesoundServer, sound: Any, folder: Path
) -> None:
    server.fail("preview", "html 200")
    assert not no_preview(sound, folder, "page came instead of the sound.*login").permanent
    server.files[sound["id"]] = (b"MZ" * 5000, b"")
    no_preview(sound, folder, "not the sound")
    assert names(folder) == []
    assert len(server.seen) == 2


def test_what_is_gone_stays_gone(server: FreesoundServer, sound: Any, folder: Path) -> None:
    del server.files[sound["id"]]
    assert no_preview(sound, folder, "answered 404").permanent
    assert len(server.seen) == 1


STRANGE = [
    *("http://example.org/a.ogg", "ftp://127.0.0.1/a.ogg", "file:///etc/passwd", "//127.0.0.1/a"),
    *("", "javascript:1", "http://127.0.0.1@example.org/a", None, 7, ["https://127.0.0.1/a"]),
]


@pytest.mark.parametrize(
    "said", [None, {}, "https://127.0.0.1/a", *({"preview-hq-ogg": each} for each in STRANGE)]
)
def test_strange_addresses_are_not_asked(sound: Any, folder: Path, said: Any) -> None:
    assert no_preview({**sound, "previews": said}, folder, "not safe|names no preview").permanent


def test_without_a_network_one_sentence_ends_it(sound: Any, folder: Path) -> None:
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as taken:
        host = f"127.0.0.1:{taken.getsockname()[1]}"
    sound["previews"]["preview-hq-ogg"] = f"http://{host}/a.ogg"
    with Previews(pace=AT_ONCE) as previews, pytest.raises(SourceError) as failed:
        previews.fetch(sound, "hq", folder)
    assert not isinstance(failed.value, FetchFailed)
    assert str(failed.value).startswith(f"{host} cannot be reached (")


# What lies in the folder already


@pytest.mark.parametrize("end", ["", ".part", ".version.part"])
def test_nothing_is_written_behind_a_link(
    server: FreesoundServer, sound: Any, folder: Path, tmp_path: Path, end: str
) -> None:
    outside = tmp_path / "outside.txt"
    outside.write_text("mine")
    folder.mkdir()
    path = folder / file_name(sound, "ogg")
    path.with_name(f"{path.name}{end}").symlink_to(outside)
    assert preview(sound, folder) == server.files[sound["id"]][0]
    assert outside.read_text() == "mine"
    assert not path.is_symlink()


def test_a_folder_in_its_place_stays(server: FreesoundServer, sound: Any, folder: Path) -> None:
    path = folder / file_name(sound, "ogg")
    path.mkdir(parents=True)
    with Previews(pace=AT_ONCE) as previews, pytest.raises(FetchFailed, match="in its place"):
        previews.fetch(sound, "hq", folder)
    assert path.is_dir()


def test_a_full_disk_ends_it_and_room_lets_it_go_on(
    server: FreesoundServer, sound: Any, tmp_path: Path
) -> None:
    ogg = b"OggS" + bytes(200_000)
    server.files[sound["id"]] = (ogg, b"")
    with small_disk(tmp_path / "disk") as disk:
        with Previews(pace=AT_ONCE) as previews, pytest.raises(DiskFull, match="make room"):
            previews.fetch(sound, "hq", disk)
        assert all(name.endswith(".part") for name in names(disk))
        make_room(disk)
        assert preview(sound, disk) == ogg
    assert [one.status for one in server.seen] == [200, 206]


# Originals


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
