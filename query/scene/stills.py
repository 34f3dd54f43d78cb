"""Frames of a film, kept while it is sounded, so that it is decoded once."""

from __future__ import annotations

import io
import tempfile
import weakref
from bisect import bisect_left
from typing import TYPE_CHECKING

from indexer.errors import SceneError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PIL.Image import Image

QUALITY = 95  # of JPEG, colours at full size: cosine to the frame itself at least .9995, starter


class Stills:
    """Pictures by frame number, ascending, in a file that goes with this object.

    A frame of 480 lines takes 60 to 140 KB: two hours of a frame a second are a gigabyte on disk at
    most, and none of it in memory.
    """

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed with this object
        weakref.finalize(self, self._file.close)
        self._frames: list[int] = []
        self._ends: list[int] = [0]  # bytes

    def add(self, frame: int, picture: Image) -> None:
        """Keeps a picture whose frame comes after all that are kept.

        Raises SceneError if there is no room for it.
        """
        packed = io.BytesIO()
        picture.save(packed, "JPEG", quality=QUALITY, subsampling=0)
        self._file.seek(self._ends[-1])
        try:
            self._file.write(packed.getbuffer())
            self._file.flush()
        except OSError as error:
            raise SceneError(
                f"Frames of the film cannot be kept in {tempfile.gettempdir()} "
                f"({error.strerror or error}): make room there, or name another folder in TMPDIR."
            ) from error
        self._frames.append(frame)
        self._ends.append(self._ends[-1] + packed.tell())

    def within(self, start: int, end: int) -> Sequence[int]:
        """Frames that are kept from `start` to before `end`."""
        return self._frames[bisect_left(self._frames, start) : bisect_left(self._frames, end)]

    def __getitem__(self, frame: int) -> Image:
        """Raises KeyError for one that is not kept."""
        from PIL import Image

        place = bisect_left(self._frames, frame)
        if self._frames[place : place + 1] != [frame]:
            raise KeyError(frame)
        begin, end = self._ends[place : place + 2]
        self._file.seek(begin)
        picture = Image.open(io.BytesIO(self._file.read(end - begin)))
        picture.load()
        return picture
