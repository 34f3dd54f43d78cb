"""What lies in a source, against what the catalog knows of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from indexer.audio.window import batched
from indexer.catalog.entries import Place, Seen, Unseen
from indexer.sources.protocol import Item

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from indexer.catalog.answers import Known
    from indexer.catalog.entries import Entry
    from indexer.catalog.lookups import Lookups
    from indexer.catalog.store import Catalog
    from indexer.sources.protocol import Source

BATCH = 5_000  # files that are looked up together
CLOCK = 2_000_000_000  # ns; FAT keeps times to 2 s
HOUR = 3_600_000_000_000
ZONES = 14  # hours a clock may be shifted by exFAT and SMB
OFFLINE_SHARE = 0.1


@dataclass(slots=True)
class Scan:
    """One source: files to be named, files changed, and those found again or not at all.

    unheard      how many of the unchanged and found again are still to be heard
    unreadable   how many of them could not be read before
    hidden       unseen paths at or below a place that could not be looked at
    gone         how many files are neither hidden nor, by size and time, moved
    lost         how many of `known` files that were not missing before are not there and not moved
    """

    source: Source
    root_id: int
    new: list[Item] = field(default_factory=list)
    changed: list[tuple[Known, Item]] = field(default_factory=list)
    back: list[tuple[Known, Item]] = field(default_factory=list)
    unseen: dict[str, Known] = field(default_factory=dict)
    hidden: frozenset[str] = frozenset()
    unchanged: int = 0
    unheard: int = 0
    unreadable: int = 0
    gone: int = 0
    lost: int = 0
    known: int = 0
    offline: bool = False

    @property
    def is_empty(self) -> bool:
        """No sound was found there."""
        return not (self.new or self.changed or self.back or self.unchanged)

    @property
    def lacks_much(self) -> bool:
        return self.lost > OFFLINE_SHARE * self.known

    @property
    def skipped(self) -> int:
        """Files that want no work."""
        return self.unchanged + len(self.back) - self.unheard

    def place(self, item: Item) -> Place:
        return Place(self.root_id, item.relative_path, item.size, item.mtime_ns)

    def sightings(self) -> Iterator[Entry]:
        """What has to be recorded of known files that moved in or out of sight."""
        for known, item in self.back:
            yield Seen(known.file_id, self.place(item))
        for path, known in self.unseen.items():
            state = "offline" if self.offline or path in self.hidden else "missing"
            if known.state != state:
                yield Unseen(known.file_id, state)


def scan(
    catalog: Catalog, source: Source, *, retry_failed: bool = False, whole: bool = False
) -> Scan:
    """Lists a source against its root; with `retry_failed`, failed files count as changed.

    A known root that is away, is empty, or lacks more than a tenth of its files is offline:
    a drive that failed looks like that, and nothing of it may be forgotten. So are files in a
    folder that cannot be listed. `whole`: the user says that a root which holds something is all
    there, whatever it lacks.
    Raises SourceError for a source that is not there and was never known.
    """
    away = not source.available()
    if away and not any(
        (root.kind, root.location) == (source.kind, source.location) for root in catalog.roots()
    ):
        list(source.items())  # says what is wrong
    result = Scan(source, catalog.root(source.kind, source.location))
    files = catalog.lookups(result.root_id)
    result.known = files.count()
    seen = _compare(() if away else source.items(), files, result, retry_failed)
    result.unseen = files.known(files.others(seen))
    lacking = sum(known.state != "missing" for known in result.unseen.values())
    result.lost = lacking - _moved(result)
    result.offline = away or (result.lacks_much and (result.is_empty or not whole))
    hidden = frozenset(source.hidden)
    result.hidden = frozenset(path for path in result.unseen if _is_below(path, hidden))
    result.gone = len(result.unseen) - len(result.hidden) - _moved(result)
    return result


def is_same_file(known: Any, item: Any) -> Any:
    """Equal size, and a time that differs by no more than a clock or a time zone can.

    Of one file each, or of columns of many.
    """
    shift = abs(known.mtime_ns - item.mtime_ns)
    hours, rest = divmod(shift + CLOCK, HOUR)
    return (known.size == item.size) & (hours <= ZONES) & (rest <= 2 * CLOCK)


def _compare(
    items: Iterable[Item], files: Lookups, result: Scan, retry_failed: bool
) -> NDArray[np.int64]:
    """Ids of the known files that were seen; of the others only what is to be done is held."""
    unheard = files.of_sounds(("named", "partial"))
    failed = files.of_sounds(("failed",))
    again = failed[: len(failed) if retry_failed else 0]
    seen = [np.empty(0, np.int64)]
    for batch in batched(iter(items), BATCH):
        found = files.find([item.relative_path for item in batch])
        sizes = np.array([item.size for item in batch])
        times = np.array([item.mtime_ns for item in batch])
        looked: Any = Item("", sizes, times)  # type: ignore[arg-type]
        ids = abs(found.file_id)
        same = is_same_file(found, looked) & (ids > 0) & ~np.isin(ids, again)
        calm = same & (found.file_id > 0)
        result.unchanged += int(calm.sum())
        result.unheard += int(np.isin(ids[same], unheard).sum())
        result.unreadable += int(np.isin(ids[same], failed).sum())
        seen.append(ids[ids > 0])
        known = files.known(ids[~calm & (ids > 0)])
        for place in np.flatnonzero(~calm).tolist():
            item = batch[place]
            if item.relative_path not in known:
                result.new.append(item)
            else:
                chosen = result.back if same[place] else result.changed
                chosen.append((known[item.relative_path], item))
    return np.concatenate(seen)


def _is_below(path: str, places: frozenset[str]) -> bool:
    """Whether a path is one of these, or lies in one of them; "" holds all."""
    while path and path not in places:
        path = path.rpartition("/")[0]
    return path in places


def _moved(result: Scan) -> int:
    """How many unseen files seem to lie elsewhere now (same size and time): not gone."""
    new = Counter((item.size, item.mtime_ns) for item in result.new)
    gone = Counter(
        (known.size, known.mtime_ns) for known in result.unseen.values() if known.state != "missing"
    )
    return (new & gone).total()
