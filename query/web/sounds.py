"""Sounds over HTTP: what is known of one, and how it sounds."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Request, Response
from fastapi import Path as InPath
from fastapi.responses import FileResponse

from indexer.errors import AudioError
from query.heard import cut
from query.web.asking import TheDesk
from query.web.proxies import PLAYED, plain
from query.web.rows import Detail, Row, detail, plain_hits, rows, sound_of

router = APIRouter(prefix="/api/sounds", tags=["sounds"])

Id = Annotated[int, InPath(ge=1, le=2**53)]


@router.get("/{sound}", operation_id="sound")
def sound_detail(desk: TheDesk, sound: Id) -> Detail:
    """All that is known of a sound."""
    return detail(desk.library, sound_of(desk.library, sound), desk.choices)


@router.get("/{sound}/takes", operation_id="takes")
def takes(desk: TheDesk, sound: Id) -> list[Row]:
    """Every take of the recording that this sound is a take of, itself included."""
    from indexer.catalog.browse import takes_of

    library = desk.library
    ids = takes_of(library.catalog.engine, sound_of(library, sound).columns["id"])
    return rows(library, plain_hits(library, ids), (), desk.choices)


@router.get("/{sound}/region", operation_id="region")
def region(desk: TheDesk, sound: Id, start: float, end: float) -> tuple[float, float]:
    """The moment moved to usable edit points, seconds."""
    found = sound_of(desk.library, sound)
    length = found.columns["duration"]
    begin = min(max(0.0, start), length)
    return cut(found, begin, min(max(begin, end), length))


@router.head("/{sound}/audio", include_in_schema=False)
@router.get("/{sound}/audio", operation_id="audio", response_class=FileResponse)
def audio(desk: TheDesk, request: Request, sound: Id, proxy: bool = False) -> Response:
    """The file, or with `proxy`, or where browsers cannot play it, a FLAC made from it.

    Answers ranges and If-None-Match.
    """
    found = sound_of(desk.library, sound)
    if found.state != "present" or not found.path.is_file():
        raise AudioError("Its file is not there now: connect its drive, or run a build.")
    if proxy or not plain(found):
        return served(request, desk.proxies.of(found.path), "audio/flac")
    return served(request, found.path, PLAYED[found.path.suffix.lower()])


def served(request: Request, path: Path, kind: str) -> Response:
    """A file with its ETag; 304 where the browser has it. One range at a time."""
    facts = path.stat()
    said = f"{os.fspath(path)} {facts.st_size} {facts.st_mtime_ns}"
    tag = f'"{hashlib.sha256(said.encode(errors="surrogateescape")).hexdigest()[:32]}"'
    headers = {"etag": tag, "cache-control": "private, no-cache"}
    if tag in [each.strip() for each in request.headers.get("if-none-match", "").split(",")]:
        return Response(status_code=304, headers=headers)
    if "," in request.headers.get("range", ""):  # many small ranges cost more than the file
        request.scope["headers"] = [
            (name, value) for name, value in request.scope["headers"] if name != b"range"
        ]
    return FileResponse(path, media_type=kind, headers=headers, stat_result=facts)
