"""Choosing over HTTP: keep, collect, write into a project, take along."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from fastapi import APIRouter, BackgroundTasks, Body, Depends, Query, Response
from fastapi.responses import StreamingResponse

from indexer.catalog import browse
from indexer.catalog.credited import credits_of
from indexer.catalog.filters import Filters
from indexer.errors import AudioError, QueryError
from query.web.asking import SoundId, TheDesk, filters
from query.web.browsing import collected
from query.web.places import Listing, Place
from query.web.rows import sendable, sound_of
from query.web.sounds import Id
from query.web.zips import pack, parts

if TYPE_CHECKING:
    from query.web.desk import Desk

router = APIRouter(prefix="/api", tags=["choices"])

SPOT_NAMES = "{CatID}_{FXName}_{SourceID}"
MOST_ZIPPED = 4_000_000_000  # bytes
Name = Annotated[str, Body(max_length=100)]


@dataclass(frozen=True, slots=True)
class Collection:
    """`name` "" are the kept ones."""

    name: str
    count: int


@dataclass(frozen=True, slots=True)
class Written:
    """A file in the project folder; `head`: seconds in it before what was asked for."""

    name: str
    head: float
    project: str


@router.post("/sounds/{sound}/mark", operation_id="mark", status_code=204)
def mark(
    desk: TheDesk, sound: Id, mark: Annotated[Literal["kept", "rejected", ""], Body(embed=True)]
) -> None:
    """Keeps a sound, rejects it, or neither."""
    desk.choices.set_mark(_identity(desk, sound), mark)


@router.get("/collections", operation_id="collections")
def collections(desk: TheDesk) -> list[Collection]:
    """The kept sounds, and the collections, by name."""
    held = sorted(desk.choices.collections().items())
    return [
        Collection("", len(desk.choices.marked("kept"))),
        *(Collection(name, len(hashes)) for name, hashes in held),
    ]


@router.post("/collections", operation_id="collect", status_code=204)
def collect(
    desk: TheDesk,
    name: Name,
    sounds: Annotated[list[int], Body(max_length=10_000)],
    remove: Annotated[bool, Body()] = False,
) -> None:
    """Puts sounds into a collection, or takes them out of it; an empty one is none."""
    known = browse.hashes_of(
        desk.library.catalog.engine, [key for key in sounds if 0 < key < 2**53]
    )
    desk.choices.collect(name, [known[key] for key in sounds if key in known], remove=remove)


@router.get("/places", operation_id="places")
def places(desk: TheDesk, place: Annotated[str, Query(max_length=64)] = "") -> Listing:
    """The folders of a folder, or those one may begin with."""
    return desk.places.listing(place)


@router.get("/project", operation_id="project")
def project(desk: TheDesk) -> Place | None:
    """The folder that sounds are written to."""
    folder = desk.choices.project
    return desk.places.place(folder) if folder is not None and folder.is_dir() else None


@router.post("/project", operation_id="choose-project")
def chooseproject_of(
    desk: TheDesk, place: Annotated[str, Body(embed=True, max_length=64)]
) -> Place:
    """Chooses the folder that sounds are written to."""
    folder = desk.places.path(place)
    desk.choices.project = folder
    return desk.places.place(folder)


@router.post("/sounds/{sound}/spot", operation_id="spot")
def spot_sound(
    desk: TheDesk,
    sound: Id,
    start: Annotated[float, Body(ge=0, allow_inf_nan=False)] = 0.0,
    end: Annotated[float | None, Body(ge=0, allow_inf_nan=False)] = None,
    handles: Annotated[float, Body(ge=0, le=60)] = 2.0,
    rate: Annotated[int, Body(ge=8_000, le=192_000)] = 48_000,
    bits: Annotated[Literal[16, 24, 32], Body()] = 24,
    names: Annotated[str, Body(max_length=200)] = SPOT_NAMES,
    linked: Annotated[bool, Body()] = False,
    reveal: Annotated[bool, Body()] = False,
) -> Written:
    """Writes the sound, or a region of it with handles, into the project folder as a WAV.

    `handles`, `rate`, `bits` and `names` as those of `sonorize video --collect`. `linked`: the file
    is not written, but linked as it lies. `reveal`: it is shown in the file manager.
    """
    from query.scene.export.collect import CollectOptions
    from query.web.spotting import link, spot

    found = sound_of(desk.library, sound)
    length = found.columns["duration"]
    last = length if end is None else min(end, length)
    if start >= last:
        raise QueryError("This region holds nothing: mark another.")
    folder = project_of(desk)
    options = CollectOptions(handles, rate, bits, names)
    if linked and not found.path.is_file():
        raise AudioError("The file is not there now: connect its drive.")
    made = (link if linked else spot)(found, start, last, folder, options)
    if reveal and desk.reveal is not None:
        desk.reveal(made.path)
    return Written(sendable(made.path.name), made.head, sendable(folder.name))


@router.post("/sounds/{sound}/reveal", operation_id="reveal", status_code=204)
def reveal(desk: TheDesk, sound: Id) -> None:
    """Shows the file in the file manager of the machine that serves."""
    _reveal(desk, sound_of(desk.library, sound).path)


@router.post("/project/reveal", operation_id="reveal-project", status_code=204)
def revealproject_of(desk: TheDesk) -> None:
    """Shows the project folder in the file manager of the machine that serves."""
    _reveal(desk, project_of(desk))


@router.get("/zip", operation_id="zip", response_class=StreamingResponse)
def zipped(
    desk: TheDesk,
    after: BackgroundTasks,
    chosen: Annotated[Filters, Depends(filters)],
    sound: Annotated[list[SoundId], Query(max_length=500)] = [],  # noqa: B006
    collection: Annotated[str | None, Query(max_length=100)] = None,
) -> Response:
    """The files of sounds, or of a collection ("": the kept ones), with CREDITS.txt, as a ZIP.

    Of a collection, those that match the filters.
    """
    library = desk.library
    ids = sound if collection is None else collected(desk, collection, chosen)
    sounds = [each for each in library.catalog.sounds(ids).values() if each.state == "present"]
    size = sum(each.path.stat().st_size for each in sounds if each.path.is_file())
    if not size or size > MOST_ZIPPED:
        raise AudioError(
            "None of these files are there now: connect their drive."
            if not size
            else "These files are more than 4 GB together: take fewer."
        )
    said = credits_of(library.catalog.engine, Filters(), [each.columns["id"] for each in sounds])
    file = desk.zips.opened(desk.aside)
    after.add_task(file.close)
    try:
        pack(file, [each.path for each in sounds if each.path.is_file()], said)
    except OSError as error:
        file.close()
        raise AudioError(f"The ZIP cannot be made ({error.strerror}): take fewer.") from error
    length = file.tell()
    file.seek(0)
    return StreamingResponse(
        parts(file),
        media_type="application/zip",
        headers={
            "content-length": str(length),
            "content-disposition": 'attachment; filename="sounds.zip"',
        },
    )


def _identity(desk: Desk, key: int) -> str:
    identity: str | None = sound_of(desk.library, key).columns["content_hash"]
    if not identity:
        raise QueryError("This sound was not heard yet: wait until the build comes to it.")
    return identity


def project_of(desk: Desk) -> Path:
    """The folder that is written to. Raises QueryError."""
    folder = desk.choices.project
    if folder is None or not folder.is_dir():
        raise QueryError("Choose the folder of your project first.")
    return folder


def _reveal(desk: Desk, path: Path) -> None:
    if desk.reveal is None:
        raise QueryError("This server runs on another machine, which has no window for you.")
    if not path.exists():
        raise AudioError("The file is not there now: connect its drive.")
    desk.reveal(path)
