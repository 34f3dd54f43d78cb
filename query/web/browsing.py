"""The library over HTTP: what is in it, and what is wrong with it."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from itertools import islice
from pathlib import PurePath
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from fastapi import APIRouter, Body, Depends, Query

from indexer.catalog import browse
from indexer.catalog.filters import Filters
from query.scatter import principal_plane
from query.web.asking import TheDesk, filters
from query.web.jobs import JobState
from query.web.rows import Row, plain_hits, rows, sendable

if TYPE_CHECKING:
    from query.web.desk import Desk

router = APIRouter(prefix="/api", tags=["library"])

MOST_PROBLEMS = 500
PLANE = 4_000  # sounds from which the plane of the map is found


@dataclass(frozen=True, slots=True)
class Listed:
    """Sounds from `offset` on, of `total`."""

    hits: list[Row]
    more: bool
    offset: int
    total: int


@dataclass(frozen=True, slots=True)
class Problem:
    """A file that cannot be read, or only in part."""

    name: str
    path: str
    status: str
    reason: str


@dataclass(frozen=True, slots=True)
class Root:
    """A folder or service that the library is built from, and its files by state."""

    id: int
    kind: str
    name: str
    location: str
    present: int
    missing: int
    offline: int


@dataclass(frozen=True, slots=True)
class Pack:
    """A pack, and how many of its sounds have which licence, "" for none."""

    name: str
    licences: dict[str, int]


@dataclass(frozen=True, slots=True)
class Overview:
    """The library as a whole."""

    roots: list[Root]
    packs: list[Pack]
    problems: list[Problem]


@dataclass(frozen=True, slots=True)
class Map:
    """Sounds on the plane in which what is heard of them varies most.

    ids     base64 of uint32, points: base64 of uint16 pairs, 0..65535 across and down
    shares  of the variance, along each axis
    """

    ids: str
    points: str
    shares: tuple[float, float]


@router.get("/sounds", operation_id="sounds")
def sounds(
    desk: TheDesk,
    chosen: Annotated[Filters, Depends(filters)],
    sort: browse.Sort = "title",
    descending: bool = False,
    collection: Annotated[str | None, Query(max_length=100)] = None,
    k: Annotated[int, Query(ge=1, le=200)] = 40,
    offset: Annotated[int, Query(ge=0, le=10_000_000)] = 0,
) -> Listed:
    """All sounds, or those of a collection ("": the kept ones), without a question.

    Those of a collection come in the order in which they were put there.
    """
    library = desk.library
    engine = library.catalog.engine
    if collection is None:
        ids, total = browse.listed(
            engine, chosen, sort, descending=descending, offset=offset, limit=k
        )
    else:
        ids = collected(desk, collection, chosen)
        total, ids = len(ids), ids[offset : offset + k]
    shown = rows(library, plain_hits(library, ids), (), desk.choices)
    return Listed(shown, offset + len(ids) < total, offset, total)


def collected(desk: Desk, name: str, chosen: Filters) -> list[int]:
    """Ids of a collection's sounds that are in the library and match; "": of the kept ones."""
    choices = desk.choices
    hashes = choices.collections().get(name, []) if name else choices.marked("kept")
    known = browse.with_hashes(desk.library.catalog.engine, hashes)
    here = [known[each] for each in hashes if each in known]
    return browse.among(desk.library.catalog.engine, here, chosen)


@router.get("/overview", operation_id="overview")
def overview(desk: TheDesk) -> Overview:
    """Roots, packs with their licences, and files with problems."""
    catalog = desk.library.catalog
    roots = [
        Root(**{**root._asdict(), "name": sendable(root.name), "location": sendable(root.location)})
        for root in catalog.counted_roots()
    ]
    problems = [
        Problem(sendable(PurePath(path).name), sendable(path), status, reason)
        for path, status, reason in islice(catalog.failures(), MOST_PROBLEMS)
    ]
    packs = [Pack(name, licences) for name, licences in browse.licences_of_packs(catalog.engine)]
    return Overview(roots, packs, problems)


@router.get("/map", operation_id="map")
def sound_map(desk: TheDesk) -> Map:
    """Where each sound lies among the others, by what is heard."""
    search = desk.searcher()
    last = search.libraries[0].catalog.embeddings.last()
    if desk.map is None or desk.map[0] != last:
        desk.map = last, _map(search)
    return desk.map[1]


def _map(search: Any) -> Map:
    ids, found = search.shelves[0].clips("audio")
    if len(ids) < 3:
        return Map("", "", (0.0, 0.0))
    plane = principal_plane(found[:: max(1, len(found) // PLANE)])
    points = plane.at(found)
    low, high = np.percentile(points, [0.5, 99.5], axis=0)
    placed = ((points - low) / np.maximum(high - low, 1e-9)).clip(0, 1) * 65_535
    packed = (ids.astype("<u4"), np.rint(placed).astype("<u2"))
    keys, places = (base64.b64encode(each.tobytes()).decode() for each in packed)
    return Map(keys, places, plane.shares)


@router.get("/build", operation_id="build-state")
def build_state(desk: TheDesk) -> JobState:
    """The build that runs, or how the last one of this server ended."""
    return desk.builds.state


@router.post("/build", operation_id="build-index", status_code=202)
def build(desk: TheDesk, place: Annotated[str, Body(embed=True, max_length=64)] = "") -> JobState:
    """Builds the folder of an id into the library, or all its own folders anew. Goes on by itself.

    A library that is not there yet is made.
    """
    return desk.build([desk.places.path(place)] if place else [])
