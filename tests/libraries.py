"""Libraries made by tests: built, asked, stopped, and compared."""

from __future__ import annotations

import io
import json
import os
import shutil
import sys
import tomllib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import databases
import numpy as np
import pytest
import soundfile
import sounds
import tomli_w
from freesound_server import FreesoundServer
from PIL import Image
from sqlalchemy import select

from indexer.audio.waveform import Waveform
from indexer.build.report import BuildReport, Options, Progress
from indexer.build.run import build_index
from indexer.catalog.models import Analysis, Embedding, File, Sound, Space, Window
from indexer.catalog.store import Catalog
from indexer.encoders.protocol import Vectors
from indexer.encoders.toy import ToyEncoder
from indexer.library import Config, Library, exists
from indexer.sources.folder import FolderSource
from indexer.sources.freesound import budget

HERTZ = (40, 90, 180, 350, 700, 1400, 2800, 6000)
"""A tone for each axis of the toy encoder."""

COLOURS = ("#ff0000", "#ff8000", "#ffff00", "#00ff00", "#00ffff", "#0000ff", "#8000ff", "#ffffff")

_RATE = 16_000
_COLUMNS = [column for column in Sound.__table__.columns if column.key not in ("id", "take_group")]


class CountingEncoder(ToyEncoder):
    """Counts the windows that it hears (silence apart, which is a trial) and the texts it reads."""

    def __init__(self) -> None:
        self.heard = 0
        self.read = 0

    def embed_audio(self, waveforms: Sequence[Waveform]) -> Vectors:
        self.heard += sum(bool(waveform.samples.any()) for waveform in waveforms)
        return super().embed_audio(waveforms)

    def embed_metadata(self, texts: Sequence[str]) -> Any:
        self.read += len(texts)
        return super().embed_metadata(texts)


class At(Progress):
    """Calls `act` once when a stage begins whose name holds `stage`, or on its first advance."""

    def __init__(self, stage: str, act: Callable[[], object], *, advanced: bool = False) -> None:
        self._wanted, self._act, self._advanced = stage, act, advanced
        self._in, self._done = False, False

    def stage(self, name: str, total: float, unit: str = "files") -> None:
        self._in = self._wanted in name
        if self._in and not self._advanced:
            self._once()

    def advance(self, count: float = 1) -> None:
        if self._in and self._advanced:
            self._once()

    def _once(self) -> None:
        if not self._done:
            self._done = True
            self._act()


def interrupt() -> None:
    raise KeyboardInterrupt


def tone(path: Path, axis: int, seconds: float = 1.0, peak: float = 0.5) -> Path:
    """A sound that the toy encoder hears on one axis alone."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return sounds.write(path, sounds.tone(seconds, _RATE, hertz=HERTZ[axis], peak=peak), _RATE)


def empty_catalog(folder: Path) -> str:
    """URL of a new catalog in this folder: a copy of one that was migrated once."""
    if databases.kind == "postgresql":
        return databases.fresh()
    (folder / "catalog.sqlite3").write_bytes(_empty_catalog())
    return f"sqlite:///{folder / 'catalog.sqlite3'}"


def copied(folder: Path, to: Path, **how: Any) -> Path:
    """A copy of all in a folder, as shutil.copytree makes it; libraries in it have own catalogs."""
    shutil.copytree(folder, to, **how)
    if databases.kind == "postgresql":
        for said in folder.rglob("library.toml"):
            url = tomllib.loads(said.read_text("utf-8"))["catalog"]
            if url.startswith("postgresql"):  # the command makes them in SQLite
                configured(to / said.parent.relative_to(folder), catalog=databases.fresh(like=url))
    return to


def configured(library: Path, **said: Any) -> None:
    """Lets library.toml say this, by whatever hand."""
    path = library / "library.toml"
    before = tomllib.loads(path.read_text("utf-8"))
    path.write_text(tomli_w.dumps({**before, **said}), "utf-8")


def put_back(backup: Path, library: Path) -> None:
    """The catalog of a copy in place of the library's own."""
    if databases.kind == "postgresql":
        configured(library, catalog=tomllib.loads((backup / "library.toml").read_text())["catalog"])
    for path in library.glob("catalog.sqlite3*"):
        path.unlink()
    for path in backup.glob("catalog.sqlite3*"):
        shutil.copy(path, library)


