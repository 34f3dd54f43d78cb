"""A library of Freesound's sounds, from terms to hits; the service is the server for tests."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from freesound_server import FreesoundServer, corpus
from libraries import Done, contents, freesound, run, tone
from scipy.stats import kendalltau
from sqlalchemy import update

from indexer.catalog.models import Embedding
from indexer.catalog.session import writing
from indexer.encoders.toy import ToyEncoder
from indexer.library import Library
from query.evaluation.freesound import compare
from query.search import Searcher

NAMED = ("--encoder", "toy")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def made() -> Any:
    return corpus(["rain", "dog bark"], each=30)


@pytest.fixture
def server(made: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[FreesoundServer]:
    with freesound(made, monkeypatch) as server:
        yield server


@pytest.fixture
def library(tmp_path: Path) -> Path:
    return tmp_path / "library"


def build(library: Path, *arguments: object) -> Done:
    return run("build-index", "--library", library, *NAMED, "--format", "json", *arguments)


def previews(library: Path) -> list[str]:
    return sorted(path.name for path in (library / "sounds/freesound/previews").iterdir())


def test_a_term_becomes_sounds_that_are_found_with_their_licence(
    server: FreesoundServer, library: Path
) -> None:
    done = build(library, "freesound:rain", "--per-term", 5)
    assert (done.code, json.loads(done.out)["sounds"]) == (0, 5), done.err
    hits = run("query-by-text", "rain", "--library", library, "--format", "json").out
    for hit in map(json.loads, hits.splitlines()):
        said = server.sounds[int(hit["url"].split("/")[-2])]
        assert (hit["author"], hit["source"], hit["preview"]) == (
            said["username"], "freesound", True,
        )  # fmt: skip
        assert hit["license"].startswith(("CC0", "CC-BY-"))
        assert "NC" not in hit["license"]


def test_the_key_goes_to_the_site_alone_and_previews_come_two_at_a_time(
    server: FreesoundServer, library: Path
) -> None:
    build(library, "freesound:rain", "--per-term", 12)
    assert server.count("previews") == 12
    assert server.most_at_once["previews"] <= 2
    assert server.most_at_once["site"] == 1
    for seen in server.seen:
        assert ("authorization" in seen.headers) == (seen.host == "site")
        assert server.key not in json.dumps(seen.query) + seen.path


def test_the_same_again_asks_nothing_and_more_asks_for_what_is_lacking(
    server: FreesoundServer, library: Path
) -> None:
    build(library, "freesound:rain", "--per-term", 5)
    assert (server.count("site"), server.count("previews")) == (1, 5)
    assert json.loads(build(library, "freesound:rain", "--per-term", 5).out)["added"] == 0
    assert (server.count("site"), server.count("previews")) == (1, 5)
    build(library, "freesound:rain", "--per-term", 8)
    assert (server.count("site"), server.count("previews")) == (1, 8)


def test_what_is_complete_needs_no_key(
    server: FreesoundServer, library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build(library, "freesound:rain", "--per-term", 5)
    monkeypatch.delenv("SONORIZE_FREESOUND_KEY")
    assert build(library, "freesound:rain", "--per-term", 5).code == 0


def test_terms_in_a_file_have_filters_and_counts_of_their_own(
    server: FreesoundServer, library: Path, tmp_path: Path
) -> None:
    (tmp_path / "terms.txt").write_text("rain | | 3\ndog bark | type:wav | 4\n")
    done = build(library, f"freesound:@{tmp_path / 'terms.txt'}")
    assert json.loads(done.out)["sounds"] == 7, done.err
    filters = [seen.query["filter"] for seen in server.seen if seen.host == "site"]
    assert filters == ["is_explicit:false", "type:wav is_explicit:false"]


def test_what_the_licences_leave_out_is_said(server: FreesoundServer, library: Path) -> None:
    done = build(library, "freesound:rain", "--per-term", 10)
    assert "left out: " in done.err
    assert "CC-BY-NC-" in done.err
    done = build(library, "freesound:rain", "--license", "by-nc", "--per-term", 2)
    assert json.loads(done.out)["added"] == 2
    assert server.count("site") == 1  # the answer holds them already


def test_a_dry_run_says_what_would_come_and_leaves_nothing(
    server: FreesoundServer, library: Path
) -> None:
    done = build(library, "freesound:rain", "--per-term", 5, "--dry-run")
    assert done.code == 0
    assert "5 sounds (" in done.err
    assert "1 request made" in done.err
    assert "5 previews to fetch, about 1 MB" in done.err
    assert "no sound files" not in done.err
    assert server.count("previews") == 0
    assert not library.exists()


def test_a_term_that_finds_little_is_told(server: FreesoundServer, library: Path) -> None:
    done = build(library, "freesound:nothing at all")
    assert done.code == 0
    assert "'nothing at all': no more than 0 sounds" in done.err


def test_a_sound_that_cannot_be_had_costs_nothing_else(
    server: FreesoundServer, library: Path
) -> None:
    key = next(k for k, said in server.sounds.items() if "rain" in said["tags"])
    server.fail("preview", "html 200", 99, of=key)
    done = build(library, "freesound:rain", "--per-term", 60, "--license", "cc0,by,by-nc,sampling+")
    assert done.code == 3
    report = json.loads(done.out)
    assert report["failed"] == 1
    assert report["added"] == report["sounds"] > 20
    assert f"https://freesound.org/s/{key}/" in done.err


def test_the_days_limit_ends_politely_and_the_rest_comes_later(
    server: FreesoundServer, library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "terms.txt").write_text("rain\ndog bark\n")
    terms = (f"freesound:@{tmp_path / 'terms.txt'}", "--per-term", 4)
    server.per_day = 1
    done = build(library, *terms)
    assert done.code == 3
    assert json.loads(done.out)["sounds"] == 4
    assert "run the same again after 20" in done.err
    server.per_day = None
    monkeypatch.setenv("SONORIZE_STATE", str(tmp_path / "tomorrow"))
    done = build(library, *terms)
    assert (done.code, json.loads(done.out)["sounds"]) == (0, 8)


def test_a_refresh_tells_other_licences_and_what_is_gone(
    server: FreesoundServer, library: Path
) -> None:
    build(library, "freesound:rain", "--per-term", 5)
    with Library.open(library) as opened:
        first, second, *_ = sorted(opened.catalog.freesound.revisions())
    server.sounds[first]["license"] = "http://creativecommons.org/licenses/by-nc/4.0/"
    server.sounds[first]["name"] = "another name.wav"
    del server.sounds[second]
    done = build(library, "freesound:rain", "--per-term", 5, "--refresh")
    assert done.code == 0
    assert f"({first}) is under another licence now" in done.err
    assert f"1 sound no more on Freesound, still in this library: {second}" in done.err
    hits = run(
        "query-by-text", '"another name"', "--library", library, "--format", "json",
        "--license", "by-nc",
    ).out  # fmt: skip
    assert json.loads(hits.splitlines()[0])["title"] == "another name.wav"


def test_a_refresh_finds_new_sounds(server: FreesoundServer, library: Path, made: Any) -> None:
    late = [key for key, said in server.sounds.items() if "rain" in said["tags"]][:6]
    hidden = {key: server.sounds.pop(key) for key in late}
    everything = ("--per-term", 100, "--license", "cc0,by,by-nc,sampling+", "--explicit")
    before = json.loads(build(library, "freesound:rain", *everything).out)["sounds"]
    for said in hidden.values():
        server.sounds[said["id"]] = {**said, "created": "2999-01-01T00:00:00Z"}
    done = build(library, "freesound:rain", *everything, "--refresh")
    assert json.loads(done.out)["sounds"] == before + len(late)


def test_a_refresh_takes_nothing_that_the_term_found_before(
    server: FreesoundServer, library: Path
) -> None:
    for said in server.sounds.values():
        said["created"] = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    build(library, "freesound:rain", "--per-term", 3)
    done = build(library, "freesound:rain", "--per-term", 3, "--refresh")
    assert (json.loads(done.out)["added"], json.loads(done.out)["sounds"]) == (0, 3)


def test_a_refresh_asks_a_term_that_was_never_asked(server: FreesoundServer, library: Path) -> None:
    build(library, "freesound:rain", "--per-term", 3)
    done = build(library, "freesound:dog bark", "--per-term", 3, "--refresh")
    assert json.loads(done.out)["sounds"] == 6


def test_a_dry_refresh_tells_licences_and_leaves_the_look_for_new_sounds_as_it_was(
    server: FreesoundServer, library: Path
) -> None:
    build(library, "freesound:rain", "--per-term", 3)
    with Library.open(library) as opened:
        first, *_ = opened.catalog.freesound.revisions()
        before = opened.catalog.freesound.terms()
    server.sounds[first]["license"] = "http://creativecommons.org/licenses/by-nc/4.0/"
    done = build(library, "freesound:rain", "--per-term", 3, "--refresh", "--dry-run")
    assert f"({first}) is under another licence now" in done.err
    with Library.open(library) as opened:
        assert opened.catalog.freesound.terms() == before


def test_a_licence_that_changed_is_told_though_the_refresh_breaks_off(
    server: FreesoundServer, library: Path
) -> None:
    build(library, "freesound:rain", "--per-term", 3)
    with Library.open(library) as opened:
        first, *_ = opened.catalog.freesound.revisions()
    server.sounds[first]["license"] = "http://creativecommons.org/licenses/by-nc/4.0/"
    done = build(library, 'freesound:rain | x:"', "freesound:rain", "--per-term", 3, "--refresh")
    assert done.code == 1, done.err
    assert f"({first}) is under another licence now" in done.err


def test_a_dry_run_at_the_days_limit_says_so(server: FreesoundServer, library: Path) -> None:
    build(library, "freesound:rain", "--per-term", 3)
    server.per_day = 1
    done = build(library, "freesound:dog bark", "--per-term", 3, "--dry-run")
    assert "more needed after 20" in done.err


def test_a_sound_of_two_terms_is_one_and_its_places_are_kept(
    server: FreesoundServer, library: Path
) -> None:
    everything = ("--per-term", 100, "--license", "cc0,by,by-nc,sampling+", "--explicit")
    build(library, "freesound:rain", "freesound:dog bark", *everything)
    with Library.open(library) as opened:
        terms = opened.catalog.freesound.terms()
        places = [{key for key, _ in opened.catalog.freesound.ranked(t.id)} for t in terms]
    assert places[0] & places[1]
    assert len(previews(library)) == len(places[0] | places[1])


def test_the_wrong_key_leaves_nothing_behind(
    server: FreesoundServer, library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SONORIZE_FREESOUND_KEY", "x" * 40)
    done = build(library, "freesound:rain")
    assert done.code == 1
    assert "does not take this API key" in done.err
    assert "SONORIZE_FREESOUND_KEY" in done.err
    assert "x" * 40 not in done.err
    assert not library.exists()


def test_without_a_key_it_says_where_to_get_one(
    server: FreesoundServer, library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SONORIZE_FREESOUND_KEY")
    done = build(library, "freesound:rain")
    assert done.code == 1
    assert "https://freesound.org/apiv2/apply" in done.err
    assert not library.exists()


def test_what_the_api_may_be_used_for_is_said_once(server: FreesoundServer, library: Path) -> None:
    assert "non-commercial purposes" in build(library, "freesound:rain", "--per-term", 1).err
    assert "non-commercial purposes" not in build(library, "freesound:dog bark").err


def test_a_state_folder_that_cannot_be_is_said_in_a_sentence(
    server: FreesoundServer, library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("SONORIZE_STATE", str(tmp_path / "file"))
    done = build(library, "freesound:rain")
    assert (done.code, "SONORIZE_STATE" in done.err) == (1, True)
    assert server.count("site") == 0


def test_options_that_no_sound_can_fulfil_are_refused_before_anything_is_asked(
    server: FreesoundServer, library: Path
) -> None:
    done = build(library, "freesound:rain", "--min-duration", 5, "--max-duration", 1)
    assert (done.code, "--max-duration" in done.err) == (2, True)
    done = build(library, "freesound:rain", "--license", "unknown")
    assert (done.code, "unknown licence" in done.err) == (1, True)
    assert server.count("site") == 0
    assert not library.exists()


def test_its_options_are_for_freesound(library: Path, tmp_path: Path) -> None:
    done = build(library, tmp_path, "--per-term", 5)
    assert done.code == 2
    assert '--per-term is for freesound:"WORDS"' in done.err


def test_a_library_that_was_moved_keeps_its_sounds(
    server: FreesoundServer, library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    build(Path(library.name), "freesound:rain", "--per-term", 4)  # by a relative path
    before = contents(library)
    moved = library.rename(tmp_path / "elsewhere")
    monkeypatch.chdir("/")
    asked = ("query-by-text", "rain", "--library", moved, "--format", "json")
    hits = [json.loads(line) for line in run(*asked).out.splitlines()]
    assert hits
    assert all(Path(hit["path"]).is_file() for hit in hits)
    done = build(moved, "freesound:rain", "--per-term", 4)
    report = json.loads(done.out)
    assert (report["sounds"], report["added"]) == (4, 0), done.err
    assert contents(moved) == before
    assert server.count("previews") == 4


def test_its_root_is_not_moved_by_itself(server: FreesoundServer, library: Path) -> None:
    build(library, "freesound:rain", "--per-term", 2)
    done = run("library", "roots", "--library", library, "--move", 1, library)
    assert done.code == 1
    assert "move the library's folder" in done.err


def test_freesounds_order_beside_ours(server: FreesoundServer, library: Path) -> None:
    build(library, "freesound:rain", "--per-term", 12)
    out = library.with_name("measured")
    done = run("evaluate", "freesound", "--library", library, "--format", "json", "--out", out)
    assert done.code == 0, done.err
    again = run("evaluate", "replay", out / "freesound-report.json", "--format", "json")
    found = json.loads(again.out)
    assert (found["largest_difference"], found["other_differences"]) == ("0", 0)
    assert "<svg" in (out / "freesound-report.html").read_text(encoding="utf-8")
    rows = [json.loads(line) for line in done.out.splitlines()]
    assert {(row["freesound"], row["ours"]) for row in rows} == {
        (theirs, ours)
        for theirs in ("order", "downloads", "rating")
        for ours in ("meaning", "heard alone")
    }
    assert all((row["term"], row["sounds"]) == ("rain", 12) for row in rows)
    with Library.open(library) as opened:
        [term] = opened.catalog.freesound.terms()
        order = opened.catalog.freesound.order(term.id)
    here = {int(name.split("__")[0]) for name in previews(library)}
    ties = [ranked.tie for ranked in order if ranked.sound_id in here]
    assert {row["ties"] for row in rows} == {sum(ties.count(tie) > 1 for tie in ties)}


def test_scores_that_are_near_are_no_ties(server: FreesoundServer, library: Path) -> None:
    build(library, "freesound:rain", "--per-term", 12)
    with Library.open(library) as opened:
        [term] = opened.catalog.freesound.terms()
        theirs = opened.catalog.freesound.order(term.id)
        space = opened.spaces(ToyEncoder())["audio"]
        place = {int(Path(path).name.split("__")[0]): known.sound_id
                 for root in opened.catalog.roots()
                 for path, known in opened.catalog.known(root.id).items()}  # fmt: skip
        ranked = [each for each in theirs if each.sound_id in place]
        with writing(opened.catalog.engine) as connection:
            for rank, each in enumerate(ranked):
                row = np.zeros(8, "<f2")
                row[0], row[7] = 1, 1e-4 - 8e-6 * rank  # "rain" asks for the last
                mine = Embedding.sound_id == place[each.sound_id]
                changed = update(Embedding).where(mine, Embedding.space_id == space)
                connection.execute(changed.values(vector=row.tobytes()))
        (row,) = [
            row
            for row in compare(Searcher(opened, ToyEncoder()))
            if (row["freesound"], row["ours"]) == ("order", "heard alone")
        ]
    assert len(ranked) == 12
    ties = -np.array([each.tie for each in ranked])
    assert row["tau_b"] == pytest.approx(kendalltau(ties, -np.arange(12)).statistic)


def test_no_order_without_sounds_of_freesound(tmp_path: Path, library: Path) -> None:
    tone(tmp_path / "sounds/a.wav", 0)
    assert build(library, tmp_path / "sounds").code == 0
    done = run("evaluate", "freesound", "--library", library)
    assert done.code == 1
    assert "no two sounds of one of Freesound's terms" in done.err
