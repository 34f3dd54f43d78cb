"""The one write path: what each entry leaves in the catalog."""

from typing import Any

import databases
import numpy as np
import pytest
from sqlalchemy import text

from indexer.catalog.entries import (
    Entry,
    Failed,
    Heard,
    Named,
    Place,
    Retagged,
    Same,
    Seen,
    Unseen,
    Written,
)
from indexer.catalog.filters import Filters
from indexer.catalog.question import clean
from indexer.catalog.store import Catalog
from indexer.errors import LibraryError


def place(path: str, size: int = 1, mtime: int = 1) -> Place:
    return Place(1, path, size, mtime)


def named(catalog: Catalog, path: str, **columns: Any) -> int:
    catalog.record([Named(place(path), {"title": clean(path.split(".")[0]), **columns})])
    return catalog.known(1)[path].sound_id


def axis(number: int, dim: int = 4) -> Any:
    return np.eye(dim, dtype=np.float32)[number]


def heard(sound_id: int, space: int, content_hash: str | None = "h") -> Heard:
    return Heard(
        sound_id,
        complete=content_hash is not None,
        columns={"duration": 4.0},
        windows=[(0.0, 2.0), (2.0, 4.0)],
        clips={space: axis(0)},
        window_vectors={space: np.stack([axis(0), axis(1)])},
        content_hash=content_hash,
        analysis=None,
    )


def words(catalog: Catalog, question: str) -> list[int]:
    return [key for key, _ in catalog.search_text(question, 10)]


def test_named_can_be_found_by_its_words(catalog: Catalog) -> None:
    sound_id = named(catalog, "door creak.wav", tags=["wood"])
    assert words(catalog, "creak") == words(catalog, "wood") == [sound_id]
    assert catalog.counts()["named"] == 1


def test_heard_replaces_what_was_heard_before(catalog: Catalog) -> None:
    space = catalog.embeddings.space("toy", "audio", "f", 4)
    sound_id = named(catalog, "a.wav")
    catalog.record([heard(sound_id, space, None)])
    assert catalog.counts()["partial"] == 1
    catalog.record([heard(sound_id, space)])
    ids, rows = catalog.embeddings.clips(space)
    assert (ids.tolist(), rows.tolist()) == ([sound_id], [axis(0).tolist()])
    _, owners, spans, windows = catalog.embeddings.windows(space)
    assert owners.tolist() == [sound_id] * 2
    assert spans.tolist() == [[0, 2], [2, 4]]
    assert windows.shape == (2, 4)
    assert catalog.counts() == {"named": 0, "partial": 0, "ready": 1, "failed": 0, "windows": 2}
    assert catalog.copies() == 0


def test_an_absent_part_is_remembered_and_left_out(catalog: Catalog) -> None:
    space = catalog.embeddings.space("toy", "metadata", "f", 4)
    sound_id = named(catalog, "01.wav")
    assert catalog.embeddings.lacking(space) == [sound_id]
    catalog.record([Written(sound_id, space, np.zeros(4, dtype=np.float32))])
    assert catalog.embeddings.lacking(space) == []
    assert catalog.embeddings.clips(space)[0].size == 0


def test_two_files_of_one_recording_become_one_sound(catalog: Catalog) -> None:
    space = catalog.embeddings.space("toy", "audio", "f", 4)
    later, first = named(catalog, "b.wav"), named(catalog, "a.wav")
    catalog.record([heard(later, space), heard(first, space)])
    assert {known.sound_id for known in catalog.known(1).values()} == {later}
    assert catalog.sounds([later])[later].columns["title"] == "a"  # the path that sorts first
    assert words(catalog, "a") == words(catalog, "b") == [later]
    assert catalog.sounds([first]) == {}


def test_which_file_is_heard_first_does_not_matter(catalog: Catalog) -> None:
    space = catalog.embeddings.space("toy", "audio", "f", 4)
    first, later = named(catalog, "a.wav"), named(catalog, "b.wav")
    catalog.record([heard(later, space), heard(first, space)])
    (sound_id,) = {known.sound_id for known in catalog.known(1).values()}
    assert catalog.sounds([sound_id])[sound_id].columns["title"] == "a"


def test_a_moved_file_leaves_nothing_behind(catalog: Catalog) -> None:
    old = named(catalog, "old.wav")
    catalog.record([Unseen(catalog.known(1)["old.wav"].file_id, "missing")])
    new = named(catalog, "new.wav")
    catalog.record([Same(new, old)])
    assert catalog.known(1).keys() == {"new.wav"}
    assert catalog.known(1)["new.wav"].sound_id == old
    assert catalog.sounds([old])[old].columns["title"] == "new"
    assert words(catalog, "old") == []


