"""Previews of Freesound, from servers that fail in all the known ways."""

from __future__ import annotations

import contextlib
import itertools
import socket
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from freesound_fetched import AT_ONCE, PASSING, names
from freesound_server import FreesoundServer, corpus
from small_disk import make_room, small_disk

from indexer.errors import DiskFull, FetchFailed, SourceError
from indexer.sources.freesound.files import Previews, file_name
from indexer.transfer import Pace


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
