"""An edit decision list as the CMX 3600 had it: cuts, four channels of audio, 999 events.

What that cannot say is said in comments: gain, fades, crossfades. What is too much for one list
goes on in NAME.2.edl and so on.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import chain, count
from pathlib import Path

from indexer.credits.texts import one_line
from indexer.errors import SceneError
from query import timecode
from query.scene.cues import CueSheet, Film
from query.scene.export import files, lay

CHANNELS = 4
EVENTS = 999
_SAID = {(1,): "A", (2,): "A2", (1, 2): "AA"}
_TAKEN = ("AX", "BL", "BLACK", "BARS")  # what readers take for no reel


@dataclass(slots=True)
class _Event:
    first: int
    lines: list[str]


@dataclass(slots=True)
class _List:
    """Channels that are free yet, and what is on the others."""

    free: set[int] = field(default_factory=lambda: set(range(1, CHANNELS + 1)))
    events: list[_Event] = field(default_factory=list)

    def place(self, wanted: int) -> tuple[int, ...]:
        """A channel, or a pair of them; none if it is full."""
        pairs = [(1, 2), (3, 4)] if wanted > 1 else [(channel,) for channel in sorted(self.free)]
        found = next((pair for pair in pairs if self.free.issuperset(pair)), ())
        self.free.difference_update(found)
        return found


def write(sheet: CueSheet, out: Path, base: Path | None = None) -> None:
    """The sheet as .edl: the picture and the audio events of the first four channels, in `out`.

    Stereo takes two channels; of more only the first two have a place. Source times are whole
    frames, from the file's own timecode. Shots are locators. Raises SceneError.
    """
    film = sheet.film
    require_rate(film)
    lists = list(_chunks(sheet))
    for number, events in enumerate(lists, 1):
        name = out if number == 1 else numbered(out, number)
        of = f" ({number} OF {len(lists)})" if len(lists) > 1 else ""
        lines = [
            f"TITLE: {lay.film_name(sheet)}{of}",
            f"FCM: {'DROP FRAME' if film.drop else 'NON-DROP FRAME'}",
            "",
        ]
        for index, event in enumerate(events, 1):
            lines += [f"{index:03}  {event.lines[0]}", *event.lines[1:]]
        files.write_text(name, "\n".join([*lines, ""]), "\r\n")


def numbered(out: Path, number: int) -> Path:
    """Where the second list and further ones are written."""
    return out.with_name(f"{out.stem}.{number}{out.suffix}")


def require_rate(film: Film) -> None:
    """Raises SceneError for a rate of which there is no timecode."""
    if not timecode.supported(film.rate):
        raise SceneError(
            f"An edit list cannot count {timecode.named(film.rate)} frames a second: write "
            "another format, or convert the video to a rate of film or television."
        )


def _chunks(sheet: CueSheet) -> Iterator[list[_Event]]:
    """The events of each list, in the order of their times."""
    reels = _Reels()
    lists = [_List()]
    lists[0].events.append(_picture(sheet, reels))
    tracks = lay.tracks(sheet, whole=False, by_channels=True)
    for track in sorted(tracks, key=lambda track: -min(2, track.channels)):  # pairs fit first
        for each in [*lists, _List()]:
            channels = each.place(track.channels)
            if channels:
                lists += [each] if each not in lists else []
                each.events += [_sound(item, sheet.film, channels, reels) for item in track.items]
                break
    for each in lists:
        events = sorted(each.events, key=lambda event: event.first)
        for start in range(0, len(events), EVENTS):
            yield events[start : start + EVENTS]


def _picture(sheet: CueSheet, reels: _Reels) -> _Event:
    film = sheet.film
    lines = [
        _line(reels(film.path), "V", film, film.start, film.start, film.frames),
        f"* FROM CLIP NAME: {one_line(Path(film.path).name)}",
        f"* SOURCE FILE: {one_line(film.path)}",
    ]
    for marker in lay.markers(sheet):
        # FCM says whether numbers are dropped; readers of locators expect colons
        at = timecode.spell(film.start + marker.frame, film.rate, film.drop).replace(";", ":")
        lines.append(f"* LOC: {at} {'RED' if marker.shot.note else 'GREEN':<7} {marker.text}")
    return _Event(-1, lines)


def _sound(item: lay.Item, film: Film, channels: tuple[int, ...], reels: _Reels) -> _Event:
    clip, cue = item.clip, item.cue
    begins = files.stamp(clip)
    source = _source(item, film, begins)
    reel = reels(clip.path)
    lines = [
        _line(reel, _SAID.get(channels, "NONE"), film, source, film.start + item.start, item.frames)
    ]
    if channels not in _SAID:
        lines.append("AUD  " + "  ".join(map(str, channels)))
    lines += [
        f"* FROM CLIP NAME: {lay.name(clip)}",
        f"* SOURCE FILE: {one_line(clip.path)}",
        f"* CUE: {one_line(cue.id)} {cue.layer.upper()} {lay.score(clip)} {clip.strength.upper()}",
    ]
    if cue.question:
        lines.append(f"* QUESTION: {one_line(cue.question)}")
    if cue.gain:
        at = timecode.spell(source, film.rate, film.drop)
        names = "".join(f"A{channel}" for channel in channels)
        lines.append(f"* AUDIO LEVEL AT {at} IS {cue.gain:+.2f} DB (REEL {reel} {names})")
    if item.fade_in or item.fade_out:
        lines.append(f"* FADE IN {item.fade_in:.3f} S, FADE OUT {item.fade_out:.3f} S")
    if item.number:
        lines.append("* CROSSFADES WITH THE EVENT BEFORE IT, ON OTHER CHANNELS")
    if clip.channels > 2:
        lines.append(f"* CHANNELS 1 AND 2 OF {clip.channels}")
    return _Event(item.start, lines)


def _source(item: lay.Item, film: Film, begins: Fraction) -> int:
    """The frame of the file that is nearest to where the item begins, and leaves enough of it."""
    nearest = round((begins + Fraction(item.offset)) * film.rate)
    last = math.floor((begins + Fraction(item.clip.duration)) * film.rate) - item.frames
    return max(round(begins * film.rate), min(nearest, last))


def _line(reel: str, channels: str, film: Film, source: int, record: int, frames: int) -> str:
    times = (source, source + frames, record, record + frames)
    spelled = " ".join(timecode.spell(time, film.rate, film.drop) for time in times)
    return f"{reel:<8} {channels:<5} C        {spelled}"


class _Reels:
    """Names of at most 8 capitals and digits, one to a file."""

    def __init__(self) -> None:
        self.names: dict[str, str] = {}

    def __call__(self, path: str) -> str:
        if path not in self.names:
            plain = unicodedata.normalize("NFKD", Path(path).stem).upper()
            plain = re.sub(r"[^A-Z0-9]", "", plain) or "CLIP"
            taken = {*_TAKEN, *self.names.values()}
            numbered = (plain[: 8 - len(str(n))] + str(n) for n in count(2))
            self.names[path] = next(
                name for name in chain([plain[:8]], numbered) if name not in taken
            )
        return self.names[path]
