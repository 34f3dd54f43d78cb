"""Originals take the place of previews, in the library and in a copy of a session."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from freesound_server import FreesoundServer, corpus
from libraries import Done, freesound, run

from indexer import settings
from indexer.audio.reaper import source_type
from indexer.sources.freesound.login import Access, Invitation, challenge


@pytest.fixture(scope="module")
def made() -> Any:
    return corpus(["rain"], each=12)


@pytest.fixture
def server(made: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[FreesoundServer]:
    with freesound(made, monkeypatch) as server:
        yield server


@pytest.fixture
def library(server: FreesoundServer, tmp_path: Path) -> Path:
    library = tmp_path / "library"
    done = run(
        "build-index", "--library", library, "--encoder", "toy", "freesound:rain",
        "--per-term", 4,
    )  # fmt: skip
    assert done.code == 0, done.err
    return library


def log_in(server: FreesoundServer) -> None:
    access = Access(server.address, server.key, settings.load().config)
    invitation = Invitation(server.address, server.client_id)
    access.log_in(invitation, server.code(challenge(invitation.verifier)))


def originals(library: Path, *arguments: object) -> Done:
    return run("freesound", "originals", "--library", library, *arguments)


def hits(library: Path) -> dict[int, Any]:
    """Freesound's id → hit."""
    done = run("query-by-text", "rain", "--library", library, "--format", "json", "--all-takes")
    found = map(json.loads, done.out.splitlines())
    return {int(hit["url"].split("/")[-2]): hit for hit in found}


def test_an_original_takes_the_place_of_its_preview(server: FreesoundServer, library: Path) -> None:
    log_in(server)
    before = hits(library)
    key = next(iter(before))
    done = originals(library, "--ids", key)
    assert (done.code, done.out) == (0, "1 original fetched.\n"), done.err
    after = hits(library)
    assert after.keys() == before.keys()
    assert after[key]["id"] == before[key]["id"]
    assert (before[key]["preview"], after[key]["preview"]) == (True, False)
    path = Path(after[key]["path"])
    assert hashlib.md5(path.read_bytes()).hexdigest() == server.sounds[key]["md5"]
    assert Path(before[key]["path"]).exists()  # a session may use it
    assert sum(hit["preview"] for hit in after.values()) == 3


def test_one_that_is_here_is_not_fetched_again(server: FreesoundServer, library: Path) -> None:
    log_in(server)
    key = next(iter(hits(library)))
    originals(library, "--ids", key)
    count = server.count("site")
    assert originals(library, "--ids", key).out == "0 originals fetched.\n"
    assert server.count("site") == count


def test_a_build_after_that_changes_nothing(server: FreesoundServer, library: Path) -> None:
    log_in(server)
    key = next(iter(hits(library)))
    originals(library, "--ids", key)
    done = run(
        "build-index", "--library", library, "freesound:rain", "--per-term", 4, "--format", "json"
    )
    report = json.loads(done.out)
    assert (report["added"], report["skipped"], report["sounds"]) == (0, 4, 4)


def test_an_original_whose_link_was_lost_is_linked_by_the_next_build(
    server: FreesoundServer, library: Path
) -> None:
    before = hits(library)
    key = next(iter(before))
    folder = library / "sounds/freesound/originals"
    folder.mkdir()
    (folder / f"{key}__user__rain.wav").write_bytes(server.files[key][1])
    run("build-index", "--library", library, "freesound:rain", "--per-term", 4)
    after = hits(library)
    assert after[key]["id"] == before[key]["id"]
    assert not after[key]["preview"]
    assert len(after) == 4


def test_the_same_again_links_an_original_whose_link_was_lost(
    server: FreesoundServer, library: Path
) -> None:
    key = next(iter(hits(library)))
    folder = library / "sounds/freesound/originals"
    folder.mkdir()
    (folder / f"{key}__user__rain.wav").write_bytes(server.files[key][1])
    assert originals(library, "--ids", key).code == 0
    assert not hits(library)[key]["preview"]


