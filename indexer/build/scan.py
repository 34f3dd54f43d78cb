"""What lies in a source, against what the catalog knows of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from indexer.catalog.entries import Place, Seen, Unseen

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from indexer.catalog.entries import Entry
    from indexer.catalog.store import Catalog, Known
    from indexer.sources.protocol import Item, Source

CLOCK = 2_000_000_000  # ns; FAT keeps times to 2 s
HOUR = 3_600_000_000_000
ZONES = 14  # hours a clock may be shifted by exFAT and SMB
OFFLINE_SHARE = 0.1


@dataclass(slots=True)
class Scan:
    """One source: files to be named, files changed, and those found again or not at all."""

    source: Source
    root_id: int
    new: list[Item] = field(default_factory=list)
    changed: list[tuple[Known, Item]] = field(default_factory=list)
    back: list[tuple[Known, Item]] = field(default_factory=list)
    unseen: dict[str, Known] = field(default_factory=dict)
    unchanged: int = 0
    unchanged_bytes: int = 0
    offline: bool = False

    @property
    def files(self) -> int:
        return len(self.new) + len(self.changed) + len(self.back) + self.unchanged

    def place(self, item: Item) -> Place:
        return Place(self.root_id, item.relative_path, item.size, item.mtime_ns)

    def sightings(self) -> Iterator[Entry]:
        """What has to be recorded of known files that moved in or out of sight."""
        for known, item in self.back:
            yield Seen(known.file_id, self.place(item))
        state = "offline" if self.offline else "missing"
        for known in self.unseen.values():
            if known.state != state:
                yield Unseen(known.file_id, state)


def scan(catalog: Catalog, source: Source) -> Scan:
    """Lists a source against its root.

    A known root that is away, is empty, or lacks more than a tenth of its files is offline:
    a drive that failed looks like that, and nothing of it may be forgotten.
    Raises SourceError for a source that is not there and was never known.
    """
    away = not source.available()
    if away and not any(
        (root.kind, root.location) == (source.kind, source.location) for root in catalog.roots()
    ):
        list(source.items())  # says what is wrong
    result = Scan(source, catalog.root(source.kind, source.location))
    result.unseen = catalog.known(result.root_id)
    total = sum(known.state != "missing" for known in result.unseen.values())
    if not away:
        _compare(source.items(), result)
    gone = sum(known.state != "missing" for known in result.unseen.values()) - _moved(result)
    result.offline = away or (total > 0 and gone > OFFLINE_SHARE * total)
    return result


def is_same_file(known: Known, item: Item) -> bool:
    """Equal size, and a time that differs by no more than a clock or a time zone can."""
    if known.size != item.size:
        return False
    shift = abs(known.mtime_ns - item.mtime_ns)
    hours, rest = divmod(shift + CLOCK, HOUR)
    return hours <= ZONES and rest <= 2 * CLOCK


def _compare(items: Iterable[Item], result: Scan) -> None:
    for item in items:
        known = result.unseen.pop(item.relative_path, None)
        if known is None:
            result.new.append(item)
        elif not is_same_file(known, item):
            result.changed.append((known, item))
        elif known.state != "present":
            result.back.append((known, item))
        else:
            result.unchanged += 1
            result.unchanged_bytes += item.size


def _moved(result: Scan) -> int:
    """How many unseen files seem to lie elsewhere now (same size and time): not gone."""
    new = Counter((item.size, item.mtime_ns) for item in result.new)
    gone = Counter(
        (known.size, known.mtime_ns) for known in result.unseen.values() if known.state != "missing"
    )
    return (new & gone).total()