def test_a_copy_elsewhere_survives_when_the_first_goes_offline(catalog: Catalog) -> None:
    first = named(catalog, "a.wav")
    catalog.record([Unseen(catalog.known(1)["a.wav"].file_id, "offline")])
    copy = named(catalog, "b.wav")
    catalog.record([Same(copy, first)])
    assert catalog.known(1).keys() == {"a.wav", "b.wav"}
    assert catalog.sounds([first])[first].state == "present"


def test_another_recording_at_a_known_path_is_another_sound(catalog: Catalog) -> None:
    before = named(catalog, "a.wav")
    catalog.record([Named(place("a.wav", size=9), {"title": "other"})])
    after = catalog.known(1)["a.wav"].sound_id
    assert after > before  # an id never comes back
    assert catalog.sounds([before]) == {}
    assert words(catalog, "other") == [after]


def test_retagging_keeps_what_was_heard(catalog: Catalog) -> None:
    audio = catalog.embeddings.space("toy", "audio", "f", 4)
    metadata = catalog.embeddings.space("toy", "metadata", "f", 4)
    sound_id = named(catalog, "a.wav")
    catalog.record([heard(sound_id, audio), Written(sound_id, metadata, axis(2))])
    known = catalog.known(1)["a.wav"]
    catalog.record([Retagged(known.file_id, sound_id, place("a.wav", 2, 2), {"title": "rain"})])
    assert words(catalog, "rain") == [sound_id]
    assert catalog.embeddings.clips(audio)[0].tolist() == [sound_id]
    assert catalog.embeddings.lacking(metadata) == [sound_id]
    assert catalog.known(1)["a.wav"].size == 2


def test_what_failed_is_remembered_and_has_no_vectors(catalog: Catalog) -> None:
    space = catalog.embeddings.space("toy", "audio", "f", 4)
    sound_id = named(catalog, "a.wav")
    catalog.record([heard(sound_id, space, None), Failed(sound_id, "it is empty")])
    assert list(catalog.failures()) == [("/sounds/a.wav", "failed", "it is empty")]
    assert catalog.embeddings.clips(space)[0].size == 0
    assert catalog.embeddings.changes(0)[0] == [sound_id]


def test_prune_forgets_missing_files_of_the_roots_named(catalog: Catalog) -> None:
    other = catalog.root("folder", "/other")
    gone, kept = named(catalog, "gone.wav"), named(catalog, "kept.wav")
    catalog.record([Named(Place(other, "x.wav", 1, 1), {"title": "x"})])
    catalog.record([Unseen(catalog.known(1)["gone.wav"].file_id, "missing")])
    catalog.record([Unseen(catalog.known(other)["x.wav"].file_id, "missing")])
    assert catalog.prune([1]) == 1
    assert catalog.sounds([gone]) == {}
    assert catalog.sounds([kept]).keys() == {kept}
    assert catalog.known(other)["x.wav"].state == "missing"
    assert gone in catalog.embeddings.changes(0)[0]


def test_seen_again_is_present(catalog: Catalog) -> None:
    named(catalog, "a.wav")
    known = catalog.known(1)["a.wav"]
    catalog.record([Unseen(known.file_id, "offline"), Seen(known.file_id, place("a.wav", 1, 7))])
    assert catalog.known(1)["a.wav"].state == "present"
    assert catalog.known(1)["a.wav"].mtime_ns == 7


def test_all_entries_or_none(catalog: Catalog) -> None:
    class Nonsense: ...

    entries: list[Entry] = [Named(place("a.wav"), {"title": "a"}), Nonsense()]  # type: ignore[list-item]
    with pytest.raises(TypeError, match="Nonsense is not an entry"):
        catalog.record(entries)
    assert catalog.known(1) == {}


@pytest.mark.parametrize("path", ["new\nline.wav", "quo\"te's.wav", "🦆.wav", "b\udcffyte.wav"])
def test_any_path_a_disk_can_hold(catalog: Catalog, path: str) -> None:
    named(catalog, path)
    assert catalog.known(1).keys() == {path}


def test_changes_since(catalog: Catalog) -> None:
    space = catalog.embeddings.space("toy", "audio", "f", 4)
    first = named(catalog, "a.wav")
    catalog.record([heard(first, space, "one")])
    _, seq = catalog.embeddings.changes(0)
    second = named(catalog, "b.wav")
    catalog.record([heard(second, space, "two")])
    assert catalog.embeddings.changes(seq)[0] == [second]
    assert catalog.embeddings.changes(catalog.embeddings.changes(0)[1])[0] == []


