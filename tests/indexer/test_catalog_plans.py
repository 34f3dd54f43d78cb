"""No lookup of a build or a question reads a whole table: as the database plans what is asked."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, get_args

import databases
import numpy as np
import pytest
from libraries import empty_catalog
from sqlalchemy import Connection, event, insert, update

from indexer.catalog import browse
from indexer.catalog.entries import Heard, Named, Place, Reheard
from indexer.catalog.filters import Filters
from indexer.catalog.models import Analysis, Sound
from indexer.catalog.session import writing
from indexer.catalog.store import Catalog

# but an index that holds only what is looked for
READ_WHOLE = re.compile(
    r"^(SCAN|Seq Scan on) (?!.* INDEX ix_sound_follows)"
    r"(sound|file|embedding|window|change|analysis|freesound_\w+)\b"
)
MANY = 4_000  # of fewer, PostgreSQL sooner reads all
sqlite_only = pytest.mark.skipif(
    "databases.kind == 'postgresql'", reason="names the steps that SQLite takes"
)


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    """Three sounds, of which one was heard. SQLite's plans do not depend on counts."""
    opened = Catalog(empty_catalog(tmp_path))
    fill(opened)
    yield opened
    opened.close()


@pytest.fixture
def asked(catalog: Catalog) -> Iterator[Catalog]:
    """What plans are made for: PostgreSQL's depend on counts, so there are others too there."""
    if catalog.engine.dialect.name == "sqlite":
        yield catalog
        return
    opened = Catalog(databases.fresh(like=_many()))
    yield opened
    opened.close()


@cache
def _many() -> str:
    """A catalog that holds MANY sounds of which no question of this file asks."""
    url = databases.fresh()
    opened = Catalog(url)
    fill(opened)
    roots = [opened.root("freesound", f"/{number}") for number in range(20)]
    same = {"status": "ready", "licence": "CC-BY-NC-4.0"}
    named = [
        {**same, "title": f"t{n}", "pack": f"p{n % 50}", "duration": 60.0 + n} for n in range(MANY)
    ]
    places = [Place(roots[n % 20], f"{n}.wav", 1, 1) for n in range(MANY)]
    opened.record(map(Named, places, named))
    space = opened.embeddings.space("other", "audio", "f", 2)
    vector = np.array([[1.0, 0.0]], np.float32)
    opened.record(
        Reheard(n, f"{n:064}", ((0.0, 2.0),), {space: vector[0]}, {space: vector})
        for n in hashed(opened)
    )
    with opened.engine.connect() as connection:
        connection.exec_driver_sql("ANALYZE")
        connection.commit()
    opened.close()
    return url


def hashed(catalog: Catalog) -> range:
    """The other sounds, which have hashes now."""
    others = range(4, MANY + 4)
    with writing(catalog.engine) as connection:
        for n in others:
            connection.execute(update(Sound).where(Sound.id == n).values(content_hash=f"{n:064}"))
        same = {"version": 1, "silence": 0.0, "peaks": b"", "onsets": []}
        connection.execute(
            insert(Analysis), [{"sound_id": n, "loudness": -n, **same} for n in others]
        )
    return others


def fill(opened: Catalog) -> None:
    root = opened.root("folder", "/sounds")
    space = opened.embeddings.space("toy", "audio", "f", 2)
    named = [
        Named(Place(root, f"{name}.wav", 1, 1), {"title": name, "pack": "Rain"})
        for name in ("dog", "cat", "cow")
    ]
    opened.record(named)
    vector = np.array([1.0, 0.0], np.float32)
    heard = Heard(1, True, {"duration": 1.0}, (), {space: vector}, content_hash="ab")
    opened.record([heard])


def plans(catalog: Catalog, ask: Callable[[Catalog], object], *, anyhow: bool = False) -> list[str]:
    """The steps in which the database answers the statements that `ask` brings about.

    anyhow: PostgreSQL reads a table whole only where no index can answer, whatever that costs.
    """
    heard: list[tuple[str, Any]] = []

    def hear(_: Any, __: Any, statement: str, parameters: Any, *___: Any) -> None:
        heard.append((statement, parameters))

    event.listen(catalog.engine, "before_cursor_execute", hear)
    ask(catalog)
    event.remove(catalog.engine, "before_cursor_execute", hear)
    steps = []
    with catalog.engine.connect() as connection:
        if anyhow and connection.dialect.name == "postgresql":
            connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
        for statement, parameters in heard:
            if not statement.startswith(("BEGIN", "INSERT", "EXPLAIN")):
                steps += _steps(connection, statement, parameters)
    return steps


