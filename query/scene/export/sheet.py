"""The cue sheet as a table."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from indexer.credits.texts import one_line
from query import timecode
from query.scene.cues import Cue, CueSheet, Shot
from query.scene.export import files, lay

COLUMNS = (
    "tc in", "tc out", "layer", "shot", "title", "file", "gain dB", "score", "strength", "licence",
    "author", "url", "question", "note",
)  # fmt: skip
_FORMULA = ("=", "+", "-", "@")
BOM = "\ufeff"  # by which Excel knows UTF-8


def write(sheet: CueSheet, out: Path, base: Path | None = None) -> None:
    """The sheet as .csv in the order of time: a row for each cue, and each shot without sound.

    Words that a spreadsheet would take for a formula begin with '. Raises SceneError.
    """
    timed = [(cue.start, _row(sheet, cue, out, base)) for cue in sheet.cues]
    timed += [(shot.start, _silent(sheet, shot)) for shot in sheet.shots if shot.note]
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(COLUMNS)
    for _, row in sorted(timed, key=lambda each: each[0]):
        table.writerow(row)
    files.write_text(out, BOM + text.getvalue(), "\r\n")


def safe(words: str) -> str:
    """One line that no spreadsheet reckons with."""
    words = one_line(words)
    return f"'{words}" if words.startswith(_FORMULA) else words


def _row(sheet: CueSheet, cue: Cue, out: Path, base: Path | None) -> list[str]:
    clip = cue.clip
    return [
        *_times(sheet, cue.start, cue.end), cue.layer, str(cue.shot + 1), safe(lay.title(clip)),
        safe(files.reference(clip.path, out, base)), f"{cue.gain:.2f}", f"{clip.score:.4f}",
        clip.strength, safe(clip.licence), safe(clip.author), safe(clip.url), safe(cue.question),
        "; ".join(_notes(cue)),
    ]  # fmt: skip


def _silent(sheet: CueSheet, shot: Shot) -> list[str]:
    row = [*_times(sheet, shot.start, shot.end), "", str(shot.index + 1)]
    empty = [""] * (len(COLUMNS) - len(row) - 2)
    return [*row, *empty, safe(shot.question), safe(shot.note)]


def _times(sheet: CueSheet, start: int, end: int) -> list[str]:
    film = sheet.film
    return [timecode.spell(film.start + at, film.rate, film.drop) for at in (start, end)]


def _notes(cue: Cue) -> list[str]:
    said = {"locked": cue.locked, "loop": cue.loop, "lossy preview": cue.clip.preview}
    return [word for word, true in said.items() if true]
