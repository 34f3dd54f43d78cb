"""Reaper projects, as the package rpp reads them."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import rpp
from scene_sheets import AWKWARD, EVERY_RATE, clip, sheet

from indexer.errors import SceneError
from query.scene import export
from query.scene.cues import CueSheet, pieces
from query.scene.voice import levels


def read(made: CueSheet, out: Path, base: Path | None = None) -> Any:
    export.writer(out)(made, out, base)
    return rpp.loads(out.read_text("utf-8"))


def values(element: Any, tag: str) -> list[str]:
    found: list[str] = element.find(tag)[1:]
    return found


def takes(item: Any) -> list[dict[str, Any]]:
    """Name, offset, source and file of each take, the active one first."""
    found: list[dict[str, Any]] = [{}]
    for child in item:
        if child == "TAKE":
            found.append({})
        elif getattr(child, "tag", "") == "SOURCE":
            found[-1] |= {"source": child.attrib[0], "file": values(child, "FILE")[0]}
        elif isinstance(child, list) and child[0] in ("NAME", "SOFFS"):
            found[-1][child[0]] = child[1]
    return found


@EVERY_RATE
def test_every_item_lies_where_its_cue_does(tmp_path: Path, rate: Fraction, drop: bool) -> None:
    made = sheet(tmp_path, rate, drop)
    project = read(made, tmp_path / "film.rpp")
    assert float(values(project, "PROJOFFS")[0]) == pytest.approx(made.film.start / rate)
    nominal, kind = map(int, values(project, "TIMEMODE")[3:5])
    assert nominal == round(rate)
    assert kind == (1 if drop else 2 if rate.denominator == 1001 else 0)

    found = {}
    for track in project.findall("TRACK"):
        for item in track.findall("ITEM"):
            position, length = (float(values(item, tag)[0]) for tag in ("POSITION", "LENGTH"))
            take = takes(item)[0]
            found[round(position, 6), take["file"]] = (length, float(take["SOFFS"]), track)
    wanted = [(piece, cue) for cue in made.cues for piece in pieces(cue, made.film)]
    assert len(found) == len(wanted) + 1  # the picture
    for piece, cue in wanted:
        length, offset, _ = found[round(piece.start, 6), cue.clip.path]
        assert length == pytest.approx(piece.seconds, abs=1e-9)
        assert offset == pytest.approx(piece.offset, abs=1e-9)
    length, _, track = found[0.0, made.film.path]
    assert length == pytest.approx(float(made.film.seconds), abs=1e-9)
    assert values(track, "NAME") == ["Picture"]


def test_tracks_are_as_many_as_overlap_needs(tmp_path: Path) -> None:
    project = read(sheet(tmp_path), tmp_path / "film.rpp")
    names = [values(track, "NAME")[0] for track in project.findall("TRACK")]
    assert names == ["Picture", "Ambience", "Spot 1", "Spot 2"]
    counts = [len(track.findall("ITEM")) for track in project.findall("TRACK")]
    assert counts == [1, 5, 2, 1]  # four pieces of a loop and the rain; the dog twice; the train


def test_gain_fades_alternates_and_sources(tmp_path: Path) -> None:
    project = read(sheet(tmp_path), tmp_path / "film.rpp")
    dog, train = (
        track.find("ITEM") for track in project.findall("TRACK") if "Spot" in track.find("NAME")[1]
    )
    assert values(dog, "FADEIN")[:4] == ["1", "0.01", "0", "1"]
    assert values(dog, "FADEOUT")[:4] == ["1", "0.3", "0", "1"]
    first, *others = takes(dog)
    assert float(values(dog, "VOLPAN")[0]) == pytest.approx(10 ** (2 / 20))
    assert first["NAME"] == 'dog "barks" (.31, strong)'
    assert Path(first["file"]).name == AWKWARD
    assert [take["source"] for take in others] == ["WAVE", "VORBIS"]
    assert [float(take["SOFFS"]) for take in others] == [0.25, 0]
    assert takes(train)[0]["source"] == "MP3"


def test_an_alternate_sounds_as_loud_as_the_cue(tmp_path: Path) -> None:
    made = sheet(tmp_path)
    cue = next(cue for cue in made.cues if cue.alternates)
    (cat, late), (fox, soon) = cue.alternates
    cue = replace(
        cue,
        clip=replace(cue.clip, loudest=-20.0, loudness=-50.0),
        alternates=(
            (replace(cat, loudest=-8.0, peak=-0.5), late),  # louder: 12 dB less
            (replace(fox, loudest=-40.0, peak=-9.0), soon),  # softer, as far as its peak bears
        ),
    )
    project = read(replace(made, cues=(cue,)), tmp_path / "film.rpp")
    item = next(t for t in project.findall("TRACK") if t.find("NAME")[1] == "Spot").find("ITEM")
    assert [child[0] for child in item].count("VOLPAN") == 1
    own = [child for child in item if child[0] == "TAKEVOLPAN"]
    gains = [20 * math.log10(float(volume)) for _, _, volume, _ in own]
    assert gains == pytest.approx([-12.0 - 3.01, 6.0], abs=0.01)  # the cat is mono, see below


def test_mono_is_played_as_the_mix_has_it(tmp_path: Path) -> None:
    """Reaper's own pan law takes nothing from a sound in the middle."""
    made = sheet(tmp_path)
    rain = next(cue for cue in made.cues if cue.clip.channels == 1)
    around = replace(made.cues[1], clip=clip(tmp_path / "around.wav", 9.0, 5), start=0)
    project = read(replace(made, cues=(rain, around)), tmp_path / "film.rpp")
    _, track = project.findall("TRACK")
    assert values(track, "NCHAN") == ["6"]
    wide, narrow = track.findall("ITEM")
    assert values(wide, "VOLPAN")[2] == "1"
    item, _, take, _ = map(float, values(narrow, "VOLPAN"))
    assert item == pytest.approx(10 ** (rain.gain / 20))  # the clip gain that all formats have
    left = levels("mono", 1)[0, 0]
    assert take == pytest.approx(left)


