import os
import sqlite3
import threading
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import Engine, NullPool, column, create_engine, make_url, select, table, text
from sqlalchemy.exc import IntegrityError, OperationalError

from indexer.catalog import read_only, session
from indexer.catalog.session import chunks, ids_of, make_engine, reading, remodelling, writing
from indexer.errors import LibraryBusy, LibraryError, LibraryNotFound, LibraryReadOnly

MOUNTS = """\
/dev/vda / ext4 rw,relatime 0 0
proc /proc proc rw 0 0
server:/export/home /home/ann nfs4 rw,vers=4.2 0 0
/dev/sdb1 /home/ann/local ext4 rw 0 0
//nas/sounds /mnt/sound\\040drive cifs rw 0 0
auto /net autofs rw 0 0
ann@host:/ /net/host fuse.sshfs rw 0 0
share /mnt/vm 9p rw,trans=virtio 0 0
nas:/old /mnt/twice nfs rw 0 0
/dev/sdc1 /mnt/twice xfs rw 0 0
short line
"""


@pytest.fixture
def engine(tmp_path: Path):
    engine = make_engine(f"sqlite:///{tmp_path / 'catalog.sqlite3'}")
    with writing(engine) as connection:
        connection.execute(text("CREATE TABLE a (n INTEGER PRIMARY KEY)"))
        connection.execute(text("CREATE TABLE b (n REFERENCES a ON DELETE CASCADE)"))
    yield engine
    engine.dispose()


def count(engine: Engine) -> int:
    with reading(engine) as connection:
        return connection.scalar(text("SELECT count(*) FROM a")) or 0


def add(connection, number: int) -> None:
    connection.execute(text("INSERT INTO a VALUES (:n)"), {"n": number})


@pytest.mark.parametrize(
    ("pragma", "value"),
    [("journal_mode", "wal"), ("foreign_keys", 1), ("busy_timeout", 30_000), ("synchronous", 1)],
)
def test_pragmas_hold_on_every_connection(engine: Engine, pragma: str, value: object) -> None:
    with reading(engine) as first, reading(engine) as second:
        for connection in (first, second):
            assert connection.exec_driver_sql(f"PRAGMA {pragma}").scalar() == value


def test_writing_keeps_all(engine: Engine) -> None:
    with writing(engine) as connection:
        add(connection, 1)
        add(connection, 2)
    assert count(engine) == 2


@pytest.mark.parametrize("problem", [ValueError, KeyboardInterrupt, SystemExit])
def test_writing_keeps_nothing_on_any_exception(engine: Engine, problem: type) -> None:
    def interrupted() -> None:
        with writing(engine) as connection:
            add(connection, 1)
            raise problem

    with pytest.raises(problem):
        interrupted()
    assert count(engine) == 0
    with writing(engine) as connection:
        add(connection, 1)
    assert count(engine) == 1


def test_tables_are_rolled_back_too(engine: Engine) -> None:
    def interrupted() -> None:
        with writing(engine) as connection:
            connection.execute(text("CREATE TABLE c (n)"))
            raise ValueError("stop")

    with pytest.raises(ValueError, match="stop"):
        interrupted()
    with reading(engine) as connection:
        assert not connection.dialect.has_table(connection, "c")


def test_writing_takes_the_lock_at_once(engine: Engine, tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / "catalog.sqlite3", timeout=0)
    with writing(engine), pytest.raises(sqlite3.OperationalError, match="locked"):
        other.execute("BEGIN IMMEDIATE")
    other.execute("BEGIN IMMEDIATE")
    other.close()


def test_a_second_writer_is_told_in_words(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "BUSY_MS", 1)
    second = make_engine(engine.url)
    with (
        writing(engine),
        pytest.raises(LibraryBusy, match=r"Another program is writing to .*catalog\.sqlite3"),
        writing(second),
    ):
        pass
    second.dispose()


def test_reading_sees_one_state(engine: Engine) -> None:
    with reading(engine) as reader:
        before = reader.scalar(text("SELECT count(*) FROM a"))
        with writing(engine) as writer:
            add(writer, 1)
        assert reader.scalar(text("SELECT count(*) FROM a")) == before == 0
    assert count(engine) == 1


