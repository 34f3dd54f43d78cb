"""Experiment 3: distance of sounds from the SLERP target (Eqs. 2 and 3), and Table 1."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from indexer.errors import StudyError
from query.evaluation.metrics import distance

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from query.evaluation.embedding import Embedded, Row, Scale
    from query.evaluation.study import Scene, Study

METRICS = (
    "slerp_cosine", "slerp_euclidean", "reference_cosine", "reference_euclidean", "frame_cosine",
)  # fmt: skip
TABLE_COLUMNS = ("scale", "target", "arm", "metric", "audio", "image", "mean", "sd", "n")
RANKING_COLUMNS = (
    "scene", "frame", "sound", "sound_scene", "arm", "related", "scale", "target", *METRICS, "rank",
)  # fmt: skip
SHARE_COLUMNS = (
    "scene", "scale", "target", "metric", "candidates", "frames", "frame_share", "same_first",
)  # fmt: skip
CELLS = (
    ("unrelated", "related"),
    ("unrelated", "unrelated"),
    ("related", "unrelated"),
    ("related", "related"),
)
"""(audio, image) in the order of the paper's table."""


@dataclass(frozen=True, slots=True)
class Slerp:
    """Rows by the columns above.

    table     Table 1: mean, sd and number of distances for each cell; related = of the scene whose
              reference is used, whatever other scenes name that sound too. A frame that is the
              reference counts; the reference sound is no candidate of itself
    rankings  each scene's frames with every candidate, best first by `slerp_cosine`
    shares    how much of a ranking's variance the frame explains, and the share of frames whose
              first sound is the one nearest to the reference sound
    lacking   scenes without a reference, or of which a vector is absent
    """

    table: list[dict[str, Any]]
    rankings: list[dict[str, Any]]
    shares: list[dict[str, Any]]
    lacking: list[str]


@dataclass(frozen=True, slots=True)
class _Case:
    """One reference pair at one scale and target: (candidates, frames) distances."""

    scene: Scene
    scale: Scale
    target: distance.Target
    sounds: Sequence[tuple[str, str, str]]  # name, scene, arm
    frames: Sequence[tuple[Path, str]]
    tables: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)


def measure(
    study: Study, found: Embedded, scales: Sequence[Scale] = ("unit",), theta: float = 0.5
) -> Slerp:
    """Raises StudyError where no scene has a reference pair and candidates."""
    cases = list(_cases(study, found, scales, theta))
    if not cases:
        raise StudyError(
            f"{study.path}: no scene has a reference frame, a reference sound and candidates of "
            "which the model has vectors: name them."
        )
    measured = {case.scene.name for case in cases}
    return Slerp(
        table=_table(cases),
        rankings=[row for case in cases for row in _rankings(study, case)],
        shares=[row for case in cases for row in _shares(case)],
        lacking=[scene.name for scene in study.scenes if scene.name not in measured],
    )


def _cases(study: Study, found: Embedded, scales: Sequence[Scale], theta: float) -> Iterator[_Case]:
    frames = [
        (frame, scene.name)
        for scene in study.scenes
        for frame in scene.frames
        if frame in found.pictures
    ]
    for scene in study.scenes:
        sounds = [
            each
            for each in _sounds(study, scene)
            if each[0] in found.sounds and each[0] != scene.reference_sound
        ]
        if scene.reference_frame not in found.pictures or not (sounds and frames):
            continue
        for scale in scales:
            reference = found.heard(scale).get(scene.reference_sound or "")
            if reference is None:
                continue
            rows = np.stack([found.heard(scale)[name] for name, *_ in sounds])
            seen = np.stack([found.pictures[frame] for frame, _ in frames])
            for kind in distance.TARGETS:
                origin = found.pictures[scene.reference_frame]
                tables = _evaluated(study, scene, (rows, reference, seen, origin), theta, kind)
                yield _Case(scene, scale, kind, sounds, frames, tables)


def _sounds(study: Study, scene: Scene) -> list[tuple[str, str, str]]:
    """Name, scene and arm of every candidate, once an arm: where several scenes name a sound, it
    is of this one if this one does, else of the first."""
    owners: dict[tuple[str, str], str] = {}
    for owner in (scene, *study.scenes):
        for each in owner.candidates:
            owners.setdefault((each.sound, each.arm), owner.name)
    return [(sound, owner, arm) for (sound, arm), owner in owners.items()]


