"""Sessions that use previews: which they are, and the same with originals in their place."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from indexer.audio.reaper import source_type
from indexer.sources.freesound.source import ORIGINALS

MARK = " (lossy preview)"
"""What `sonorize video` adds in sessions to the name of a clip that is one."""

PROJECT = ".sonorize.json"

_USED = re.compile(rb"previews((?:[\\/]|%2[Ff]|%5[Cc])+)([0-9]+)__[\w.-]+\.\w+")
"""The file of a preview, as any session that is text spells it."""

_REAPER = re.compile(
    rb"(<SOURCE )\w+(\s+FILE\s[^\r\n]*?" + ORIGINALS.encode() + rb"[\\/]+[0-9]+__[\w.-]+(\.\w+))"
)
"""What Reaper reads a file with, and that file."""


class Original(NamedTuple):
    """name: of its file. identity: hash of its audio payload."""

    name: str
    identity: str


def used_in(session: bytes) -> list[int]:
    """Ids of the previews that a session names."""
    return list(dict.fromkeys(int(found[2]) for found in _USED.finditer(session)))


def copy_of(session: Path) -> Path:
    """Where the copy goes that uses originals."""
    ending = PROJECT if session.name.lower().endswith(PROJECT) else session.suffix
    stem = session.name[: len(session.name) - len(ending)]
    return session.with_name(f"{stem} (originals){ending}")


def with_originals(session: bytes, originals: Mapping[int, Original]) -> bytes:
    """The session with originals (by Freesound's id) in place of their previews.

    What Reaper needs to read them, and what a sonorize project says of a clip, is set as well.
    Names lose their mark where no preview is left.
    """

    def instead(found: re.Match[bytes]) -> bytes:
        there = originals.get(int(found[2]))
        return ORIGINALS.encode() + found[1] + there.name.encode() if there else found[0]

    project = _project(session)
    if project is not None:
        _set_clips(project, originals)
        session = json.dumps(project, ensure_ascii=False, indent=2).encode() + b"\n"
    session = _USED.sub(instead, session)
    session = _REAPER.sub(
        lambda found: found[1] + source_type(found[3].decode()).encode() + found[2], session
    )
    return session if used_in(session) else session.replace(MARK.encode(), b"")


def _project(session: bytes) -> Any:
    """A project of `sonorize video`, or None."""
    try:
        said = json.loads(session)
    except ValueError:
        return None
    return said if isinstance(said, dict) and {"format", "film"} <= said.keys() else None


def _set_clips(said: Any, originals: Mapping[int, Original]) -> None:
    """Every clip below `said` whose original is there."""
    if isinstance(said, list):
        for each in said:
            _set_clips(each, originals)
    if not isinstance(said, dict):
        return
    for each in said.values():
        _set_clips(each, originals)
    path = said.get("path")
    found = _USED.search(path.encode()) if isinstance(path, str) else None
    there = originals.get(int(found[2])) if found else None
    if there is not None:
        said |= {"preview": False, "identity": there.identity or said.get("identity", "")}
