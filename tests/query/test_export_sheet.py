"""The table, the credits, and what may be used commercially."""

from __future__ import annotations

import csv
from dataclasses import replace
from fractions import Fraction
from html.parser import HTMLParser
from pathlib import Path

import pytest
from scene_sheets import EVERY_RATE, lay_down, sheet

from indexer.errors import SceneError
from query import timecode
from query.scene import export
from query.scene.cues import CueSheet
from query.scene.use import check_use, misuse


def table(made: CueSheet, out: Path) -> list[dict[str, str]]:
    export.writer(out)(made, out, None)
    with out.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def written(made: CueSheet, out: Path) -> str:
    export.writer(out)(made, out, None)
    return out.read_text("utf-8")


@EVERY_RATE
def test_a_row_for_each_cue_and_each_silent_shot(
    tmp_path: Path, rate: Fraction, drop: bool
) -> None:
    made = sheet(tmp_path, rate, drop)
    rows = table(made, tmp_path / "film.csv")
    times = [
        tuple(
            timecode.parse(row[name], rate, drop) - made.film.start for name in ("tc in", "tc out")
        )
        for row in rows
    ]
    silent = made.shots[5]
    wanted = sorted([(cue.start, cue.end) for cue in made.cues] + [(silent.start, silent.end)])
    assert times == wanted
    assert (rows[-1]["shot"], rows[-1]["note"]) == ("6", "nothing in the library")
    assert rows[-1]["question"] == "a river"


def test_no_cell_is_a_formula_and_names_come_back(tmp_path: Path) -> None:
    made = sheet(tmp_path)
    odd = replace(
        made.cues[1], question="@SUM(A1)\n+1", clip=replace(made.cues[1].clip, title="-x")
    )
    rows = table(replace(made, cues=(made.cues[0], odd)), tmp_path / "film.csv")
    assert rows[0]["author"] == "'=Ann"
    assert rows[1]["question"] == "'@SUM(A1) +1"
    assert rows[1]["title"] == "'-x"
    assert rows[0]["gain dB"] == "-6.00"
    assert rows[0]["note"] == "loop"
    for row in rows:
        assert not any(cell.startswith(("=", "+", "@")) for cell in row.values())


def test_credits_name_each_sound_once_and_what_to_heed(tmp_path: Path) -> None:
    made = sheet(tmp_path)
    ai = replace(made.cues[0], clip=replace(made.cues[0].clip, gen_ai="no, please"))
    text = written(replace(made, cues=(ai, *made.cues[1:])), tmp_path / "film.credits.txt")
    assert text.splitlines()[2:] == [
        "meadow by =Ann -- License: Attribution 4.0",
        "    generative AI: no, please",
        'dog "barks" by someone -- License: Creative Commons 0',
        "train by someone -- License: unknown",
        "    lossy preview, not the original; find out the licence before it is published",
        "rain by someone -- License: Attribution NonCommercial 3.0",
        "",
        "Chosen with starter, licence Attribution NonCommercial ShareAlike 4.0.",
    ]


@pytest.mark.parametrize("ending", [".txt", ".md", ".html"])
def test_credits_say_that_there_are_none(tmp_path: Path, ending: str) -> None:
    made, line = sheet(tmp_path), "No sound of a library is used in this film"
    assert line in written(replace(made, cues=()), tmp_path / f"film{ending}")
    assert line not in written(made, tmp_path / f"film{ending}")


def test_credits_as_markdown_and_html_stay_what_they_are(tmp_path: Path) -> None:
    made = sheet(tmp_path)
    bad = replace(made.cues[0].clip, title="<b>*loud*</b>", url="https://x.org/a b")
    made = replace(made, cues=(replace(made.cues[0], clip=bad),))
    assert written(made, tmp_path / "a.md").splitlines()[2] == (
        r"- [\<b\>\*loud\*\</b\>](https://x.org/a%20b) by \=Ann | "
        "License: [Attribution 4.0](https://creativecommons.org/licenses/by/4.0/)"
    )
    page = written(made, tmp_path / "a.html")
    tags: list[str] = []
    reader = HTMLParser()
    reader.handle_starttag = lambda tag, attrs: tags.append(tag)  # type: ignore[method-assign]
    reader.feed(page)
    assert tags == ["meta", "title", "h1", "ul", "li", "a", "a", "p"]
    assert "&lt;b&gt;*loud*&lt;/b&gt;" in page


def test_credits_name_what_a_sound_was_made_from(tmp_path: Path) -> None:
    made = sheet(tmp_path)
    clip = replace(made.cues[0].clip, made_from="Gong by bob (License: Attribution 4.0)")
    made = replace(made, cues=(replace(made.cues[0], clip=clip),))
    for ending in (".txt", ".html"):
        said = written(made, tmp_path / f"film{ending}")
        assert "made from the sound of Gong by bob (License: Attribution 4.0)" in said


def test_commercial_use_lists_what_is_in_its_way(tmp_path: Path) -> None:
    made = sheet(tmp_path)
    found = misuse(made)
    assert [Path(clip.path).name for clip in found.non_commercial] == ["rain.flac"]
    assert [Path(clip.path).name for clip in found.unknown] == ["train.mp3"]
    with pytest.raises(SceneError) as raised:
        check_use(made, "commercial")
    said = str(raised.value)
    assert "rain.flac (Attribution NonCommercial 3.0)" in said
    assert "of unknown licence: " in said
    assert "ranked by starter, whose licence is Attribution NonCommercial ShareAlike 4.0" in said

    free = replace(made, cues=(made.cues[2],), model_licence="Apache-2.0")
    check_use(free, "commercial")
    clip, offset = free.cues[0].alternates[0]
    plus = replace(clip, licence="LicenseRef-Sampling-Plus-1.0")
    held = replace(free, cues=(replace(free.cues[0], alternates=((plus, offset),)),))
    check_use(held, "commercial")
    with pytest.raises(SceneError, match=r"cat\.wav \(Sampling\+\)"):
        check_use(held, "commercial", alternates=True)


def test_commercial_use_says_on_what_it_depends(tmp_path: Path) -> None:
    made = replace(sheet(tmp_path), model_licence="Apache-2.0")
    cue = made.cues[2]
    for licence, said in (
        ("LicenseRef-Stability-AI-Community", ["up to 1,000,000 US dollars of yearly revenue"]),
        (
            "LicenseRef-Vendor",
            ["Under LicenseRef-Vendor commercial use is as its owner's own terms say"],
        ),
        ("Vendor EULA", ["own terms say, which are to be read: "]),
        ("CC-BY-SA-4.0", []),
        ("MIT", []),
        ("LicenseRef-Public-Domain", []),
    ):
        under = replace(cue, clip=replace(cue.clip, licence=licence), alternates=())
        told = check_use(replace(made, cues=(under,)), "commercial")
        assert [each in line for each, line in zip(said, told, strict=True)] == [True] * len(said)


@pytest.mark.parametrize("ending", [".rpp", ".otio", ".fcpxml", ".edl"])
def test_a_session_marks_a_lossy_preview(tmp_path: Path, ending: str) -> None:
    made = sheet(tmp_path)
    lay_down(made)
    out = tmp_path / f"film{ending}"
    export.writer(out)(made, out, None)
    assert any(cue.clip.preview for cue in made.cues)
    written = "".join(each.read_text("utf-8") for each in tmp_path.glob(f"film*{ending}"))
    assert "(lossy preview)" in written
