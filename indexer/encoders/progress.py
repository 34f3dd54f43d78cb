"""How a fetch tells of itself."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

STEP = 5  # percent between two lines


class Progress:
    """Sentences, and a line for every 5 % of a download; the terminal's bar is one of these."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._total = self._begin = self._told = 0
        self._started = 0.0

    def said(self, text: str) -> None:
        """One sentence for the user."""
        self._say(text)

    def bytes(self, done: int, total: int) -> None:
        """`done` of `total` bytes are here; the first call of a download says where it begins."""
        now = time.monotonic()
        if total != self._total or done < self._begin:
            self._total, self._begin, self._started = total, done, now
            self._told = done * 100 // total // STEP
            return
        step = done * 100 // total // STEP
        if step > self._told:
            self._told = step
            self._say(f"{step * STEP} % of {in_words(total)}{self._pace(done, now)}")

    def _pace(self, done: int, now: float) -> str:
        rate = (done - self._begin) / max(now - self._started, 1e-3)
        if rate <= 0 or done >= self._total:
            return ""
        left = (self._total - done) / rate
        return f", {rate / 1e6:.1f} MB/s, {_duration(left)} left"


def in_words(size: int) -> str:
    """A number of bytes: "124 MB", "4.8 GB"."""
    if size >= 1_000_000_000:
        return f"{size / 1e9:.1f} GB"
    return f"{max(1, round(size / 1e6))} MB"


def _duration(seconds: float) -> str:
    return f"{round(seconds)} s" if seconds < 90 else f"{round(seconds / 60)} min"
