"""Recording beside the encoder: nothing waits for it, nothing is lost by it."""

import os
import signal
import threading
from collections.abc import Sequence

import pytest
from sqlalchemy.exc import IntegrityError

from indexer.build.report import BuildReport
from indexer.build.writer import Writer
from indexer.catalog import todo
from indexer.catalog.entries import Entry, Failed, Named, Place
from indexer.catalog.session import writing
from indexer.catalog.store import Catalog


def named(path: str, root: int = 1) -> Entry:
    return Named(Place(root, path, 1, 1), {"title": path, "duration": 2.0})


def test_a_batch_is_recorded_while_the_next_is_made(catalog: Catalog) -> None:
    report = BuildReport()
    with Writer(catalog, report) as writer:
        with writing(catalog.engine):  # another holds the catalog: the batch cannot be done yet
            writer.record([named("a.wav")])
        writer.record([named("b.wav")])
        assert list(catalog.known(1))[:1] == ["a.wav"]
    assert list(catalog.known(1)) == ["a.wav", "b.wav"]
    assert report.seconds["record"] > 0


def test_what_goes_wrong_is_told_with_the_next_batch_or_at_the_end(catalog: Catalog) -> None:
    of_no_root = named("a.wav", root=99)
    with Writer(catalog, BuildReport()) as writer:
        writer.record([named("b.wav"), of_no_root])
        with pytest.raises(IntegrityError):
            writer.record([named("c.wav")])
    assert catalog.known(1) == {}
    with pytest.raises(IntegrityError), Writer(catalog, BuildReport()) as writer:
        writer.record([of_no_root])


def test_what_was_handed_over_is_kept_on_ctrl_c(catalog: Catalog) -> None:
    def stopped() -> None:
        with Writer(catalog, BuildReport()) as writer:
            writer.record([named("a.wav")])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()
    assert list(catalog.known(1)) == ["a.wav"]


@pytest.mark.skipif(os.name == "nt", reason="no signal can be sent to the main thread")
def test_ctrl_c_while_it_waits_keeps_what_is_handed_over(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    free, record = threading.Event(), catalog.record

    def slow(entries: Sequence[Entry]) -> None:
        free.wait(5)
        record(entries)

    def stopped() -> None:
        with Writer(catalog, BuildReport()) as writer:
            writer.record([named("a.wav")])
            threading.Timer(0.2, signal.pthread_kill, [main, signal.SIGINT]).start()
            try:
                writer.record([named("b.wav")])
            finally:
                free.set()

    monkeypatch.setattr(catalog, "record", slow)
    main = threading.main_thread().ident
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            stopped()
    finally:
        signal.signal(signal.SIGINT, before)
    assert list(catalog.known(1)) == ["a.wav", "b.wav"]


def test_work_is_read_in_pages_in_path_order(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(todo, "PAGE", 2)
    monkeypatch.setattr(todo, "PACKED", 3)
    catalog.record([named(f"{name}.wav") for name in "dbaec"])
    work = catalog.todo([1], ["named"])
    assert (len(work), work.durations.sum()) == (5, 10.0)
    found = []
    for each in work:  # what is recorded meanwhile does not matter
        found.append(each.relative_path)
        catalog.record([Failed(each.sound_id, "no sound")])
    assert found == ["a.wav", "b.wav", "c.wav", "d.wav", "e.wav"]
    assert list(catalog.todo([1], ["named"])) == []


def test_work_that_came_after_some_other_is_told_from_it(catalog: Catalog) -> None:
    catalog.record([named("b.wav"), named("c.wav")])
    before = catalog.todo([1], ["named"])
    catalog.record([named("a.wav")])
    after = catalog.todo([1], ["named"], above=before.last)
    assert [each.relative_path for each in after] == ["a.wav"]
    assert catalog.todo([1], ["named"], above=after.last).last == after.last > before.last
