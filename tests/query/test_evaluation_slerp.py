"""Table 1 from planted vectors: what the paper's numbers are made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose
from studies import planted

from indexer.errors import StudyError
from query.evaluation import slerp
from query.evaluation.metrics import distance
from query.evaluation.slerp import CELLS, Slerp


@pytest.fixture(scope="module")
def measured() -> Slerp:
    return slerp.measure(*planted(), ("unit", "raw"))


def cells(measured: Slerp, **chosen: str) -> dict[tuple[str, str], Mapping[str, Any]]:
    """The four cells of one table, by (audio, image)."""
    found = [r for r in measured.table if all(r[name] == chosen[name] for name in chosen)]
    assert len(found) == 4
    return {(row["audio"], row["image"]): row for row in found}


def test_table_1_of_the_paper_comes_out_of_raw_vectors(measured: Slerp) -> None:
    """Cosines of .225 and .805 at length 20: 24.9 and 12.5, whatever the image is."""
    rows = cells(measured, scale="raw", target="literal", metric="slerp_euclidean")
    assert list(rows) == list(CELLS)
    for (audio, _), row in rows.items():
        assert_allclose(row["mean"], 12.5 if audio == "related" else 24.9, atol=0.06)
    # 3 references, 30 sounds, 63 frames
    assert [row["n"] for row in rows.values()] == [1260, 2520, 1260, 630]


def test_independent_vectors_of_length_20_lie_28_apart() -> None:
    rows = 20 * distance._unit(np.random.default_rng(0).standard_normal((200, 2, 1024)))
    assert_allclose(distance.euclidean(rows[:, 0], rows[:, 1]).mean(), 28.3, atol=0.1)


def test_at_unit_scale_related_sounds_are_nearer_too(measured: Slerp) -> None:
    rows = cells(measured, scale="unit", target="literal", metric="slerp_cosine")
    for image in ("related", "unrelated"):
        assert rows["related", image]["mean"] < rows["unrelated", image]["mean"] - 0.1


def test_the_frame_explains_next_to_nothing_of_the_raw_ranking(measured: Slerp) -> None:
    """A unit vector turns one of length 20 by less than 3 degrees."""
    shares = {(r["scale"], r["target"], r["metric"]): r["frame_share"] for r in measured.shares}
    assert shares["raw", "literal", "slerp_euclidean"] < 0.001
    assert shares["unit", "literal", "slerp_cosine"] > shares["raw", "literal", "slerp_cosine"]


def test_baselines_know_of_no_target_and_stand_beside(measured: Slerp) -> None:
    for metric in ("reference_cosine", "reference_euclidean", "frame_cosine"):
        literal, analogy = (
            cells(measured, scale="unit", target=target, metric=metric)
            for target in ("literal", "analogy")
        )
        for cell in CELLS:
            assert literal[cell]["mean"] == analogy[cell]["mean"]
    rows = cells(measured, scale="unit", target="literal", metric="reference_cosine")
    assert_allclose(rows["related", "related"]["mean"], 1 - 0.805, atol=1e-6)
    assert_allclose(rows["unrelated", "related"]["mean"], 1 - 0.225, atol=1e-6)


def test_rankings_are_of_each_scenes_own_frames(measured: Slerp) -> None:
    first = [row for row in measured.rankings if row["rank"] == 1]
    assert len(first) == 3 * 21 * 2 * 2  # scenes, frames, scales, targets
    assert all(row["related"] for row in first)
    assert all(row["sound"] != f"{row['scene']}.wav" for row in measured.rankings)


def test_printed_as_the_paper_prints_it(measured: Slerp) -> None:
    [(arm, rows)] = slerp.printed(measured.table).items()
    assert arm == "retrieved"
    [row] = [
        r for r in rows if (r["metric"], r["scale"]) == ("slerp_euclidean", "raw")
        and r["target"] == "literal"
    ]  # fmt: skip
    assert row["audio related, image unrelated"].startswith("12.5")
    assert row["audio unrelated, image related"].startswith("24.9")


def test_arms_stand_apart() -> None:
    study, found = planted(scenes=2, frames=2, candidates=2)
    scene = study.scenes[0]
    made = tuple(replace(each, arm="generated") for each in scene.candidates[:1])
    scene = replace(scene, candidates=made + scene.candidates[1:])
    measured = slerp.measure(replace(study, scenes=(scene, study.scenes[1])), found)
    assert list(slerp.printed(measured.table)) == ["generated", "retrieved"]
    rows = cells(measured, arm="generated", target="literal", metric="slerp_cosine")
    assert [row["n"] for row in rows.values()] == [2, 2, 2, 2]


def test_a_sound_that_all_scenes_name_is_ranked_once_and_related() -> None:
    study, found = planted(scenes=2, frames=2, candidates=2)
    everything = tuple(each for scene in study.scenes for each in scene.candidates)
    scenes = tuple(replace(scene, candidates=everything) for scene in study.scenes)
    measured = slerp.measure(replace(study, scenes=scenes), found)
    rows = cells(measured, target="literal", metric="slerp_cosine")
    assert [row["n"] for row in rows.values()] == [0, 0, 16, 16]
    one = [
        row["sound"] for row in measured.rankings
        if (row["frame"], row["target"]) == ("scene 0/0.png", "literal")
    ]  # fmt: skip
    assert sorted(one) == sorted(each.sound for each in everything)


def test_a_scene_without_reference_is_reported_and_its_sounds_still_count() -> None:
    study, found = planted(scenes=3, frames=2, candidates=2)
    lacking = replace(study.scenes[2], reference_sound=None)
    study = replace(study, scenes=(*study.scenes[:2], lacking))
    measured = slerp.measure(study, found)
    assert measured.lacking == study.lacking_reference == ["scene 2"]
    rows = cells(measured, target="literal", metric="slerp_cosine")
    assert rows["unrelated", "related"]["n"] == 2 * 4 * 2  # references, others' sounds, frames
    none = replace(study, scenes=(lacking,))
    with pytest.raises(StudyError, match="no scene has a reference frame, a reference sound"):
        slerp.measure(none, found)
