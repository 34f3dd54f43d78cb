"""Who gets what was imported for a sound that lost its place."""

import numpy as np
import pytest

from indexer.catalog.entries import (
    Described,
    Failed,
    Heard,
    Named,
    Place,
    Retagged,
    Same,
    Unseen,
)
from indexer.catalog.store import Catalog


def named(catalog: Catalog, path: str) -> int:
    catalog.record([Named(Place(1, path, 1, 1), {"raw": {"tag": path}})])
    return catalog.known(1)[path].sound_id


def heard(catalog: Catalog, sound_id: int, content_hash: str | None) -> None:
    space = catalog.embeddings.space("toy", "audio", "f", 4)
    clips = {space: np.ones(4, dtype=np.float32)}
    catalog.record(
        [Heard(sound_id, content_hash is not None, {}, [(0.0, 1.0)], clips, {}, content_hash)]
    )


def licences(catalog: Catalog) -> dict[str, str]:
    ids = {path: known.sound_id for path, known in catalog.known(1).items()}
    rows = catalog.sounds(list(ids.values()))
    return {path: rows[sound_id].columns["licence"] for path, sound_id in ids.items()}


def licensed(catalog: Catalog, path: str) -> int:
    """A sound that was heard, and whose licence was imported."""
    sound_id = named(catalog, path)
    heard(catalog, sound_id, "h")
    catalog.record([Described(sound_id, {"licence": "CC0-1.0"})])
    return sound_id


def test_nothing_is_said_of_a_newcomer_before_the_end(catalog: Catalog) -> None:
    licensed(catalog, "a.wav")
    edited = named(catalog, "a.wav")
    assert licences(catalog) == {"a.wav": ""}
    heard(catalog, edited, "other")
    assert catalog.drop_orphans() == 1
    assert licences(catalog) == {"a.wav": "CC0-1.0"}
    raw = catalog.sounds([edited])[edited].columns["raw"]
    assert raw == {"tag": "a.wav", "imported": {"licence": "CC0-1.0"}}


@pytest.mark.parametrize("found", [True, False])
def test_while_files_are_unheard_it_cannot_be_told(catalog: Catalog, found: bool) -> None:
    """As after a build whose drive failed at one file: that may be the recording."""
    licensed(catalog, "a.wav")
    heard(catalog, named(catalog, "a.wav"), "other")
    unheard = named(catalog, "z.wav")
    assert catalog.drop_orphans() == 0
    assert licences(catalog) == {"a.wav": "", "z.wav": ""}
    heard(catalog, unheard, "h" if found else "third")
    assert catalog.drop_orphans() == (0 if found else 1)
    there = {"a.wav": "", "z.wav": "CC0-1.0"}
    assert licences(catalog) == (there if found else {"a.wav": "CC0-1.0", "z.wav": ""})


def test_a_recording_never_heard_to_its_end_hands_nothing_down(catalog: Catalog) -> None:
    half = named(catalog, "a.wav")
    heard(catalog, half, None)
    catalog.record([Described(half, {"licence": "CC0-1.0"})])
    heard(catalog, named(catalog, "a.wav"), "other")
    catalog.drop_orphans()
    assert licences(catalog) == {"a.wav": ""}


def test_a_broken_file_that_was_mended_keeps_its_licence(catalog: Catalog) -> None:
    broken = named(catalog, "a.wav")
    catalog.record([Failed(broken, "broken"), Described(broken, {"licence": "CC0-1.0"})])
    heard(catalog, named(catalog, "a.wav"), "whole")
    catalog.drop_orphans()
    assert licences(catalog) == {"a.wav": "CC0-1.0"}


def test_new_tags_in_between_change_nothing(catalog: Catalog) -> None:
    old = licensed(catalog, "a.wav")
    new = named(catalog, "a.wav")
    heard(catalog, new, "other")
    file_id = catalog.known(1)["a.wav"].file_id
    catalog.record([Retagged(file_id, new, Place(1, "a.wav", 1, 2), {"raw": {"tag": "new"}})])
    assert catalog.drop_orphans() == 1
    assert licences(catalog) == {"a.wav": "CC0-1.0"}
    assert catalog.sounds([old]) == {}


