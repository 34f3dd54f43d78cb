"""Questions out of the folders of well-known collections, as users have them.

ESC-50    meta/esc50.csv, audio/: each of the 50 categories asks for its clips (Piczak 2015)
VGGSound  vggsound.csv (id, start, label, split): each label asks for its clips of the test split;
          where the folder has the videos too, each asks for the clips of its label (Chen et al.
          2020). Files are named ID_START
AudioCaps a CSV with youtube_id, start_time, caption: each caption asks for its clip (Kim et al.
          2019). Files are named by the id, with the start or a Y before it, or by audiocap_id
Clotho    clotho_captions_*.csv: each of five captions asks for its clip (Drossos et al. 2020)

Clips that are lacking are passed over: few have all of YouTube's.
"""

from __future__ import annotations

import csv
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
        lists = [path for path in sorted(folder.rglob(pattern)) if not path.name.startswith(".")]
        if lists and (name != "AudioCaps" or _has_captions(lists)):
            questions = [each for path in lists for each in read(path, folder)]
            if not questions:
                raise StudyError(
                    f"{folder} has the list of {name} and none of its sounds: put them into it."
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
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.reader(file):
            if len(row) != 4 or row[3].strip() != "test":
                continue
            name = f"{row[0]}_{int(row[1]):06d}" if row[1].isdecimal() else row[0]
            if name in sounds:
                by_label.setdefault(row[2], []).append(sounds[name])
            if name in videos:
                shown.setdefault(row[2], []).append(videos[name])
    yield from _asked_by_label(by_label)
    for label, clips in by_label.items():
        for video in shown.get(label, ()):
            yield Question("frame", str(video), _names(clips), video.name)


def _audiocaps(path: Path, folder: Path) -> Iterator[Question]:
    if not _has_captions([path]):
        return
    sounds = _files(folder, EXTENSIONS)
    columns = ["youtube_id", "start_time", "caption"]
    for row in sheets.read(path, columns, ["audiocap_id"]):
        key, start = row["youtube_id"], row["start_time"]
        names = (f"{key}_{start}", f"{key}_{start.zfill(6)}", f"Y{key}", key, row["audiocap_id"])
        clip = next((sounds[name] for name in names if name in sounds), None)
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
    ("Clotho", "clotho_captions_*.csv", _clotho),
    ("AudioCaps", "*.csv", _audiocaps),
)


def _has_captions(lists: Iterable[Path]) -> bool:
    for path in lists:
        with path.open(encoding="utf-8", errors="replace") as file:
            if {"youtube_id", "caption"} <= set(file.readline().strip().split(",")):
                return True
    return False


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
