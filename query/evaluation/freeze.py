"""What was decided before anything was measured: a file and all it names, by their hashes.

NAME.frozen.json beside the file holds every version that was frozen, the newest last. Measured on
exactly that, a figure is *frozen*; on anything else, or where nothing was frozen, *exploratory*.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from indexer.errors import StudyError
from query.evaluation import sheets


@dataclass(frozen=True, slots=True)
class Version:
    """`items`: file as the study names it → sha256; `sha256` is that of the study's own file."""

    version: int
    frozen: str
    sha256: str
    items: Mapping[str, str]


def place(path: Path) -> Path:
    return path.with_name(f"{path.name}.frozen.json")


def versions(path: Path) -> list[Version]:
    """Those that were frozen, oldest first. Raises StudyError for a file that is no such record."""
    record = place(path)
    if not record.is_file():
        return []
    try:
        said = json.loads(record.read_text(encoding="utf-8"))
        if not isinstance(said, list):
            raise TypeError
        return [Version(**each) for each in said]
    except (OSError, ValueError, TypeError) as error:
        raise StudyError(
            f"{record} cannot be understood: restore it, or move it away and freeze anew."
        ) from error


def freeze(path: Path, named: Mapping[str, Path]) -> tuple[Version, bool]:
    """The newest version of the file at `path`, and whether it is new. `named`: files it names."""
    known = versions(path)
    sha256, items = file_hash(path), hashes(named)
    if known and (known[-1].sha256, dict(known[-1].items)) == (sha256, items):
        return known[-1], False
    now = datetime.now(UTC).isoformat(timespec="seconds")
    made = Version(len(known) + 1, now, sha256, items)
    sheets.save(place(path), json.dumps([asdict(each) for each in (*known, made)], indent=1) + "\n")
    return made, True


def state(path: Path, named: Mapping[str, Path]) -> str:
    """ "frozen (version 2, …)", or "exploratory" and why, for a report's head."""
    known = versions(path)
    if not known:
        return "exploratory: nothing was frozen before"
    newest = known[-1]
    if newest.sha256 != file_hash(path):
        return f"exploratory: {path.name} was changed after version {newest.version} was frozen"
    now = hashes(named)
    changed = [name for name in {**newest.items, **now} if newest.items.get(name) != now.get(name)]
    if changed:
        return f"exploratory: {changed[0]} was changed after version {newest.version} was frozen"
    return f"frozen (version {newest.version}, {newest.frozen})"


def hashes(named: Mapping[str, Path]) -> dict[str, str]:
    return {name: file_hash(file) for name, file in named.items()}


def file_hash(path: Path) -> str:
    """sha256, hex. Raises StudyError where it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise StudyError(f"{path} cannot be read ({error.strerror}): check the name.") from error


def by_name(paths: Iterable[str | Path], folder: Path) -> dict[str, Path]:
    """Files by how they are written below `folder`; clips of a library ("#12") are no files."""
    files = (Path(each) for each in paths if not str(each).startswith("#"))
    return {
        (file.relative_to(folder).as_posix() if folder in file.parents else str(file)): file
        for file in files
    }
