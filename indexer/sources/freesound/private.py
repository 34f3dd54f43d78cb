"""Small files that only their owner may read: JSON, replaced as a whole."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock

from indexer.errors import SourceError

PATIENCE = 300  # s for another process to let go


def read(path: Path) -> dict[str, str]:
    """What it holds; nothing where it is absent or damaged. Raises SourceError if it is closed."""
    try:
        held = json.loads(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return {}
    except OSError as error:
        raise SourceError(
            f"{path} cannot be read ({error.strerror}): make it yours, or remove it."
        ) from None
    texts = held if isinstance(held, dict) else {}
    return {name: text for name, text in texts.items() if isinstance(text, str)}


def write(path: Path, held: dict[str, str]) -> None:
    """The file is the old one or the new one, and on the disk, when this returns or fails.

    Mode 0600, in a folder that is made with 0700; on Windows the user's own folder guards it.
    Raises SourceError if it cannot be written.
    """
    try:
        _make_folder(path)
        descriptor, name = tempfile.mkstemp(prefix=f"{path.name}.", suffix=".part", dir=path.parent)
        try:
            with os.fdopen(descriptor, "w", encoding="ascii") as aside:
                json.dump(held, aside)
                aside.flush()
                os.fsync(aside.fileno())
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise SourceError(
            f"{path} cannot be written ({error.strerror}): make room or make the folder yours, "
            "or set SONORIZE_CONFIG to another."
        ) from None


def remove(path: Path) -> None:
    """Where it cannot be removed it stays."""
    with suppress(OSError):
        path.unlink(missing_ok=True)


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """No other process is in such a block with this path. Raises SourceError if it cannot be."""
    lock = FileLock(path.with_suffix(".lock"), timeout=PATIENCE)
    try:
        _make_folder(path)
        lock.acquire()
    except OSError as error:  # filelock's Timeout is one
        raise SourceError(
            f"{path} cannot be locked ({error.strerror or 'another process holds it'}): end that "
            "process, or make the folder yours."
        ) from None
    try:
        yield
    finally:
        lock.release()


def _make_folder(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
