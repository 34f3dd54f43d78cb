"""The project file: nothing is lost on the way, and what makes no sense is named."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from libraries import build, tone

from indexer.audio.payload import payload_hash
from indexer.errors import SceneError
from indexer.library import Library
from query.scene.cues import Clip, Cue, CueSheet, Film, Shot
from query.scene.project import load, relinked, save

FILM = Film("reel.mov", Fraction(30000, 1001), 300, 107892, True, 1920, 1080, True)


def clip(path: Path | str, identity: str = "aa", **more: Any) -> Clip:
    return Clip(str(path), identity, "Türe ⟨auf⟩", 2.5, 48_000, 2, **more)


def sheet(folder: Path, *cues: Cue) -> CueSheet:
    shots = (Shot(0, 0, 120, 0, "a river"), Shot(1, 120, 300, 1, "this picture", "nothing"))
    film = replace(FILM, path=str(folder / "reel.mov"))
    return CueSheet(film, shots, cues, "toy", "Apache-2.0", {"words": ["0.5:rain"], "floor": None})


def cue(path: Path | str, **more: Any) -> Cue:
    return Cue("s0", "spot", 0, 3, 40, clip(path), **more)


def full(folder: Path) -> CueSheet:
    """Every field has a value of its own."""
    one = clip(
        folder / "a" / "b.wav", author="x", url="u", licence="CC0-1.0", licence_url="l",
        category="c", pack="p", source="folder", loudness=-23.1, loudest=-18.0, peak=-1.25,
        score=0.123456789012345, strength="strong", preview=True, remix=True, gen_ai="g",
    )  # fmt: skip
    other = replace(one, path=str(folder.parent / "elsewhere.wav"), loudness=None)
    made = Cue("s0", "spot", 0, 3, 40, one, 1 / 3, -6.5, 0.005, 0.25, True, "a dog",
               ((other, 0.1), (one, 0.0)), True)  # fmt: skip
    return sheet(folder, made, replace(made, id="a0", layer="ambience", alternates=()))


def test_nothing_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "film.sonorize.json"
    save(full(tmp_path), path)
    assert load(path) == full(tmp_path)
    first = path.read_bytes()
    save(load(path), path)
    assert path.read_bytes() == first
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


@settings(max_examples=25, deadline=None)
@given(
    rate=some.fractions(min_value=1, max_value=240, max_denominator=1001),
    start=some.integers(0, 10**9),
    numbers=some.lists(some.floats(0, 2.4, allow_subnormal=True), min_size=3, max_size=3),
    words=some.text(),
)
def test_nothing_is_lost_of_any_figure(
    tmp_path_factory: pytest.TempPathFactory,
    rate: Fraction,
    start: int,
    numbers: list[float],
    words: str,
) -> None:
    folder = tmp_path_factory.getbasetemp()
    one = cue(folder / "x.wav", offset=numbers[0], gain=-numbers[1], fade_in=numbers[2])
    asked = sheet(folder, replace(one, question=words))
    asked = replace(asked, film=replace(asked.film, rate=rate, start=start, drop=False))
    save(asked, folder / "any.sonorize.json")
    assert load(folder / "any.sonorize.json") == asked


def test_a_folder_can_be_moved(tmp_path: Path) -> None:
    (tmp_path / "old" / "sounds").mkdir(parents=True)
    before = sheet(tmp_path / "old", cue(tmp_path / "old" / "sounds" / "b.wav"))
    save(before, tmp_path / "old" / "p.sonorize.json")
    said = json.loads((tmp_path / "old" / "p.sonorize.json").read_text("utf-8"))
    assert said["cues"][0]["clip"]["path"] == "sounds/b.wav"
    assert (said["film"]["path"], said["film"]["rate"]) == ("reel.mov", "30000/1001")
    shutil.move(tmp_path / "old", tmp_path / "new")
    after = load(tmp_path / "new" / "p.sonorize.json")
    assert after.film.path == str(tmp_path / "new" / "reel.mov")
    assert after.cues[0].clip.path == str(tmp_path / "new" / "sounds" / "b.wav")


@pytest.mark.skipif(sys.platform != "linux", reason="names that are no text")
def test_a_name_that_is_no_text(tmp_path: Path) -> None:
    odd = sheet(tmp_path, cue(tmp_path / os.fsdecode(b'caf\xe9 "\\udce9.wav')))
    save(odd, tmp_path / "p.sonorize.json")
    assert load(tmp_path / "p.sonorize.json") == odd


def test_edited_by_hand(tmp_path: Path) -> None:
    path = tmp_path / "p.sonorize.json"
    save(sheet(tmp_path, cue("a.wav", gain=-3.0)), path)
    said = json.loads(path.read_text("utf-8"))
    said["cues"][0] |= {"gain": 2, "locked": True}
    del said["cues"][0]["fade_in"], said["cues"][0]["clip"]["remix"]
    path.write_text("\ufeff" + json.dumps(said), "utf-8")  # as some editors save it
    (made,) = load(path).cues
    assert (made.gain, made.locked, made.fade_in, type(made.gain)) == (2.0, True, 0.0, float)


def _set(*keys: Any, to: Any) -> Callable[[Any], None]:
    def act(said: Any) -> None:
        for key in keys[:-1]:
            said = said[key]
        if to is None:
            del said[keys[-1]]
        else:
            said[keys[-1]] = to

    return act


@pytest.mark.parametrize(
    ("act", "says"),
    [
        (_set("format", to=2), r"newer sonorize \(its format is 2, and 1 is known here\): update"),
        (_set("format", to=None), "format is missing"),
        (_set("format", to=True), "format is not a whole number"),
        (_set("film", to=None), "film is missing"),
        (_set("film", "rate", to=29.97), r'film.rate is 29.97, not a fraction like "24000/1001"'),
        (_set("film", "rate", to="1/0"), "film.rate is '1/0', not a fraction"),
        (_set("film", "rate", to="25"), "film.drop is true, but not possible at 25"),
        (_set("film", "rate", to="-25"), "film.rate is not above 0"),
        (_set("film", "frames", to=0), "film.frames is not above 0"),
        (_set("film", "start", to=-1), "film.start is below 0"),
        (_set("shots", to={}), "shots is not a list"),
        (_set("shots", 1, "index", to=7), r"shots\[1\].index is 7, not 1"),
        (_set("shots", 1, "end", to=120), r"shots\[1\].end is not after its start"),
        (_set("shots", 1, "end", to=301), r"shots\[1\].end is after the film's 300 frames"),
        (_set("cues", 0, "layer", to="music"), r"cues\[0\].layer is 'music', not one of ambience"),
        (_set("cues", 0, "gian", to=1), r"cues\[0\].gian is not known: check the spelling"),
        (_set("cues", 0, "gain", to="1"), r"cues\[0\].gain is '1', not a number"),
        (_set("cues", 0, "gain", to=1e9), r"cues\[0\].gain is 1000000000.0 dB"),
        (_set("cues", 0, "start", to=1.5), r"cues\[0\].start is 1.5, not a whole number"),
        (_set("cues", 0, "start", to=True), r"cues\[0\].start is True, not a whole number"),
        (_set("cues", 0, "start", to=280), r"cues\[0\].frames takes it past the film's 300"),
        (_set("cues", 0, "frames", to=0), r"cues\[0\].frames is not above 0"),
        (_set("cues", 0, "shot", to=2), r"cues\[0\].shot is 2, but the film has 2 shots"),
        (_set("cues", 0, "fade_out", to=-1), r"cues\[0\].fade_out is below 0"),
        (_set("cues", 0, "offset", to=2.5), r"cues\[0\].offset is 2.5, outside the clip's 2.5"),
        (_set("cues", 0, "locked", to="yes"), r"cues\[0\].locked is 'yes', not true or false"),
        (_set("cues", 0, "clip", to=None), r"cues\[0\].clip is missing"),
        (_set("cues", 0, "clip", to=[]), r"cues\[0\].clip is not an object"),
        (_set("cues", 0, "clip", "identity", to=""), r"cues\[0\].clip.identity is empty"),
        (_set("cues", 0, "clip", "channels", to=0), r"cues\[0\].clip.channels is not above 0"),
        (_set("cues", 0, "clip", "score", to=10**400), r"clip.score is no number that"),
        (_set("cues", 0, "alternates", 0, to=[]), r"cues\[0\].alternates\[0\] is not an object"),
        (_set("cues", 0, "alternates", 0, "clip", "peak", to="x"), r"alternates\[0\].clip.peak"),
        (_set("cues", 1, "id", to="s0"), r"cues\[1\].id 's0' is another cue's too"),
        (_set("settings", to=[]), "settings is not an object"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_named(
    tmp_path: Path, act: Callable[[Any], None], says: str
) -> None:
    path = tmp_path / "p.sonorize.json"
    save(full(tmp_path), path)
    said = json.loads(path.read_text("utf-8"))
    act(said)
    path.write_text(json.dumps(said), "utf-8")
    with pytest.raises(SceneError, match=says):
        load(path)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b'{"format": 1,\n  "film": {"path" "x"}}', "broken at line 2, column 19"),
        (b"", "broken at line 1, column 1"),
        (b"[" * 100_000, "not a sonorize project"),
        (b'{"format": 1' + b"1" * 5000 + b"}", "not a sonorize project"),
        (b"\xff\xfe{", "not a sonorize project"),
        (b"[1]", "format is missing"),
        (b'{"format": 1, "film": 1, "film": 2}', "'film' stands twice"),
        (b'{"format": NaN}', "NaN is no number"),
    ],
)
def test_broken_files(tmp_path: Path, text: bytes, says: str) -> None:
    path = tmp_path / "p.sonorize.json"
    path.write_bytes(text)
    with pytest.raises(SceneError, match=says):
        load(path)


def test_a_project_that_cannot_be_written_or_read(tmp_path: Path) -> None:
    kept = tmp_path / "p.sonorize.json"
    save(full(tmp_path), kept)
    before = kept.read_bytes()
    with pytest.raises(SceneError, match=r"was not written.*nan"):
        save(sheet(tmp_path, cue("a.wav", gain=float("nan"))), kept)
    with pytest.raises(SceneError, match="was not written"):
        save(replace(full(tmp_path), settings={"at": tmp_path}), kept)
    assert kept.read_bytes() == before
    with pytest.raises(SceneError, match="cannot be written"):
        save(full(tmp_path), tmp_path / "nowhere" / "p.sonorize.json")
    with pytest.raises(SceneError, match="cannot be read"):
        load(tmp_path / "none.sonorize.json")
    assert [each.name for each in tmp_path.iterdir()] == [kept.name]


def test_clips_are_found_by_identity(tmp_path: Path) -> None:
    """Elsewhere and under another name in a library; by name or without in a folder; nowhere."""
    for axis, name in enumerate(("mine/kept", "theirs/renamed", "stick/same", "stick/x/other")):
        tone(tmp_path / f"{name}.wav", axis, 0.2)
    (tmp_path / "stick" / "not heard.wav").write_bytes(b"words")
    build(tmp_path / "library", tmp_path / "theirs")
    there = {path.stem: path for path in tmp_path.rglob("*.wav")}
    gone = tmp_path / "gone"
    kept, renamed, same, other = (
        clip(path, payload_hash(there[name]))
        for name, path in {
            "kept": there["kept"],
            "renamed": gone / "a.wav",
            "same": gone / "same.wav",
            "other": gone / "b.wav",
        }.items()
    )
    lost = clip(gone / "same.wav", "ff", author="nobody")
    made = cue("x", offset=0.1)
    before = sheet(
        tmp_path,
        replace(made, clip=kept, alternates=((renamed, 0.0), (same, 0.5))),
        replace(made, id="s1", clip=lost, alternates=((other, 0.0),)),
    )
    with Library.open(tmp_path / "library") as library:
        after, missing = relinked(before, [library], [tmp_path / "stick"])
        assert missing == [lost]
        assert relinked(before, [library])[1] == [same, lost, other]
    first, second = after.cues
    assert (first.clip, second.clip, first.offset) == (kept, lost, 0.1)
    assert first.alternates == (
        (replace(renamed, path=str(there["renamed"])), 0.0),
        (replace(same, path=str(there["same"])), 0.5),
    )
    assert second.alternates == ((replace(other, path=str(there["other"])), 0.0),)


def test_a_file_that_the_catalog_knows_but_that_is_gone_is_missing(tmp_path: Path) -> None:
    path = tone(tmp_path / "in" / "a.wav", 0, 0.2)
    build(tmp_path / "library", tmp_path / "in")
    wanted = clip(tmp_path / "was.wav", payload_hash(path))
    path.unlink()
    with Library.open(tmp_path / "library") as library:
        assert relinked(sheet(tmp_path, replace(cue("x"), clip=wanted)), [library])[1] == [wanted]
