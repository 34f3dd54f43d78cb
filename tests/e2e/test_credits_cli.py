"""Who is to be credited, asked on the command line."""

from __future__ import annotations

import html
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from libraries import Done, build, empty_catalog, run, tone
from sqlalchemy import event, insert

from indexer.catalog import credited
from indexer.catalog.filters import Filters
from indexer.catalog.models import File, Root, Sound
from indexer.library import Config, Library

SEEN = "2026-11-24"
STRAY = os.fsdecode(b"stray \xff.wav")
NAMES = ["Bang <b>", "coin", "dog.wav", "Gong", STRAY, "Zoo"]


def freesound(number: int, *, remix: bool = False) -> dict[str, Any]:
    own = {"id": number, "is_remix": remix, "gen_ai_preference": "no-gen-ai", "licence_seen": SEEN}
    return {"freesound": own, "description": "…"}


SOUNDS: list[dict[str, Any]] = [
    {"title": "Zoo", "author": "ann", "licence": "CC-BY-NC-4.0", "raw": freesound(70, remix=True)},
    {"title": "Gong", "author": "bob", "licence": "CC0-1.0", "raw": freesound(9), "pack": "Metal"},
    {"title": "Gong", "author": "bob", "licence": "CC0-1.0", "raw": freesound(9)},
    {"title": "Bang <b>", "author": "a&b", "licence": "CC-BY-3.0", "raw": freesound(5),
     "pack": "Metal"},
    {"title": "coin", "licence": "LicenseRef-Sampling-Plus-1.0", "designer": "Cy",
     "url": "javascript:alert(1)"},
    {"manufacturer": "Dee"},
    {},
]  # fmt: skip
"""The first four are Freesound's, the others lie in a folder; two have no title."""

FILES = ["p/70.ogg", "p/9.ogg", "o/9.wav", "p/5.ogg", "coin.wav", "far/down/dog.wav", f"x/{STRAY}"]


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("library")
    empty_catalog(folder)
    roots = [("freesound", str(folder / "sounds/freesound")), ("folder", str(folder / "mine"))]
    with (
        Library.create(folder, Config(encoder="toy")) as opened,
        opened.catalog.engine.begin() as connection,
    ):
        for kind, location in roots:
            connection.execute(insert(Root).values(kind=kind, location=location, name=kind))
        for number, (columns, path) in enumerate(zip(SOUNDS, FILES, strict=True), start=1):
            connection.execute(insert(Sound).values(id=number, **columns))
            root_id = 1 if "raw" in columns else 2
            place = {"root_id": root_id, "relative_path": path, "size": 1, "mtime_ns": 1}
            connection.execute(insert(File).values(sound_id=number, **place))
    return folder


def credits_of(library: Path, *arguments: object, stdin: bytes = b"") -> Done:
    return run("library", "credits", "--library", library, *arguments, stdin=stdin)


def names(done: Done) -> list[str]:
    return [json.loads(line)["sound_name"] for line in done.out.splitlines()]


def test_every_sound_is_credited_once_and_in_order(library: Path) -> None:
    done = credits_of(library)
    assert done.code == 0
    assert done.out.splitlines() == [
        "Bang <b> by a&b -- https://freesound.org/s/5/ -- License: Attribution 3.0",
        "coin by Cy -- javascript:alert(1) -- License: Sampling+",
        "dog.wav by Dee -- License: unknown",
        "Gong by bob -- https://freesound.org/s/9/ -- License: Creative Commons 0",
        r"stray \udcff.wav by unknown author -- License: unknown",
        "Zoo by ann -- https://freesound.org/s/70/ -- License: Attribution NonCommercial 4.0",
    ]
    assert done.err.splitlines() == [
        "Zoo: a remix: credit its sources too, see https://freesound.org/s/70/",
        "Not free for all commercial use: 1 Sampling+, 1 Attribution NonCommercial 4.0.",
        "2 sounds say no licence (1 of them no author either): find out before you publish them.",
    ]


