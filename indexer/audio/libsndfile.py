"""Sound files that FFmpeg does not know, by libsndfile."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

import soundfile

from indexer.audio import riff
from indexer.audio.container import MAX_RATE, called, open_file
from indexer.errors import AudioError


@contextmanager
def open_sound(path: Path, refusal: str) -> Iterator[soundfile.SoundFile]:
    """The file, if libsndfile reads it.

    Raises AudioError: `refusal`, which reads on from the file's name, if it does not, then or
    while it is open; also as `open_file` does.
    """
    with open_file(path) as file:
        try:
            if _is_mpeg(file):
                raise _refused(path, refusal)
            with soundfile.SoundFile(_Forgiving(file)) as sound:
                if not sound.frames or not 0 < sound.samplerate <= MAX_RATE:
                    raise _refused(path, refusal)
                yield sound
        except soundfile.SoundFileError as error:
            if riff.says_zero_hertz(file):
                refusal = "says in its header that it runs at 0 Hz"
            raise _refused(path, refusal) from error


def _refused(path: Path, refusal: str) -> AudioError:
    return AudioError(f"{called(path)} {refusal}: replace it with a good copy or leave it out")


def _is_mpeg(file: BinaryIO) -> bool:
    """MP3 is read better by FFmpeg, and libsndfile would complain of it on stderr."""
    head = file.read(3)
    file.seek(0)
    return head == b"ID3" or (head[:1] == b"\xff" and head[1:2] >= b"\xe0")


class _Forgiving:
    """A damaged file sends libsndfile to places that are not there; an error would be printed."""

    def __init__(self, file: BinaryIO) -> None:
        self.read = file.read
        self.tell = file.tell
        self._file = file

    def seek(self, offset: int, whence: int = 0) -> int:
        with suppress(OSError, ValueError):
            self._file.seek(offset, whence)
        return self._file.tell()
