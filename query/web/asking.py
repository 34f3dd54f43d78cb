"""Questions over HTTP, with the names that the command line has for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

from fastapi import APIRouter, Depends, Query, Request

from indexer.catalog.filters import Filters
from indexer.credits.licences import wanted
from indexer.errors import QueryError
from query import targets
from query.ask import Ask
from query.scene.floor import standing
from query.targets import Reference, Steering
from query.web.desk import Desk
from query.web.rows import Row, Strength, rows, sound_of
from query.weighing import MOST, weighted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from indexer.encoders.protocol import Vectors
    from query.ranking import Hit
    from query.search import Searcher

router = APIRouter(prefix="/api", tags=["questions"])

DEEPEST = 2_000  # sounds that can be paged to

Words = Annotated[str, Query(max_length=500)]
Several = Annotated[list[Words], Query(max_length=50)]
Seconds = Annotated[float | None, Query(ge=0, le=1e9, allow_inf_nan=False)]
Loudness = Annotated[float | None, Query(ge=-200, le=100, allow_inf_nan=False)]
Share = Annotated[float | None, Query(ge=0, le=1, allow_inf_nan=False)]
SoundId = Annotated[int, Query(ge=1, le=2**53)]
PictureId = Annotated[str, Query(pattern="^[0-9a-f]{32}$")]


@dataclass(frozen=True, slots=True)
class Answer:
    """Ranked sounds from `offset` on. `more`: there are others after them.

    taken_for   what the model took the picture for, with probabilities
    """

    hits: list[Row]
    more: bool
    offset: int
    taken_for: list[tuple[str, float]]


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of the list is wanted, and of which sounds."""

    ask: Ask
    offset: int
    k: int


def desk_of(request: Request) -> Desk:
    found: Desk = request.app.state.desk
    return found


TheDesk = Annotated[Desk, Depends(desk_of)]


def filters(
    license: Several = [],  # noqa: A002, B006
    min_duration: Seconds = None,
    max_duration: Seconds = None,
    min_loudness: Loudness = None,
    max_loudness: Loudness = None,
    tag: Several = [],  # noqa: B006
    source: Several = [],  # noqa: B006
    pack: Several = [],  # noqa: B006
    category: Several = [],  # noqa: B006
) -> Filters:
    """Which sounds may answer, as the command line's options of the same names."""
    return Filters(
        licences=wanted(license),
        min_duration=min_duration,
        max_duration=max_duration,
        tags=tuple(tag),
        sources=tuple(source),
        packs=tuple(pack),
        categories=tuple(category),
        min_loudness=min_loudness,
        max_loudness=max_loudness,
    )


def paged(
    chosen: Annotated[Filters, Depends(filters)],
    k: Annotated[int, Query(ge=1, le=200)] = 40,
    offset: Annotated[int, Query(ge=0, le=DEEPEST)] = 0,
    text: Several = [],  # noqa: B006
    away: Several = [],  # noqa: B006
    metadata_weight: Share = None,
    all_takes: bool = False,
    moments: bool = False,
) -> Page:
    """How to answer. `text`, `away`: [WEIGHT:]WORDS to go toward, or away from."""
    ask = Ask(
        k=offset + k + 1,
        filters=chosen,
        metadata_weight=metadata_weight,
        all_takes=all_takes,
        cut=False,
        moments=moments,
        steering=Steering(list(map(weighted, text)), list(map(weighted, away))),
    )
    return Page(ask, offset, k)


ThePage = Annotated[Page, Depends(paged)]


@router.get("/query-by-frame", operation_id="query-by-frame")
def query_by_frame(
    desk: TheDesk,
    page: ThePage,
    frame: PictureId,
    reference_frame: PictureId | None = None,
    reference_sound: SoundId | None = None,
    theta: Share = None,
    reference_weight: Annotated[float | None, Query(ge=0, le=MOST, allow_inf_nan=False)] = None,
    target: Literal["literal", "analogy"] = "literal",
) -> Answer:
    """Sounds for a picture, or for the target between it and a known pair of frame and sound."""
    search = desk.searcher()
    question = desk.seen(frame)
    if (reference_frame is None) != (reference_sound is None):
        raise QueryError("A reference is a picture and its sound: give both.")
    if reference_frame is not None:
        pair = Reference(
            frames=(),
            sound=desk.remembered(
                ("sound", reference_sound),
                lambda: search.sound(_heard(desk, cast("int", reference_sound))),
            ),
            theta=0.5 if theta is None else theta,
            weight=reference_weight,
            kind=target,
        )
        question = targets.target(question, desk.seen(reference_frame), pair)
    question = search.steered(question, page.ask)
    hits = search.by_vectors(question, page.ask)
    known = (
        frame,
        reference_frame,
        reference_sound,
        theta,
        reference_weight,
        target,
        page.ask.steering,
    )
    strengths = _strengths(desk, search, hits, question, repr(known))
    return _answer(desk, page, hits, strengths, desk.taken_for(frame))


@router.get("/query-by-text", operation_id="query-by-text")
def query_by_text(
    desk: TheDesk,
    page: ThePage,
    words: Words,
    only: Literal["meaning", "exact"] | None = None,
) -> Answer:
    """Sounds for words: by what they mean and by the exact words together."""
    if only == "exact" and page.ask.steering.away:
        raise QueryError("Away is a matter of meaning: write NOT for exact words.")
    exact = only == "exact" or (only is None and desk.model.state != "ready")
    search = desk.searcher(model=not exact)
    find = search.by_meaning if only == "meaning" else search.by_words
    return _answer(desk, page, find(words, page.ask))


@router.get("/query-by-sound", operation_id="query-by-sound")
def query_by_sound(desk: TheDesk, page: ThePage, sound: SoundId) -> Answer:
    """Sounds that sound like one of the library."""
    return _answer(desk, page, desk.searcher().by_sound(_heard(desk, sound), page.ask))


def _heard(desk: Desk, key: int) -> str:
    """The sound as a search names it. Raises NotThere, and QueryError if it was not heard yet."""
    if sound_of(desk.library, key).columns["status"] not in ("partial", "ready"):
        raise QueryError("This sound was not heard, so nothing can be found by it: take another.")
    return f"#{key}"


def _strengths(
    desk: Desk, search: Searcher, hits: Sequence[Hit], question: Vectors, key: str
) -> list[Strength]:
    """Of each hit; none while the floor is being measured. `key`: what made the question."""
    if desk.floor is None or not hits:
        return []
    background = desk.remembered(("background", key), lambda: search.background(question, Ask()))
    return [desk.floor.strength(standing(hit.score, background)) for hit in hits]


def _answer(
    desk: Desk,
    page: Page,
    hits: Sequence[Hit],
    strengths: Sequence[Strength] = (),
    taken_for: Any = (),
) -> Answer:
    wanted_here = slice(page.offset, page.offset + page.k)
    shown = rows(desk.library, hits[wanted_here], strengths[wanted_here], desk.choices)
    more = len(hits) > page.offset + page.k and page.offset + page.k <= DEEPEST
    return Answer(shown, more, page.offset, list(taken_for))
