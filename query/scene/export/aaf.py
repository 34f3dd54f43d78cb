"""An AAF, for Pro Tools, Nuendo and Media Composer, by the edit protocol (AMWA AS-01).

A mono track for each channel, at 48 kHz, panned for mono and stereo, since an editor would put
left and right in the middle. A fade is a transition from or to nothing, a crossfade one between two
pieces. An alternate is a selector whose choice is silence.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from query import timecode
from query.scene.cues import Clip, Cue, CueSheet, Piece
from query.scene.export import aaf_media, files, lay

RATE = 48000  # positions a second on the tracks
GAIN = "9d2ea894-0968-11d3-8a38-0050040ef7d2"  # OperationDef_MonoAudioGain
DISSOLVE = "0c3bea41-fc05-11d2-8a29-0050040ef7d2"  # OperationDef_MonoAudioDissolve
PAN = "9d2ea893-0968-11d3-8a38-0050040ef7d2"  # OperationDef_MonoAudioPan, of a whole track
LEVEL = "e4962320-2267-11d3-8a4c-0050040ef7d2"
AMPLITUDE = "e4962321-2267-11d3-8a4c-0050040ef7d2"
POSITION = "e4962322-2267-11d3-8a4c-0050040ef7d2"  # ParameterDef_Pan: 0 left, 1 right
POWER = "c09153f7-bd18-4e5a-ad09-cbdd654fa001"  # InterpolationDef_Power
ALTERNATES = 3
PANS = {1: ("1/2",), 2: ("0/1", "1/1")}  # by the number of channels
_STEPS = 1_000_000  # of an amplitude, which is a rational


@dataclass(frozen=True, slots=True)
class _Laid:
    """A stretch of a clip in samples of the timeline. joined: it overlaps the one before it."""

    clip: Clip
    gain: float
    start: int
    length: int
    offset: int
    fade_in: int
    fade_out: int
    joined: bool = False
    silent: bool = False

    @property
    def end(self) -> int:
        return self.start + self.length


def write(sheet: CueSheet, out: Path, base: Path | None = None) -> None:
    """The sheet as .aaf: timecode, the picture by reference, tracks, alternates, shots as markers.

    WAV files are linked by absolute URLs; sounds of other formats are embedded at 24 bits, whole.
    Alternates whose files are away are left out. Raises SceneError, also for a sound that is
    not where it was.
    """
    aaf2 = files.timeline("aaf2", "An .aaf")
    with files.aside(out) as path, aaf2.open(str(path), "w") as file:
        _define(file, aaf2)
        _Composition(file, aaf2, sheet).build()


class _Composition:
    def __init__(self, file: Any, aaf2: Any, sheet: CueSheet) -> None:
        self.file, self.sheet, self.film = file, sheet, sheet.film
        self.rational = aaf2.rational.AAFRational
        self.edit_rate = self.rational(str(sheet.film.rate))
        self.media = aaf_media.Media(file, sheet.film, self.edit_rate)
        self.mob = file.create.CompositionMob(lay.film_name(sheet))
        self.mob.usage = "Usage_TopLevel"
        file.content.mobs.append(self.mob)
        self.total = round(sheet.film.seconds * RATE)
        self.sounds = 0  # tracks that there are

    def build(self) -> None:
        self.timecode()
        self.picture()
        tracks = lay.tracks(self.sheet, whole=True, by_channels=True)
        for track in tracks:
            self.sound(track.name, track.channels, _laid(track.items))
        for layer, name in lay.NAMES.items():
            self.alternates(name, self.sheet.layer(layer))
        self.markers()

    def timecode(self) -> None:
        film = self.film
        slot = self.mob.create_timeline_slot(edit_rate=self.edit_rate)
        slot.name = "Timecode"
        slot["PhysicalTrackNumber"].value = 1  # of several timecodes the first is the one
        slot.segment = self.file.create.Timecode(
            timecode.nominal(film.rate), film.drop, film.frames
        )
        slot.segment.start = film.start

    def picture(self) -> None:
        slot = self.mob.create_picture_slot(self.edit_rate)
        slot.name = "Picture"
        slot["PhysicalTrackNumber"].value = 1
        slot.segment.components.append(self.media.picture())
        slot.segment.length = self.film.frames

    def sound(self, name: str, channels: int, laid: Iterable[_Laid]) -> None:
        items = list(laid)
        for channel in range(channels):
            slot = self.mob.create_timeline_slot(RATE)
            self.sounds += 1
            slot["PhysicalTrackNumber"].value = self.sounds
            slot.name = f"{name} {_side(channel, channels)}".strip()
            laid_out = self.file.create.Sequence("sound")
            for component in self.components(items, channel):
                laid_out.components.append(component)
            laid_out.length = max(self.total, items[-1].end)
            pan = PANS[channels][channel] if channels in PANS else ""
            slot.segment = self.panned(laid_out, pan) if pan else laid_out

    def panned(self, laid_out: Any, pan: str) -> Any:
        """A whole track at its place between left and right."""
        length = laid_out.length
        group = self.file.create.OperationGroup(_id(PAN), length=length, media_kind="sound")
        group.segments.append(laid_out)
        value = self.rational(pan)
        group.parameters.append(self.file.create.ConstantValue(_id(POSITION), value))
        return group

    def alternates(self, name: str, cues: tuple[Cue, ...]) -> None:
        """Under a layer's tracks, on tracks of their own, silent until they are chosen."""
        for number in range(ALTERNATES):
            lanes: dict[tuple[int, int], list[_Laid]] = {}
            for cue in sorted(cues, key=lambda cue: cue.start):
                if len(cue.alternates) > number and Path(cue.alternates[number][0].path).is_file():
                    laid = _alternate(cue, number, self.sheet)
                    lane = 0
                    while (last := lanes.get((laid.clip.channels, lane))) and (
                        last[-1].end > laid.start
                    ):
                        lane += 1
                    lanes.setdefault((laid.clip.channels, lane), []).append(laid)
            for (channels, lane), items in sorted(lanes.items()):
                said = f"{name} alternate {number + 1}" + (f" ({lane + 1})" if lane else "")
                self.sound(f"{said} muted", channels, items)

    def components(self, items: list[_Laid], channel: int) -> Iterator[Any]:
        """What stands on a track, fillers and transitions included."""
        before: _Laid | None = None
        for item in items:
            end, fade_out = (before.end, before.fade_out) if before else (0, 0)
            if item.joined and end > item.start:
                yield self.transition(end - item.start)
            else:
                yield from self.gap(item.start - end, fade_out, item.fade_in)
            yield self.clip(item, channel)
            before = item
        if before:
            yield from self.gap(max(0, self.total - before.end), before.fade_out, 0)

    def gap(self, length: int, fade_out: int, fade_in: int) -> Iterator[Any]:
        """Silence, into which what stands around it fades."""
        if fade_out:
            yield self.transition(fade_out)
        if length + fade_out + fade_in > 0:
            yield self.file.create.Filler("sound", length + fade_out + fade_in)
        if fade_in:
            yield self.transition(fade_in)

    def clip(self, item: _Laid, channel: int) -> Any:
        source = self.media.clip(item.clip, channel)
        source.start, source.length = item.offset, item.length
        group = self.file.create.OperationGroup(_id(GAIN), length=item.length, media_kind="sound")
        group.segments.append(source)
        value = self.rational(round(lay.amplitude(item.gain) * _STEPS), _STEPS)
        group.parameters.append(self.file.create.ConstantValue(_id(AMPLITUDE), value))
        if not item.silent:
            return group
        selector = self.file.create.Selector("sound", item.length)
        selector["Selected"].value = self.file.create.Filler("sound", item.length)
        selector["Alternates"].append(group)
        return selector

    def transition(self, length: int) -> Any:
        """With equal power."""
        made = self.file.create.Transition("sound", length)
        made.cutpoint = length // 2
        group = self.file.create.OperationGroup(_id(DISSOLVE), length=length, media_kind="sound")
        level = self.file.create.VaryingValue(_id(LEVEL), _id(POWER))
        for end in (0, 1):
            level.add_keyframe(self.rational(end, 1), self.rational(end, 1))
        group.parameters.append(level)
        made["OperationGroup"].value = group
        return made

    def markers(self) -> None:
        slot = self.file.create.EventMobSlot()
        slot.slot_id = max(each.slot_id for each in self.mob.slots) + 1
        slot.name, slot.edit_rate = "Shots", self.edit_rate
        slot["PhysicalTrackNumber"].value = 1  # that of the picture, which they are of
        sequence = self.file.create.Sequence("DescriptiveMetadata")
        for marker in lay.markers(self.sheet):
            made = self.file.create.DescriptiveMarker()
            made["Position"].value = marker.frame
            made["Comment"].value = marker.text
            made["DescribedSlots"].value = {2}  # the picture
            made.length = 1
            sequence.components.append(made)
        sequence.length = self.film.frames
        slot.segment = sequence
        self.mob.slots.append(slot)


