"""Recording beside the encoder: it works on while what it made goes into the catalog."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Self

from indexer.build.yielding import give_way

if TYPE_CHECKING:
    from collections.abc import Sequence

    from indexer.build.report import BuildReport
    from indexer.catalog.entries import Entry
    from indexer.catalog.store import Catalog


class Writer:
    """Records batches on one thread, in their order, each as one transaction.

    One batch may be under way while the next is made. Leaving the `with` block waits for the last:
    what was handed over is kept, Ctrl-C or not, though it comes while `record` waits.
    """

    def __init__(self, catalog: Catalog, report: BuildReport) -> None:
        self._catalog = catalog
        self._report = report
        self._pool = ThreadPoolExecutor(1, "writer", give_way)
        self._under_way: Future[None] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._pool.shutdown()
        if kind is None:
            self.wait()

    def record(self, entries: Sequence[Entry]) -> None:
        """Waits for the batch before; raises what went wrong with it."""
        try:
            self.wait()
        except KeyboardInterrupt:
            self._hand_over(entries)
            raise
        self._hand_over(entries)

    def wait(self) -> None:
        """Until all is recorded; raises what went wrong."""
        if self._under_way is None:
            return
        try:
            self._under_way.result()
        finally:
            if self._under_way.done():  # else Ctrl-C came meanwhile
                self._under_way = None

    def _hand_over(self, entries: Sequence[Entry]) -> None:
        if entries:
            self._under_way = self._pool.submit(self._record, entries)

    def _record(self, entries: Sequence[Entry]) -> None:
        with self._report.timed("record"):
            self._catalog.record(entries)
