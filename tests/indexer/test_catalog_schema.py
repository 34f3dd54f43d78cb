import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import Engine, inspect, text

from indexer.catalog import schema
from indexer.catalog.browse import listed
from indexer.catalog.filters import Filters
from indexer.catalog.models import Base
from indexer.catalog.session import make_engine, reading, writing
from indexer.errors import LibraryTooNew

# an index on an expression; shape() asks SQLite itself for it
pytestmark = pytest.mark.filterwarnings("ignore:Skipped unsupported reflection of expression")
REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def engine(tmp_path: Path):
    engine = make_engine(f"sqlite:///{tmp_path / 'catalog.sqlite3'}")
    yield engine
    engine.dispose()


def run(code: str, *arguments: str, path: Path = REPOSITORY) -> str:
    command = [sys.executable, "-W", "error", "-c", code, *arguments]
    environment = os.environ | {"PYTHONPATH": str(path), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.check_output(command, env=environment, cwd=path, text=True).strip()


def shape(engine: Engine) -> dict[str, object]:
    """Tables, columns, keys and indexes as the database itself tells them."""
    told = inspect(engine)
    with reading(engine) as connection:
        made = text("SELECT tbl_name, sql FROM sqlite_master WHERE type = 'index' AND sql != ''")
        indexes = connection.execute(made).all()
    return {
        name: (
            [(c["name"], str(c["type"]), c["nullable"]) for c in told.get_columns(name)],
            told.get_pk_constraint(name),
            sorted(map(str, told.get_foreign_keys(name))),
            sorted(map(str, told.get_unique_constraints(name))),
            sorted(sql for table, sql in indexes if table == name),
        )
        for name in Base.metadata.tables
    }


def test_a_fresh_catalog_gets_the_tables_of_the_models(engine: Engine, tmp_path: Path) -> None:
    schema.upgrade(engine)
    modelled = make_engine(f"sqlite:///{tmp_path / 'modelled.sqlite3'}")
    Base.metadata.create_all(modelled)
    assert shape(engine) == shape(modelled)
    modelled.dispose()


def test_ids_are_never_used_twice(engine: Engine) -> None:
    schema.upgrade(engine)
    with writing(engine) as connection:
        add = text("INSERT INTO root (kind, name, location) VALUES ('folder', '', 'a')")
        connection.execute(add)
        connection.execute(text("DELETE FROM root"))
        connection.execute(add)
        assert connection.scalar(text("SELECT id FROM root")) == 2


def test_every_table_with_ids_of_its_own_is_autoincrement(engine: Engine) -> None:
    schema.upgrade(engine)
    with reading(engine) as connection:
        made = connection.execute(text("SELECT name, sql FROM sqlite_master WHERE type='table'"))
        tables = {name for name, sql in made if "AUTOINCREMENT" in sql}
    others = {"analysis", "quality", "freesound_sound", "freesound_rank"}
    assert tables == set(Base.metadata.tables) - others


def test_the_full_text_table_finds_by_stem_and_without_diacritics(engine: Engine) -> None:
    schema.upgrade(engine)
    with writing(engine) as connection:
        connection.execute(text("INSERT INTO sound_text (rowid, title) VALUES (7, 'Café doors')"))
        find = text("SELECT rowid FROM sound_text WHERE sound_text MATCH 'door cafe'")
        assert connection.scalar(find) == 7


def test_a_second_upgrade_changes_nothing_and_needs_no_alembic(
    engine: Engine, tmp_path: Path
) -> None:
    schema.upgrade(engine)
    before = shape(engine)
    schema.upgrade(engine)
    assert shape(engine) == before
    code = (
        "import sys; from indexer.catalog.session import make_engine\n"
        "from indexer.catalog.schema import upgrade\n"
        "upgrade(make_engine(sys.argv[1])); print('alembic' in sys.modules)"
    )
    assert run(code, str(engine.url)) == "False"


def test_a_newer_catalog_is_refused_in_words_and_left_alone(engine: Engine) -> None:
    schema.upgrade(engine)
    with writing(engine) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(LibraryTooNew, match=r"newer sonorize .*9999.*update sonorize"):
        schema.upgrade(engine)
    with reading(engine) as connection:
        assert connection.scalar(text("SELECT version_num FROM alembic_version")) == "9999"


def test_a_failed_migration_leaves_the_catalog_as_it_was(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = tmp_path / "100% migrations"
    shutil.copytree(schema.migrations_folder(), folder)
    monkeypatch.setattr(schema, "migrations_folder", lambda: folder)
    schema.revisions.cache_clear()
    schema.upgrade(engine)
    newest = max(schema.revisions())
    (folder / "versions" / "next.py").write_text(
        "import sqlalchemy as sa\nfrom alembic import op\n\n"
        f'revision = "next"\ndown_revision: str | None = "{newest}"\n\n\n'
        "def upgrade() -> None:\n"
        '    op.add_column("root", sa.Column("extra", sa.Text()))\n'
        '    op.execute("SELECT nonsense FROM nowhere")\n'
    )
    schema.revisions.cache_clear()
    with pytest.raises(Exception, match="nowhere"):
        schema.upgrade(engine)
    with reading(engine) as connection:
        assert connection.scalar(text("SELECT version_num FROM alembic_version")) == newest
        columns = inspect(connection).get_columns("root")
    assert "extra" not in [column["name"] for column in columns]
    schema.revisions.cache_clear()


def test_an_older_catalog_is_brought_up_and_keeps_its_rows(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    schema.upgrade(engine)
    with writing(engine) as connection:
        fill(connection)
    folder = tmp_path / "migrations"
    shutil.copytree(schema.migrations_folder(), folder)
    newest = max(schema.revisions())
    (folder / "versions" / "next.py").write_text(
        "import sqlalchemy as sa\nfrom alembic import op\n\n"
        f'revision = "next"\ndown_revision = "{newest}"\n\n\n'
        "def upgrade() -> None:\n"
        '    with op.batch_alter_table("root", recreate="always") as batch:\n'
        '        batch.alter_column("name", type_=sa.String(100))\n'
    )
    monkeypatch.setattr(schema, "migrations_folder", lambda: folder)
    schema.revisions.cache_clear()
    schema.upgrade(engine)
    schema.revisions.cache_clear()
    with reading(engine) as connection:
        assert connection.scalar(text("SELECT version_num FROM alembic_version")) == "next"
        assert connection.scalar(text("SELECT count(*) FROM file")) == 1


def fill(connection) -> None:
    root = Base.metadata.tables["root"]
    sound = Base.metadata.tables["sound"]
    file = Base.metadata.tables["file"]
    connection.execute(root.insert().values(kind="folder", location="/sounds", name=""))
    connection.execute(sound.insert())
    connection.execute(
        file.insert().values(sound_id=1, root_id=1, relative_path="a.wav", size=1, mtime_ns=1)
    )


def test_revisions_form_one_line(engine: Engine) -> None:
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(schema.migrations_folder()))
    scripts = ScriptDirectory.from_config(config)
    told = {script.revision: script.down_revision for script in scripts.walk_revisions()}
    assert schema.revisions() == told
    assert len(scripts.get_heads()) == 1


def test_migrations_lie_in_the_repository() -> None:
    assert schema.migrations_folder() == REPOSITORY / "migrations"


@pytest.mark.slow
def test_migrations_lie_in_the_package_once_installed(tmp_path: Path) -> None:
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(REPOSITORY / "indexer", tmp_path / "site" / "indexer", ignore=ignore)
    inside = tmp_path / "site" / "indexer" / "migrations"
    shutil.copytree(REPOSITORY / "migrations", inside, ignore=ignore)
    code = (
        "import sys; from indexer.catalog.session import make_engine\n"
        "from indexer.catalog.schema import migrations_folder, upgrade\n"
        "upgrade(make_engine(sys.argv[1])); print(migrations_folder())"
    )
    url = f"sqlite:///{tmp_path / 'catalog.sqlite3'}"
    assert run(code, url, path=tmp_path / "site") == str(inside)


@pytest.mark.slow
def test_processes_that_open_a_fresh_catalog_at_once_all_succeed(tmp_path: Path) -> None:
    code = (
        "import sys, time; from indexer.catalog.session import make_engine, reading\n"
        "from indexer.catalog.schema import upgrade; import alembic.command\n"
        "print('ready', flush=True); sys.stdin.readline(); engine = make_engine(sys.argv[1])\n"
        "upgrade(engine)\n"
        "with reading(engine) as c: print(c.exec_driver_sql('SELECT * FROM sound').all())"
    )
    command = [sys.executable, "-c", code, f"sqlite:///{tmp_path / 'catalog.sqlite3'}"]
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    runs = [
        subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(3)
    ]
    for process in runs:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in runs:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    assert [process.communicate()[0] for process in runs] == ["[]\n"] * 3
    assert [process.returncode for process in runs] == [0] * 3


def alembic(*arguments: str, url: str | None) -> subprocess.CompletedProcess[str]:
    named = () if url is None else ("-x", f"url={url}")
    environment = {k: v for k, v in os.environ.items() if k != "SONORIZE_CATALOG_URL"}
    return subprocess.run(
        [sys.executable, "-m", "alembic", *named, *arguments],
        env=environment | {"PYTHONPATH": str(REPOSITORY)},
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
    )


@pytest.mark.slow
def test_models_and_migrations_agree(engine: Engine) -> None:
    schema.upgrade(engine)
    done = alembic("check", url=str(engine.url))
    assert (done.returncode, done.stdout) == (0, "No new upgrade operations detected.\n")


@pytest.mark.slow
def test_alembic_goes_down_and_up_again(engine: Engine) -> None:
    schema.upgrade(engine)
    assert alembic("downgrade", "base", url=str(engine.url)).returncode == 0
    assert inspect(engine).get_table_names() == ["alembic_version"]
    schema.upgrade(engine)
    assert set(Base.metadata.tables) < set(inspect(engine).get_table_names())


@pytest.mark.slow
def test_the_catalog_before_lists_had_indexes_keeps_its_rows(engine: Engine) -> None:
    schema.upgrade(engine)
    before = shape(engine)
    with writing(engine) as connection:
        fill(connection)
    assert alembic("downgrade", "0004", url=str(engine.url)).returncode == 0
    assert shape(engine) != before
    schema.upgrade(engine)
    assert shape(engine) == before
    assert listed(engine, Filters(), "title") == ([1], 1)


@pytest.mark.slow
def test_sounds_without_a_file_are_among_what_changed_from_then_on(engine: Engine) -> None:
    schema.upgrade(engine)
    with writing(engine) as connection:
        fill(connection)
        connection.execute(Base.metadata.tables["sound"].insert())
    assert alembic("downgrade", "0005", url=str(engine.url)).returncode == 0
    schema.upgrade(engine)
    with reading(engine) as connection:
        changed = connection.execute(text("SELECT sound_id, length(token) FROM change")).all()
    assert changed == [(2, 16)]


@pytest.mark.slow
def test_alembic_without_a_catalog_says_what_to_do() -> None:
    done = alembic("check", url=None)
    assert done.returncode != 0
    assert "Say which catalog: -x url=" in done.stdout + done.stderr
