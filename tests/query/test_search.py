"""Searching, answers known by hand: the toy encoder hears octaves and sees colours."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
import sounds
from libraries import COLOURS, build, run, tone
from PIL import Image

from indexer.catalog.entries import Described
from indexer.catalog.filters import Filters
from indexer.encoders.protocol import Vectors
from indexer.encoders.toy import ToyEncoder
from indexer.errors import AudioError, EncoderError, EncoderMismatch, ModalityMissing, Unheard
from indexer.library import Library
from query.ask import Ask
from query.heard import cut
from query.ranking import Hit
from query.search import Searcher
from query.targets import Steering

AUDIO, METADATA = Ask(k=99, metadata_weight=0.0), Ask(k=99, metadata_weight=1.0)
SAID = {
    "cat": {"licence": "CC0-1.0", "tags": ["animal", "Ähre", "STRASSE"]},
    "dog": {"licence": "CC-BY-4.0", "tags": ["animal"], "pack": "Ödland"},
    "plain 1": {"licence": "CC-BY-4.0", "pack": "100%_x"},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What is heard and what is written: (3, cat), (4, dog); only heard 5; only written 0, low;
    a red sound of 6 s whose middle is green; seven takes of one step on 6, some longer."""
    made = tmp_path_factory.mktemp("search") / "sounds"
    tone(made / "cat.wav", 3, 2.0)
    tone(made / "dog.wav", 4, 2.0)
    tone(made / "plain 1.wav", 5, 2.0)
    sounds.write(made / "low.wav", np.full((1, 1), 0.5, np.float32))
    parts = [sounds.tone(2.0, 16_000, hertz=hertz) for hertz in (40, 350, 40)]
    sounds.write(made / "three parts.wav", np.concatenate(parts, axis=1), 16_000)
    for number in range(7):
        tone(
            made / f"step {number}.wav", 6, 2.0 if number < 4 else 3.0 + number, 0.1 + 0.1 * number
        )
    (made / "broken dog.wav").write_bytes(b"words")
    return made


@pytest.fixture(scope="module")
def searcher(folder: Path) -> Iterator[Searcher]:
    build(folder.with_name("library"), folder)
    with Library.open(folder.with_name("library")) as library:
        for path, known in library.catalog.known(1).items():
            if said := SAID.get(Path(path).stem):
                library.catalog.record([Described(known.sound_id, said)])
        build(library.folder, folder)
        yield Searcher(library, ToyEncoder())


def picture(*axes: int) -> Image.Image:
    """Equal shares of these axes' colours."""
    made = Image.new("RGB", (len(axes), 1))
    for place, axis in enumerate(axes):
        made.paste(COLOURS[axis], (place, 0, place + 1, 1))
    return made


def names(hits: list[Hit]) -> list[str]:
    return [Path(hit.path).stem for hit in hits]


def scores(hits: list[Hit]) -> dict[str, float]:
    return {Path(hit.path).stem: hit.score for hit in hits if hit.score}


def test_the_score_is_what_is_heard_and_what_is_written(searcher: Searcher) -> None:
    found = searcher.by_pictures([picture(3)], Ask(k=99, metadata_weight=0.25))
    third = 1 / np.sqrt(5)  # the clip's direction: two red windows, one green
    assert scores(found) == pytest.approx(
        {"cat": 0.75, "three parts": 0.75 * third, "dog": 0.25}, abs=1e-3
    )
    assert names(found)[:3] == ["cat", "three parts", "dog"]
    cat, three, dog = found[:3]
    assert cat.parts == {"audio": 1.0, "metadata": 0.0}
    assert dog.parts == {"audio": 0.0, "metadata": 1.0}
    assert three.parts["metadata"] is None


@pytest.mark.parametrize("weight", [0.0, 0.25, None, 1.0])
def test_scores_and_parts_agree(searcher: Searcher, weight: float | None) -> None:
    for axes in ((3,), (3, 4), (0, 6)):
        w = 0.5 if weight is None else weight
        hits = searcher.by_pictures([picture(*axes)], Ask(k=99, metadata_weight=weight))
        for hit in hits:
            audio, metadata = (hit.parts[part] or 0.0 for part in ("audio", "metadata"))
            assert hit.score == pytest.approx((1 - w) * audio + w * metadata, abs=2e-4)
        assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
        assert [hit.rank for hit in hits] == list(range(1, len(hits) + 1))


