"""Videos of this machine over HTTP, by ids: what they are, how they play, what they show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, cast

from fastapi import APIRouter, Body, Request, Response
from fastapi import Path as InPath
from fastapi.responses import FileResponse

from query.web.asking import TheDesk
from query.web.rows import sendable
from query.web.sounds import served

if TYPE_CHECKING:
    from pathlib import Path

    from query.web.desk import Desk

router = APIRouter(prefix="/api/videos", tags=["videos"])

Id = Annotated[str, InPath(pattern="^[0-9a-f]{32}$")]


@dataclass(frozen=True, slots=True)
class Video:
    """What a video is. start: the timecode of its first frame. plays: as it is, in a browser."""

    name: str
    seconds: float
    rate: float
    start: str
    width: int
    height: int
    plays: bool


@router.get("/{video}", operation_id="video")
def video_facts(desk: TheDesk, video: Id) -> Video:
    """What a video is."""
    path = desk.places.video(video)
    return Video(sendable(path.name), **_facts(desk, path))


@router.get("/{video}/film", operation_id="film", response_class=FileResponse)
def film(desk: TheDesk, request: Request, video: Id) -> Response:
    """The video, or where browsers cannot play it, a small silent H.264 made from it.

    Answers ranges and If-None-Match.
    """
    path = desk.places.video(video)
    if _facts(desk, path)["plays"]:
        kind = "video/webm" if path.suffix.lower() in (".webm", ".mkv") else "video/mp4"
        return served(request, path, kind)
    return served(request, desk.proxies.film_of(path), "video/mp4")


@router.post("/{video}/frame", operation_id="add-frame")
def add_frame(
    desk: TheDesk,
    video: Id,
    at: Annotated[float, Body(embed=True, ge=0, le=1e6, allow_inf_nan=False)],
) -> dict[str, str]:
    """What the video shows at a time, as a picture to ask with. Its id."""
    return {"frame": desk.pictures.add_frame(desk.places.video(video), at)}


def _facts(desk: Desk, path: Path) -> dict[str, Any]:
    facts = path.stat()
    key = ("video", path, facts.st_size, facts.st_mtime_ns)
    found = desk.memory.get(key, lambda: desk.decoder.run("video", file=path))
    return cast("dict[str, Any]", found)