def _steps(connection: Connection, statement: str, parameters: Any) -> list[str]:
    if connection.dialect.name == "sqlite":
        found = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
        return [row[3] for row in found]
    told = connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {statement}", parameters).scalar()
    waiting, steps = [told[0]["Plan"]], []
    while waiting:
        step = waiting.pop()
        waiting += step.get("Plans", [])
        place = step.get("Relation Name", step.get("CTE Name", ""))
        steps.append(f"{step['Node Type']} on {place} {step.get('Index Name', '')}")
    return steps


ASKED: dict[str, Callable[[Catalog], object]] = {
    "sounds": lambda c: c.sounds([1, 2]),
    "clips": lambda c: c.embeddings.clips(1, [1, 2]),
    "windows": lambda c: c.embeddings.windows(1, [1, 2]),
    "measured": lambda c: c.measured([1, 2]),
    "take counts": lambda c: c.take_counts(["a", "b"]),
    "roots": lambda c: c.roots(),
    "a file": lambda c: c.at(1, "dog.wav"),
    "a hash": lambda c: c.with_hash("ab"),
    "known files": lambda c: c.known(1),
    "files of a source": lambda c: c.lookups(1).find(["dog.wav", "new.wav"]),
    "files of unheard sounds": lambda c: c.lookups(1).of_sounds(("named", "partial")),
    "files of some ids": lambda c: c.lookups(1).known(np.array([1, 2])),
    "work to do": lambda c: list(c.todo([1], ["named", "partial"])),
    "sounds at their places": lambda c: c.lookups(1).others(np.array([1])),
    "changes": lambda c: c.embeddings.changes(c.embeddings.last() - 1),
    "a token": lambda c: c.embeddings.token(1),
    "fingerprints": lambda c: c.embeddings.fingerprints("toy", "audio"),
    "takes of new sounds": lambda c: c.durations(c.embeddings.last() - 1),
    "sounds without a file": lambda c: c.drop_orphans(),
    "missing files": lambda c: c.prune([1]),
    "a pack": lambda c: c.allowed(Filters(packs=("rain",))),
    "a licence": lambda c: c.allowed(Filters(licences=("cc0", "by"))),
    "a source": lambda c: c.allowed(Filters(sources=("folder",))),
    "a source that all are from": lambda c: c.narrowed(Filters(sources=("folder",))),
    "a source and a pack": lambda c: c.allowed(Filters(sources=("folder",), packs=("rain",))),
    "a category": lambda c: c.allowed(Filters(categories=("dogs",))),
    "a tag": lambda c: c.allowed(Filters(tags=("dog",))),
    "a duration": lambda c: c.allowed(Filters(max_duration=0.5)),
    "words": lambda c: c.search_text("dog bark", 10),
    "words and a field": lambda c: c.search_text("dog title:cat", 10),
    "some of the sounds": lambda c: c.search_text("dog", 10, [1, 2]),
    "a heard sound": lambda c: c.record(
        [Heard(2, True, {"duration": 2.0}, (), {}, content_hash="cd")]
    ),
    "a copy": lambda c: c.record([Heard(3, True, {"duration": 1.0}, (), {}, content_hash="ab")]),
    "an import": lambda c: c.set_licence("pack:Rain", "CC0-1.0", ""),
}

# PostgreSQL reckons with many sounds here, and with so few in all it would sooner read them.
CHEAPER_WHOLE = {
    "a pack", "a licence", "a category", "a source", "a source and a pack",
    "a source that all are from", "sounds without a file",
}  # fmt: skip


@pytest.mark.parametrize("name", ASKED)
def test_no_lookup_reads_a_whole_table(asked: Catalog, name: str) -> None:
    steps = plans(asked, ASKED[name], anyhow=name in CHEAPER_WHOLE)
    assert steps
    assert [step for step in steps if READ_WHOLE.match(step)] == []


def test_what_reads_a_whole_table_is_seen(asked: Catalog) -> None:
    assert any(READ_WHOLE.match(step) for step in plans(asked, lambda c: c.counts()))
    tagged = plans(asked, lambda c: c.allowed(Filters(tags=("犬",))))
    assert any(READ_WHOLE.match(step) for step in tagged)


def test_a_rare_word_is_found_without_a_look_at_other_texts(asked: Catalog) -> None:
    """Nor are they counted, of which BM25 needs the number and the length."""
    steps = plans(asked, lambda c: c.search_text("dog", 10), anyhow=True)
    read = [step for step in steps if re.search(r"\bsound_text\b", step)]
    assert read
    expected = r"Bitmap Heap Scan on|SCAN sound_text VIRTUAL TABLE INDEX \d+:M"
    assert [step for step in read if not re.match(expected, step)] == []