@pytest.mark.parametrize(
    ("filters", "titles"),
    [
        (Filters(licences=("cc0",)), ["a"]),
        (Filters(licences=("by",)), ["b"]),
        (Filters(licences=("by-nc",)), ["c"]),
        (Filters(licences=("CC-BY-NC-4.0", "cc0")), ["a", "c"]),
        (Filters(min_duration=2, max_duration=3), ["b", "c"]),
        (Filters(tags=("Rain",)), ["a", "b"]),
        (Filters(tags=("rain", "roof")), ["b"]),
        (Filters(packs=("NIGHT walks",)), ["c"]),
        (Filters(sources=("folder",)), ["a", "b", "c", "d"]),
        (Filters(sources=("freesound",)), []),
        (Filters(tags=("ai",)), []),
        (Filters(tags=("!!",)), ["d"]),
        (Filters(tags=('6" pipe',)), ["d"]),
        (Filters(tags=("rains",)), []),
        (Filters(tags=("雨",)), ["c"]),
        (Filters(categories=("WEATHER",)), ["c"]),
        (Filters(categories=("weather",), sources=("folder", "freesound")), ["c"]),
        (Filters(tags=("rain",), sources=("nowhere",)), []),
    ],
)
def test_filters(catalog: Catalog, filters: Filters, titles: list[str]) -> None:
    named(catalog, "a.wav", licence="CC0-1.0", duration=1.0, tags=["rain"])
    named(catalog, "b.wav", licence="CC-BY-4.0", duration=2.0, tags=["Rain", "roof"])
    named(
        catalog,
        "c.wav",
        licence="CC-BY-NC-4.0",
        duration=3.0,
        pack="Night Walks",
        category="Weather",
        tags=["雨"],
    )
    named(catalog, "d.wav", duration=4.0, tags=["!!", '6" pipe'])
    found = catalog.sounds(catalog.allowed(filters).tolist())
    assert [info.columns["title"] for info in found.values()] == titles


def test_takes_joined_share_one_group(catalog: Catalog) -> None:
    ids = [named(catalog, f"{name}.wav", take_group=name) for name in "abc"]
    other = named(catalog, "c 2.wav", take_group="c")
    catalog.join_takes([[ids[2], ids[1], ids[0]]])
    assert catalog.take_counts(["a", "c"]) == {"a": 3, "c": 1}  # the others of "c" stay
    assert catalog.sounds([other])[other].columns["take_group"] == "c"


def test_licence_of_a_pack_or_a_root(catalog: Catalog) -> None:
    named(catalog, "a.wav", pack="Rain")
    named(catalog, "b.wav")
    assert catalog.set_licence("Rain", "CC0-1.0", "") == (1, 0)
    assert catalog.set_licence("1", "CC-BY-4.0", "") == (1, 1)  # what is said stays
    assert catalog.set_licence("1", "CC-BY-4.0", "", replace=True) == (2, 0)
    assert catalog.set_licence("nothing", "x", "") == (0, 0)


def test_a_name_of_a_pack_and_a_root_gives_neither_a_licence(catalog: Catalog) -> None:
    named(catalog, "a.wav", pack="1")
    named(catalog, "b.wav")
    with pytest.raises(LibraryError, match=r"'1' is a root \(2 sounds\) and a pack \(1 sound\)"):
        catalog.set_licence("1", "CC0-1.0", "")
    assert not catalog.allowed(Filters(licences=("cc0",))).size
    assert catalog.set_licence("pack:1", "CC0-1.0", "") == (1, 0)
    assert catalog.set_licence("root:1", "CC-BY-4.0", "") == (1, 1)
    assert catalog.set_licence("root:/sounds", "CC-BY-4.0", "", replace=True) == (2, 0)
    assert catalog.set_licence("pack:/sounds", "x", "") == (0, 0)


def test_a_root_that_is_one_pack_of_its_name_is_no_question(catalog: Catalog) -> None:
    named(catalog, "a.wav", pack="1")
    assert catalog.set_licence("1", "CC0-1.0", "") == (1, 0)


def test_a_damaged_catalog_is_told(catalog: Catalog) -> None:
    if databases.kind != "sqlite":
        pytest.skip("a matter of SQLite's own file")
    assert catalog.faults() == []
    with catalog.engine.begin() as connection:
        connection.execute(text("PRAGMA writable_schema=ON"))
        connection.execute(
            text("UPDATE sqlite_schema SET rootpage = 3 WHERE name = 'ix_sound_status'")
        )
    catalog.engine.dispose()
    assert catalog.faults()
