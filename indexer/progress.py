"""How long work tells of itself."""

from __future__ import annotations


class Progress:
    """Hears how work goes; this one is silent."""

    def stage(self, name: str, total: float, unit: str = "files") -> None:
        """A stage begins, or, named as the one before, goes on; advance counts in `unit`s."""

    def grows(self, name: str) -> None:
        """What `stage` tells next of this one, and of each that is named so after it, is a part of
        it: how much it is in all shows on the way."""

    def advance(self, count: float = 1) -> None:
        """So many more are done."""