@sqlite_only
def test_work_is_found_by_status_and_missing_files_by_state(catalog: Catalog) -> None:
    work = plans(catalog, lambda c: c.todo([1], ["named"]))
    assert any("ix_sound_status" in step for step in work)
    assert any("ix_file_sound_id" in step for step in work)
    gone = plans(catalog, lambda c: c.prune([1]))
    assert any("ix_file_root_state (root_id=? AND state=?)" in step for step in gone)


@sqlite_only
def test_what_every_build_asks_of_all_sounds_is_read_from_indexes_alone(catalog: Catalog) -> None:
    for ask in (lambda c: c.embeddings.lacking(1), lambda c: c.hear_again([1])):
        steps = plans(catalog, ask)
        assert any(
            "COVERING INDEX ix_embedding_clip (space_id=? AND window_id=?)" in step
            for step in steps
        )
        assert not any("USING INDEX" in step or step == "SCAN sound" for step in steps)
    steps = plans(catalog, lambda c: c.drop_orphans())
    assert any("ix_sound_follows" in step for step in steps)


@sqlite_only
def test_files_are_found_by_path(catalog: Catalog) -> None:
    """Not all files of the root gone through for each."""
    steps = plans(catalog, lambda c: c.lookups(1).find(["dog.wav", "new.wav"]))
    assert any("(root_id=? AND relative_path=?)" in step for step in steps)
    assert not any(step.endswith("(root_id=?)") for step in steps)


def test_packs_are_walked_by_their_index(catalog: Catalog, asked: Catalog) -> None:
    steps = plans(asked, lambda c: c.allowed(Filters(packs=("RAIN",))))
    walked = "ix_sound_pack (pack>?)" if databases.kind == "sqlite" else "sound ix_sound_pack"
    assert any(walked in step for step in steps)
    assert catalog.allowed(Filters(packs=("RAIN",))).tolist() == [1, 2, 3]
    assert catalog.allowed(Filters(packs=("Snow",))).tolist() == []


@sqlite_only
@pytest.mark.parametrize("column", [Sound.pack, Sound.licence, Sound.category])
def test_what_is_counted_is_read_from_an_index_alone(catalog: Catalog, column: Any) -> None:
    steps = plans(catalog, lambda c: browse.counted(c.engine, column))
    assert f"SCAN sound USING COVERING INDEX ix_sound_{column.key}" in steps
    assert "SCAN sound USING COVERING INDEX ix_sound_pack" in plans(
        catalog, lambda c: browse.licences_of_packs(c.engine)
    )


@sqlite_only
@pytest.mark.parametrize(
    "filters",
    [
        Filters(licences=("cc0", "by")),
        Filters(packs=("rain",)),
        Filters(categories=("dogs",)),
        Filters(sources=("folder",)),
        Filters(max_duration=0.5),
    ],
)
def test_a_filter_is_answered_by_indexes_alone(catalog: Catalog, filters: Filters) -> None:
    found = [step for step in plans(catalog, lambda c: c.allowed(filters)) if " USING " in step]
    assert [step for step in found if re.search(r"\b(sound|file) USING (?!COVERING)", step)] == []


def test_a_source_that_all_sounds_are_from_narrows_nothing(catalog: Catalog) -> None:
    assert catalog.narrowed(Filters(sources=("folder",))) is None
    assert catalog.narrowed(Filters(sources=("folder",), made=True)) is None
    assert catalog.narrowed(Filters(max_duration=9.0)) is None
    catalog.root("freesound", "/there")  # which holds nothing
    assert catalog.narrowed(Filters(sources=("folder",))) is None
    named = Named(Place(2, "rain.wav", 1, 1), {"title": "rain"})
    catalog.record([named])
    found = catalog.narrowed(Filters(sources=("folder",)))
    assert found is not None
    assert found.tolist() == [1, 2, 3]
    assert catalog.narrowed(Filters(sources=("freesound", "/sounds"))) is None


ORDERS = [(sort, descending) for sort in get_args(browse.Sort) for descending in (False, True)]


