"""Decoding in a process of its own, of which the next stands ready."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from threading import BoundedSemaphore, Lock
from typing import IO, Any

from indexer.errors import PictureError

SECONDS = 30.0


class Decoder:
    """Hands jobs to `query.web.child`, `most` at a time; others wait. Close it at the end."""

    def __init__(self, most: int = 2) -> None:
        self._lock = Lock()
        self._slots = BoundedSemaphore(most)
        self._ready: subprocess.Popen[str] | None = None
        self._closed = False

    def prepare(self) -> None:
        """Starts the process of the next job, unless one waits."""
        with self._lock:
            if self._ready is None and not self._closed:
                self._ready = _started()

    def run(self, job: str, seconds: float = SECONDS, **given: Path | str) -> dict[str, Any]:
        """What the child says. Raises PictureError, in one sentence, whatever became of it."""
        asked = json.dumps({"job": job, **{name: str(value) for name, value in given.items()}})
        with self._slots:
            answer = self._answered(asked, seconds)
        if "error" in answer:
            raise PictureError(answer["error"])
        return answer

    def _answered(self, asked: str, seconds: float) -> dict[str, Any]:
        with self._lock:
            child, self._ready = self._ready or _started(), None
        try:
            said, _ = child.communicate(f"{asked}\n", timeout=seconds)
            answer: dict[str, Any] = json.loads(said)
        except subprocess.TimeoutExpired as error:
            limit = f"{seconds / 60:.0f} minutes" if seconds > 90 else f"{seconds:.0f} s"
            raise PictureError(
                f"Reading it takes more than {limit}: give a shorter or smaller one."
            ) from error
        except (OSError, ValueError) as error:
            raise PictureError("It cannot be read: give another file.") from error
        finally:
            _ended(child)
            self.prepare()
        return answer

    def close(self) -> None:
        with self._lock:
            self._closed = True
            if self._ready is not None:
                _ended(self._ready)
                self._ready = None


def _started() -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "query.web.child"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip


def _ended(child: subprocess.Popen[str]) -> None:
    child.kill()
    child.wait()
    pipes: list[IO[str] | None] = [child.stdin, child.stdout]
    for pipe in pipes:
        if pipe is not None:
            pipe.close()
