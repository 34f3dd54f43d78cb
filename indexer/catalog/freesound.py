"""What Freesound said, kept: its sounds, the queries put to it, and its order of the results."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import insert, select, update

from indexer.catalog.models import FreesoundRank, FreesoundSound, FreesoundTerm
from indexer.catalog.session import chunks, reading, writing

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

PASSING = frozenset(
    "num_downloads avg_rating num_ratings num_comments score previews was_remixed".split()
)
"""Fields that change without the sound being another; `score` belongs to a query."""


@dataclass(frozen=True, slots=True)
class Term:
    """A query as it was put: what it asks, and how far its results were read."""

    id: int
    query: str
    filter: str
    sort: str
    count: int
    pages: int
    exhausted: bool
    asked: datetime


class Kept(NamedTuple):
    """What is known of a sound; `licences` as in FreesoundSound."""

    id: int
    said: Mapping[str, Any]
    fetched: datetime
    revision: int
    licences: Sequence[Sequence[str]]
    reason: str


class Ranked(NamedTuple):
    """Where Freesound puts a sound; see FreesoundRank."""

    sound_id: int
    rank: int
    tie: int
    downloads: int
    rating: float


class NewLicence(NamedTuple):
    """A sound whose licence is another than it was: addresses."""

    id: int
    name: str
    before: str
    now: str


class Freesound:
    """Reads and writes these tables; each write is one transaction."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def term(self, query: str, filter: str, sort: str) -> Term | None:  # noqa: A002
        found = _TERMS.where(
            FreesoundTerm.query == query,
            FreesoundTerm.filter == filter,
            FreesoundTerm.sort == sort,
        )
        with reading(self._engine) as connection:
            row = connection.execute(found).first()
        return Term(*row) if row else None

    def terms(self) -> list[Term]:
        with reading(self._engine) as connection:
            rows = connection.execute(_TERMS.order_by(FreesoundTerm.id)).all()
        return [Term(*row) for row in rows]

    def record_page(
        self,
        term: tuple[str, str, str],
        results: Sequence[Mapping[str, Any] | None],
        *,
        first: int,
        count: int,
        last: bool,
    ) -> list[NewLicence]:
        """The next page of a term (query, filter, sort): its sounds and their order.

        `first`: rank of its first result. `count`: of all results; `last`: no page follows.
        A result without a sound takes its rank; a sound that an earlier page had keeps that one's.
        """
        with writing(self._engine) as connection:
            changed = _keep(connection, filter(None, results))
            term_id, pages = _term_id(connection, term)
            _rank(connection, term_id, term[2], results, first)
            connection.execute(
                update(FreesoundTerm)
                .where(FreesoundTerm.id == term_id)
                .values(pages=pages + 1, count=count, exhausted=last)
            )
        return changed

    def looked_again(self, term_id: int) -> None:
        """New sounds of the term were looked for just now."""
        with writing(self._engine) as connection:
            mine = update(FreesoundTerm).where(FreesoundTerm.id == term_id)
            connection.execute(mine.values(asked=datetime.now(UTC)))

    def record_sounds(self, results: Iterable[Mapping[str, Any]]) -> list[NewLicence]:
        """What Freesound says of some sounds now."""
        with writing(self._engine) as connection:
            return _keep(connection, results)

    def record_gone(self, ids: Iterable[int]) -> None:
        with writing(self._engine) as connection:
            for part in chunks(list(ids)):
                gone = update(FreesoundSound).where(FreesoundSound.id.in_(part))
                connection.execute(gone.values(gone=True))

    def record_reason(self, sound_id: int, reason: str) -> None:
        """Why the audio of a sound cannot be had; "" if it can."""
        with writing(self._engine) as connection:
            mine = update(FreesoundSound).where(FreesoundSound.id == sound_id)
            connection.execute(mine.values(reason=reason))

    def want(self, ids: Sequence[int]) -> int:
        """Their audio belongs into the library from now on; returns how many were not wanted."""
        count = 0
        with writing(self._engine) as connection:
            for part in chunks(ids):
                fresh = FreesoundSound.id.in_(part), FreesoundSound.wanted.is_(False)
                wanted = update(FreesoundSound).where(*fresh).values(wanted=True)
                count += connection.execute(wanted).rowcount
        return count

    def ranked(self, term_id: int) -> list[tuple[int, str]]:
        """(id, address of the licence) of a term's sounds in Freesound's order."""
        query = (
            select(FreesoundSound.id, FreesoundSound.licences)
            .join(FreesoundRank, FreesoundRank.sound_id == FreesoundSound.id)
            .where(FreesoundRank.term_id == term_id, FreesoundSound.gone.is_(False))
            .order_by(FreesoundRank.rank)
        )
        with reading(self._engine) as connection:
            return [(key, licences[-1][0]) for key, licences in connection.execute(query)]

    def order(self, term_id: int) -> list[Ranked]:
        """Freesound's order of a term's sounds, as it was when they were read."""
        query = (
            select(
                FreesoundRank.sound_id, FreesoundRank.rank, FreesoundRank.tie,
                FreesoundRank.downloads, FreesoundRank.rating,
            )
            .where(FreesoundRank.term_id == term_id)
            .order_by(FreesoundRank.rank)
        )  # fmt: skip
        with reading(self._engine) as connection:
            return [Ranked(*row) for row in connection.execute(query)]

    def revisions(self) -> dict[int, int]:
        """Of every wanted sound."""
        query = select(FreesoundSound.id, FreesoundSound.revision)
        with reading(self._engine) as connection:
            wanted = connection.execute(query.where(FreesoundSound.wanted.is_(True)))
            return dict(wanted.all())

    def kept(self, ids: Sequence[int]) -> dict[int, Kept]:
        """Those that are known, by id."""
        found: dict[int, Kept] = {}
        with reading(self._engine) as connection:
            for part in chunks(ids):
                for row in connection.execute(_KEPT.where(FreesoundSound.id.in_(part))):
                    found[row.id] = Kept(*row)
        return found


