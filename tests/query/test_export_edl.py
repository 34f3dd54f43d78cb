"""Edit lists, as a reader of our own and OpenTimelineIO's adapter understand them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path

import opentimelineio as otio
import pytest
import sounds
from scene_sheets import EVERY_RATE, clip, sheet

from indexer.errors import SceneError
from query.scene import export
from query.scene.cues import CueSheet, pieces

LINE = re.compile(
    r"(\d{3})  (\S{1,8}) +(V|A|A2|AA|NONE) +C +" + r" ".join([r"(\d\d:\d\d:\d\d[:;]\d\d)"] * 4)
)
NAMED = {"V": (0,), "A": (1,), "A2": (2,), "AA": (1, 2), "NONE": ()}


@dataclass
class Event:
    number: int
    reel: str
    channels: tuple[int, ...]
    times: tuple[int, ...]
    comments: list[str] = field(default_factory=list)

    def said(self, what: str) -> str:
        return next(line.split(": ", 1)[1] for line in self.comments if line.startswith(what))


def frames(text: str, count: int) -> int:
    """A timecode, written out independently of the product: drop-frame where ; says so."""
    hours, minutes, seconds, rest = map(int, re.split("[:;]", text))
    total = ((hours * 60 + minutes) * 60 + seconds) * count + rest
    skipped = count // 15 if ";" in text else 0
    return total - skipped * (hours * 60 + minutes - (hours * 60 + minutes) // 10)


def events(path: Path, count: int) -> tuple[list[str], list[Event]]:
    text = path.read_bytes().decode("utf-8")
    assert text.count("\r\n") == text.count("\n")
    head, found = [], []
    for line in filter(None, text.splitlines()):
        matched = LINE.fullmatch(line)
        if matched:
            number, reel, channels, *times = matched.groups()
            whole = tuple(frames(time, count) for time in times)
            found.append(Event(int(number), reel, NAMED[channels], whole))
        elif line.startswith("AUD"):
            found[-1].channels = tuple(map(int, line.split()[1:]))
        else:
            (found[-1].comments if found else head).append(line)
    assert [event.number for event in found] == list(range(1, len(found) + 1))
    return head, found


def write(made: CueSheet, out: Path) -> list[Path]:
    export.writer(out)(made, out, None)
    return sorted(out.parent.glob("*.edl"), key=lambda path: (len(path.name), path.name))


@EVERY_RATE
def test_events_are_where_the_cues_are(tmp_path: Path, rate: Fraction, drop: bool) -> None:
    made = sheet(tmp_path, rate, drop)
    paths = write(made, tmp_path / "film.edl")
    read = [events(path, round(rate)) for path in paths]
    wanted = "FCM: DROP FRAME" if drop else "FCM: NON-DROP FRAME"
    assert all(head[1] == wanted for head, _ in read)
    every = [event for _, found in read for event in found]
    for event in every:
        source_in, source_out, record_in, record_out = event.times
        assert source_out - source_in == record_out - record_in > 0

    [picture] = [event for event in every if event.channels == (0,)]
    assert picture.times[2:] == (made.film.start, made.film.start + made.film.frames)
    assert picture.said("* SOURCE FILE") == made.film.path
    for cue in made.cues:
        laid = [event for event in every if f"* CUE: {cue.id} " in "\n".join(event.comments)]
        assert len(laid) == len(list(pieces(cue, made.film)))
        laid.sort(key=lambda event: event.times[2])
        ends = cue.start + int((cue.clip.duration - cue.offset) * rate)
        assert laid[0].times[2] - made.film.start == cue.start
        assert laid[-1].times[3] - made.film.start == (cue.end if cue.loop else min(cue.end, ends))
        assert abs(laid[0].times[0] - cue.offset * rate) <= 0.5
        assert {event.said("* SOURCE FILE") for event in laid} == {cue.clip.path}
        assert {len(event.channels) for event in laid} == {min(2, cue.clip.channels)}


def test_no_channel_holds_two_things_at_once_and_reels_name_one_file(tmp_path: Path) -> None:
    paths = write(sheet(tmp_path), tmp_path / "film.edl")
    reels: dict[str, set[str]] = {}
    for path in paths:
        taken: dict[int, int] = {}
        for event in events(path, 24)[1]:
            reels.setdefault(event.reel, set()).add(event.said("* SOURCE FILE"))
            for channel in event.channels:
                assert channel <= 4
                assert taken.get(channel, 0) <= event.times[2]
                taken[channel] = event.times[3]
    assert all(len(files) == 1 for files in reels.values())
    assert {"AFILM", "MEADOW", "RAIN", "TRAIN", "ITSABC50"} == set(reels)


def test_what_the_format_lacks_is_said(tmp_path: Path) -> None:
    made = sheet(tmp_path)
    found = [event for path in write(made, tmp_path / "film.edl") for event in events(path, 24)[1]]
    [dog] = [event for event in found if "* CUE: s1 SPOT .31 STRONG" in event.comments]
    said = "\n".join(dog.comments)
    assert '* FROM CLIP NAME: dog "barks"' in said
    assert re.search(r"\* AUDIO LEVEL AT 00:00:00:00 IS \+2\.00 DB \(REEL ITSABC50 A\d\)", said)
    assert "* FADE IN 0.010 S, FADE OUT 0.300 S" in said
    loops = [event for event in found if "* CUE: a1 AMBIENCE .42 STRONG" in event.comments]
    crossed = "* CROSSFADES WITH THE EVENT BEFORE IT, ON OTHER CHANNELS"
    assert [crossed in event.comments for event in loops].count(True) == len(loops) - 1
    locators = [line for event in found for line in event.comments if "LOC" in line]
    assert len(locators) == 6
    assert locators[5].startswith("* LOC: 01:00:18:12 RED     Shot 6: a river: nothing")


def crowded(folder: Path, rate: Fraction = Fraction(24), drop: bool = False) -> CueSheet:
    """Too much at a time for the four channels of one list."""
    made = sheet(folder, rate, drop)
    many = tuple(
        replace(made.cues[3], id=f"m{n}", clip=clip(folder / f"long name {n}.wav", 9.0, channels))
        for n, channels in enumerate([2, 1, 6, 2, 1, 1, 2])
    )
    return replace(made, cues=many)


def test_too_much_for_four_channels_goes_on_in_another_file(tmp_path: Path) -> None:
    paths = write(crowded(tmp_path), tmp_path / "film.edl")
    assert [path.name for path in paths] == ["film.edl", "film.2.edl", "film.3.edl"]
    read = [events(path, 24) for path in paths]
    assert [head[0] for head, _ in read] == [f"TITLE: a film ({n} OF 3)" for n in (1, 2, 3)]
    assert sum(len(found) for _, found in read) == 8
    used = [sorted(c for event in found for c in event.channels) for _, found in read]
    assert used == [[0, 1, 2, 3, 4], [1, 2, 3, 4], [1, 2, 3]]
    assert len({event.reel for _, found in read for event in found}) == 8
    wide = [
        event for _, found in read for event in found if "* CHANNELS 1 AND 2 OF 6" in event.comments
    ]
    assert len(wide) == 1


def test_more_than_999_events_go_on_in_another_file(tmp_path: Path) -> None:
    made = sheet(tmp_path, Fraction(25))
    long = replace(made.film, frames=30_000)
    many = tuple(replace(made.cues[4], id=f"m{n}", start=n * 20, frames=20) for n in range(1200))
    paths = write(replace(made, film=long, cues=many), tmp_path / "film.edl")
    assert [len(events(path, 25)[1]) for path in paths] == [999, 202]


def test_a_stamped_file_is_counted_from_its_stamp(tmp_path: Path) -> None:
    made = sheet(tmp_path, Fraction(30000, 1001), True)
    body = sounds.bext(time_reference=48000 * 3600)
    (tmp_path / "stamped.wav").write_bytes(sounds.wav(before=[(b"bext", body)]))
    stamped = replace(made.cues[1], clip=clip(tmp_path / "stamped.wav", 9.0), offset=0.5)
    [path] = write(replace(made, cues=(stamped,)), tmp_path / "film.edl")
    assert " 01:00:00;15 " in path.read_text("utf-8")  # 3600.5 s are 107907.1 frames: 107892 + 15


def test_a_rate_without_timecode_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SceneError, match="cannot count 15 frames a second"):
        write(sheet(tmp_path, Fraction(15)), tmp_path / "film.edl")
    assert not list(tmp_path.iterdir())


@EVERY_RATE
def test_opentimelineio_reads_the_same(tmp_path: Path, rate: Fraction, drop: bool) -> None:
    """Its adapter knows the channels V, A, A2 and AA."""
    made = sheet(tmp_path, rate, drop)
    out = tmp_path / "film.edl"
    export.writer(out)(made, out, None)
    timeline = otio.adapters.read_from_file(str(out), "cmx_3600", rate=float(rate))
    [picture] = next(track for track in timeline.tracks if track.name == "V")
    assert picture.source_range.start_time.value == made.film.start
    assert picture.source_range.duration.value == made.film.frames
    assert [marker.name for marker in picture.markers][5].startswith("Shot 6: a river")
    meadow = next(track for track in timeline.tracks if track.name == "A1").find_clips()[0]
    begins = meadow.transformed_time_range(meadow.trimmed_range(), timeline.tracks)
    assert (meadow.name, begins.start_time.value) == ("meadow", made.film.start)


@EVERY_RATE
def test_opentimelineio_reads_each_of_several_lists(
    tmp_path: Path, rate: Fraction, drop: bool
) -> None:
    """The clips on the first two channels, which are those that its adapter knows."""
    made = crowded(tmp_path, rate, drop)
    read = []
    for path in write(made, tmp_path / "film.edl"):
        timeline = otio.adapters.read_from_file(str(path), "cmx_3600", rate=float(rate))
        for track in timeline.audio_tracks():
            for each in track.find_clips():
                lies = each.transformed_time_range(each.trimmed_range(), timeline.tracks)
                read.append((path.name, each.name, lies.start_time.value, lies.duration.value))
    begins = made.film.start + made.cues[0].start
    assert {name for name, *_ in read} == {"film.edl", "film.2.edl", "film.3.edl"}
    assert {each[2:] for each in read} == {(begins, made.cues[0].frames)}
