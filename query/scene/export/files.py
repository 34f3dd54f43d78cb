"""Files that are whole or not there, and what is needed to write them."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from importlib import import_module
from pathlib import Path, PureWindowsPath
from types import ModuleType
from urllib.parse import quote

from indexer.errors import SceneError
from query.scene.cues import Clip


@contextmanager
def aside(out: Path) -> Iterator[Path]:
    """A path beside `out` to write to, which takes its place at the end.

    After an error `out` is as it was. Raises SceneError where it cannot be written.
    """
    path = out.with_name(f".sonorize-{secrets.token_hex(8)}{out.suffix}")
    try:
        yield path
        with path.open("rb+") as file:
            os.fsync(file.fileno())
        path.replace(out)
    except OSError as error:
        path.unlink(missing_ok=True)
        raise SceneError(
            f"{out} cannot be written ({error.strerror or error}): name a folder that is there, "
            "has room and may be written to."
        ) from error
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def write_text(out: Path, text: str, newline: str = "\n") -> None:
    """The text as UTF-8. Raises SceneError."""
    with aside(out) as path:
        path.write_bytes(text.replace("\n", newline).encode("utf-8", "surrogateescape"))


def timeline(module: str, what: str) -> ModuleType:
    """A module of the extra `timeline`. Raises SceneError with the line that installs it."""
    try:
        return import_module(module)
    except ImportError as error:
        raise SceneError(f"{what} takes {module}: run pip install 'sonorize[timeline]'.") from error


def reference(path: str, out: Path, base: Path | None) -> str:
    """`path` as `out` names it: relative if both lie in `base`, else absolute."""
    if base is None:
        return path
    try:
        Path(path).resolve().relative_to(base.resolve())
    except ValueError:
        return path
    return os.path.relpath(Path(path).resolve(), out.resolve().parent)


def stamp(clip: Clip) -> Fraction:
    """Seconds of the day at which a WAV says that it begins, as a BWF can; 0 where it does not.

    Editors count a file's times from there.
    """
    from indexer.audio.chunktags import chunk_tags

    try:
        with Path(clip.path).open("rb") as file:
            samples = int(chunk_tags(file).get("bext.time_reference", 0))
    except OSError:
        return Fraction(0)
    return Fraction(samples, clip.sample_rate)


def url(path: str, out: Path, base: Path | None) -> str:
    """The same as a URL: file:///… if it is absolute, whichever system it is from."""
    path = reference(path, out, base)
    if path[1:2] == ":" or path.startswith("\\\\"):
        return PureWindowsPath(path).as_uri()
    if Path(path).is_absolute():
        return Path(path).as_uri()
    return quote(Path(path).as_posix(), errors="surrogateescape")