def test_each_part_alone(searcher: Searcher) -> None:
    assert scores(searcher.by_pictures([picture(0)], METADATA)) == {"low": 1.0}
    heard = scores(searcher.by_pictures([picture(5)], AUDIO))
    assert heard == {"plain 1": pytest.approx(1.0, abs=1e-3)}
    low = next(h for h in searcher.by_pictures([picture(0)], METADATA) if h.score)
    assert low.parts == {"audio": None, "metadata": 1.0}


def test_several_pictures_ask_by_their_mean(searcher: Searcher) -> None:
    found = scores(searcher.by_pictures([picture(3), picture(4)], AUDIO))
    assert found["cat"] == found["dog"] == pytest.approx(np.sqrt(0.5), abs=1e-3)


def test_takes_are_one_answer_and_counted(searcher: Searcher) -> None:
    hits = searcher.by_pictures([picture(6)], AUDIO)
    (step,) = [hit for hit in hits if hit.title == "step"]
    assert (step.rank, step.takes) == (1, 6)
    assert len(hits) == 6  # a broken one is no answer
    every = searcher.by_pictures([picture(6)], Ask(k=99, metadata_weight=0.0, all_takes=True))
    assert names(every)[:7] == [f"step {number}" for number in range(7)]
    assert {hit.takes for hit in every} == {0}
    assert len(every) == 12


@pytest.mark.parametrize("k", [1, 2, 5, 6, 7, 1000])
def test_k_come_back_where_k_exist(searcher: Searcher, k: int) -> None:
    ask = Ask(k=k, metadata_weight=0.0)
    assert len(searcher.by_pictures([picture(6)], ask)) == min(k, 6)
    assert len(searcher.by_meaning("bell", ask)) == min(k, 6)
    steps = Ask(k=k, all_takes=True)
    assert len(searcher.by_exact_words("step", steps)) == min(k, 7)


def test_deep_below_many_takes_the_others_are_found(
    searcher: Searcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("query.search.DEEP", 1)
    assert len(searcher.by_exact_words("step OR cat OR dog", Ask(k=3))) == 3


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        (Filters(licences=("by",)), {"dog", "plain 1"}),
        (Filters(licences=("cc0", "CC-BY-4.0")), {"cat", "dog", "plain 1"}),
        (Filters(tags=("ANIMAL",)), {"cat", "dog"}),
        (Filters(tags=("Ähre",)), {"cat"}),
        (Filters(tags=("straße",)), {"cat"}),
        (Filters(tags=("ähre", "animal")), {"cat"}),
        (Filters(packs=("ödland",)), {"dog"}),
        (Filters(packs=("ÖDLAND", "100%_X")), {"dog", "plain 1"}),
        (Filters(packs=("100",)), set()),
        (Filters(min_duration=2.5, max_duration=8.0), {"three parts", "step 4"}),
        (Filters(max_duration=1.0), {"low"}),
        (Filters(sources=("folder",), licences=("cc0",)), {"cat"}),
        (Filters(sources=("freesound",)), set()),
        (Filters(sources=(os.fsdecode(b"caf\xe9"),), packs=(os.fsdecode(b"\xe9"),)), set()),
    ],
)
def test_filters_come_before_ranking(
    searcher: Searcher, filters: Filters, expected: set[str]
) -> None:
    ask = Ask(k=len(expected) or 3, filters=filters, metadata_weight=0.0)
    for axis in (3, 6):  # however far they are
        found = names(searcher.by_pictures([picture(axis)], ask))
        assert {"step 4" if "step" in name else name for name in found} == expected
    for words in ("dog", "step"):
        assert set(names(searcher.by_exact_words(words, ask))) <= {*expected, "step 5", "step 6"}


