"""study.toml: what it may say, and what is said of what it may not."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from films import film
from libraries import CountingEncoder, tone
from numpy.testing import assert_allclose
from studies import TOML, on_disk

from indexer.errors import StudyError
from indexer.library import Library
from indexer.progress import Progress
from indexer.sources import generated
from indexer.sources.generated import Facts
from query.evaluation.embedding import Embedder, embed, scales
from query.evaluation.study import Study, read_study
from query.shelf import Shelf


@pytest.fixture(scope="module")
def study_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return on_disk(tmp_path_factory.mktemp("study"))


def test_what_it_says(study_file: Path) -> None:
    study = read_study(study_file)
    assert [scene.name for scene in study.scenes] == ["red", "blue", "green"]
    red, blue, _ = study.scenes
    assert [study.shown(frame) for frame in red.frames] == [
        f"frames/red/{number}.png" for number in range(3)
    ]
    assert [study.shown(each.sound) for each in red.candidates] == [
        "sounds/0 low.wav", "sounds/1 growl.wav",
    ]  # fmt: skip
    assert [each.arm for each in blue.candidates] == ["retrieved", "retrieved", "generated"]
    assert study.lacking_reference == ["green"]
    assert len(study.pairs) == 3 * 2 + 3 * 3
    assert study.pairs[0].text == "red thunder"
    assert len(study.outside_pictures) == len(study.outside_sounds) == 1


def test_frames_are_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    mine = on_disk(tmp_path)
    for number in (10, 9, 100):
        shutil.copy(tmp_path / "frames/red/2.png", tmp_path / f"frames/red/{number}.png")
    frames = read_study(mine).scenes[0].frames
    assert [frame.stem for frame in frames] == ["0", "1", "2", "9", "10", "100"]


def changed(study_file: Path, before: str, after: str) -> Path:
    other = study_file.with_name("changed.toml")
    assert before in TOML
    other.write_text(TOML.replace(before, after, 1), encoding="utf-8")
    return other


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("[[scene]]", "[scene", "is not TOML"),
        ('name = "blue"', 'name = "red"', "two scenes are named 'red'"),
        ('name = "red"', "", "a scene has no name"),
        ("frames/red/*.png", "frames/none/*.png", "no such file"),
        ('frames = ["frames/red/*.png"]', "", "has no frames"),
        ('reference_frame = "frames/red/0.png"', "", "has no reference_frame"),
        ('"frames/red/0.png"', '"frames/red"', "fits 3 files: name one"),
        ('text = "red thunder"', 'txt = "red thunder"', "has no 'txt'; it may have"),
        ('frames = "frames/blue"', 'frames = ["frames/red/0.png"]', "a frame shows one scene"),
        ('group = "high"', 'group = "outside"', "is named outside"),
        ('frames = ["frames/green.png"]', "frames = 3", "no list of paths"),
        ("[outside]", "[elsewhere]", "the study has no 'elsewhere'"),
        ('title = "Red and blue"', 'pairs = "none.csv"', "cannot be read as CSV"),
    ],
)
def test_what_it_may_not_say(study_file: Path, before: str, after: str, said: str) -> None:
    with pytest.raises(StudyError, match=said):
        read_study(changed(study_file, before, after))


def test_a_study_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="check the name"):
        read_study(tmp_path / "none.toml")
    (tmp_path / "empty.toml").write_text("")
    with pytest.raises(StudyError, match=r"has no \[\[scene\]\]"):
        read_study(tmp_path / "empty.toml")


def test_pairs_of_ones_own(study_file: Path) -> None:
    (study_file.parent / "pairs.csv").write_text(
        "sound,frame,text,arm,note\n"
        "sounds/0 low.wav,frames/red/1.png,thunder,,seen\n"
        "#2,frames/blue/0.png,,random,\n"
    )
    study = read_study(changed(study_file, "title", 'pairs = "pairs.csv"\ntitle'))
    assert study.files[0] == study_file.with_name("pairs.csv")  # so that it is frozen too
    first, second = study.pairs
    assert (first.scene, first.text, first.arm) == ("red", "thunder", "retrieved")
    assert (second.scene, second.text, second.arm, second.sound) == (
        "blue", "blue bird", "random", "#2",
    )  # fmt: skip
    (study_file.parent / "pairs.csv").write_text("frame,sound\nframes/white.png,#1\n")
    with pytest.raises(StudyError, match=r"line 2: 'frames/white.png' is a frame of no scene"):
        read_study(study_file.with_name("changed.toml"))
    (study_file.parent / "pairs.csv").write_text("frame,audio\n")
    with pytest.raises(StudyError, match="has no column 'sound'"):
        read_study(study_file.with_name("changed.toml"))


def test_a_generated_sound_has_the_words_it_was_made_from(study_file: Path) -> None:
    manifest = study_file.parent / "made/blue.json"
    facts = Facts("a blue bird sings", "audioldm", "0" * 64, "CC-BY-NC-SA-4.0", 0, 5.0, 10, 2.5)
    generated.write(manifest, facts)
    texts = {pair.arm: pair.text for pair in read_study(study_file).pairs if pair.scene == "blue"}
    assert texts == {"retrieved": "blue bird", "generated": "a blue bird sings"}
    assert manifest in read_study(study_file).files  # a frozen study has fixed words
    manifest.unlink()
    assert manifest not in read_study(study_file).files


class Stages(Progress):
    def __init__(self) -> None:
        self.totals: dict[str, float] = {}

    def stage(self, name: str, total: float, unit: str = "files") -> None:
        self.totals[name] = total


def embedded(study: Study, library: Path) -> tuple[Embedder, CountingEncoder]:
    encoder = CountingEncoder()
    with Library.open(library) as opened:
        embedder = Embedder(Shelf(opened, encoder), encoder)
        embedder.sounds(each.sound for scene in study.scenes for each in scene.candidates)
    return embedder, encoder


def test_a_sound_of_the_library_is_not_heard_again(study_file: Path) -> None:
    study = read_study(study_file)
    embedder, encoder = embedded(study, study_file.parent / "library")
    assert encoder.heard == 1  # made/blue.wav
    assert len(embedder.found.sounds) == 5
    assert embedder.found.raw == {}


def test_a_sound_that_was_changed_since_the_build_is_heard_again(tmp_path: Path) -> None:
    mine = on_disk(tmp_path)
    tone(mine.parent / "sounds/1 growl.wav", 3, 0.7)
    embedder, encoder = embedded(read_study(mine), mine.parent / "library")
    assert encoder.heard == 2
    row = embedder.found.sounds[str(mine.parent / "sounds/1 growl.wav")]
    assert row.argmax() == 3


def test_everything_is_embedded_once(study_file: Path) -> None:
    study, encoder, stages = read_study(study_file), CountingEncoder(), Stages()
    with Library.open(study_file.parent / "library") as library:
        found = embed(study, Shelf(library, encoder), encoder, stages)
    assert stages.totals == {"Looking at pictures": 8, "Listening to sounds": 6}
    assert (len(found.pictures), len(found.texts), len(found.sounds)) == (8, 2, 6)
    assert found.absent == []


def test_a_video_is_the_mean_of_its_pictures(study_file: Path) -> None:
    def halves(number: int) -> Any:
        picture = np.zeros((48, 160, 3), np.uint8)
        picture[:, :, 0 if number < 25 else 2] = 255  # red, then blue
        return picture

    clip = film(study_file.parent / "frames/film.mp4", draw=halves)
    with Library.open(study_file.parent / "library") as library:
        embedder = Embedder(Shelf(library, CountingEncoder()), CountingEncoder())
        embedder.pictures([study_file.parent / "frames/red/0.png", clip])
    row = embedder.found.pictures[clip]
    assert_allclose(row[[0, 5]], [np.sqrt(1 / 2)] * 2, atol=0.12)
    assert row[[1, 2, 3, 4, 6, 7]].max() < 0.3


def test_a_clip_that_the_library_lacks(study_file: Path) -> None:
    study = read_study(changed(study_file, '"sounds/0*.wav"', '"#99"'))
    with pytest.raises(StudyError, match="has heard no sound #99"):
        embedded(study, study_file.parent / "library")


def test_raw_vectors_are_those_of_a_model_heard_as_its_authors_do() -> None:
    class Raw(CountingEncoder):
        raw_scale = 20.0

    assert scales(Raw(), "official") == ("unit", "raw")
    assert scales(Raw(), "all") == scales(CountingEncoder(), "official") == ("unit",)


def test_raw_vectors_keep_what_windows_disagree_in(study_file: Path) -> None:
    """20 times the mean of unit windows: a sound of two kinds is shorter than 20."""
    import sounds

    class Raw(CountingEncoder):
        raw_scale = 20.0

    two = np.concatenate(
        [sounds.tone(2.0, 16_000, hertz=hertz, peak=0.5) for hertz in (40, 700)], axis=1
    )
    path = sounds.write(study_file.parent / "two.wav", two, 16_000)
    with Library.open(study_file.parent / "library") as library:
        object.__setattr__(library.config, "windows", "official")
        embedder = Embedder(Shelf(library, Raw()), Raw())
        embedder.sounds([str(path), "#1"])
    raw = embedder.found.raw
    assert_allclose(np.linalg.norm(raw[str(path)]), 20 / np.sqrt(2), rtol=1e-3)
    assert_allclose(np.linalg.norm(raw["#1"]), 20, rtol=1e-3)
