"""How many requests Freesound allows, counted across runs and processes.

The limits are sliding windows of 60 s and 24 h, per key. The log has a line for each request (the
time, in seconds since 1970) and one for each limit that the server named ("100/day" and the time).
"""

from __future__ import annotations

import hashlib
import math
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, NamedTuple

from filelock import FileLock

from indexer.errors import KeyRefused, LimitReached, SourceError

Window = Literal["minute", "day"]

SECONDS: dict[str, float] = {"minute": 61, "day": 86_401}
"""One more than the server's: requests do not all travel equally fast."""
PACE = 1.0  # s between two requests
STALE = 1_000  # lines of the log that count no more and may stay
PATIENCE = 30  # s for another process to let go of the log
LINE = re.compile(r"(?:(\d+/(?:minute|day)) )?(\d+\.\d+)")


class _Log(NamedTuple):
    """requests: their times, rising. limits: the last that the server named, by window."""

    requests: list[float]
    limits: dict[str, int]


class Budget:
    """The requests of one key, which itself is not kept: the log is named by its hash.

    folder: of the log. per_minute, per_day: hold unless the server names others, which then hold
    for a day. clock gives seconds since 1970, sleep takes seconds.
    """

    def __init__(
        self,
        folder: Path,
        key: str,
        per_minute: int = 60,
        per_day: int = 2_000,
        *,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        name = hashlib.sha256(f"sonorize freesound {key}".encode()).hexdigest()[:16]
        self._path = folder / f"freesound-{name}.log"
        self._limits = {"minute": per_minute, "day": per_day}
        self._clock = clock
        self.sleep = sleep

    def take(self) -> None:
        """Waits until a request may be sent, and counts it, answered or not.

        Raises LimitReached if the day allows no more, SourceError if the log cannot be written.
        """
        while (wait := self._try()) > 0:
            self.sleep(wait)

    def refused(self, window: Window, limit: int | None) -> None:
        """Takes in that the server refused a request, and waits where a minute is full.

        limit: how many requests per window it allows, if it said. Raises LimitReached for a day.
        """
        with self._locked() as now:
            if limit is not None:
                self._append(f"{limit}/{window} {now:.3f}")
            log = self._read(now)
        until = self._room(log, window)
        if window == "day":
            # our own requests may not be all there were: the first of them is gone by then
            raise LimitReached(_moment(until or [*log.requests, now][0] + SECONDS["day"]))
        self.sleep(until - now if until > now else SECONDS["minute"])

    def _try(self) -> float:
        """0 if a request is counted, else the seconds to wait before the next try."""
        with self._locked() as now:
            log = self._read(now)
            if (until := self._room(log, "day")) > now:
                raise LimitReached(_moment(until))
            paced = log.requests[-1] + PACE if log.requests else now
            until = max(paced, self._room(log, "minute"))
            if until <= now:
                self._append(f"{now:.3f}")
        return until - now

    def _room(self, log: _Log, window: Window) -> float:
        """When there is room again in a full window; 0 if it is not full."""
        limit = max(1, log.limits.get(window, self._limits[window]))
        if len(log.requests) < limit:
            return 0
        return log.requests[-limit] + SECONDS[window]

    def _read(self, now: float) -> _Log:
        """Today's lines. If the clock was put back, what lies ahead of it happened now."""
        text = self._path.read_text("ascii", "replace") if self._path.exists() else ""
        lines = [found for line in text.split("\n") if (found := LINE.fullmatch(line))]
        times = [float(line[2]) for line in lines]
        today = [
            (line[1], min(at, now))
            for line, at in zip(lines, times, strict=True)
            if at > now - SECONDS["day"]
        ]
        if len(lines) - len(today) > STALE or max(times, default=now) > now:
            self._rewrite(today)
        named = [said.split("/") for said, _ in today if said]
        return _Log(
            sorted(at for said, at in today if not said),
            {window: int(limit) for limit, window in named},
        )

    def _append(self, line: str) -> None:
        with self._path.open("a", encoding="ascii") as log:
            log.write(f"\n{line}")  # ends a line that was torn off

    def _rewrite(self, today: list[tuple[str, float]]) -> None:
        aside = self._path.with_suffix(".part")
        lines = [f"{said} {at:.3f}" if said else f"{at:.3f}" for said, at in today]
        aside.write_text("\n".join(lines), "ascii")
        aside.replace(self._path)

    @contextmanager
    def _locked(self) -> Iterator[float]:
        """The time, read when nobody else writes: no line is later."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(self._path.with_suffix(".lock"), timeout=PATIENCE):
                yield self._clock()
        except OSError as error:  # filelock's Timeout is one
            raise SourceError(
                f"Requests to Freesound cannot be counted in {self._path} "
                f"({error.strerror or 'another process holds it'}): make it writable, or set "
                "SONORIZE_STATE to another folder."
            ) from None


def limit_in(said: str) -> tuple[Window, int | None]:
    """Which window is full, by the words of a refusal (429), and what it allows, if they say so.

    Raises KeyRefused if the key is suspended.
    """
    if "suspended" in said:
        raise KeyRefused(f"Freesound has suspended this API key: ask them why ({said}).")
    if found := re.search(r"\((\d+)/(minute|day)\)", said):
        return ("day" if found[2] == "day" else "minute"), int(found[1])
    return "minute", None


def _moment(seconds: float) -> datetime:
    """In UTC, on the next whole minute, as it is shown."""
    return datetime.fromtimestamp(math.ceil(seconds / 60) * 60, UTC)
