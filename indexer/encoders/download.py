"""Large files of models over HTTP, continued where they were cut off."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from indexer import transfer
from indexer.encoders.progress import Progress, in_words
from indexer.errors import TransferFailed, WeightsMissing

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class HttpFile:
    """A file at a web address.

    `size`: 0 if only the server knows it. `room`: bytes of disk wanted beside the file itself.
    `waits`: seconds before each new try. `headers`: for this server alone; they may hold a key.
    """

    url: str
    filename: str
    version: str
    sha256: str
    size: int
    room: int = 0
    waits: tuple[float, ...] = transfer.WAITS
    resumes: bool = True
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)

    def fetch(self, folder: Path, progress: Progress) -> tuple[Path, str]:
        """FILENAME.part in `folder`, whole, and its version; the door checks its hash.

        Raises WeightsMissing if it cannot be had, DiskFull; what has come stays for the next call.
        """
        part = folder / f"{self.filename}.part"
        here = transfer.have(part)
        self._need_room(folder, max(self.size - here, 0))
        if not self.size or here < self.size:
            said = f" ({in_words(self.size)})" if self.size else ""
            progress.said(f"{'going on with' if here else 'fetching'} {self.filename}{said}")
        self._bring(part, progress)
        return part, self.version

    def _need_room(self, folder: Path, left: int) -> None:
        free = shutil.disk_usage(folder).free
        if free < left + self.room:
            raise WeightsMissing(
                f"{self.filename} needs {in_words(left + self.room)} of disk and {folder} has "
                f"{in_words(free)} left: make room, or set SONORIZE_MODELS to another disk."
            )

    def _bring(self, part: Path, progress: Progress) -> None:
        def told(done: int, total: int | None) -> None:
            if total:
                progress.bytes(done, total)

        pace = transfer.Pace(self.waits)
        try:
            with transfer.web_client() as client:
                size = self.size or None
                transfer.bring(
                    client, self.url, part, size=size, headers=self.headers, pace=pace, told=told
                )
        except TransferFailed as failed:
            raise WeightsMissing(
                f"{self.url} could not be fetched ({failed.reason}): run the same again to go on, "
                f"or fetch {self.filename} elsewhere and give its folder with --from."
            ) from failed
