"""Scenes over HTTP: make a video's sounds, change them, write them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from fastapi import APIRouter, Body
from fastapi import Path as InPath

from indexer.catalog.browse import with_hashes
from indexer.errors import QueryError
from query.web.asking import TheDesk
from query.web.choosing import project_of
from query.web.jobs import JobState
from query.web.rows import sound_of
from query.web.scenes import FORMATS, Scene, SceneShown, shown

if TYPE_CHECKING:
    from query.web.desk import Desk

router = APIRouter(prefix="/api/scene", tags=["scenes"])

CueId = Annotated[str, InPath(max_length=100)]
Shown = Annotated[str, Body(max_length=64)]
"""The video that the page shows: what is meant for it changes no other that was opened since."""


@router.post("", operation_id="make-scene", status_code=202)
def make_scene(
    desk: TheDesk,
    video: Annotated[str, Body(max_length=64)],
    anew: Annotated[bool, Body()] = False,
) -> JobState:
    """Opens the project of a video in the project folder, or makes its sounds; goes on by itself.

    `anew`: they are made again, but for cues that are locked.
    """
    scene = Scene(video, desk.places.video(video), project_of(desk))
    search = desk.searcher()
    if not desk.model.sees:
        raise QueryError("This library's model does not see pictures: scenes need one that does.")
    state = desk.scenes.start(lambda progress: scene.make(search, progress, anew=anew))
    desk.scene = scene
    return state


@router.get("/state", operation_id="scene-state")
def scene_state(desk: TheDesk) -> JobState:
    """How the making or writing of the scene goes, or how it ended."""
    return desk.scenes.state


@router.get("", operation_id="scene")
def scene(desk: TheDesk) -> SceneShown | None:
    """The video with its shots and cues; none if no video is open, or its sounds not made yet."""
    return _shown(desk) if desk.scene is not None and desk.scene.made else None


@router.post("/cues/{cue}", operation_id="change-cue")
def change_cue(
    desk: TheDesk,
    cue: CueId,
    alternate: Annotated[int | None, Body(ge=0, le=1000)] = None,
    sound: Annotated[int | None, Body(ge=1, le=2**53)] = None,
    locked: Annotated[bool | None, Body()] = None,
    nudge: Annotated[int, Body(ge=-1_000_000, le=1_000_000)] = 0,
    remove: Annotated[bool, Body()] = False,
    video: Shown = "",
) -> SceneShown:
    """Swaps a cue's sound with an alternate, or for any sound of the library; locks the cue, moves
    it by frames, or takes it away."""
    scene = _scene(desk, video)
    if alternate is not None:
        scene.swap(cue, alternate)
    if sound is not None:
        scene.replace(cue, desk.library, sound_of(desk.library, sound).columns["id"])
    if nudge:
        scene.nudge(cue, nudge)
    if locked is not None:
        scene.lock(cue, locked)
    if remove:
        scene.remove(cue)
    return _shown(desk)


@router.post("/write", operation_id="write-scene", status_code=202)
def write_scene(
    desk: TheDesk,
    formats: Annotated[list[Literal[FORMATS]], Body(min_length=1, max_length=10)],  # type: ignore[valid-type]
    video: Shown = "",
) -> JobState:
    """Writes the film, stems or sessions beside its project, by extension; goes on by itself."""
    scene = _scene(desk, video)
    _ = scene.sheet
    return desk.scenes.start(lambda progress: scene.write(formats, progress))


def _scene(desk: Desk, video: str = "") -> Scene:
    if desk.scene is None:
        raise QueryError("No video is open: choose one.")
    if video not in ("", desk.scene.video):
        raise QueryError("Another video was opened since, in another tab: choose this one again.")
    return desk.scene


def _shown(desk: Desk) -> SceneShown:
    scene = _scene(desk)
    cues = scene.sheet.cues
    clips = [cue.clip for cue in cues] + [clip for cue in cues for clip, _ in cue.alternates]
    return shown(scene, with_hashes(desk.library.catalog.engine, {c.identity for c in clips}))