def test_a_token_that_freesound_ended_early_is_renewed(
    server: FreesoundServer, library: Path
) -> None:
    log_in(server)
    server.fail("download", "401")
    key = next(iter(hits(library)))
    assert originals(library, "--ids", key).code == 0
    assert not hits(library)[key]["preview"]
    server.fail("download", "401", 9)
    other = next(one for one in hits(library) if one != key)
    done = originals(library, "--ids", other)
    assert (done.code, "sonorize freesound login" in done.err) == (1, True)


def test_what_came_before_the_days_limit_is_used(server: FreesoundServer, library: Path) -> None:
    log_in(server)
    first, second, *_ = hits(library)
    server.fail("download", "429 day", 9, of=second)
    done = originals(library, "--ids", f"{first},{second}")
    assert (done.code, "no more requests" in done.err) == (1, True)
    after = hits(library)
    assert (after[first]["preview"], after[second]["preview"]) == (False, True)


def test_a_session_gets_a_copy_that_uses_the_originals(
    server: FreesoundServer, library: Path, tmp_path: Path
) -> None:
    log_in(server)
    found = hits(library)
    used = [hit["path"] for hit in found.values()][:2]
    session = tmp_path / "film.rpp"
    session.write_text(f'<SOURCE VORBIS\n FILE "{used[0]}"\n>\nFILE "{used[1]}" é\n', "utf-8")
    before = session.read_bytes()
    done = originals(library, "--project", session)
    assert done.code == 0, done.err
    assert session.read_bytes() == before
    copy = (tmp_path / "film (originals).rpp").read_text("utf-8")
    now = [hits(library)[key]["path"] for key in list(found)[:2]]
    assert all(path in copy for path in now)
    assert "previews" not in copy
    assert copy.startswith(f"<SOURCE {source_type(Path(now[0]).suffix)}\n")
    assert copy.endswith(" é\n")


def test_a_copy_that_exists_is_not_written_over(
    server: FreesoundServer, library: Path, tmp_path: Path
) -> None:
    log_in(server)
    session = tmp_path / "film.rpp"
    session.write_text(next(iter(hits(library).values()))["path"])
    (tmp_path / "film (originals).rpp").write_text("mine")
    count = server.count("site")
    done = originals(library, "--project", session)
    assert done.code == 1
    assert "move it away" in done.err
    assert server.count("site") == count
    assert (tmp_path / "film (originals).rpp").read_text() == "mine"


def test_a_dry_run_fetches_nothing_and_takes_no_login(
    server: FreesoundServer, library: Path
) -> None:
    count = server.count("site")
    done = originals(library, "--ids", next(iter(hits(library))), "--dry-run")
    assert done.code == 0
    assert "1 sound, 1 original to fetch, 1 MB." in done.err
    assert server.count("site") == count


def test_without_a_login_it_says_what_to_run(server: FreesoundServer, library: Path) -> None:
    done = originals(library, "--ids", next(iter(hits(library))))
    assert done.code == 1
    assert "sonorize freesound login" in done.err


@pytest.mark.parametrize("said", ["12x", "https://example.org/9/", "1;2"])
def test_what_is_no_id_is_refused(library: Path, said: str) -> None:
    done = originals(library, "--ids", said)
    assert done.code == 1
    assert "is no id of a Freesound sound" in done.err


def test_a_sound_of_another_library_is_refused(library: Path) -> None:
    done = originals(library, "--ids", 999_999_999)
    assert done.code == 1
    assert "999999999: no sound of this library" in done.err


def test_what_fails_leaves_the_preview_in_use(server: FreesoundServer, library: Path) -> None:
    log_in(server)
    before = hits(library)
    first, second = list(before)[:2]
    server.sounds[first]["md5"] = "0" * 32  # Freesound says so only from the next answer on
    with_other = {**server.files}
    with_other[second] = (server.files[second][0], b"no sound" * 9)
    server.files = with_other
    done = originals(library, "--ids", f"{first},{second}")
    assert done.code == 3
    assert f"failed: https://freesound.org/s/{second}/" in done.err
    assert hits(library)[second]["preview"]
    shutil.rmtree(library / "sounds/freesound/originals")
