"""A film of coloured shots on a library that the toy encoder hears: red sounds fit red shots."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sounds
from libraries import COLOURS, HERTZ, build, tone
from PIL import Image

from indexer.encoders.toy import ToyEncoder
from indexer.errors import SceneError
from indexer.library import Library
from query.ask import Ask
from query.scene.cueing import JOIN, joined
from query.scene.cues import Cue, CueSheet, Film, pieces
from query.scene.floor import Floor
from query.scene.plan import Options, plan
from query.scene.project import load, save
from query.search import Searcher
from query.targets import Steering

RATE = Fraction(24000, 1001)
FLOOR = Floor(usual=0.0, likely=4.3, strong=8.6)  # w = .5: a full hit scores .5, 50 spreads away
BED, SPOT, NONE = 7, 3, 6


def spot(path: Path, silence: float, seconds: float, peak: float = 0.5) -> Path:
    made = sounds.tone(seconds, 16_000, hertz=HERTZ[SPOT], peak=peak)
    before = np.zeros((1, round(silence * 16_000)), np.float32)
    return sounds.write(path, np.concatenate([before, made], axis=1), 16_000)


@pytest.fixture(scope="module")
def searcher(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Searcher]:
    """Beds of 10 and 3 s on axis 7, spots with onsets at .5 and 1 s on axis 3, and others."""
    folder = tmp_path_factory.mktemp("plan")
    tone(folder / "in" / "bed long.wav", BED, 10.0, 0.05)
    tone(folder / "in" / "bed short.wav", BED, 3.0)
    spot(folder / "in" / "first.wav", 0.5, 0.7)
    spot(folder / "in" / "second.wav", 1.0, 0.6, 0.25)
    for number, axis in enumerate((0, 1, 2, 4, 5) * 3):
        tone(folder / "in" / f"other{number}.wav", axis, 0.2 + 0.01 * number)
    build(folder / "library", folder / "in")
    with Library.open(folder / "library") as library:
        yield Searcher(library, ToyEncoder())


def film(*axes: int, frames: int = 48) -> tuple[Film, list[tuple[int, int]], list[Any]]:
    shots = [(frames * at, frames * (at + 1)) for at in range(len(axes))]
    shown = [[Image.new("RGB", (8, 8), COLOURS[axis])] * 2 for axis in axes]
    return Film("film.mov", RATE, frames * len(axes), 86_400), shots, shown


def made(searcher: Searcher, *axes: int, frames: int = 48, **options: Any) -> CueSheet:
    return plan(*film(*axes, frames=frames), searcher, Options(floor=FLOOR, **options))


def told(sheet: CueSheet) -> list[tuple[str, str, int, int]]:
    return [(c.layer, Path(c.clip.path).stem, c.start, c.end) for c in sheet.cues]


def test_a_cut_between_two_ambiences_is_no_hole(searcher: Searcher) -> None:
    first, second = made(searcher, BED, NONE, BED).cues
    other = replace(second.clip, path="other.wav")
    first, second = joined([first, replace(second, start=first.end, clip=other)])
    assert (first.fade_out, second.fade_in) == (JOIN, JOIN)
    assert (first.fade_in, second.fade_out) == (0.5, 0.5)
    bed = replace(first, fade_out=0.5)
    after = replace(second, fade_in=0.5, locked=True)
    assert joined([bed, after]) == [first, after]  # the user's own stays
    spot = replace(after, layer="spot")
    assert joined([bed, spot]) == [bed, spot]


def test_one_ambience_runs_on_over_shots_of_one_place(searcher: Searcher) -> None:
    sheet = made(searcher, BED, BED, SPOT, BED)
    assert told(sheet) == [
        ("ambience", "bed long", 0, 96),
        ("spot", "first", 96, 119),  # .5 s and .7 s, less what lies .25 s before the onset
        ("ambience", "bed long", 144, 192),
    ]
    assert [shot.place for shot in sheet.shots] == [0, 0, 1, 0]
    first, _, third = sheet.cues
    assert third.offset == pytest.approx(first.offset + float(sheet.film.at(96)))
    assert [cue.id for cue in sheet.cues] == ["ambience-0", "spot-96", "ambience-144"]
    assert [cue.shot for cue in sheet.cues] == [0, 2, 3]
    assert [Path(clip.path).stem for clip, _ in first.alternates] == ["bed short"]
    assert not any(cue.loop for cue in sheet.cues)


def test_an_ambience_of_two_places_runs_on_from_one_to_the_other(searcher: Searcher) -> None:
    sheet = made(searcher, BED, BED, SPOT, BED, same=1.1, frames=96)
    assert sorted({shot.place for shot in sheet.shots}) == [0, 1, 2, 3]
    beds = sheet.layer("ambience")
    assert [(cue.id, cue.start, cue.end, cue.shot) for cue in beds] == [
        ("ambience-0", 0, 192, 0), ("ambience-288", 288, 384, 3),
    ]  # fmt: skip
    assert not beds[0].loop
    assert beds[0].offset + float(sheet.film.at(192)) <= beds[0].clip.duration + 1e-6
    held = tuple(replace(cue, locked=True) for cue in made(searcher, BED, BED, same=1.1).cues)
    first = replace(held[0], frames=48)
    again = made(searcher, BED, BED, same=1.1, former=replace(sheet, cues=(first,)))
    assert [(cue.start, cue.end) for cue in again.cues] == [(0, 48), (48, 96)]


def test_a_short_bed_is_repeated(searcher: Searcher) -> None:
    sheet = made(searcher, BED, frames=24 * 30)
    (cue,) = sheet.cues
    assert (cue.loop, Path(cue.clip.path).stem) == (True, "bed long")
    parts = list(pieces(cue, sheet.film))
    assert len(parts) > 2
    assert parts[-1].end == pytest.approx(float(sheet.film.seconds))


def test_no_spot_is_repeated_while_another_is_near(searcher: Searcher) -> None:
    sheet = made(searcher, SPOT, BED, SPOT, NONE, SPOT)
    names = [name for layer, name, *_ in told(sheet) if layer == "spot"]
    assert set(names[:2]) == {"first", "second"}
    assert len(names) == 3


def test_levels_are_balanced_by_loudness(searcher: Searcher) -> None:
    bed, cue = made(searcher, BED, SPOT).cues
    assert bed.clip.loudness is not None
    assert cue.clip.loudest is not None
    assert bed.clip.loudness + bed.gain == pytest.approx(-32.0, abs=0.01)
    assert cue.clip.loudest + cue.gain == pytest.approx(-20.0, abs=0.01)
    assert cue.clip.strength == bed.clip.strength == "strong"
    assert all(each.fade_in > 0 < each.fade_out for each in (bed, cue))


def test_silence_says_what_is_lacking(searcher: Searcher) -> None:
    sheet = made(searcher, BED, NONE)
    assert [cue.layer for cue in sheet.cues] == ["ambience"]
    note = "nothing in the library for 01:00:02:00–01:00:04:00: this picture"
    assert [shot.note for shot in sheet.shots] == ["", note]
    silent = made(searcher, NONE, words={0: Steering([(0.1, "bell")])})
    assert silent.shots[0].note.endswith(": bell")


def test_words_of_a_shot_are_its_own(searcher: Searcher) -> None:
    asked = made(searcher, NONE, NONE, words={1: Steering([(5.0, "dog")])})
    assert [cue.layer for cue in asked.cues] == ["spot"]
    assert asked.cues[0].start >= 48
    assert asked.cues[0].question == asked.shots[1].question == "dog"


def test_what_a_film_goes_away_from_is_left_out(searcher: Searcher) -> None:
    both, low = [(5.0, "dog"), (5.0, "hiss")], Floor(usual=0.0, likely=0.5, strong=1.0)

    def layers(*away: tuple[float, str]) -> set[str]:
        ask = Ask(steering=Steering(both, away))
        return {cue.layer for cue in plan(*film(NONE), searcher, Options(ask, floor=low)).cues}

    assert layers() == layers((5.0, "growl")) == {"spot", "ambience"}
    assert layers((5.0, "hiss")) == {"spot"}


def test_what_a_film_goes_away_from_makes_nothing_else_unlikely(searcher: Searcher) -> None:
    high = Floor(usual=0.0, likely=9.0, strong=10.0)
    plain, steered = (
        plan(*film(SPOT, BED), searcher, Options(floor=high, ask=Ask(steering=Steering(away=away))))
        for away in ([], [(1.0, "violet")])
    )
    assert told(steered) == told(plain)
    assert [cue.clip.score for cue in steered.cues] == [cue.clip.score for cue in plain.cues]
    assert {cue.clip.strength for cue in steered.cues} == {"strong"}


def test_an_onset_meets_the_change(searcher: Searcher) -> None:
    changes = np.ones(48)
    changes[14] = 30.0
    for lined in (True, False):
        (cue,) = made(searcher, SPOT, changes=changes if lined else None).cues
        onset = 0.5 if "first" in cue.clip.path else 1.0
        heard = float(RATE) * (cue.start / float(RATE) + onset - cue.offset)
        assert heard == pytest.approx(14.0 if lined else 0.25 * float(RATE), abs=0.5)
        for clip, offset in cue.alternates:
            there = 0.5 if "first" in clip.path else 1.0
            assert there - offset == pytest.approx(onset - cue.offset, abs=0.02)


def test_locked_cues_stay(searcher: Searcher, tmp_path: Path) -> None:
    before = made(searcher, BED, SPOT, BED)

    def locked(cue: Cue) -> Cue:
        mine = cue.layer == "spot" or cue.start == 0
        return replace(cue, gain=1.25, frames=20, locked=True) if mine else cue

    former = replace(before, cues=tuple(map(locked, before.cues)))
    save(former, tmp_path / "p.sonorize.json")
    after = made(searcher, BED, SPOT, BED, former=load(tmp_path / "p.sonorize.json"))
    kept = [cue for cue in after.cues if cue.locked]
    assert [(c.id, c.gain, c.frames) for c in kept] == [
        ("ambience-0", 1.25, 20), ("spot-48", 1.25, 20),
    ]  # fmt: skip
    others = [cue for cue in after.cues if not cue.locked]
    assert [(c.layer, c.start, c.end) for c in others] == [
        ("ambience", 20, 48), ("ambience", 96, 144),
    ]  # fmt: skip
    assert len({cue.id for cue in after.cues}) == 4
    with pytest.raises(SceneError, match=r"locked cue spot-48 .* ends after the film"):
        made(searcher, BED, former=after)


@pytest.mark.parametrize("shots", [[], [(0, 40)], [(0, 30), (20, 48)], [(0, 48), (48, 48)]])
def test_shots_cover_the_film(searcher: Searcher, shots: list[tuple[int, int]]) -> None:
    whole, _, shown = film(BED)
    with pytest.raises(SceneError, match="do not cover the film"):
        plan(whole, shots, shown * len(shots), searcher, Options(floor=FLOOR))


def test_a_black_film_is_silent(searcher: Searcher) -> None:
    whole, shots, _ = film(BED)
    sheet = plan(whole, shots, [[Image.new("RGB", (8, 8))]], searcher, Options(floor=FLOOR))
    assert sheet.cues == ()
    assert sheet.shots[0].note
    assert (sheet.encoder, sheet.model_licence) == ("toy", "Apache-2.0")
