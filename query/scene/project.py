"""The project file: a cue sheet as `.sonorize.json`, to be kept, edited and sent on.

Paths are written from the file's own folder, so that a folder with film, sounds and project can be
moved as it is; what is not found there is found by its identity.
"""

from __future__ import annotations

import json
import os
import secrets
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from indexer.errors import SceneError
from query.scene.cues import Clip, CueSheet
from query.scene.said import Wrong, once, sheet_of

if TYPE_CHECKING:
    from indexer.library import Library

    Placed = Callable[[str], str]
    Changed = Callable[[Clip], Clip]

FORMAT = 1


class TooNew(Exception):
    """Of a format that is not known here."""


def save(sheet: CueSheet, path: Path) -> None:
    """Written aside and renamed: a project that was there is whole until then.

    Relative paths of the sheet are meant from the current folder. Raises SceneError.
    """
    said = _said(_moved(sheet, lambda each: _from(each, path.absolute().parent)))
    aside = path.with_name(f".sonorize-{secrets.token_hex(8)}.json")
    try:
        text = json.dumps(said, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
        _read(text)  # what could not be read again is not written
        # A name that is no text is kept as JSON's own escape.
        aside.write_bytes(text.encode("utf-8", "backslashreplace"))
        aside.replace(path)
    except OSError as error:
        aside.unlink(missing_ok=True)
        raise SceneError(
            f"{path} cannot be written ({error.strerror or error}): make room or allow writing "
            "there, or name another place."
        ) from error
    except (TypeError, ValueError, Wrong) as error:
        raise SceneError(f"{path} was not written, since it could not be read: {error}.") from error


def load(path: Path) -> CueSheet:
    """The sheet with absolute paths. Raises SceneError, naming the place that is wrong."""
    again = "mend it there, or make the project again with `sonorize video`."
    try:
        sheet = _read(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise SceneError(
            f"{path} cannot be read ({error.strerror or error}): check the name."
        ) from error
    except json.JSONDecodeError as error:
        raise SceneError(
            f"{path} is broken at line {error.lineno}, column {error.colno} ({error.msg}): {again}"
        ) from error
    except TooNew as error:
        raise SceneError(f"{path} was made by a newer sonorize ({error}): update it.") from error
    except Wrong as error:
        raise SceneError(f"{path} does not make sense: {error}: {again}") from error
    except (ValueError, RecursionError) as error:
        raise SceneError(f"{path} is not a sonorize project: name another file.") from error
    return _moved(sheet, lambda each: os.path.normpath(path.absolute().parent / each))


def relinked(
    sheet: CueSheet, libraries: Sequence[Library] = (), folders: Sequence[Path] = ()
) -> tuple[CueSheet, list[Clip]]:
    """Clips that do not lie at their path, found by identity; and those that are nowhere.

    Looked for in the catalogs first, then among the sounds below `folders`: those of the same name
    first, then all, which reads each one. Raises SourceError for a folder that is not there.
    """
    wanted = {clip.identity: clip for clip in _clips(sheet) if not Path(clip.path).is_file()}
    found: dict[str, Path] = {}
    for library in libraries:
        for identity in wanted.keys() - found.keys():
            if (place := _in_catalog(library, identity)) is not None:
                found[identity] = place
    _in_folders(folders, wanted, found)
    lost = [clip for identity, clip in wanted.items() if identity not in found]

    def here(clip: Clip) -> Clip:
        there = clip.identity in wanted and clip.identity in found
        return replace(clip, path=str(found[clip.identity])) if there else clip

    return _with_clips(sheet, here), lost


def _in_catalog(library: Library, identity: str) -> Path | None:
    key = library.catalog.with_hash(identity) if identity else None
    if key is None:
        return None
    path = library.catalog.sounds([key])[key].path
    return path if path.is_file() else None


def _in_folders(
    folders: Sequence[Path], wanted: Mapping[str, Clip], found: dict[str, Path]
) -> None:
    from indexer.audio.payload import payload_hash
    from indexer.errors import AudioError
    from indexer.sources.folder import FolderSource

    def lacking() -> set[str]:
        return {key for key in wanted.keys() - found.keys() if key}

    if not lacking():
        return
    names = {Path(wanted[key].path).name for key in lacking()}
    sources = [FolderSource(folder) for folder in folders]
    paths = [source.path(item.relative_path) for source in sources for item in source.items()]
    for path in sorted(paths, key=lambda path: path.name not in names):
        if not lacking():
            return
        try:
            identity = payload_hash(path)
        except (AudioError, OSError):
            continue
        if identity in lacking():
            found[identity] = path


def _read(text: str) -> CueSheet:
    """Raises ValueError, Wrong and TooNew."""
    said = json.loads(text, object_pairs_hook=once, parse_constant=_no_number)
    if not isinstance(said, dict) or "format" not in said:
        raise Wrong("format", "is missing: this is no sonorize project")
    number = said.pop("format")
    if type(number) is not int or number < 1:
        raise Wrong("format", "is not a whole number from 1 on")
    if number > FORMAT:
        raise TooNew(f"its format is {number}, and {FORMAT} is known here")
    return sheet_of(said)


def _said(sheet: CueSheet) -> dict[str, Any]:
    """In the order of the fields, the film's rate as 24000/1001."""
    said = asdict(sheet)
    for cue in said["cues"]:
        cue["alternates"] = [{"offset": at, "clip": clip} for clip, at in cue["alternates"]]
    said["film"]["rate"] = str(Fraction(sheet.film.rate))
    cues = said.pop("cues")  # last: they are long
    return {"format": FORMAT, **said, "cues": cues}


def _from(path: str, folder: Path) -> str:
    """The path as one goes there from the folder, with slashes; absolute on another drive."""
    if not path:
        return ""
    try:
        relative = os.path.relpath(os.path.abspath(path), folder)  # noqa: PTH100 - keeps links
    except ValueError:
        return Path(path).as_posix()
    return relative.replace(os.sep, "/") if sys.platform == "win32" else relative


def _moved(sheet: CueSheet, to: Placed) -> CueSheet:
    def place(path: str) -> str:
        return to(path) if path else ""

    film = replace(sheet.film, path=place(sheet.film.path))
    return replace(_with_clips(sheet, lambda clip: replace(clip, path=place(clip.path))), film=film)


def _with_clips(sheet: CueSheet, to: Changed) -> CueSheet:
    cues = tuple(
        replace(
            cue,
            clip=to(cue.clip),
            alternates=tuple((to(clip), offset) for clip, offset in cue.alternates),
        )
        for cue in sheet.cues
    )
    return replace(sheet, cues=cues)


def _clips(sheet: CueSheet) -> list[Clip]:
    return [
        clip for cue in sheet.cues for clip in (cue.clip, *(other for other, _ in cue.alternates))
    ]


def _no_number(name: str) -> None:
    raise Wrong(name, "is no number")