_TERMS = select(
    FreesoundTerm.id, FreesoundTerm.query, FreesoundTerm.filter, FreesoundTerm.sort,
    FreesoundTerm.count, FreesoundTerm.pages, FreesoundTerm.exhausted, FreesoundTerm.asked,
)  # fmt: skip
_KEPT = select(
    FreesoundSound.id, FreesoundSound.said, FreesoundSound.fetched, FreesoundSound.revision,
    FreesoundSound.licences, FreesoundSound.reason,
)  # fmt: skip


def _keep(connection: Connection, results: Iterable[Mapping[str, Any]]) -> list[NewLicence]:
    sounds = {int(said["id"]): said for said in results}
    known = {
        row.id: Kept(*row)
        for part in chunks(list(sounds))
        for row in connection.execute(_KEPT.where(FreesoundSound.id.in_(part)))
    }
    now = datetime.now(UTC)
    changed = []
    for key, said in sounds.items():
        licence = str(said.get("license") or "")
        before = known.get(key)
        if before is None:
            connection.execute(insert(FreesoundSound).values(id=key, **_first(said, licence, now)))
            continue
        values: dict[str, Any] = {"said": dict(said), "fetched": now, "gone": False}
        if _differs(before.said, said):
            values["revision"] = before.revision + 1
        if before.licences[-1][0] != licence:
            changed.append(NewLicence(key, str(said["name"]), before.licences[-1][0], licence))
            values["licences"] = [*before.licences, [licence, now.date().isoformat()]]
        connection.execute(update(FreesoundSound).where(FreesoundSound.id == key).values(**values))
    return changed


def _first(said: Mapping[str, Any], licence: str, now: datetime) -> dict[str, Any]:
    return {
        "said": dict(said),
        "fetched": now,
        "licences": [[licence, now.date().isoformat()]],
    }


def _differs(before: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    return any(before.get(name) != now[name] for name in now if name not in PASSING)


def _term_id(connection: Connection, term: tuple[str, str, str]) -> tuple[int, int]:
    """Its id and the pages read so far; made if it is new."""
    query, filtered, sort = term
    found = connection.execute(
        select(FreesoundTerm.id, FreesoundTerm.pages).where(
            FreesoundTerm.query == query,
            FreesoundTerm.filter == filtered,
            FreesoundTerm.sort == sort,
        )
    ).first()
    if found:
        return found.id, found.pages
    made = insert(FreesoundTerm).values(
        query=query, filter=filtered, sort=sort, asked=datetime.now(UTC)
    )
    key = connection.execute(made).inserted_primary_key
    assert key is not None
    return int(key[0]), 0


def _rank(
    connection: Connection,
    term_id: int,
    sort: str,
    results: Sequence[Mapping[str, Any] | None],
    first: int,
) -> None:
    """Equal scores in sort=score are one tie; in other orders each rank is its own."""
    mine = FreesoundRank.term_id == term_id
    known = set(connection.execute(select(FreesoundRank.sound_id).where(mine)).scalars())
    last = connection.execute(
        select(FreesoundRank.tie, FreesoundRank.score)
        .where(mine)
        .order_by(FreesoundRank.rank.desc())
        .limit(1)
    ).first()
    tie, score = (last.tie, last.score) if last else (0, None)
    rows = []
    for rank, said in enumerate(results, first):
        if said is None or said["id"] in known:
            continue
        known.add(said["id"])
        if tie == 0 or sort != "score" or said.get("score") != score:
            tie, score = tie + 1, said.get("score")
        rows.append(
            {
                "term_id": term_id,
                "sound_id": said["id"],
                "rank": rank,
                "tie": tie,
                "score": score,
                "downloads": said.get("num_downloads") or 0,
                "rating": said.get("avg_rating") or 0.0,
                "ratings": said.get("num_ratings") or 0,
            }
        )
    if rows:
        connection.execute(insert(FreesoundRank), rows)