def _evaluated(
    study: Study, scene: Scene, rows: tuple[Row, Row, Row, Row], theta: float, kind: distance.Target
) -> dict[str, NDArray[np.float64]]:
    try:
        return distance.evaluate(*rows, theta, kind)
    except ValueError as error:
        raise StudyError(
            f"{study.path}: with the reference of scene {scene.name!r} no target can be made "
            f"({error}): take another reference."
        ) from error


def _table(cases: Sequence[_Case]) -> list[dict[str, Any]]:
    held: dict[tuple[str, ...], list[NDArray[np.float64]]] = {}
    for case in cases:
        own_sound = np.array([scene == case.scene.name for _, scene, _ in case.sounds])
        own_frame = np.array([scene == case.scene.name for _, scene in case.frames])
        arms = np.array([arm for *_, arm in case.sounds])
        for arm in dict.fromkeys(arms.tolist()):
            for metric, values in case.tables.items():
                for audio, image in CELLS:
                    rows = (own_sound == (audio == "related")) & (arms == arm)
                    columns = own_frame == (image == "related")
                    key = (case.scale, case.target, arm, metric, audio, image)
                    held.setdefault(key, []).append(values[np.ix_(rows, columns)].ravel())
    return [_cell(key, np.concatenate(values)) for key, values in held.items()]


def _cell(key: tuple[str, ...], values: NDArray[np.float64]) -> dict[str, Any]:
    mean = float(values.mean()) if len(values) else float("nan")
    sd = float(values.std(ddof=1)) if len(values) > 1 else float("nan")
    row = dict(zip(TABLE_COLUMNS, key, strict=False))
    return {**row, "mean": mean, "sd": sd, "n": len(values)}


def printed(table: Sequence[Mapping[str, Any]]) -> dict[str, list[dict[str, str]]]:
    """Table 1 as one reads it, for each arm: a row a metric, scale and target, a column a cell.

    Baselines know of no target and are told once for each scale.
    """
    arms: dict[str, dict[tuple[str, ...], dict[str, str]]] = {}
    for row in table:
        aimed = str(row["metric"]).startswith("slerp")
        key = (row["metric"], row["scale"], row["target"] if aimed else "-")
        line = arms.setdefault(row["arm"], {}).setdefault(
            key, {"metric": key[0], "scale": key[1], "target": key[2]}
        )
        name = f"audio {row['audio']}, image {row['image']}"
        line[name] = f"{row['mean']:.3f} ± {row['sd']:.3f} ({row['n']})" if row["n"] else "-"
    return {arm: list(lines.values()) for arm, lines in arms.items()}


def _rankings(study: Study, case: _Case) -> Iterator[dict[str, Any]]:
    for column, (frame, scene) in enumerate(case.frames):
        if scene != case.scene.name:
            continue
        order = np.argsort(case.tables["slerp_cosine"][:, column], kind="stable")
        for rank, at in enumerate(order.tolist(), 1):
            sound, owner, arm = case.sounds[at]
            yield {
                "scene": scene,
                "frame": study.shown(frame),
                "sound": study.shown(sound),
                "sound_scene": owner,
                "arm": arm,
                "related": int(owner == scene),
                "scale": case.scale,
                "target": case.target,
                **{name: float(case.tables[name][at, column]) for name in METRICS},
                "rank": rank,
            }


def _shares(case: _Case) -> Iterator[dict[str, Any]]:
    own = [column for column, (_, scene) in enumerate(case.frames) if scene == case.scene.name]
    for metric, baseline in (
        ("slerp_cosine", "reference_cosine"),
        ("slerp_euclidean", "reference_euclidean"),
    ):
        table, plain = case.tables[metric][:, own], case.tables[baseline][:, own]
        yield {
            "scene": case.scene.name,
            "scale": case.scale,
            "target": case.target,
            "metric": metric,
            "candidates": table.shape[0],
            "frames": table.shape[1],
            "frame_share": distance.frame_share(table),
            "same_first": float((table.argmin(axis=0) == plain.argmin(axis=0)).mean()),
        }
