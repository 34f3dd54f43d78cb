"""AAF files, as pyaaf2 reads them."""

from __future__ import annotations

import itertools
import struct
import sys
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import aaf2
import numpy as np
import pytest
import soundfile
from scene_sheets import EVERY_RATE, clip, lay_down, sheet

from indexer.errors import SceneError
from query.scene import export
from query.scene.cues import CueSheet, Piece, pieces

pytestmark = pytest.mark.slow

RATE = 48000


@pytest.fixture(scope="module")
def sounds_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sounds")
    lay_down(sheet(folder))
    return folder


@pytest.fixture(scope="module")
def written(sounds_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The whole sheet at 24 frames a second."""
    return write(sheet(sounds_folder), tmp_path_factory.mktemp("session") / "film.aaf")


@dataclass
class Found:
    """A clip on a track: samples, amplitude, and the transitions that touch it."""

    track: str
    name: str
    start: int
    length: int
    offset: int
    amplitude: Fraction
    before: int
    after: int
    source: Any


def write(made: CueSheet, out: Path) -> Path:
    export.writer(out)(made, out, None)
    return out


def composition(file: Any) -> Any:
    [mob] = file.content.toplevel()
    return mob


def unwrapped(component: Any) -> Any:
    """The gain of what is heard, or of what a muted track offers."""
    if type(component).__name__ == "Selector":
        assert type(component["Selected"].value).__name__ == "Filler"
        [component] = component["Alternates"].value
    return component


def laid_out(slot: Any) -> Any:
    """What lies on a sound track, whose pan is around all of it."""
    panned = type(slot.segment).__name__ == "OperationGroup"
    return slot.segment.segments[0] if panned else slot.segment


def clips(file: Any) -> list[Found]:
    found = []
    for slot in composition(file).slots:
        if slot.segment.media_kind != "Sound":
            continue
        assert slot.edit_rate == RATE
        laid = list(laid_out(slot).positions())
        for index, position, component in laid:
            if type(component).__name__ in ("Filler", "Transition"):
                continue
            group = unwrapped(component)
            [source] = group.segments
            beside = [laid[at][2] if 0 <= at < len(laid) else None for at in (index - 1, index + 1)]
            fades = [each.length if type(each).__name__ == "Transition" else 0 for each in beside]
            assert source.length == component.length
            found.append(
                Found(
                    slot.name, source.mob.name, position, source.length, source.start,
                    Fraction(next(iter(group.parameters.value)).value), *fades, source,
                )
            )  # fmt: skip
    return found


def fits(found: Found, piece: Piece) -> bool:
    return (
        found.start == round(piece.start * RATE)
        and found.start + found.length == round(piece.end * RATE)
        and found.offset == round(piece.offset * RATE)
    )


@EVERY_RATE
def test_the_cues_lie_where_they_did(
    tmp_path: Path, sounds_folder: Path, rate: Fraction, drop: bool
) -> None:
    made = sheet(sounds_folder, rate, drop)
    few = tuple(replace(cue, alternates=()) for cue in made.cues if cue.clip.path.endswith("wav"))
    made = replace(made, cues=few)
    with aaf2.open(str(write(made, tmp_path / "film.aaf"))) as file:
        slots = {slot.name: slot for slot in composition(file).slots}
        code = slots["Timecode"].segment
        assert (code.start, code.fps, code.drop) == (made.film.start, round(rate), drop)
        assert Fraction(slots["Timecode"].edit_rate) == rate
        assert Fraction(slots["Picture"].edit_rate) == rate
        assert slots["Picture"].length == made.film.frames
        found = clips(file)
        for cue in made.cues:
            for piece in pieces(cue, made.film):
                fitting = [each for each in found if fits(each, piece)]
                assert len(fitting) == cue.clip.channels
                start = Fraction(fitting[0].start, RATE) * rate
                if piece.start == float(made.film.at(cue.start)):
                    assert abs(start - cue.start) < Fraction(1, 100)
        for slot in composition(file).slots:
            if slot.segment.media_kind == "Sound":
                assert slot.length == round(made.film.seconds * RATE)


def test_gain_fades_and_crossfades(written: Path) -> None:
    with aaf2.open(str(written)) as file:
        found = clips(file)
        dog = next(each for each in found if each.name == 'dog "barks"')
        assert float(dog.amplitude) == pytest.approx(10 ** (2 / 20), abs=1e-6)
        assert (dog.before, dog.after) == (480, 14400)
        loop = sorted(
            (each for each in found if each.name == "meadow" and each.track.endswith("L")),
            key=lambda each: each.start,
        )
        assert loop[0].before == round(0.5 * RATE)
        for one, two in itertools.pairwise(loop):
            assert one.after == two.before == one.start + one.length - two.start == RATE
        assert loop[-1].after == round(0.5 * RATE)
        crossed = [slot for slot in composition(file).slots if slot.name == "Ambience 2 L"]
        kinds = [type(each).__name__ for each in laid_out(crossed[0]).components]
        pieced = ["OperationGroup", "Transition"] * len(loop)
        assert kinds == ["Filler", "Transition", *pieced, "Filler"]
        dissolves = {
            str(component["OperationGroup"].value.operation.auid)
            for slot in composition(file).slots
            if slot.segment.media_kind == "Sound"
            for component in laid_out(slot).components
            if type(component).__name__ == "Transition"
        }
        assert dissolves == {"0c3bea41-fc05-11d2-8a29-0050040ef7d2"}


def test_tracks_lie_where_their_channels_belong(tmp_path: Path, sounds_folder: Path) -> None:
    made = sheet(sounds_folder)
    surround = replace(made.cues[2], clip=clip(tmp_path / "around.wav", 2.5, 6), alternates=())
    made = replace(made, cues=(*(each for each in made.cues if each.layer == "ambience"), surround))
    lay_down(replace(made, cues=(surround,)))
    with aaf2.open(str(write(made, tmp_path / "film.aaf"))) as file:
        pans = {
            slot.name: [
                (str(slot.segment.operation.auid), slot.segment.length == laid_out(slot).length),
                *((str(p["Definition"].value), p.value) for p in slot.segment.parameters),
            ]
            if type(slot.segment).__name__ == "OperationGroup"
            else None
            for slot in composition(file).slots
            if slot.segment.media_kind == "Sound"
        }
    place = "e4962322-2267-11d3-8a4c-0050040ef7d2"
    panned = ("9d2ea893-0968-11d3-8a38-0050040ef7d2", True)
    wanted = {"Ambience 1": Fraction(1, 2), "Ambience 2 L": 0, "Ambience 2 R": 1}
    assert {name: pans[name] for name in wanted} == {
        name: [panned, (place, where)] for name, where in wanted.items()
    }
    assert [pans[f"Spot {channel}"] for channel in range(1, 7)] == [None] * 6


def test_wav_is_linked_and_other_sounds_are_embedded_as_they_are(
    written: Path, sounds_folder: Path
) -> None:
    with aaf2.open(str(written)) as file:
        found = clips(file)
        mobs = {each.name: each.source.slot.segment.mob for each in found}
        meadow = mobs["meadow"].descriptor
        url = meadow["Locator"].value[0]["URLString"].value
        assert url.startswith("file:///")
        assert unquote(urlsplit(url).path) == str(sounds_folder / "meadow.wav")
        header = bytes(meadow["Summary"].value)
        assert header[:4] + header[8:16] == b"RIFFWAVEfmt "
        assert struct.unpack("<HHI", header[20:28]) == (1, 2, 48000)
        assert struct.unpack("<H", header[34:36]) == (24,)
        assert {each.source.slot_id for each in found if each.name == "meadow"} == {1, 2}

        stored = mobs["rain"].essence.open("r").read()
        assert mobs["rain"].descriptor["QuantizationBits"].value == 24
        raw = np.frombuffer(stored, np.uint8).reshape(-1, 3)
        samples = np.pad(raw, ((0, 0), (1, 0))).copy().view("<i4")[:, 0]
        there = soundfile.read(sounds_folder / "rain.flac", dtype="int32")[0]
        assert np.array_equal(samples, there)
        assert len({mob.mob_id for mob in file.content.mobs}) == len(list(file.content.mobs))


def test_alternates_are_on_muted_tracks_and_shots_are_markers(
    written: Path, sounds_folder: Path
) -> None:
    made = sheet(sounds_folder)
    with aaf2.open(str(written)) as file:
        names = [slot.name for slot in composition(file).slots]
        assert names == [
            "Timecode", "Picture", "Ambience 1", "Ambience 2 L", "Ambience 2 R", "Spot 1",
            "Spot 2 L", "Spot 2 R", "Spot alternate 1 muted", "Spot alternate 2 muted L",
            "Spot alternate 2 muted R", "Shots",
        ]  # fmt: skip
        numbers = [slot["PhysicalTrackNumber"].value for slot in composition(file).slots]
        # As editors count their tracks: V1, A1, A2; the shots are of V1.
        assert numbers == [1, 1, *range(1, 10), 1]
        muted = [each for each in clips(file) if "muted" in each.track]
        assert [(each.name, each.offset) for each in muted] == [
            ("cat", RATE // 4), ("fox", 0), ("fox", 0),
        ]  # fmt: skip
        for slot in composition(file).slots:
            if "muted" in slot.name:
                kinds = {type(each).__name__ for each in laid_out(slot).components}
                assert kinds == {"Filler", "Selector"}
        markers = list(composition(file).slots)[-1].segment.components
        assert [each["Position"].value for each in markers] == [s.start for s in made.shots]
        assert markers[5]["Comment"].value == "Shot 6: a river: nothing in the library"


def test_the_picture_is_referred_to(tmp_path: Path, sounds_folder: Path) -> None:
    made = replace(sheet(sounds_folder, Fraction(30000, 1001), True), cues=())
    with aaf2.open(str(write(made, tmp_path / "film.aaf"))) as file:
        picture = next(slot for slot in composition(file).slots if slot.name == "Picture")
        [shown] = picture.segment.components
        source = shown.slot.segment.mob
        url = source.descriptor["Locator"].value[0]["URLString"].value
        assert unquote(urlsplit(url).path) == made.film.path
        code = source.slot_at(2).segment
        assert (code.start, code.fps, code.drop) == (made.film.start, 30, True)


def test_a_sound_that_is_away_is_said_and_nothing_is_left(
    tmp_path: Path, sounds_folder: Path
) -> None:
    made = sheet(sounds_folder)
    away = replace(made.cues[1], clip=clip(tmp_path / "away.wav", 9.0))
    with pytest.raises(SceneError, match=r"away\.wav, which is not there"):
        write(replace(made, cues=(away,)), tmp_path / "film.aaf")
    assert not list(tmp_path.iterdir())
    other = clip(tmp_path / "away.wav", 9.0)
    absent = replace(made.cues[2], alternates=((other, 0.0),))
    with aaf2.open(str(write(replace(made, cues=(absent,)), tmp_path / "film.aaf"))) as file:
        assert not [each for each in clips(file) if "muted" in each.track]


def test_without_the_extra_one_sentence_says_how_to_get_it(
    tmp_path: Path, sounds_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "aaf2", None)
    with pytest.raises(SceneError, match=r"pip install 'sonorize\[timeline\]'"):
        write(sheet(sounds_folder), tmp_path / "film.aaf")