@pytest.mark.parametrize(("sort", "descending"), ORDERS)
def test_a_page_of_a_list_is_read_in_its_order(
    asked: Catalog, sort: browse.Sort, descending: bool
) -> None:
    def page(catalog: Catalog) -> None:
        browse.listed(catalog.engine, Filters(), sort, descending=descending, offset=1, limit=1)

    steps = plans(asked, page)
    if databases.kind == "postgresql":
        assert [step for step in steps if step.startswith("Sort")] == []
        return
    assert [step for step in steps if "TEMP B-TREE" in step] == []
    walked = {"pack": "ix_sound_by_pack", "loudness": "ix_analysis_loudness", "added": "sound"}
    assert any(step.endswith(walked.get(sort, f"ix_sound_by_{sort}")) for step in steps) or any(
        f"INDEX {walked.get(sort)} (" in step for step in steps
    )


def test_lists_are_in_order_whatever_is_unknown(catalog: Catalog) -> None:
    """Against Python's own sorting, page by page."""
    root = catalog.root("folder", "/sounds")
    facts = [
        # title, pack, seconds, loudness: a number, None where it is silent, "" where not heard
        ("b", "", 2.0, -20.0), ("B", "Rain", 1.0, None), ("a", "rain", 1.0, -30.0),
        ("é", "Air", 3.0, ""), ("c", "", 0.5, -20.0), ("C", "air", 2.0, ""), ("d", "", 9.0, None),
    ]  # fmt: skip
    catalog.record(
        Named(
            Place(root, f"{n}.wav", 1, 1), {"title": t, "pack": p, "duration": d, "status": "ready"}
        )
        for n, (t, p, d, _) in enumerate(facts)
    )
    catalog.record([Named(Place(root, "torn.wav", 1, 1), {"title": "a", "status": "failed"})])
    ids = [catalog.at(root, f"{n}.wav") for n in range(len(facts))]
    levels = [*zip(ids, (loud for *_, loud in facts), strict=True)]
    levels.append((catalog.at(root, "torn.wav"), -9.0))
    same = {"version": 1, "silence": 0.0, "peaks": b"", "onsets": []}
    rows = [{"sound_id": key, "loudness": loud, **same} for key, loud in levels if loud != ""]
    with writing(catalog.engine) as connection:
        connection.execute(insert(Analysis), rows)
    known = {1: ("dog", "rain", 1.0, ""), 2: ("cat", "rain", 0.0, ""), 3: ("cow", "rain", 0.0, "")}
    every = {**known, **dict(zip(ids, facts, strict=True))}

    def expected(sort: str, descending: bool) -> list[int]:
        place = {"title": 0, "pack": 1, "duration": 2, "loudness": 3}.get(sort)
        lower = (
            (lambda value: value.lower()) if sort in ("title", "pack") else (lambda value: value)
        )
        key = {one: one if place is None else lower(said[place]) for one, said in every.items()}
        groups: list[list[int]] = [
            [one for one in every if key[one] not in ("", None)],
            [one for one in every if key[one] is None],
            [one for one in every if key[one] == ""],
        ]
        return [
            one
            for group in groups
            for one in sorted(
                group,
                key=lambda one: (key[one] or 0, one) if key[one] != "" else (0, one),
                reverse=descending,
            )
        ]

    for sort, descending in ORDERS:
        wanted = expected(sort, descending)
        for limit in (1, 3, 99):
            pages = [
                browse.listed(
                    catalog.engine, Filters(), sort, descending=descending, offset=at, limit=limit
                )
                for at in range(0, len(wanted) + limit, limit)
            ]
            assert {total for _, total in pages} == {len(wanted)}
            assert [key for ids, _ in pages for key in ids] == wanted, (sort, descending, limit)
    short = Filters(max_duration=1.0)
    for sort, descending in ORDERS:
        wanted = [key for key in expected(sort, descending) if every[key][2] <= 1.0]
        found = browse.listed(catalog.engine, short, sort, descending=descending)
        assert found == (wanted, len(wanted))


def test_takes_are_the_same_by_the_index_and_among_all(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lengths at the edges of a millisecond, one of them new."""
    root = catalog.root("folder", "/sounds")
    lengths = [1.0, 1.0004, 1.0006, 0.9995, 0.9994, 2.0, 1.0004999, 1.0005001]
    places = [Place(root, f"{number}.wav", 1, 1) for number in range(len(lengths))]
    catalog.record(
        Named(place, {"title": "", "status": "ready", "duration": seconds})
        for place, seconds in zip(places, lengths, strict=True)
    )
    few = catalog.durations(0)
    monkeypatch.setattr("indexer.catalog.takes.FEW", 0)
    among_all = catalog.durations(0)
    assert len(few[1.0]) > 4
    assert {length: sorted(ids) for length, ids in few.items()} == among_all