def test_writers_in_threads_lose_nothing(engine: Engine) -> None:
    def fill(start: int) -> None:
        for number in range(start, start + 25):
            with writing(engine) as connection:
                assert connection.scalar(text("SELECT count(*) FROM a")) is not None
                add(connection, number)

    threads = [threading.Thread(target=fill, args=(start,)) for start in (0, 100, 200, 300)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert count(engine) == 100


def test_foreign_keys_are_checked_and_cascade(engine: Engine) -> None:
    with pytest.raises(IntegrityError), writing(engine) as connection:
        connection.execute(text("INSERT INTO b VALUES (1)"))
    with writing(engine) as connection:
        add(connection, 1)
        connection.execute(text("INSERT INTO b VALUES (1)"))
        connection.execute(text("DELETE FROM a"))
        assert connection.scalar(text("SELECT count(*) FROM b")) == 0


def test_remodelling_a_table_keeps_the_rows_that_refer_to_it(engine: Engine) -> None:
    with writing(engine) as connection:
        add(connection, 1)
        connection.execute(text("INSERT INTO b VALUES (1)"))
    with remodelling(engine) as connection:
        connection.execute(text("CREATE TABLE c (n INTEGER PRIMARY KEY, more)"))
        connection.execute(text("INSERT INTO c SELECT n, 0 FROM a"))
        connection.execute(text("DROP TABLE a"))
        connection.execute(text("ALTER TABLE c RENAME TO a"))
    with reading(engine) as connection:
        assert connection.scalar(text("SELECT count(*) FROM b")) == 1
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1


def test_memory_and_file_urls_work(tmp_path: Path) -> None:
    for url in ("sqlite://", f"sqlite:///file:{tmp_path}/c.sqlite3?uri=true"):
        engine = make_engine(make_url(url))
        with writing(engine) as connection:
            connection.execute(text("CREATE TABLE a (n)"))
        assert count(engine) == 0
        engine.dispose()


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("catalog.sqlite3", "not a database URL"),
        ("oracle+cx_oracle://ann:secret@host/db", "not in oracle"),
        ("postgresql+nosuch://ann:secret@host/db", "host/db needs a database driver"),
    ],
)
def test_unusable_urls_are_refused_without_their_password(url: str, words: str) -> None:
    with pytest.raises(LibraryError, match=words) as raised:
        make_engine(url)
    assert "secret" not in str(raised.value)


def test_a_missing_folder_is_told_in_words(tmp_path: Path) -> None:
    engine = make_engine(f"sqlite:///{tmp_path / 'none' / 'catalog.sqlite3'}")
    with pytest.raises(LibraryNotFound, match="cannot be opened"), reading(engine):
        pass


def test_a_file_of_another_kind_is_told_in_words(tmp_path: Path) -> None:
    file = tmp_path / "catalog.sqlite3"
    file.write_bytes(b"RIFF and so on" * 100)
    engine = make_engine(f"sqlite:///{file}")
    with pytest.raises(LibraryError, match="is not a catalog"), reading(engine):
        pass
    assert file.read_bytes() == b"RIFF and so on" * 100


@pytest.mark.parametrize(
    ("place", "kind"),
    [
        ("/var/lib/sonorize", None),
        ("/home/ann/library", "nfs4"),
        ("/home/anna/library", None),
        ("/home/ann/local/library", None),
        ("/mnt/sound drive/library", "cifs"),
        ("/net/host/library", "fuse.sshfs"),
        ("/net/other", None),
        ("/mnt/vm/library", None),
        ("/mnt/twice/library", None),
    ],
)
def test_network_type(place: str, kind: str | None) -> None:
    assert session.network_type(Path(place), session.linux_mounts(MOUNTS)) == kind


def test_mac_mounts() -> None:
    printed = """\
/dev/disk3s1s1 on / (apfs, sealed, local, read-only, journaled)
devfs on /dev (devfs, local, nobrowse)
//ann@nas/on air on /Volumes/on air (1) (smbfs, nodev, nosuid, mounted by ann)
map auto_home on /System/Volumes/Data/home (autofs, automounted, nobrowse)
"""
    mounts = session.mac_mounts(printed)
    assert ("/", "apfs") in mounts
    assert session.network_type(Path("/Volumes/on air (1)/library"), mounts) == "smbfs"
    assert session.network_type(Path("/Users/ann"), mounts) is None


@pytest.mark.parametrize(
    ("path", "server"),
    [
        (r"C:\sounds\catalog.sqlite3", False),
        (r"\\nas\sounds\catalog.sqlite3", True),
        (r"\\?\C:\sounds\catalog.sqlite3", False),
        (r"\\?\UNC\nas\sounds\catalog.sqlite3", True),
        ("/home/ann/catalog.sqlite3", False),
    ],
)
def test_is_unc(path: str, server: bool) -> None:
    assert session.is_unc(path) == server


