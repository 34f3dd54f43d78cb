"""Names and tags, read and embedded on a thread beside the encoder that hears."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from threading import Event
from typing import TYPE_CHECKING, Self

from indexer.build.yielding import give_way

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    Steps = Generator[int, None, None]


class Naming:
    """Runs `names`, which gives how many files were named with each step, and then `words`.

    Iterate for turns at hearing: one comes when more files were named than at the turn before, with
    how many they were; one in any case. Leaving the `with` block waits for the words as
    well; after an error, Ctrl-C included, both stop after the step under way. Raises what they
    raised.
    """

    def __init__(self, names: Steps, words: Steps) -> None:
        self._names, self._words = names, words
        self._pool = ThreadPoolExecutor(1, "naming", give_way)
        self._more, self._stop = Event(), Event()
        self._known = 0

    def __enter__(self) -> Self:
        self._named: Future[None] = self._pool.submit(self._run, self._names, self._count)
        self._named.add_done_callback(lambda _: self._more.set())
        self._written: Future[None] = self._pool.submit(self._run, self._words)
        return self

    def __iter__(self) -> Iterator[int]:
        told, over = -1, False
        while not over:
            self._more.wait()
            self._more.clear()
            over = self._named.done()
            if over:
                self._named.result()
            if (now := self._known) > told:
                yield now - max(told, 0)
                told = now

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            self._stop.set()
        self._pool.shutdown()
        if kind is None:
            self._written.result()

    def _count(self, named: int) -> None:
        self._known += named
        self._more.set()

    def _run(self, steps: Steps, count: Callable[[int], None] = lambda _: None) -> None:
        try:
            with closing(steps):
                for step in steps:
                    count(step)
                    if self._stop.is_set():
                        return
        except BaseException:
            self._stop.set()
            raise
