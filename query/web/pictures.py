"""The pictures that were asked with, by the hash of what came."""

from __future__ import annotations

import hashlib
import os
import re
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from indexer.errors import PictureError, QueryError
from query.web.aside import aside

if TYPE_CHECKING:
    from PIL.Image import Image

    from query.web.decoder import Decoder

MOST_BYTES = 1_000_000_000
_ID = re.compile(r"[0-9a-f]{32}")


class Pictures:
    """A folder of them. What came is decoded once, in another process, and kept as PNG and JPEG.

    Those longest unused go when there are more than MOST_BYTES.
    """

    def __init__(self, folder: Path, decoder: Decoder) -> None:
        self._folder, self._decoder = folder, decoder

    def add(self, data: bytes) -> str:
        """The picture's id. Raises PictureError."""
        name = hashlib.sha256(data).hexdigest()[:32]
        if self._is_there(name):
            return name
        with aside(self._folder) as folder:
            came = folder / "came"
            came.write_bytes(data)
            try:
                self._decode(name, came)
            except PictureError as error:
                raise PictureError(
                    "This cannot be read as a picture, is damaged, or too large: give a JPEG, PNG, "
                    "WebP or TIFF."
                ) from error
        return name

    def add_frame(self, video: Path, at: float) -> str:
        """The id of what a video shows at a time, seconds. Raises PictureError."""
        facts = video.stat()
        said = f"{os.fspath(video)} {facts.st_size} {facts.st_mtime_ns} {at:.6f}"
        name = hashlib.sha256(said.encode(errors="surrogateescape")).hexdigest()[:32]
        if not self._is_there(name):
            self._decode(name, video, at=f"{at:.6f}")
        return name

    def _is_there(self, name: str) -> bool:
        there = self._file(name, ".png").is_file()
        if there:
            os.utime(self._file(name, ".png"))
        return there

    def _decode(self, name: str, file: Path, at: str = "") -> None:
        with aside(self._folder) as folder:
            self._decoder.run("picture", file=file, into=folder / name, at=at)
            for suffix in (".jpg", ".png"):
                (folder / name).with_suffix(suffix).replace(self._file(name, suffix))
        self._forget()

    def shown(self, name: str) -> Path:
        """A small JPEG. Raises QueryError."""
        return self._there(name, ".jpg")

    def read(self, name: str) -> Image:
        """As the model is asked with it. Raises QueryError."""
        from PIL import Image

        with Image.open(self._there(name, ".png")) as picture:
            return picture.convert("RGB")

    def _there(self, name: str, suffix: str) -> Path:
        path = self._file(name, suffix)
        if not (_ID.fullmatch(name) and path.is_file()):
            raise QueryError("This picture is no longer here: give it again.")
        return path

    def _file(self, name: str, suffix: str) -> Path:
        return self._folder / f"{name}{suffix}"

    def _forget(self) -> None:
        with suppress(OSError):  # another request may be at it
            held = 0
            aged = sorted(self._folder.glob("*.png"), key=lambda path: -path.stat().st_mtime)
            for place, path in enumerate(aged):
                small = path.with_suffix(".jpg")
                held += path.stat().st_size + small.stat().st_size
                if place and held > MOST_BYTES:
                    path.unlink()
                    small.unlink()
