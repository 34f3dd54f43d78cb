"""Naming beside the encoder: when there is something to hear, and how it ends."""

from __future__ import annotations

import threading
from collections.abc import Generator

import numpy as np
import pytest

from indexer.build.naming import Naming
from indexer.catalog.entries import Failed, Named, Place, Same, Written
from indexer.catalog.store import Catalog

Steps = Generator[int, None, None]


def counted(*counts: int) -> Steps:
    yield from counts


def test_a_turn_comes_with_more_names_and_words_are_waited_for() -> None:
    heard, written = threading.Event(), []

    def names() -> Steps:
        yield 2
        assert heard.wait(10)
        yield from (3, 4)

    def words() -> Steps:
        yield 5
        written.append("all")

    turns = []
    with Naming(names(), words()) as naming:
        for count in naming:
            turns.append(count)
            heard.set()
    assert (turns[0], sum(turns)) == (2, 9)
    assert written == ["all"]


def test_nothing_to_name_is_one_turn() -> None:
    with Naming(counted(), counted()) as naming:
        assert list(naming) == [0]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_what_goes_wrong_with_names_is_raised_and_nothing_is_embedded(
    error: type[BaseException],
) -> None:
    def names() -> Steps:
        yield 1
        raise error("no names")

    words, embedded = iter([1]), []

    def embed() -> Steps:
        for each in words:
            yield each
            embedded.append(each)

    def run() -> None:
        with Naming(names(), embed()) as naming:
            list(naming)

    with pytest.raises(error, match="no names"):
        run()
    assert embedded == []


def test_what_goes_wrong_with_words_is_raised_at_the_end() -> None:
    def words() -> Steps:
        yield 1
        raise RuntimeError("no words")

    turns: list[int] = []

    def run() -> None:
        with Naming(counted(1), words()) as naming:
            turns.extend(naming)

    with pytest.raises(RuntimeError, match="no words"):
        run()
    assert sum(turns) == 1


def test_an_error_beside_it_stops_it_after_the_step_under_way() -> None:
    def endless() -> Steps:
        while True:
            yield 1

    def run() -> None:
        with Naming(endless(), endless()) as naming:
            next(iter(naming))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run()


def test_words_of_a_name_that_changed_meanwhile_are_not_recorded(catalog: Catalog) -> None:
    """What was embedded beside: a copy was heard that gives the sound another name."""
    space = catalog.embeddings.space("toy", "metadata", "print", 2)
    for path in ("b.wav", "a.wav"):
        catalog.record([Named(Place(1, path, 1, 1), {"title": "same", "duration": 2.0})])
    first, copy = catalog.embeddings.lacking(space)
    words = written(catalog, first, space)
    catalog.record([Same(copy, first)])
    catalog.record([words])
    assert catalog.embeddings.lacking(space) == [first]


def test_a_sound_that_cannot_be_heard_gets_no_words_afterwards(catalog: Catalog) -> None:
    space = catalog.embeddings.space("toy", "metadata", "print", 2)
    catalog.record([Named(Place(1, "a.wav", 1, 1), {"title": "a", "duration": 2.0})])
    [sound_id] = catalog.embeddings.lacking(space)
    words = written(catalog, sound_id, space)
    catalog.record([Failed(sound_id, "no sound")])
    before = catalog.embeddings.changes(0)
    catalog.record([words])
    assert catalog.embeddings.changes(0) == before


def written(catalog: Catalog, sound_id: int, space: int) -> Written:
    """Its words as they are now."""
    read = catalog.sounds([sound_id])[sound_id]
    row = np.array([1, 0], np.float32)
    return Written(sound_id, space, row, read.columns, read.relative_path)
