"""A Reaper project: plain text, as Reaper itself writes it."""

from __future__ import annotations

import math
import uuid
from collections.abc import Iterator
from pathlib import Path

from indexer.audio.reaper import source_type
from indexer.credits.texts import one_line
from indexer.errors import SceneError
from query import timecode
from query.scene.cues import Clip, CueSheet
from query.scene.export import files, lay

EQUAL_POWER = 1
MONO = math.sqrt(0.5)
"""Reaper plays a mono file on both channels as it is, by its own pan law; the mix, at -3 dB."""
_IDS = uuid.UUID("8e4f3f5c-6f0a-4c8f-9a57-7f0f3a4a5b10")


def write(sheet: CueSheet, out: Path, base: Path | None = None) -> None:
    """The sheet as .rpp: a track for the picture, tracks for each layer, a marker for each shot.

    Positions are seconds, exact. An item holds the alternates as further takes, the chosen one
    being active. Raises SceneError.
    """
    with_path = _References(out, base)
    lines = ['<REAPER_PROJECT 0.1 "7.0/sonorize" 0', *_settings(sheet), *_markers(sheet)]
    lines += _picture(sheet, with_path)
    for track in lay.tracks(sheet, whole=True):
        lines += [f"  <TRACK {_guid(track.name)}", f"    NAME {quoted(track.name)}"]
        lines.append(f"    NCHAN {_channels(track)}")
        for item in track.items:
            lines += _item(item, with_path)
        lines.append("  >")
    files.write_text(out, "\n".join([*lines, ">", ""]))


def quoted(words: str) -> str:
    """A field of a .rpp: in the first of ", ' and ` that it does not hold.

    Raises SceneError if it holds all three: Reaper has no escape for them.
    """
    for mark in "\"'`":
        if mark not in words:
            return f"{mark}{words}{mark}"
    raise SceneError(f"Reaper cannot name {words}, with \", ' and ` in it: rename it.")


class _References:
    """Paths as the project names them."""

    def __init__(self, out: Path, base: Path | None) -> None:
        self.out, self.base = out, base

    def __call__(self, path: str) -> str:
        if len(path.splitlines()) > 1 or path != path.strip():
            raise SceneError(f"Reaper cannot name {path!r}: rename it.")
        return quoted(files.reference(path, self.out, self.base))


def _settings(sheet: CueSheet) -> Iterator[str]:
    """Where time begins and how it is counted: 5 is HH:MM:SS:FF; 1 drops numbers, 2 is NTSC."""
    film = sheet.film
    kind = 1 if film.drop else 2 if film.rate.denominator == 1001 else 0
    yield f"  PROJOFFS {_number(float(film.at(film.start)))} 0 0"
    yield f"  TIMEMODE 5 5 -1 {timecode.nominal(film.rate)} {kind} 0 -1"
    yield "  SAMPLERATE 48000 1 0"
    yield "  TEMPO 120 4 4"


def _markers(sheet: CueSheet) -> Iterator[str]:
    for number, marker in enumerate(lay.markers(sheet), 1):
        seconds = _number(float(sheet.film.at(marker.frame)))
        yield f"  MARKER {number} {seconds} {_words(marker.text)} 0"


def _picture(sheet: CueSheet, with_path: _References) -> Iterator[str]:
    film = sheet.film
    yield f"  <TRACK {_guid('picture')}"
    yield '    NAME "Picture"'
    yield "    <ITEM"
    yield "      POSITION 0"
    yield f"      LENGTH {_number(float(film.seconds))}"
    yield "      LOOP 0"
    yield f"      IGUID {_guid('picture', 'item')}"
    yield f"      NAME {_words(Path(film.path).name)}"
    yield "      VOLPAN 1 0 1 -1"
    yield "      SOFFS 0"
    yield "      <SOURCE VIDEO"
    yield f"        FILE {with_path(film.path)}"
    yield "      >"
    yield "    >"
    yield "  >"


def _item(item: lay.Item, with_path: _References) -> Iterator[str]:
    """VOLPAN: volume of the item, pan and volume of its first take; TAKEVOLPAN: of another one."""
    piece, cue = item.piece, item.cue
    yield "    <ITEM"
    yield f"      POSITION {_number(piece.start)}"
    yield f"      LENGTH {_number(piece.seconds)}"
    yield "      LOOP 0"
    yield "      ALLTAKES 0"
    yield f"      FADEIN {EQUAL_POWER} {_number(piece.fade_in)} 0 {EQUAL_POWER} 0 0 0"
    yield f"      FADEOUT {EQUAL_POWER} {_number(piece.fade_out)} 0 {EQUAL_POWER} 0 0 0"
    yield "      MUTE 0 0"
    yield f"      IGUID {_guid(cue.id, str(item.number))}"
    yield f"      VOLPAN {_number(lay.amplitude(cue.gain))} 0 {_volume(cue.clip, 0.0)} -1"
    yield from _take(cue.clip, piece.offset, with_path)
    for number, (clip, offset) in enumerate(cue.alternates[:3]):
        yield "      TAKE"
        yield f"      TAKEVOLPAN 0 {_volume(clip, lay.gain(cue, clip) - cue.gain)} -1"
        yield from _take(clip, offset, with_path)
        yield f"      GUID {_guid(cue.id, str(item.number), str(number))}"
    yield "    >"


def _take(clip: Clip, offset: float, with_path: _References) -> Iterator[str]:
    name = f"{lay.name(clip)} ({lay.score(clip)}, {clip.strength})"
    yield f"      NAME {_words(name)}"
    yield f"      SOFFS {_number(offset)}"
    yield "      PLAYRATE 1 1 0 -1 0 0.0025"
    yield "      CHANMODE 0"
    yield f"      <SOURCE {source_type(Path(clip.path).suffix)}"
    yield f"        FILE {with_path(clip.path)}"
    yield "      >"


def _volume(clip: Clip, decibels: float) -> str:
    """Of a take: the gain it has beside its item's."""
    return _number(lay.amplitude(decibels) * (MONO if clip.channels == 1 else 1.0))


def _channels(track: lay.Track) -> int:
    """Of a track: an even number, enough for every take."""
    clips = (c for i in track.items for c in (i.clip, *(other for other, _ in i.cue.alternates)))
    return max(2, *(clip.channels + clip.channels % 2 for clip in clips))


def _words(text: str) -> str:
    """Words for people, which may lose a quotation mark."""
    text = one_line(text)
    return quoted(text.replace("`", "'") if all(mark in text for mark in "\"'`") else text)


def _number(value: float) -> str:
    return f"{value:.12f}".rstrip("0").rstrip(".")


def _guid(*names: str) -> str:
    """The same for the same sheet, so that two exports can be compared."""
    return f"{{{str(uuid.uuid5(_IDS, '/'.join(names))).upper()}}}"