@cache
def _empty_catalog() -> bytes:
    with TemporaryDirectory() as folder:
        path = Path(folder, "catalog.sqlite3")
        Catalog(f"sqlite:///{path}").close()
        return path.read_bytes()


def build(
    library: Path,
    *folders: Path,
    encoder: ToyEncoder | None = None,
    options: Options = Options(),
    progress: Progress | None = None,
) -> BuildReport:
    if not exists(library):
        library.mkdir(parents=True, exist_ok=True)
        url = empty_catalog(library)
    here = {"catalog": url} if databases.kind != "sqlite" and not exists(library) else {}
    with Library.create(library, Config(encoder="toy", **here)) as opened:
        sources = [FolderSource(folder) for folder in folders]
        return build_index(opened, sources, encoder or ToyEncoder(), options, progress)


def asked(library: Path, axis: int) -> list[dict[str, Any]]:
    """The first hit for a picture of the colour of this axis, by what is heard."""
    picture = library.with_name("asked.png")
    Image.new("RGB", (8, 8), COLOURS[axis]).save(picture)
    done = run("query-by-frame", picture, "--format", "json", "--metadata-weight", 0,
               "-k", 1, "--library", library)  # fmt: skip
    assert done.code == 0, done.err
    return [json.loads(line) for line in done.out.splitlines()]


def files(library: Path) -> dict[str, tuple[int, str]]:
    """Every path of a library: its sound's id, and its state."""
    with Library.open(library) as opened:
        return {
            path: (known.sound_id, known.state)
            for root in opened.catalog.roots()
            for path, known in opened.catalog.known(root.id).items()
        }


def seq(library: Path) -> int:
    """Number of the last change."""
    with Library.open(library) as opened:
        return opened.catalog.embeddings.changes(0)[1]


def snapshot(folder: Path) -> dict[str, tuple[int, int, int]]:
    """Inode, size and time of change of all that lies in a folder, itself included."""
    found = {}
    for place in (folder, *folder.rglob("*")):
        facts = place.lstat()
        found[os.fspath(place)] = (facts.st_ino, facts.st_size, facts.st_mtime_ns)
    return found


class Done(NamedTuple):
    code: int
    out: str
    err: str


def run(*arguments: object, stdin: bytes = b"") -> Done:
    """`sonorize` with these arguments, in this process."""
    from query.cli.main import main

    held = sys.argv, sys.stdin
    out, err = (
        io.TextIOWrapper(io.BytesIO(), "utf-8", errors=errors, write_through=True)
        for errors in ("strict", "backslashreplace")
    )
    sys.argv = ["sonorize", *map(os.fspath, map(_text, arguments))]
    sys.stdin = io.TextIOWrapper(io.BytesIO(stdin), "utf-8")
    code = 0
    try:
        with redirect_stdout(out), redirect_stderr(err):
            main()
    except SystemExit as stop:
        code = int(stop.code or 0)
    finally:
        sys.argv, sys.stdin = held
    return Done(code, _written(out), _written(err))


def _text(argument: object) -> Any:
    return argument if isinstance(argument, os.PathLike) else str(argument)


def _written(stream: io.TextIOWrapper) -> str:
    buffer = stream.buffer
    assert isinstance(buffer, io.BytesIO)
    return buffer.getvalue().decode()


