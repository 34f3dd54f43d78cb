"""Inconsistency of planted items, and of groups that lie as they were put."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

from indexer.errors import StudyError
from query.evaluation import inconsistency
from query.evaluation.embedding import Embedded
from query.evaluation.study import Pair, Study

IMAGE = Path("/frames/a.png")


def at(degrees: float) -> Any:
    return np.array([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))])


def item(text: float, audio: float, group: str = "") -> tuple[Pair, Embedded]:
    """A picture at 0 degrees, its words and its sound elsewhere."""
    frame = Path(f"/{text}/{audio}.png")
    pair = Pair("scene", group, frame, f"{audio}.wav", f"{text}", "retrieved")
    found = Embedded({frame: at(0)}, {pair.text: at(text)}, {pair.sound: at(audio)})
    return pair, found


def study(*items: tuple[Pair, Embedded], **outside: Any) -> tuple[Study, Embedded]:
    found = Embedded()
    for _, each in items:
        found.pictures.update(each.pictures)
        found.texts.update(each.texts)
        found.sounds.update(each.sounds)
    return Study(Path("/study.toml"), "", (), tuple(p for p, _ in items), **outside), found


def test_the_best_are_nearest_to_zero_with_both_terms_beside() -> None:
    measured = inconsistency.measure(*study(item(10, 80), item(40, 45), item(60, 90), item(30, 20)))
    places = [(row["text"], row["place"]) for row in measured.items]
    assert places == [("60", 1), ("40", 2), ("30", 3), ("10", 4)]
    first = measured.items[0]  # the sound is twice as far as the words: 0, and no good sound
    assert_allclose(first["inconsistency"], 0, atol=1e-6)
    assert_allclose([first["d_image_text"], first["d_image_audio"]], [0.5, 1.0], atol=1e-6)


def test_groups_and_the_direction_of_their_difference() -> None:
    low = [item(70 + n, 80 + n, "low") for n in range(5)]
    high = [item(20 + n, 82 + n, "high") for n in range(5)]
    measured = inconsistency.measure(*study(*low, *high))
    text, audio = measured.differences
    assert text["says"] == "low lies higher than high (large)"
    assert text["cliffs_delta"] == 1.0
    assert audio["says"].startswith("low lies lower than high")
    assert audio["difference"] < 0
    assert_allclose(measured.groups[0]["mean"], np.mean([1 - at(70 + n)[0] for n in range(5)]))
    assert [row["n"] for row in measured.groups] == [5, 5, 5, 5]


def test_groups_that_lie_alike_are_not_told_apart() -> None:
    text, _audio = inconsistency.measure(
        *study(item(20, 30, "low"), item(40, 50, "low"), item(20, 31, "high"), item(40, 51, "high"))
    ).differences
    assert text["cliffs_delta"] == 0
    assert text["says"] == "neither low nor high lies higher"


def test_what_is_outside_lies_farther() -> None:
    made, found = study(item(10, 20), item(12, 30))
    strange, noise = Path("/outside.png"), "noise.wav"
    found.pictures[strange], found.sounds[noise] = at(170), at(120)
    made = replace(made, outside_pictures=(strange,), outside_sounds=(noise,))
    measured = inconsistency.measure(made, found)
    # the strange picture with both words; with both sounds, and two frames with the noise
    counts = {(row["term"], row["group"]): row["n"] for row in measured.groups}
    assert counts["d_image_text", "outside"] == 2
    assert counts["d_image_audio", "outside"] == 4
    for row in measured.differences:
        assert (row["first"], row["auroc"]) == ("outside", 1.0)
        assert row["says"] == "outside lies higher than the scenes (large)"


def test_what_fits_nothing_is_compared_with_what_does_not_fit() -> None:
    """A picture that lies as far from all words as other scenes' do is not told apart by that."""
    (one, near), (two, far) = item(0, 10), item(90, 100)
    two = replace(two, scene="another")
    found = Embedded(
        {one.frame: at(0), two.frame: at(90)},
        {**near.texts, **far.texts}, {**near.sounds, **far.sounds},
    )  # fmt: skip
    made = Study(Path("/study.toml"), "", (), (one, two))
    assert {row["group"] for row in inconsistency.measure(made, found).groups} == {""}
    strange = Path("/outside.png")
    found.pictures[strange] = at(180)
    measured = inconsistency.measure(replace(made, outside_pictures=(strange,)), found)
    auroc = {(r["first"], r["second"]): r["auroc"] for r in measured.differences
             if r["term"] == "d_image_text"}  # fmt: skip
    assert auroc["outside", ""] == 1
    assert auroc["outside", "other scenes"] == 0.75  # 2 and 1, against 1 and 1


def test_words_that_stand_beside_several_sounds_count_once() -> None:
    pair, found = item(10, 20)
    second = replace(pair, sound="other.wav")
    found.sounds["other.wav"] = at(40)
    measured = inconsistency.measure(
        Study(Path("/study.toml"), "", (), (pair, second)), found
    )  # fmt: skip
    assert [row["n"] for row in measured.groups] == [1, 2]


def test_what_lacks_a_vector_is_counted() -> None:
    made, found = study(item(10, 20), item(30, 40))
    del found.sounds["40.wav"]
    assert inconsistency.measure(made, found).absent == 1
    found.texts.clear()
    with pytest.raises(StudyError, match="no frame has both words and a sound"):
        inconsistency.measure(made, found)
