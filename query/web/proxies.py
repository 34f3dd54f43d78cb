"""Sounds and videos that a browser cannot play, as FLAC and MP4 in the library's cache."""

from __future__ import annotations

import hashlib
import os
from collections import defaultdict
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from indexer.errors import AudioError, PictureError
from query.web.aside import aside

if TYPE_CHECKING:
    from indexer.catalog.answers import SoundInfo
    from query.web.decoder import Decoder

MOST_BYTES = 4_000_000_000
SECONDS = 900.0
PLAYED = {
    ".wav": "audio/wav",
    ".mp3": "audio/mpeg",
    ".flac": "audio/flac",
    ".ogg": "audio/ogg",
    ".oga": "audio/ogg",
    ".opus": "audio/ogg",
    ".m4a": "audio/mp4",
}
"""What every current browser plays, unless the file is an odd one of its kind; then it says so, and
asks for the proxy."""


def plain(sound: SoundInfo) -> bool:
    """Whether a browser is likely to play the file as it is."""
    if sound.path.suffix.lower() not in PLAYED or sound.columns["channels"] > 2:
        return False
    if sound.path.suffix.lower() != ".wav":
        return True
    with suppress(OSError), sound.path.open("rb") as file:
        return file.read(4) == b"RIFF"
    return True


class Proxies:
    """Made on demand, one at a time for each file; those longest unused go first."""

    def __init__(self, folder: Path, decoder: Decoder) -> None:
        self._folder, self._decoder = folder, decoder
        self._locks: defaultdict[str, Lock] = defaultdict(Lock)

    def of(self, path: Path) -> Path:
        """A FLAC that sounds like the file. Raises AudioError."""
        return self._of(path, "proxy", ".flac")

    def film_of(self, path: Path) -> Path:
        """A small silent MP4 that shows what a video shows. Raises AudioError."""
        return self._of(path, "film", ".mp4")

    def _of(self, path: Path, job: str, suffix: str) -> Path:
        try:
            facts = path.stat()
        except OSError:
            raise AudioError("The file is not there now: connect its drive.") from None
        said = f"{os.fspath(path)} {facts.st_size} {facts.st_mtime_ns}"
        name = hashlib.sha256(said.encode(errors="surrogateescape")).hexdigest()[:32]
        made = self._folder / f"{name}{suffix}"
        with self._locks[name]:
            if made.is_file():
                os.utime(made)
            else:
                self._make(path, job, made)
        return made

    def _make(self, path: Path, job: str, made: Path) -> None:
        with aside(self._folder) as folder:
            part = folder / f"part{made.suffix}"
            try:
                self._decoder.run(job, SECONDS, file=path, into=part)
            except PictureError as error:
                raise AudioError(str(error)) from error
            part.replace(made)
        self._forget()

    def _forget(self) -> None:
        with suppress(OSError):
            files = (path for path in self._folder.iterdir() if path.is_file())
            held = 0
            for place, path in enumerate(sorted(files, key=lambda path: -path.stat().st_mtime)):
                held += path.stat().st_size
                if place and held > MOST_BYTES:
                    path.unlink()
