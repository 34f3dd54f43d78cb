import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from libraries import empty_catalog
from sqlalchemy import Connection, insert, select

from indexer.catalog import text
from indexer.catalog.models import Base, File, Root, Sound
from indexer.catalog.question import MAX_DEPTH, MAX_WORDS, And, Not, Or, Term, loosened
from indexer.catalog.schema import upgrade
from indexer.catalog.session import make_engine, writing
from indexer.errors import QueryError

SOUNDS: dict[int, dict[str, object]] = {
    1: {"title": "Dog barking", "tags": ["dog", "bark"], "licence": "CC0-1.0"},
    2: {"title": "Small dogs at play", "description": "two puppies", "licence": "CC-BY-4.0"},
    3: {"title": "Tree bark, scratched", "author": "Jane Poe", "licence": "CC0-1.0"},
    4: {"title": "Wolf howl", "notes": "a dog answers", "designer": "Ann Lee"},
    5: {"title": "Café, voices", "tags": ["ambience", "größe"], "location": "Zürich"},
    6: {"title": "Horses gallop", "description": "door to door", "pack": "Farm & Fun 2"},
    7: {"title": "Slam", "description": "a heavy door slams shut", "manufacturer": "Jane & Co"},
    8: {"title": "Explosion", "category": "EXPLOSIONS", "subcategory": "Designed"},
    9: {"title": "it's 100%_loud", "description": r"was in C:\old"},
}
PATHS = {1: "animals/bark_01.wav", 3: "dog/tree.wav", 8: "b\udce9ton/boom.flac"}


def words_of(sound: dict[str, object], path: str) -> dict[str, str]:
    def joined(*names: str) -> str:
        return " ".join(str(sound.get(name, "")) for name in names)

    return {
        "title": joined("title"),
        "description": joined("description"),
        "tags": " ".join(sound.get("tags", [])),  # type: ignore[arg-type]
        "category": joined("category", "subcategory"),
        "author": joined("author", "designer", "manufacturer"),
        "pack": joined("pack"),
        "path": path,
        "notes": joined("notes", "location", "microphone"),
    }


def opened(url: str) -> Iterator[Connection]:
    engine = make_engine(url)
    upgrade(engine)
    with writing(engine) as connection:
        yield connection
    engine.dispose()


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connection]:
    for connection in opened(empty_catalog(tmp_path_factory.mktemp("text"))):
        fill(connection)
        yield connection


def fill(connection: Connection) -> None:
    connection.execute(insert(Root).values(kind="folder", location="/sounds"))
    for number, sound in SOUNDS.items():
        connection.execute(insert(Sound).values(id=number, **sound))
        path = PATHS.get(number, "")
        place = {"relative_path": path or f"{number}.wav", "size": 1, "mtime_ns": 1}
        connection.execute(insert(File).values(sound_id=number, root_id=1, **place))
        text.index_text(connection, number, words_of(sound, path))


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Connection]:
    yield from opened(empty_catalog(tmp_path))


def put(connection: Connection, number: int, **words: str) -> None:
    if connection.scalar(select(Sound.id).where(Sound.id == number)) is None:
        connection.execute(insert(Sound).values(id=number))
    text.index_text(connection, number, words)


def ask(connection: Connection, question: str, limit: int = 20, **more: object) -> list[int]:
    return [number for number, _ in text.search_text(connection, question, limit, **more)]


GOLDEN = {
    # words
    "dog bark": {1, 3},
    "DOG BaRk": {1, 3},
    "dog, bark!": {1, 3},
    "wolf slam": {4, 7},
    "wolf AND slam": set(),
    "wolf AND howl": {4},
    "slam OR howl": {4, 7},
    "slam OR howl AND wolf": {4, 7},
    "(slam OR howl) AND wolf": {4},
    # leaving out
    "dog NOT bark": {2, 4},
    "dog -bark": {2, 4},
    "dog AND NOT bark": {2, 4},
    "dog -bark -wolf": {2},
    "dog NOT (bark OR wolf)": {2},
    "dog -(-wolf)": {4},
    "dog NOT -wolf": {4},
    "slam xylophone -door": set(),
    # phrases
    '"dog bark"': {1},
    '"bark dog"': set(),
    '"heavy door"': {7},
    '"heavy door': {7},
    "“heavy door”": {7},
    '"door heavy" OR howl': {4},
    '"heavy door" xylophone': set(),
    '"heavy door" xylophone shut': {7},
    # prefixes
    "gallo*": {6},
    "sla* OR how*": {4, 7},
    # fields
    "title:dog": {1, 2},
    "TITLE:dog": {1, 2},
    "-title:dog dog": {3, 4},
    'description:"heavy door"': {7},
    "description:(puppies OR heavy)": {2, 7},
    "path:dog": {3},
    "author:jane": {3, 7},
    "designer:lee": {4},
    "pack:farm": {6},
    "tags:bark": {1},
    "tags:größe": {5},
    "notes:zürich": {5},
    "category:designed": {8},
    "title:dog xylophone": set(),
    "title:dog xylophone barking": {1},
    "title:xylophone dog": set(),
    # licences
    "licence:CC0-1.0": {1, 3},
    "license:cc0-1.0": {1, 3},
    "licence:cc0": {1, 3},
    "licence:cc*": {1, 2, 3},
    "licence:CC0-1.0 dog": {1, 3},
    "licence:CC0-1.0 -dog": set(),
    "dog -licence:CC0-1.0": {2, 4},
    "licence:CC-BY-4.0 OR howl": {2, 4},
    "(licence:CC-BY-4.0 OR howl) dog": {2, 4},
    "licence:CC0-1.0 xylophone howl": set(),
    # what people type
    "": set(),
    "?!": set(),
    "\U0001f415": set(),
    "\U0001f415 howl": {4},
    "AND": set(),
    "AND howl AND": {4},
    ") howl (": {4},
    "- howl": {4},
    "it's": {9},
    "100%_loud": {9},
    "title:": set(),
    "howl http://": {4},
    "howl 12:30": {4},
    "dog\0bark": {1, 3},
}


