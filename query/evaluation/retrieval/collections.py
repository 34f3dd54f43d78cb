"""Questions out of the folders of well-known collections, as users have them.

ESC-50    meta/esc50.csv, audio/: each of the 50 categories asks for its clips (Piczak 2015)
VGGSound  vggsound.csv (id, start, label, split), or its authors' test.csv (ID_START.mp4, label):
          each label asks for its clips of the test split; where the folder has the videos too,
          each asks for the clips of its label (Chen et al. 2020)
AudioCaps a CSV with youtube_id, start_time, caption: each caption asks for its clip (Kim et al.
          2019). Files may be named by audiocap_id, too
Clotho    clotho_captions_*.csv: each of five captions asks for its clip (Drossos et al. 2020)

Files from YouTube are named by the id, with the start (seconds, in six digits or as they are) or a
Y before it. Clips that are lacking are passed over: few have all of YouTube's.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from indexer.errors import StudyError
from indexer.sources.folder import EXTENSIONS
from query.evaluation import sheets
from query.evaluation.retrieval.questions import Question, literal
from query.video import VIDEO_EXTENSIONS

Files = Mapping[str, Path]  # by name without extension


def read_collection(folder: Path) -> tuple[str, list[Question]]:
    """Its name, and its questions. Raises StudyError where it is none of these."""
    for name, pattern, read in _KNOWN:
        found = (path for path in sorted(folder.rglob(pattern)) if not path.name.startswith("."))
        lists = [path for path in found if _begins(path, _FIRST.get(pattern))]
        if lists:
            questions = [each for path in lists for each in read(path, folder)]
            if not questions:
                raise StudyError(
                    f"{folder} has the list of {name} ({lists[0].name}) and none of its sounds, "
                    "or not under the names that it gives them: put them into that folder."
                )
            return name, questions
    raise StudyError(
        f"{folder} is not ESC-50, VGGSound, AudioCaps or Clotho as their authors lay them out: "
        "give a questions.csv."
    )


def _esc50(path: Path, folder: Path) -> Iterator[Question]:
    there = {each.name: each for each in _files(folder, EXTENSIONS).values()}
    by_category: dict[str, list[Path]] = {}
    for row in sheets.read(path, ["filename", "category"]):
        if row["filename"] in there:
            by_category.setdefault(row["category"], []).append(there[row["filename"]])
    return _asked_by_label(by_category)


def _vggsound(path: Path, folder: Path) -> Iterator[Question]:
    sounds, videos = _files(folder, EXTENSIONS), _files(folder, VIDEO_EXTENSIONS)
    by_label: dict[str, list[Path]] = {}
    shown: dict[str, list[Path]] = {}
    with path.open(encoding="utf-8", errors="replace", newline="") as file:
        for row in csv.reader(file):
            if len(row) == 2:  # the file of the video, and its label
                names, label = _names_of(*row[0].rpartition(".")[0].rpartition("_")[::2]), row[1]
            elif len(row) == 4 and row[3].strip() == "test":
                names, label = _names_of(row[0], row[1]), row[2]
            else:
                continue
            for there, kept in ((sounds, by_label), (videos, shown)):
                if (clip := _first(there, names)) is not None:
                    kept.setdefault(label, []).append(clip)
    yield from _asked_by_label(by_label)
    for label, clips in by_label.items():
        for video in shown.get(label, ()):
            yield Question("frame", str(video), _names(clips), video.name)


def _audiocaps(path: Path, folder: Path) -> Iterator[Question]:
    sounds = _files(folder, EXTENSIONS)
    columns = ["youtube_id", "start_time", "caption"]
    for row in sheets.read(path, columns, ["audiocap_id"]):
        clip = _first(
            sounds, (*_names_of(row["youtube_id"], row["start_time"]), row["audiocap_id"])
        )
        if clip is not None and row["caption"]:
            yield Question("text", row["caption"], _names([clip]))


def _clotho(path: Path, folder: Path) -> Iterator[Question]:
    there = {each.name: each for each in _files(folder, EXTENSIONS).values()}
    captions = [f"caption_{number}" for number in range(1, 6)]
    for row in sheets.read(path, ["file_name", "caption_1"], captions[1:]):
        if row["file_name"] in there:
            for name in captions:
                if row[name]:
                    yield Question("text", row[name], _names([there[row["file_name"]]]))


_KNOWN: tuple[tuple[str, str, Callable[[Path, Path], Iterable[Question]]], ...] = (
    ("ESC-50", "esc50.csv", _esc50),
    ("VGGSound", "vggsound*.csv", _vggsound),
    ("VGGSound", "test.csv", _vggsound),
    ("Clotho", "clotho_captions_*.csv", _clotho),
    ("AudioCaps", "*.csv", _audiocaps),
)


_FIRST = {
    "test.csv": re.compile(r"[\w-]{11}_\d{6}\.\w+,"),
    "*.csv": re.compile(r"(?=(.*,)?youtube_id,)(?=(.*,)?caption(,|\s*$))"),
}
"""How the first line of a list begins whose name says too little."""


def _begins(path: Path, first: re.Pattern[str] | None) -> bool:
    if first is None:
        return True
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        return first.match(file.readline().replace('"', "")) is not None


def _names_of(key: str, start: str) -> tuple[str, ...]:
    """What a clip of YouTube may be called, without its extension."""
    return (f"{key}_{start.zfill(6)}", f"{key}_{start}", f"Y{key}", key)


def _first(there: Files, names: Iterable[str]) -> Path | None:
    return next((there[name] for name in names if name in there), None)


def _files(folder: Path, extensions: frozenset[str]) -> Files:
    found = (path for path in sorted(folder.rglob("*")) if path.suffix.lower() in extensions)
    return {path.stem: path for path in found}


def _asked_by_label(clips: Mapping[str, list[Path]]) -> Iterator[Question]:
    for label, paths in clips.items():
        yield Question("text", label.replace("_", " "), _names(paths))


def _names(paths: Iterable[Path]) -> tuple[str, ...]:
    """Fit a clip wherever the folder lies in the library."""
    return tuple(
        pattern for path in paths for pattern in (literal(path.name), f"*/{literal(path.name)}")
    )
