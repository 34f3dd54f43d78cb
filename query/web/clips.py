"""What a listening test shows and plays: made from the study's files as it is first asked for."""

from __future__ import annotations

import hashlib
import tempfile
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from threading import Lock

from indexer.audio.write import write_wav
from query.evaluation.listening import headphones
from query.evaluation.listening.headphones import Trial
from query.web.child import ASKED_SIDE
from query.web.decoder import Decoder

SECONDS = 900.0


class Clips:
    """A folder that goes with the server. No name and no tag of the files is left in what it holds,
    and every sound has its gain: as it is played, it was measured."""

    def __init__(self) -> None:
        self._decoder = Decoder()
        self._folder = tempfile.TemporaryDirectory(prefix="sonorize-")
        self._locks: defaultdict[str, Lock] = defaultdict(Lock)

    def sound(self, file: Path, gain: float) -> Path:
        """A stereo FLAC, `gain` dB louder than the file. Raises PictureError, in words."""
        return self._made(
            f"{file} {gain:.3f}", ".flac",
            lambda into: self._decoder.run(
                "proxy", SECONDS, file=file, into=into, gain=f"{gain:.3f}"
            ),
        )  # fmt: skip

    def picture(self, file: Path) -> Path:
        """A JPEG, large enough for a screen. Raises PictureError."""
        return self._made(
            str(file), ".jpg",
            lambda into: self._decoder.run(
                "picture", file=file, into=into.with_suffix(""), side=str(ASKED_SIDE)
            ),
        )  # fmt: skip

    def tones(self, trial: Trial) -> Path:
        """A stereo WAV of a headphone trial."""
        return self._made(
            repr(trial), ".wav", lambda into: write_wav(into, headphones.sound(trial), 16)
        )

    def _made(self, said: str, suffix: str, make: Callable[[Path], object]) -> Path:
        name = hashlib.sha256(said.encode(errors="surrogateescape")).hexdigest()[:32]
        made = Path(self._folder.name, f"{name}{suffix}")
        with self._locks[name]:
            if not made.is_file():
                part = made.with_name(f"{name}-part{suffix}")
                make(part)
                part.replace(made)
        return made

    def close(self) -> None:
        self._decoder.close()
        self._folder.cleanup()