@pytest.mark.parametrize(("question", "found"), GOLDEN.items())
def test_golden_questions(catalog: Connection, question: str, found: set[int]) -> None:
    assert set(ask(catalog, question)) == found


@pytest.mark.parametrize(
    ("question", "found"),
    [
        ("cafe", {5}),
        ("CAFÉ", {5}),
        (unicodedata.normalize("NFD", "café"), {5}),
        ("grosse", set()),
        ("grossE OR zurich", {5}),
        ("ｄｏｇ NOT bark", {2, 4}),
        ("doors", {6, 7}),
        ("slamming", {7}),
        ("horse", {6}),
        ("puppy", {2}),
        ("explosi*", {8}),
        ("barking-dog", set()),
        ("dog-barking", {1}),
        ("dog's", {1, 2, 3, 4}),
        ("bark_01", {1}),
        ("flac", {8}),
        (r"C:\old", {9}),
        ("C:", {9}),
        ("title:(horses dog)", set()),
        ("barki*", {1, 3}),
    ],
)
def test_stems_and_diacritics(catalog: Connection, question: str, found: set[int]) -> None:
    assert set(ask(catalog, question)) == found


@pytest.mark.parametrize(
    "word",
    "explosion explosive running runner whistling closing closed happiness stations horses "
    "electricity electrical creaking slammed footsteps machinery vehicle breathing barked dripping "
    "thunderstorm national relational hopefulness loudly batteries squeaky engines".split(),
)
def test_every_beginning_of_a_word_finds_it(empty: Connection, word: str) -> None:
    put(empty, 1, title=word)
    missed = [word[:end] for end in range(1, len(word) + 1) if not ask(empty, word[:end] + "*")]
    assert missed == []


def test_a_beginning_finds_no_shorter_words(empty: Connection) -> None:
    put(empty, 1, title="cat")
    put(empty, 2, title="caterpillar")
    assert ask(empty, "caterp*") == [2]


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ("artist:dog", 'no field "artist": the fields are title, .*licence'),
        ("-dog", "only what to leave out"),
        ("NOT dog", "only what to leave out"),
        ("howl OR -dog", "only what to leave out"),
        ("howl (bark OR NOT dog)", "only what to leave out"),
        ("howl -(-a -b)", "only what to leave out"),
        ("(" * (MAX_DEPTH + 1) + "dog", "deep"),
    ],
)
def test_what_has_no_meaning_is_refused_in_words(
    catalog: Connection, question: str, words: str
) -> None:
    with pytest.raises(QueryError, match=words):
        text.search_text(catalog, question, 5)


pieces = st.sampled_from(
    (
        """dog bark* * " "a ( ) AND OR NOT - -x title: path:é licence: ' C: NEAR(a ^a {title}: """
        "a+b \\ % _ 🐕 ;-- \0"
    ).split(" ")
)
questions = st.text(max_size=60) | st.lists(pieces, max_size=40).flatmap(
    lambda parts: st.sampled_from(["".join(parts), " ".join(parts)])
)


@pytest.mark.slow
@settings(deadline=None)
@given(questions)
def test_no_question_breaks_the_database(catalog: Connection, question: str) -> None:
    try:
        expression = text.parse(question)
    except QueryError:
        return
    if expression != text.NOTHING:
        text.find(catalog, expression, 5, None)
        looser = loosened(expression)
        if looser is not None:
            text.find(catalog, looser, 5, [1, 2])