def test_it_passes_through_several_hands(catalog: Catalog) -> None:
    licensed(catalog, "a.wav")
    heard(catalog, named(catalog, "a.wav"), "second")
    heard(catalog, named(catalog, "a.wav"), "third")
    assert catalog.drop_orphans() == 2
    assert licences(catalog) == {"a.wav": "CC0-1.0"}


def test_it_stops_at_one_that_moved(catalog: Catalog) -> None:
    licensed(catalog, "a.wav")
    second = named(catalog, "a.wav")
    heard(catalog, second, "second")
    heard(catalog, named(catalog, "a.wav"), "third")
    heard(catalog, named(catalog, "z.wav"), "second")
    assert catalog.drop_orphans() == 1
    assert licences(catalog) == {"a.wav": "", "z.wav": "CC0-1.0"}


def test_what_was_said_of_the_newcomer_itself_stays(catalog: Catalog) -> None:
    licensed(catalog, "a.wav")
    new = named(catalog, "a.wav")
    heard(catalog, new, "other")
    catalog.record([Described(new, {"licence": "CC-BY-4.0"})])
    catalog.drop_orphans()
    assert licences(catalog) == {"a.wav": "CC-BY-4.0"}


def test_a_copy_gets_nothing_by_the_name_it_took(catalog: Catalog) -> None:
    licensed(catalog, "a.wav")
    other = named(catalog, "b.wav")
    heard(catalog, other, "other")
    catalog.record([Same(named(catalog, "a.wav"), other)])
    catalog.drop_orphans()
    assert licences(catalog) == {"a.wav": "", "b.wav": ""}


@pytest.mark.parametrize(("state", "licence"), [("missing", "CC0-1.0"), ("offline", "")])
def test_a_copy_that_is_gone_is_not_where_it_went(
    catalog: Catalog, state: str, licence: str
) -> None:
    licensed(catalog, "a.wav")
    heard(catalog, named(catalog, "b.wav"), "h")
    catalog.record([Unseen(catalog.known(1)["b.wav"].file_id, state)])
    heard(catalog, named(catalog, "a.wav"), "other")
    catalog.drop_orphans()
    assert licences(catalog)["a.wav"] == licence


def ended(catalog: Catalog) -> int:
    """How many sounds a build forgets at its end."""
    forgotten = catalog.drop_orphans()
    catalog.finish_build(catalog.start_build(source="", encoder="toy"), {"seq": changes(catalog)})
    return forgotten


def changes(catalog: Catalog) -> int:
    return catalog.embeddings.last()


@pytest.mark.parametrize("then", ["heard", "a copy", "gone"])
def test_one_that_waited_is_forgotten_by_a_later_build(catalog: Catalog, then: str) -> None:
    """Whatever becomes of the sound that lies at its place."""
    former = licensed(catalog, "a.wav")
    other = named(catalog, "b.wav")
    heard(catalog, other, "b")
    new = named(catalog, "a.wav")
    assert ended(catalog) == 0  # `new` was not heard yet, and may be `former`
    assert ended(catalog) == 0
    if then == "heard":
        heard(catalog, new, "new")
    elif then == "a copy":
        heard(catalog, new, "b")
    else:
        catalog.record([Unseen(catalog.known(1)["a.wav"].file_id, "missing")])
        assert catalog.prune([1]) == 1
    assert ended(catalog) == 1
    assert catalog.sounds([former]) == {}
    assert catalog.content_hash(former) is None
    assert catalog.embeddings.changes(0)[0].count(former) == 1
    assert ended(catalog) == 0


def test_sounds_that_lost_their_file_are_found_among_what_changed(catalog: Catalog) -> None:
    first, second = named(catalog, "a.wav"), named(catalog, "b.wav")
    heard(catalog, first, "a"), heard(catalog, second, "b")
    assert ended(catalog) == 0
    file_id = catalog.known(1)["b.wav"].file_id
    catalog.record([Retagged(file_id, first, Place(1, "b.wav", 1, 2), {"raw": {}})])
    assert ended(catalog) == 1
    assert catalog.with_hash("b") is None
    heard(catalog, named(catalog, "a.wav"), "c"), heard(catalog, named(catalog, "b.wav"), "d")
    assert ended(catalog) == 1
    assert catalog.with_hash("a") is None