@contextmanager
def freesound(made: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[FreesoundServer]:
    """A server that this process, and those it starts, take for Freesound; as fast as it can."""
    with FreesoundServer(*made) as server:
        monkeypatch.setenv("SONORIZE_FREESOUND_URL", server.address)
        monkeypatch.setenv("SONORIZE_FREESOUND_KEY", server.key)
        monkeypatch.setattr(budget, "PACE", 0.0)
        yield server


# Comparing libraries


def make_sounds(folder: Path, count: int) -> None:
    """Files of 0.1 to 3 s, some of 20 s, a few alike, a few unreadable."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    for number in range(count):
        path = folder / f"{number % 7}" / f"thing {number:03}.wav"
        path.parent.mkdir(exist_ok=True)
        if number % 40 == 13:
            path.write_bytes(b"these are no samples")
        elif number % 50 == 49:
            shutil.copy(folder / f"{(number - 9) % 7}" / f"thing {number - 9:03}.wav", path)
        else:
            seconds = 20.0 if number % 25 == 7 else rng.uniform(0.1, 3.0)
            time_axis = np.arange(int(seconds * _RATE)) / _RATE
            wave = 0.5 * np.sin(2 * np.pi * rng.uniform(100, 6000) * time_axis)
            soundfile.write(path, wave + 0.01 * rng.standard_normal(len(wave)), _RATE)


def contents(folder: Path) -> dict[str, Any]:
    """All that a library holds, by path and without ids; vectors last."""
    with Library.open(folder) as library, library.catalog.engine.connect() as connection:

        def rows(*columns: Any) -> Any:
            query = select(File.relative_path, *columns).join(Sound, Sound.id == File.sound_id)
            return connection.execute(query)

        ids = dict(connection.execute(select(File.relative_path, File.sound_id)).all())
        vectors = connection.execute(
            select(
                File.relative_path, Space.encoder, Space.part, Window.start, Window.end,
                Embedding.vector,
            )
            .join(Embedding, Embedding.sound_id == File.sound_id)
            .join(Space, Space.id == Embedding.space_id)
            .outerjoin(Window, Window.id == Embedding.window_id)
        )  # fmt: skip
        windows = select(File.relative_path, Window.start, Window.end).join(
            Window, Window.sound_id == File.sound_id
        )
        analysis = select(File.relative_path, *Analysis.__table__.columns[1:]).join(
            Analysis, Analysis.sound_id == File.sound_id
        )
        groups: dict[Any, set[str]] = {}
        for path, group in rows(Sound.take_group):
            groups.setdefault(group, set()).add(path)
        same: dict[Any, set[str]] = {}
        for path, sound_id in ids.items():
            same.setdefault(sound_id, set()).add(path)
        return {
            "sounds": sorted(map(repr, rows(*_COLUMNS))),
            "files": sorted(map(repr, rows(File.size, File.mtime_ns, File.state))),
            "same": sorted(map(sorted, same.values())),
            "takes": sorted(map(sorted, groups.values())),
            "windows": sorted(map(tuple, connection.execute(windows))),
            "analysis": sorted(map(repr, connection.execute(analysis))),
            "vectors": {tuple(row[:5]): row[5] for row in vectors},
        }


def differences(left: dict[str, Any], right: dict[str, Any]) -> tuple[list[str], float]:
    """Names of what differs, and the smallest cosine between vectors of the same place."""
    wrong = [name for name in left if name != "vectors" and left[name] != right[name]]
    if left["vectors"].keys() != right["vectors"].keys():
        wrong.append("vectors")
    lowest = 1.0
    for key in left["vectors"].keys() & right["vectors"].keys():
        pair = [np.frombuffer(side["vectors"][key], "<f2").astype(float) for side in (left, right)]
        if len(pair[0]) != len(pair[1]):
            wrong.append(f"vector {key}")
        elif len(pair[0]) and not np.array_equal(*pair):
            lengths = np.linalg.norm(pair[0]) * np.linalg.norm(pair[1])
            lowest = min(lowest, float(pair[0] @ pair[1] / lengths))
    return wrong, lowest
