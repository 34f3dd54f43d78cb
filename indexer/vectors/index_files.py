"""The saved states of one index: `NAME-SEQ.ENDING`, complete to change SEQ of the catalog."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING

from indexer.errors import IndexDamaged
from indexer.vectors.files import ASIDE, BESIDE
from indexer.vectors.registry import create, ending, load

if TYPE_CHECKING:
    from pathlib import Path

    from indexer.vectors.rows import SortedRows

log = logging.getLogger(__name__)


class IndexFiles:
    """The newest state and the one before it. Many may read while one, holding the lock, saves."""

    def __init__(self, folder: Path, name: str, kind: str) -> None:
        self._folder, self._name, self._kind = folder, name, kind
        self._ending = ending(kind)
        self._damaged: set[Path] = set()

    def open_newest(self, dim: int) -> tuple[SortedRows, int]:
        """The newest readable state of this width and its change number, or an empty index and 0.

        Files that cannot be used are logged, passed over, and removed by the next `save`.
        """
        tried: set[Path] = set()
        # Listed anew for each file: a writer may have put a newer one in the place of this.
        while left := {path: seq for path, seq in self._states().items() if path not in tried}:
            path = max(left, key=left.__getitem__)
            tried.add(path)
            if (index := self._read(path, dim)) is not None:
                return index, left[path]
        return create(self._kind, dim), 0

    def save(self, index: SortedRows, seq: int) -> None:
        """Writes the state complete to `seq`; of the older ones the newest readable is kept.

        A file of a larger `seq` is removed too: it knows changes that the catalog has lost.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._path(seq)
        for leftover in self._matching(rf"(?:{re.escape(BESIDE)})?{re.escape(ASIDE)}"):
            _remove(leftover)
        index.save(path)
        self._damaged.discard(path)
        older = {p: s for p, s in self._states().items() if s < seq and p not in self._damaged}
        kept = {path, max(older, key=older.__getitem__, default=path)}
        for other in self._states().keys() - kept:
            _remove(other)
        states = self._states()
        for beside in self._matching(re.escape(BESIDE)):
            if beside.with_name(beside.name.removesuffix(BESIDE)) not in states:
                _remove(beside)

    def save_beside(self, index: SortedRows, seq: int) -> None:
        """Writes what the index made of the rows that were saved as `seq`."""
        index.save_beside(self._path(seq))

    def _path(self, seq: int) -> Path:
        return self._folder / f"{self._name}-{seq}.{self._ending}"

    def _read(self, path: Path, dim: int) -> SortedRows | None:
        try:
            index = load(self._kind, path)
        except IndexDamaged as error:
            if not path.exists():  # removed by the writer since it was listed
                return None
            log.warning("%s", error)
        else:
            if index.dim == dim:
                return index
            log.warning("%s holds vectors of width %d, not %d; passed over", path, index.dim, dim)
        self._damaged.add(path)
        return None

    def _states(self) -> dict[Path, int]:
        return {path: int(seq) for path, seq in self._matching("").items()}

    def _matching(self, more: str) -> dict[Path, str]:
        name = rf"{re.escape(self._name)}-(\d+)\.{re.escape(self._ending)}{more}"
        files = self._folder.iterdir() if self._folder.is_dir() else ()
        return {path: m[1] for path in files if (m := re.fullmatch(name, path.name))}


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:  # Windows: someone is reading it; the next save tries again
        log.info("%s stays for now: %s", path, error)