def test_the_best_moment_is_the_window_that_fits(searcher: Searcher) -> None:
    ask = Ask(k=99, metadata_weight=0.0, cut=False)
    hits = {axis: searcher.by_pictures([picture(axis)], ask) for axis in (0, 3)}
    green, red = (next(h for h in hits[axis] if h.title == "three parts") for axis in (3, 0))
    assert (green.start, green.end) == (2.0, 4.0)
    assert (red.start, red.end) in {(0.0, 2.0), (4.0, 6.0)}
    three = searcher.by_pictures([picture(3)], AUDIO)[1]
    assert 1.9 <= three.start < three.end <= 4.1
    (exact,) = searcher.by_exact_words("parts")
    assert (exact.start, exact.end) == (0.0, 6.0)


def test_a_moment_of_a_file_that_is_not_there_stays(searcher: Searcher, tmp_path: Path) -> None:
    (sound,) = (
        searcher.libraries[0].catalog.sounds([searcher.by_exact_words("parts")[0].id]).values()
    )
    gone = type(sound)(sound.columns, "folder", os.fspath(tmp_path), "gone.wav", "present")
    broken = type(sound)(sound.columns, "folder", os.fspath(tmp_path), "broken.wav", "present")
    broken.path.write_bytes(b"words")
    away = type(sound)(sound.columns, "folder", sound.root_location, sound.relative_path, "offline")
    for each in (gone, broken, away):
        assert cut(each, 2.0, 4.0) == (2.0, 4.0)


def test_a_sound_asks_for_its_like(searcher: Searcher, folder: Path) -> None:
    hits = searcher.by_sound(folder / "dog.wav", Ask(k=2))
    assert (hits[0].title, hits[0].score, hits[0].parts) == ("dog", 1.0, {"audio": 1.0})
    three = searcher.by_sound(folder / "three parts.wav", Ask(k=2))
    assert [(hit.title, hit.score) for hit in three] == [
        ("three parts", 1.0), ("cat", pytest.approx(1 / np.sqrt(5), abs=1e-3))
    ]  # fmt: skip


def test_a_sound_that_cannot_be_asked_with(searcher: Searcher, folder: Path) -> None:
    for name, says in (
        ("nowhere.wav", "There is no file"),
        ("broken dog.wav", "is not a sound file"),
        ("low.wav", "too short"),
        ("", "is a folder"),
    ):
        with pytest.raises(AudioError, match=says):
            searcher.by_sound(folder / name)


def test_a_sound_in_which_nothing_is_heard_is_no_question(
    searcher: Searcher, tmp_path: Path
) -> None:
    silent = sounds.write(tmp_path / "silent.wav", np.zeros((1, 48_000), np.float32))
    with pytest.raises(Unheard, match=r"hears nothing in .*silent\.wav"):
        searcher.by_sound(silent)
    [low] = searcher.by_exact_words("low")  # of which the library has words alone
    with pytest.raises(Unheard, match=f"hears nothing in #{low.id}"):
        searcher.by_sound(f"#{low.id}")
    [first] = searcher.by_sound(silent, Ask(k=1, steering=Steering(toward=[(1.0, "dog")])))
    assert first.title == "cat"  # heard on that axis: asked by the words alone


def test_a_question_that_means_nothing_has_no_answer(searcher: Searcher) -> None:
    assert searcher.by_meaning("xyzzy") == []
    assert searcher.by_pictures([Image.new("RGB", (2, 2))]) == []
    assert searcher.by_exact_words("xyzzy") == []
    assert searcher.by_exact_words("") == []


def test_what_a_searcher_lacks_it_says(searcher: Searcher) -> None:
    class Other(ToyEncoder):
        name = "other"

    class Blind(ToyEncoder):
        def embed_images(self, images: Sequence[Image.Image]) -> Vectors:
            raise ModalityMissing("put your glasses on")

    alone = Searcher(searcher.libraries[0], None)
    assert names(alone.by_words("cat")) == names(alone.by_exact_words("cat")) == ["cat"]
    with pytest.raises(EncoderError, match="needs the model"):
        alone.by_pictures([picture(3)])
    with pytest.raises(ModalityMissing, match="glasses"):
        Searcher(searcher.libraries[0], Blind()).by_pictures([picture(3)])
    with pytest.raises(EncoderMismatch, match="built with toy"):
        Searcher(searcher.libraries[0], Other())


