"""FCPXML: against the structure of its DTD, as exact fractions, and as OpenTimelineIO reads it."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from urllib.parse import unquote, urlsplit
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import opentimelineio as otio
import pytest
import sounds
from scene_sheets import AWKWARD, EVERY_RATE, clip, sheet

from indexer.errors import SceneError
from query.scene import export
from query.scene.cues import CueSheet, pieces

CHILDREN = {
    "fcpxml": "(resources,)(library,)",
    "resources": "(format,|asset,)*",
    "format": "",
    "asset": "(media-rep,)+",
    "media-rep": "",
    "library": "(event,)*",
    "event": "(project,)*",
    "project": "sequence,",
    "sequence": "spine,",
    "spine": "(asset-clip,)*",
    "asset-clip": "(note,)?(adjust-volume,)?(asset-clip,)*(marker,)*",
    "note": "",
    "adjust-volume": "(param,)*",
    "param": "(fadeIn,)?(fadeOut,)?",
    "fadeIn": "",
    "fadeOut": "",
    "marker": "",
}
"""What may stand in what, in which order, by version 1.10: as much of it as is used."""

CLIP = "lane offset name start duration"
ATTRIBUTES = {
    "fcpxml": "version",
    "format": "id frameDuration width height",
    "asset": (
        "id name start duration hasVideo videoSources format hasAudio audioSources "
        "audioChannels audioRate"
    ),
    "media-rep": "kind src",
    "event": "name",
    "project": "name",
    "sequence": "format duration tcStart tcFormat audioLayout audioRate",
    "asset-clip": f"ref {CLIP} format tcFormat audioRole",
    "adjust-volume": "amount",
    "param": "name",
    "fadeIn": "duration",
    "fadeOut": "duration",
    "marker": "start duration value completed",
}


def read(made: CueSheet, out: Path) -> Element:
    export.writer(out)(made, out, None)
    return ElementTree.parse(out).getroot()


def seconds(time: str) -> Fraction:
    assert re.fullmatch(r"\d+(/\d+)?s", time)
    return Fraction(time[:-1])


def placed(root: Element, made: CueSheet) -> Iterator[tuple[Fraction, Fraction, Element]]:
    """(first frame, frame after the last, clip), from the first frame of the film."""
    [picture] = root.findall(".//spine/asset-clip")
    for each in picture.findall("asset-clip"):
        begin = seconds(each.attrib["offset"]) - seconds(picture.attrib["start"])
        rate = made.film.rate
        yield begin * rate, (begin + seconds(each.attrib["duration"])) * rate, each


@EVERY_RATE
def test_times_are_exact(tmp_path: Path, rate: Fraction, drop: bool) -> None:
    made = sheet(tmp_path, rate, drop)
    root = read(made, tmp_path / "film.fcpxml")
    [sequence] = root.iter("sequence")
    assert seconds(sequence.attrib["tcStart"]) == made.film.start / rate
    assert sequence.attrib["tcFormat"] == ("DF" if drop else "NDF")
    assert seconds(sequence.attrib["duration"]) == made.film.seconds
    assert seconds(root.findall(".//format")[0].attrib["frameDuration"]) == 1 / rate
    [picture] = root.findall(".//spine/asset-clip")
    assert picture.attrib["offset"] == sequence.attrib["tcStart"] == picture.attrib["start"]
    assert seconds(picture.attrib["duration"]) == made.film.seconds

    paths = {
        asset.attrib["id"]: unquote(urlsplit(asset[0].attrib["src"]).path)
        for asset in root.iter("asset")
    }
    found = [
        (first, after, paths[each.attrib["ref"]], each) for first, after, each in placed(root, made)
    ]
    assert all(first.denominator == after.denominator == 1 for first, after, _, _ in found)
    for cue in made.cues:
        laid = sorted(
            (each[:2], each[3]) for each in found
            if each[2] == cue.clip.path and cue.start <= each[0] < cue.end
        )  # fmt: skip
        ends = cue.start + int((cue.clip.duration - cue.offset) * rate)
        assert laid[0][0][0] == cue.start
        assert laid[-1][0][1] == (cue.end if cue.loop else min(cue.end, ends))
        begins = seconds(laid[0][1].attrib["start"])
        assert begins == Fraction(round(cue.offset * 48000), 48000)
    assert len(found) == sum(len(list(pieces(cue, made.film))) for cue in made.cues)


def test_it_has_the_structure_of_version_1_10(tmp_path: Path) -> None:
    root = read(sheet(tmp_path), tmp_path / "film.fcpxml")
    assert root.attrib["version"] == "1.10"
    ids = [each.attrib["id"] for each in root.iter() if "id" in each.attrib]
    assert len(ids) == len(set(ids))
    for each in root.iter():
        inside = "".join(f"{child.tag}," for child in each)
        assert re.fullmatch(CHILDREN[each.tag], inside), (each.tag, inside)
        assert set(each.attrib) <= set(ATTRIBUTES.get(each.tag, "").split()), each.attrib
        for name in ("ref", "format"):
            assert each.get(name, ids[0]) in ids
    assert "<!DOCTYPE fcpxml>" in (tmp_path / "film.fcpxml").read_text("utf-8")


def test_lanes_gain_fades_roles_and_notes(tmp_path: Path) -> None:
    made = sheet(tmp_path)
    root = read(made, tmp_path / "film.fcpxml")
    lanes: dict[str, list[tuple[Fraction, Fraction]]] = {}
    for first, after, each in placed(root, made):
        lanes.setdefault(each.attrib["lane"], []).append((first, after))
    assert sorted(lanes) == ["-1", "-2", "-3", "-4"]
    for laid in lanes.values():
        assert all(one[1] <= two[0] for one, two in itertools.pairwise(laid))
    dog = next(each for _, _, each in placed(root, made) if each.attrib["lane"] == "-3")
    assert dog.attrib["audioRole"] == "effects.Spot 1"
    assert dog.attrib["name"] == 'dog "barks"'
    [volume] = dog.findall("adjust-volume")
    assert volume.attrib["amount"] == "2.00dB"
    assert seconds(volume.findall(".//fadeIn")[0].attrib["duration"]) == Fraction(1, 100)
    assert seconds(volume.findall(".//fadeOut")[0].attrib["duration"]) == Fraction(3, 10)
    assert 'dog "barks" (.31, strong) | or: cat (' in (dog.findtext("note") or "")


def test_markers_are_shots_and_what_is_missing_is_to_do(tmp_path: Path) -> None:
    made = sheet(tmp_path, Fraction(30000, 1001), True)
    markers = list(read(made, tmp_path / "film.fcpxml").iter("marker"))
    frames = [seconds(each.attrib["start"]) * made.film.rate for each in markers]
    assert frames == [made.film.start + shot.start for shot in made.shots]
    assert markers[5].attrib["value"] == "Shot 6: a river: nothing in the library"
    assert [each.get("completed") for each in markers] == [None] * 5 + ["0"]


def test_a_stamped_file_is_counted_from_its_stamp(tmp_path: Path) -> None:
    made = sheet(tmp_path)
    body = sounds.bext(b"words", time_reference=48000 * 3600)
    path = tmp_path / "stamped.wav"
    path.write_bytes(sounds.wav(before=[(b"bext", body)]))
    stamped = replace(made.cues[1], clip=clip(path, 9.0), offset=0.5)
    root = read(replace(made, cues=(stamped,)), tmp_path / "film.fcpxml")
    [(_, _, each)] = placed(root, made)
    assert each.attrib["start"] == "7201/2s"
    assert root.findall(".//asset")[1].attrib["start"] == "3600s"


@pytest.mark.parametrize("rate", [Fraction(24), Fraction(25), Fraction(50), Fraction(60)])
def test_opentimelineio_reads_the_same(tmp_path: Path, rate: Fraction) -> None:
    """Its adapter takes 23.976 for 23, and so cannot judge that. It divides in floats and cuts off:
    of 900171/25 s, frame 900171 to the point, it makes 900170."""
    made = sheet(tmp_path, rate)
    out = tmp_path / "film.fcpxml"
    export.writer(out)(made, out, None)
    [timeline] = otio.adapters.read_from_file(str(out), "fcpx_xml")
    found = [
        (track.name, each.name, int(each.range_in_parent().start_time.value) - made.film.start)
        for track in timeline.tracks
        for each in track.find_clips()
    ]
    assert ("0", "a film", 0) in found
    assert ("-3", 'dog "barks"', 63) in found
    assert ("-3", 'dog "barks"', 200) in found
    assert ("-4", "train (lossy preview)", 80) in found
    assert {name for _, name, at in found if at == 290} == {"rain"}
    assert AWKWARD in unquote(out.read_text("utf-8"))


def test_any_rate_that_is_a_short_fraction_is_kept(tmp_path: Path) -> None:
    root = read(sheet(tmp_path, Fraction(162, 5), False), tmp_path / "film.fcpxml")
    assert root.findall(".//format")[0].attrib["frameDuration"] == "5/162s"
    longer = sheet(tmp_path, Fraction(2_147_483_659, 10**8), False)
    with pytest.raises(SceneError, match=r"cannot count 21\.475 frames a second exactly"):
        read(longer, tmp_path / "longer.fcpxml")
    assert not (tmp_path / "longer.fcpxml").exists()