def test_terms_of_a_licence_that_is_free_for_some_are_said(tmp_path: Path) -> None:
    empty_catalog(tmp_path)
    with (
        Library.create(tmp_path, Config(encoder="toy")) as opened,
        opened.catalog.engine.begin() as connection,
    ):
        for licence in ("LicenseRef-Stability-AI-Community", "LicenseRef-Vendor", "MIT"):
            connection.execute(insert(Sound).values(title=licence, licence=licence))
    stability, vendor = credits_of(tmp_path).err.splitlines()
    assert stability == (
        "1 sound under LicenseRef-Stability-AI-Community: commercial use is free up to 1,000,000 "
        "US dollars of yearly revenue, for those who registered with Stability AI."
    )
    assert vendor.startswith("1 sound under LicenseRef-Vendor: commercial use is as its owner")


def test_json_is_an_object_a_line(library: Path) -> None:
    found = [json.loads(line) for line in credits_of(library, "--format", "json").out.splitlines()]
    assert [each["sound_name"] for each in found] == NAMES
    assert [each["required"] for each in found] == [True, True, True, False, True, True]
    assert [each["ids"] for each in found] == [[4], [5], [6], [2, 3], [7], [1]]
    assert [each["is_remix"] for each in found] == [False] * 5 + [True]
    assert [each["licence_seen"] for each in found] == [SEEN, None, None, SEEN, None, SEEN]
    assert found[1]["sound_url"] is None
    assert found[3]["license_url"] == "https://creativecommons.org/publicdomain/zero/1.0/"


def test_html_is_a_list_without_anything_of_its_own(library: Path) -> None:
    lines = credits_of(library, "--format", "html").out.splitlines()
    assert (lines[0], lines[-1], len(lines)) == ("<ul>", "</ul>", 8)
    assert lines[1] == (
        '<li><a href="https://freesound.org/s/5/">Bang &lt;b&gt;</a> by '
        '<a href="https://freesound.org/people/a%26b/">a&amp;b</a> | License: '
        '<a href="https://creativecommons.org/licenses/by/3.0/">Attribution 3.0</a></li>'
    )
    assert lines[2].startswith("<li>coin (javascript:alert(1)) by Cy | License: <a ")


def test_markdown_is_a_list(library: Path) -> None:
    lines = credits_of(library, "--format", "markdown").out.splitlines()
    assert lines[0].startswith(r"- [Bang \<b\>](https://freesound.org/s/5/) by [a\&b](https://")
    assert len(lines) == 6


@pytest.mark.parametrize(
    ("choice", "chosen"),
    [
        (["--ids", "1,5"], ["coin", "Zoo"]),
        (["--ids", "1", "--ids", "#5, 1"], ["coin", "Zoo"]),
        (["--pack", "metal"], ["Bang <b>", "Gong"]),
        (["--source", "folder"], ["coin", "dog.wav", STRAY]),
        (["--license", "by,by-nc"], ["Bang <b>", "Zoo"]),
        (["--license", "by 3.0"], ["Bang <b>"]),
        (["--pack", "Metal", "--license", "cc0"], ["Gong"]),
        (["--ids", "1,2", "--source", "freesound", "--license", "by-nc"], ["Zoo"]),
    ],
)
def test_only_some_are_credited(library: Path, choice: list[str], chosen: list[str]) -> None:
    done = credits_of(library, "--format", "json", *choice)
    assert (done.code, names(done)) == (0, chosen)


def test_a_list_of_files_is_credited(library: Path) -> None:
    files = [
        os.fsencode(library / "sounds/freesound/p/70.ogg"),
        os.fsencode(library / "mine/x" / STRAY),
        b"3\r\n#6",
        b"",
        os.fsencode(library / "mine/x/../coin.wav"),
        os.fsencode(library / "sounds/freesound/p/70.ogg"),
    ]
    done = credits_of(library, "-", "--format", "json", stdin=b"\n".join(files))
    assert (done.code, names(done)) == (0, ["coin", "dog.wav", "Gong", STRAY, "Zoo"])