def _laid(items: Iterable[lay.Item]) -> Iterator[_Laid]:
    for item in items:
        yield _samples(item.clip, item.cue.gain, item.piece, joined=item.number > 0)


def _samples(
    clip: Clip, gain: float, piece: Piece, joined: bool = False, silent: bool = False
) -> _Laid:
    start = round(piece.start * RATE)
    length = max(1, round(piece.end * RATE) - start)
    fade_in = min(round(piece.fade_in * RATE), length)
    fade_out = min(round(piece.fade_out * RATE), length - fade_in)
    offset = round(piece.offset * RATE)
    return _Laid(clip, gain, start, length, offset, fade_in, fade_out, joined, silent)


def _alternate(cue: Cue, number: int, sheet: CueSheet) -> _Laid:
    clip, offset = cue.alternates[number]
    wanted = float(sheet.film.at(cue.frames))
    seconds = max(0.0, min(wanted, clip.duration - offset))
    piece = Piece(float(sheet.film.at(cue.start)), seconds, offset, 0.0, 0.0)
    return _samples(clip, lay.gain(cue, clip), piece, silent=True)


def _side(channel: int, channels: int) -> str:
    if channels == 1:
        return ""
    return "LR"[channel] if channels == 2 else str(channel + 1)


def _id(text: str) -> Any:
    return files.timeline("aaf2.auid", "An .aaf").AUID(text)


def _define(file: Any, aaf2: Any) -> None:
    """The operations that are used, which a reader finds in the file's own dictionary."""
    create = file.create
    for auid, name in (
        (LEVEL, "Level"), (AMPLITUDE, "Amplitude"), (POSITION, "Pan"),
    ):  # fmt: skip
        file.dictionary.register_def(create.ParameterDef(_id(auid), name, "", "Rational"))
    file.dictionary.register_def(create.InterpolationDef(_id(POWER), "PowerInterp", ""))
    for auid, name, inputs, parameter in (
        (GAIN, "Mono Audio Gain", 1, AMPLITUDE), (DISSOLVE, "Mono Audio Dissolve", 2, LEVEL),
        (PAN, "Mono Audio Pan", 1, POSITION),
    ):  # fmt: skip
        made = create.OperationDef(_id(auid), name, "")
        made.media_kind = "sound"
        made["IsTimeWarp"].value = False
        made["Bypass"].value = 0
        made.number_inputs = inputs
        made["OperationCategory"].value = "OperationCategory_Effect"
        made.parameters.append(file.dictionary.lookup_parameterdef(_id(parameter)))
        file.dictionary.register_def(made)