@settings(deadline=None)
@given(
    st.recursive(
        st.sampled_from(["dog", "bark", "howl", "slam", "title:dog", "licence:CC0-1.0", '"a dog"']),
        lambda inner: st.builds(
            "({} {} {})".format, inner, st.sampled_from(["AND", "OR", "NOT"]), inner
        ),
        max_leaves=6,
    )
)
def test_operators_mean_what_sets_mean(catalog: Connection, question: str) -> None:
    def meaning(expression: text.Expression) -> set[int]:
        if isinstance(expression, Term):
            return {number for number, _ in text.find(catalog, expression, 20, None)}
        if isinstance(expression, Or):
            return set.union(*map(meaning, expression.parts))
        assert isinstance(expression, And)
        wanted = [meaning(part) for part in expression.parts if not isinstance(part, Not)]
        left_out = [meaning(part.part) for part in expression.parts if isinstance(part, Not)]
        return set.intersection(*wanted).difference(*left_out)

    expression = text.parse(question)
    found = text.find(catalog, expression, 20, None)
    assert {number for number, _ in found} == meaning(expression)


@pytest.mark.slow
def test_deep_and_long_questions_are_within_the_limits_of_the_database(catalog: Connection) -> None:
    deep = "title:bar*"
    for _ in range(MAX_DEPTH // 2):
        deep = f"title:a* NOT (b NOT ({deep} OR c*))"
    long = " ".join(f"w{number}*" for number in range(5_000))
    for question in (deep, long, "dog " * 10_000, "NOT " * 10_000 + "dog", "(" * 8 + "dog"):
        expression = text.parse(question)
        text.find(catalog, expression, 5, None)
        text.find(catalog, loosened(expression) or expression, 5, [1])


def test_only_the_first_words_count(catalog: Connection) -> None:
    assert ask(catalog, "howl " * MAX_WORDS + "AND xylophone") == [4]
    assert ask(catalog, "howl " * (MAX_WORDS - 1) + "AND xylophone") == []


def test_better_fields_come_first(empty: Connection) -> None:
    names = ["notes", "path", "description", "tags"]
    for number, name in enumerate(names, start=1):
        put(empty, number, **{name: "thunder", "category": "weather"})
    put(empty, 5, title="thunder", category="weather")
    for number in range(6, 12):
        put(empty, number, title="rain", category="weather")
    found = text.search_text(empty, "thunder", 10)
    assert [number for number, _ in found] == [4, 5, 3, 2, 1]
    scores = [score for _, score in found]
    assert scores[0] == scores[1] > scores[2] > scores[3] > scores[4] > 0


def test_more_and_rarer_words_come_first(empty: Connection) -> None:
    for number in range(1, 10):
        put(empty, number, title="rain on a roof")
    put(empty, 10, title="rain on canvas tent")
    assert ask(empty, "rain OR canvas", 1) == [10]
    assert ask(empty, "rain canvas xylophone", 2) == [10, 1]


def test_limit_and_ties(empty: Connection) -> None:
    for number in (3, 1, 2):
        put(empty, number, title="rain")
    assert ask(empty, "rain") == [1, 2, 3]
    assert ask(empty, "rain", 2) == [1, 2]
    assert ask(empty, "rain", 0) == []
    assert [s for _, s in text.search_text(empty, "licence:MIT", 2)] == []


def test_only_allowed_sounds_are_found(catalog: Connection) -> None:
    assert sorted(ask(catalog, "dog", allowed=[2, 4, 6])) == [2, 4]
    assert ask(catalog, "dog", 1, allowed=range(2, 50_000)) == ask(catalog, "title:dog -barking")
    assert ask(catalog, "dog", allowed=[]) == []
    assert ask(catalog, "dog", allowed={6}) == []
    # All words within what is allowed, else any: 1 has both, and is not allowed.
    assert ask(catalog, "dog barking", allowed=[2, 7]) == [2]
    assert ask(catalog, "licence:CC0-1.0", allowed=[3]) == [3]


def test_text_is_put_anew_and_removed(empty: Connection) -> None:
    put(empty, 1, title="rain", notes="wet")
    put(empty, 1, title="wind")
    put(empty, 2, title="wind")
    assert (ask(empty, "rain"), ask(empty, "wet"), ask(empty, "wind")) == ([], [], [1, 2])
    text.remove_text(empty, {1, 99})
    text.remove_text(empty, [])
    assert ask(empty, "wind") == [2]
    text.remove_text(empty, range(40_000))
    assert ask(empty, "wind") == []


def test_a_sound_that_is_gone_is_not_found(empty: Connection) -> None:
    put(empty, 1, title="rain")
    empty.execute(Base.metadata.tables["sound"].delete())
    assert ask(empty, "rain") == []


def test_any_text_can_be_indexed(empty: Connection) -> None:
    put(empty, 1, title="rain\0hidden", path="b\udce9ton/ﬁre.wav", notes="🐕")
    assert ask(empty, "hidden fire") == [1]


def test_an_unknown_column_is_a_mistake_of_the_caller(empty: Connection) -> None:
    with pytest.raises(ValueError, match=r"no such text columns: \['titel'\]"):
        text.index_text(empty, 1, {"titel": "rain"})


def test_columns_are_those_of_the_table(empty: Connection) -> None:
    if empty.dialect.name == "postgresql":
        pytest.skip("PostgreSQL has all fields in one column")
    columns = empty.exec_driver_sql("SELECT * FROM sound_text").keys()
    assert list(columns) == list(text.WEIGHTS)