def test_equal_scores_keep_one_order(searcher: Searcher) -> None:
    first = [hit.id for hit in searcher.by_pictures([picture(1)], AUDIO)]
    assert first == sorted(first)
    assert len(first) == 6  # nothing is like it, and k exist


def test_one_of_several_words_is_no_exact_answer(searcher: Searcher) -> None:
    assert names(searcher.by_exact_words("dog plain")) != []  # each has one of them
    assert searcher.by_words("dog plain") == searcher.by_meaning("dog plain")
    first = searcher.by_words("animal dog")[0]  # has both: first in one list, second in the other
    assert (first.title, first.score) == ("dog", pytest.approx((1 + 61 / 62) / 2, abs=1e-4))
    assert searcher.by_words("dog - plain !") == searcher.by_meaning("dog - plain !")


def test_an_empty_library_has_no_answers(tmp_path: Path) -> None:
    (tmp_path / "sounds").mkdir()
    done = run("build-index", tmp_path / "sounds", "--encoder", "toy", "--library", tmp_path / "l")
    assert done.code == 0
    with Library.open(tmp_path / "l") as library:
        empty = Searcher(library, ToyEncoder())
        assert empty.by_pictures([picture(3)]) == []
        assert empty.by_meaning("dog") == empty.by_words("dog") == empty.by_exact_words("dog") == []
        path = tone(tmp_path / "x.wav", 3)
        assert empty.by_sound(path) == []


@pytest.mark.slow
def test_a_path_shown_is_one_that_is_there(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "sounds")
    shutil.copy(tmp_path / "sounds/cat.wav", tmp_path / "sounds/a copy.wav")
    build(tmp_path / "library", tmp_path / "sounds")
    for gone, shown in (("a copy.wav", "cat.wav"), ("cat.wav", "a copy.wav")):
        (tmp_path / "sounds" / gone).rename(tmp_path / "aside")
        build(tmp_path / "library", tmp_path / "sounds")
        with Library.open(tmp_path / "library") as library:
            hit = Searcher(library, ToyEncoder()).by_pictures([picture(3)], AUDIO)[0]
        assert (Path(hit.path).name, hit.state) == (shown, "present")
        (tmp_path / "aside").rename(tmp_path / "sounds" / gone)
        build(tmp_path / "library", tmp_path / "sounds")


def test_only_as_many_rows_are_read_as_are_shown(searcher: Searcher) -> None:
    """However the list is cut into parts: takes and copies are passed over alike."""
    ids = searcher.libraries[0].catalog.allowed(Filters()).tolist()
    keys = [(0, key) for key in ids]
    for all_takes in (False, True):
        every = list(searcher._kept(keys, Ask(k=99, all_takes=all_takes)))
        asks = [Ask(k=k, all_takes=all_takes) for k in range(1, 8)]
        parted = [list(searcher._kept(keys * 40, ask)) for ask in asks]
        assert parted == [every[:k] for k in range(1, 8)]
    asked: list[int] = []
    read = searcher.shelves.sounds
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            searcher.shelves, "sounds", lambda keys: asked.append(len(keys)) or read(keys)
        )
        assert len(searcher._kept(keys * 40, Ask(k=2))) == 2
    assert asked == [18]


def test_a_row_that_is_damaged_later_is_read_from_the_catalog(
    searcher: Searcher, caplog: pytest.LogCaptureFixture
) -> None:
    """Its file keeps its time, so that it is opened as if all were well."""
    asked = Ask(k=3, metadata_weight=0.25)
    before = searcher.by_pictures([picture(3)], asked)
    library = searcher.libraries[0]
    with library.lock():
        for path in (library.folder / "index").iterdir():
            path.unlink()
        encoder = ToyEncoder()
        spaces = [library.spaces(encoder)[part] for part in ("audio", "metadata")]
        library.index(spaces, [encoder.dims[part] for part in ("audio", "metadata")], save=True)
    (path,) = (library.folder / "index").glob("clips-*")
    facts, data = path.stat(), path.read_bytes()
    path.write_bytes(data[:-400] + bytes([63]) * 400)  # 0.7 everywhere: near to all
    os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    again = Searcher(library, ToyEncoder())
    assert again.by_pictures([picture(3)], asked) == before
    assert path.name in caplog.text