def test_a_marker_for_each_shot_says_question_score_or_what_is_missing(tmp_path: Path) -> None:
    made = sheet(tmp_path)
    markers = read(made, tmp_path / "film.rpp").findall("MARKER")
    assert [round(float(marker[2]) * 24) for marker in markers] == [s.start for s in made.shots]
    assert markers[1][3] == (
        'Shot 2: a "dog" barks: meadow (.42, strong); dog "barks" (.31, strong); train (.42, weak)'
    )
    assert markers[4][3] == "Shot 5: rain on a roof: rain (.42, strong)"
    assert markers[5][3] == "Shot 6: a river: nothing in the library"


def test_what_travels_with_the_project_is_named_relative_to_it(tmp_path: Path) -> None:
    (tmp_path / "job/audio").mkdir(parents=True)
    made = sheet(tmp_path / "job/audio")
    project = read(made, tmp_path / "job/film.rpp", tmp_path / "job")
    files = {take["file"] for item in project.iter("ITEM") for take in takes(item)}
    assert str(Path("audio/meadow.wav")) in files
    assert not any(Path(file).is_absolute() for file in files)


@pytest.mark.parametrize("name", ["a\\b.wav", "a b'c.wav", 'a"b.wav', 'a`b"c.wav', "\u200d.wav"])
def test_awkward_names_come_back_as_they_are(tmp_path: Path, name: str) -> None:
    made = sheet(tmp_path)
    odd = replace(made.cues[1], clip=clip(tmp_path / name, 9.0))
    project = read(replace(made, cues=(odd,)), tmp_path / "film.rpp")
    [item] = project.findall("TRACK")[1].findall("ITEM")
    assert takes(item)[0]["file"] == str(tmp_path / name)


@pytest.mark.parametrize("name", ["a'b\"c`d.wav", "a\nb.wav"])
def test_a_name_that_reaper_cannot_hold_is_said(tmp_path: Path, name: str) -> None:
    made = sheet(tmp_path)
    odd = replace(made.cues[1], clip=clip(tmp_path / name, 9.0))
    out = tmp_path / "film.rpp"
    out.write_text("mine")
    with pytest.raises(SceneError, match="Reaper cannot name"):
        export.writer(out)(replace(made, cues=(odd,)), out, None)
    assert out.read_text() == "mine"
    assert list(tmp_path.iterdir()) == [out]


def test_an_unknown_extension_and_an_absent_folder_are_said(tmp_path: Path) -> None:
    with pytest.raises(SceneError, match=r"film\.ptx has no extension known here"):
        export.writer(Path("film.ptx"))
    with pytest.raises(SceneError, match="cannot be written"):
        export.writer(Path("x.rpp"))(sheet(tmp_path), tmp_path / "none/film.rpp", None)