def test_a_network_drive_is_refused_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A link onto the drive counts as well. Only the list of drives is made up here.
    (tmp_path / "nas").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "nas")
    point = str((tmp_path / "nas").resolve())
    monkeypatch.setattr(session, "_mounts", lambda: [("/", "ext4"), (point, "nfs4")])
    for folder in ("nas", "link"):
        with pytest.raises(LibraryError, match="lies on a network drive"):
            make_engine(f"sqlite:///{tmp_path / folder / 'catalog.sqlite3'}")
    make_engine(f"sqlite:///{tmp_path / 'catalog.sqlite3'}")


@pytest.mark.skipif(not Path("/proc/mounts").exists(), reason="Linux only")
def test_the_mounts_of_this_machine_are_read() -> None:
    assert "/" in dict(session._mounts())


def test_chunks() -> None:
    assert list(chunks(range(5), 2)) == [range(2), range(2, 4), range(4, 5)]
    assert list(chunks([])) == []
    assert [len(part) for part in chunks(list(range(25_000)))] == [10_000, 10_000, 5_000]


@pytest.mark.skipif(os.name == "nt" or not hasattr(os, "geteuid"), reason="POSIX permissions")
def test_a_catalog_that_may_not_be_written_is_told_in_words(tmp_path: Path) -> None:
    file = tmp_path / "catalog.sqlite3"
    engine = make_engine(f"sqlite:///{file}")
    with writing(engine) as connection:
        connection.execute(text("CREATE TABLE a (n)"))
    engine.dispose()
    only_read = make_engine(f"sqlite:///file:{file}?mode=ro&uri=true")
    with pytest.raises(LibraryError, match="cannot be written to"), writing(only_read) as ro:
        ro.execute(text("INSERT INTO a VALUES (1)"))
    only_read.dispose()


def test_a_drive_that_is_full_is_told_in_a_sentence(engine: Engine, tmp_path: Path) -> None:
    with writing(engine) as connection:
        connection.exec_driver_sql(
            f"PRAGMA max_page_count={connection.scalar(text('PRAGMA page_count'))}"
        )
        with pytest.raises(LibraryError) as raised, session._in_words(engine):
            connection.execute(text("CREATE TABLE c (n)"))
    file = tmp_path / "catalog.sqlite3"
    assert str(raised.value) == (
        f"The catalog {file} lies on a drive that is full: make room and go on."
    )


def test_a_drive_that_fails_is_told_in_a_sentence(engine: Engine) -> None:
    failing = sqlite3.OperationalError("disk I/O error")
    failing.sqlite_errorcode = sqlite3.SQLITE_IOERR_SHMSIZE  # no room for -shm
    said = pytest.raises(LibraryError, match="its drive has room and is whole")
    with said, session._in_words(engine):
        raise OperationalError("PRAGMA", {}, failing)


def test_a_catalog_that_another_program_opens_is_to_be_asked_again(
    engine: Engine, tmp_path: Path
) -> None:
    """SQLite would write to -shm then, as it would for what is asked here."""
    with writing(engine):  # it is held
        reader = create_engine(
            "sqlite://",
            creator=partial(read_only._open, tmp_path / "catalog.sqlite3"),
            poolclass=NullPool,
            execution_options={read_only.READ_ONLY: True},
        )
        with pytest.raises(LibraryBusy, match="ask again"), reading(reader) as connection:
            connection.execute(text("CREATE TABLE c (n)"))


def test_what_is_read_of_two_states_is_refused(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A catalog that may only be read, and nobody has open, is read without locks.
    engine.dispose()
    monkeypatch.setattr(os, "access", lambda _path, mode: mode == os.R_OK)
    only_read = make_engine(f"sqlite:///{tmp_path / 'catalog.sqlite3'}")

    def read_while_another_writes() -> None:
        with reading(only_read) as connection:
            connection.scalar(text("SELECT count(*) FROM a"))
            with writing(engine) as other:
                add(other, 1)
            engine.dispose()  # the last one to close copies -wal into the file

    with pytest.raises(LibraryBusy, match="was written to while it was read: ask again"):
        read_while_another_writes()
    assert count(only_read) == 1
    with pytest.raises(LibraryReadOnly, match="cannot be written to"), writing(only_read):
        pass


def test_ids_are_ascending_and_each_is_there_once(engine: Engine) -> None:
    with writing(engine) as connection:
        numbers = ", ".join(f"({n})" for n in (3, 10**12, 1, 20))
        connection.execute(text(f"INSERT INTO a VALUES {numbers}"))
        a = table("a", column("n"))
        twice = select(a.c.n).union_all(select(a.c.n)).subquery()
        assert ids_of(connection, select(twice.c.n)).tolist() == [1, 3, 20, 10**12]
        assert ids_of(connection, select(a.c.n).where(a.c.n > 10**13)).tolist() == []