def test_files_are_found_from_where_one_stands_and_through_links(
    library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (library / "mine").mkdir(exist_ok=True)
    (tmp_path / "link").symlink_to(library / "mine")
    monkeypatch.chdir(tmp_path)
    done = credits_of(library, "-", "--format", "json", stdin=b"link/coin.wav\n")
    assert (done.code, names(done)) == (0, ["coin"])
    monkeypatch.chdir(library / "mine")
    done = credits_of(library, "-", "--format", "json", stdin=b"coin.wav\n")
    assert (done.code, names(done)) == (0, ["coin"])


def test_what_is_not_in_the_library_is_said_and_the_rest_is_credited(library: Path) -> None:
    lost = ["99", "9" * 18, "9" * 30, "/far/away.wav", "\x1b[2J", "a\0b", "a" * 5000]
    lost.append(str(library / "mine"))
    done = credits_of(library, "-", stdin="\n".join(["1", *lost]).encode())
    assert done.code == 3
    assert done.out.startswith("Zoo by ann -- ")
    assert done.err.splitlines()[-len(lost) :] == [
        f"Not in this library: {each!r}" for each in lost
    ]
    assert credits_of(library, "--ids", "99").code == 3


def test_nothing_to_credit_is_an_error_but_for_an_empty_list(library: Path) -> None:
    done = credits_of(library, "--pack", "no such pack")
    assert (done.code, done.out) == (1, "")
    assert done.err == (
        "sonorize: No sound of this library is among those: see `sonorize library status`.\n"
    )
    assert credits_of(library, "--source", "nowhere", "--format", "html")[:2] == (1, "")
    assert credits_of(library, "-") == Done(0, "", "")


@pytest.mark.parametrize(
    ("wrong", "code", "said"),
    [
        (["--ids", "1,two"], 2, "'two' is no id: write numbers, like 12,15."),
        (["--license", "banana"], 1, "'banana' is no licence known here"),
        (["--license", "unknown"], 1, "A sound of unknown licence matches no --license."),
        (["dog.wav"], 2, "'dog.wav' is not '-'."),
    ],
)
def test_wrong_use_is_said_in_words(library: Path, wrong: list[str], code: int, said: str) -> None:
    done = credits_of(library, *wrong)
    assert (done.code, done.out) == (code, "")
    assert said in done.err


def test_a_non_commercial_model_is_said_beside(library: Path, tmp_path: Path) -> None:
    build(tmp_path / "library", tone(tmp_path / "mine/ZOOM0012.wav", 0, 0.1).parent)
    with Library.open(tmp_path / "library") as opened:
        opened.configure(replace(opened.config, encoder="imagebind"))
    done = credits_of(tmp_path / "library")
    assert (done.code, done.out) == (0, "ZOOM0012.wav by unknown author -- License: unknown\n")
    assert done.err.splitlines() == [
        "1 sound says no licence (1 of them no author either): find out before you publish them.",
        "Apart from the sounds: this library was heard with imagebind, a model under "
        "CC-BY-NC-SA-4.0, not for commercial use.",
    ]


def test_what_the_user_said_of_a_licence_is_credited(tmp_path: Path) -> None:
    library = tmp_path / "library"
    build(library, tone(tmp_path / "mine/dog.wav", 0, 0.1).parent)
    assert run("library", "licence", "1", "by-sa 4.0", "--library", library).code == 0
    done = credits_of(library, "--format", "html")
    deed = "https://creativecommons.org/licenses/by-sa/4.0/"
    assert f'License: <a href="{deed}">Attribution ShareAlike 4.0</a>' in html.unescape(done.out)


def test_many_ids_are_asked_in_one_question(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(credited, "MOST_NAMED", 5)
    empty_catalog(tmp_path)
    with Library.create(tmp_path, Config(encoder="toy")) as opened:
        engine = opened.catalog.engine
        with engine.begin() as connection:
            rows = [{"title": f"{number}", "raw": {}} for number in range(9)]
            connection.execute(insert(Sound), rows)
        asked: list[str] = []
        event.listen(engine, "before_cursor_execute", lambda *given: asked.append(given[2]))
        for chosen in ([2, 9, 99], [2, 3, 4, 5, 6, 7, 99], []):
            found = [each.sounds[0] for each in credited.credits_of(engine, Filters(), chosen)]
            assert found == [number for number in chosen if number < 10]
    assert sum(line.startswith("SELECT") for line in asked) == 3
