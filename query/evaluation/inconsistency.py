"""Experiment 2: how far image, text and sound of an item agree (Eq. 1)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from indexer.errors import StudyError
from query.evaluation.metrics import distance, separation
from query.evaluation.study import OTHERS, OUTSIDE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from query.evaluation.embedding import Embedded
    from query.evaluation.study import Study

    Values = NDArray[np.float64]

TERMS = ("d_image_text", "d_image_audio")
ITEM_COLUMNS = (
    "scene", "group", "frame", "text", "sound", "arm", *TERMS, "inconsistency", "place",
)  # fmt: skip
GROUP_COLUMNS = ("term", "group", "n", "mean", "sd", "lowest", "highest")
DIFFERENCE_COLUMNS = (
    "term", "first", "second", "difference", "cohens_d", "cliffs_delta", "auroc", "says",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Inconsistency:
    """Rows by the columns above.

    items        nearest to 0 first, `place` from 1
    groups       of either term, for each group of scenes, and `outside` where there is some; then
                 also `other scenes`: frames with words and sounds of other scenes. What is outside
                 fits nothing, and so do these: only what is farther than they are is told apart
    differences  of any two groups: which lies higher, and how much
    values       term → group → distances: what the histograms show
    absent       items left out, as a vector of theirs is absent
    """

    items: list[dict[str, Any]]
    groups: list[dict[str, Any]]
    differences: list[dict[str, Any]]
    values: dict[str, dict[str, Values]]
    absent: int


def measure(study: Study, found: Embedded) -> Inconsistency:
    """Raises StudyError where no item has image, text and sound."""
    items = _items(study, found)
    if not items:
        raise StudyError(
            f"{study.path}: no frame has both words and a sound: give scenes a text and "
            "candidates, or name them in pairs.csv."
        )
    values = _values(items, {OUTSIDE: _outside(study, found), OTHERS: _others(study, found)})
    return Inconsistency(
        items=items,
        groups=[_group(term, name, each) for term in TERMS for name, each in values[term].items()],
        differences=[
            _difference(term, first, second, values[term])
            for term in TERMS
            for first, second in combinations(_outside_first(values[term]), 2)
        ],
        values=values,
        absent=len(study.pairs) - len(items),
    )


def _items(study: Study, found: Embedded) -> list[dict[str, Any]]:
    rows = []
    for pair in study.pairs:
        image, text = found.pictures.get(pair.frame), found.texts.get(pair.text)
        audio = found.sounds.get(pair.sound)
        if image is None or text is None or audio is None:
            continue
        rows.append(
            {
                "scene": pair.scene,
                "group": pair.group,
                "frame": study.shown(pair.frame),
                "text": pair.text,
                "sound": study.shown(pair.sound),
                "arm": pair.arm,
                "d_image_text": float(distance.cosine(image, text)),
                "d_image_audio": float(distance.cosine(image, audio)),
                "inconsistency": float(distance.inconsistency(image, text, audio)),
            }
        )
    order = distance.most_consistent(np.array([row["inconsistency"] for row in rows]), len(rows))
    return [{**rows[at], "place": place} for place, at in enumerate(order.tolist(), 1)]


def _outside(study: Study, found: Embedded) -> dict[str, list[float]]:
    """Distances of pictures from outside to the scenes' words and sounds, of sounds from outside
    to the scenes' frames."""
    pictures = [found.pictures[p] for p in study.outside_pictures if p in found.pictures]
    sounds = [found.sounds[s] for s in study.outside_sounds if s in found.sounds]
    texts = [found.texts[t] for t in dict.fromkeys(p.text for p in study.pairs) if t in found.texts]
    named = dict.fromkeys(pair.sound for pair in study.pairs)
    heard = [found.sounds[name] for name in named if name in found.sounds]
    frames = dict.fromkeys(pair.frame for pair in study.pairs)
    seen = [found.pictures[frame] for frame in frames if frame in found.pictures]
    return {
        "d_image_text": _all_pairs(pictures, texts),
        "d_image_audio": _all_pairs(pictures, heard) + _all_pairs(seen, sounds),
    }


def _others(study: Study, found: Embedded) -> dict[str, list[float]]:
    """Distances of frames to the words and sounds that only other scenes have."""
    made: dict[str, list[float]] = {term: [] for term in TERMS}
    for scene in dict.fromkeys(pair.scene for pair in study.pairs):
        own = [pair for pair in study.pairs if pair.scene == scene]
        rest = [pair for pair in study.pairs if pair.scene != scene]
        frames = dict.fromkeys(pair.frame for pair in own)
        seen = [found.pictures[frame] for frame in frames if frame in found.pictures]
        texts = dict.fromkeys(p.text for p in rest if p.text not in {o.text for o in own})
        sounds = dict.fromkeys(p.sound for p in rest if p.sound not in {o.sound for o in own})
        written = [found.texts[text] for text in texts if text in found.texts]
        heard = [found.sounds[sound] for sound in sounds if sound in found.sounds]
        made["d_image_text"] += _all_pairs(seen, written)
        made["d_image_audio"] += _all_pairs(seen, heard)
    return made


def _all_pairs(first: Sequence[Any], second: Sequence[Any]) -> list[float]:
    if not (first and second):
        return []
    table = distance.cosine(np.stack(first)[:, None], np.stack(second))
    return [float(value) for value in table.ravel()]


def _outside_first(groups: Iterable[str]) -> list[str]:
    """So that an AUROC says how surely what is outside lies farther."""
    return sorted(groups, key=lambda name: name != OUTSIDE)


def _values(
    items: Sequence[dict[str, Any]], more: dict[str, dict[str, list[float]]]
) -> dict[str, dict[str, Values]]:
    """A text is compared with a frame once, however many sounds it is paired with; `more`: further
    groups, if anything is outside."""
    values: dict[str, dict[str, Values]] = {}
    for term, other in zip(TERMS, ("text", "sound"), strict=True):
        once: dict[str, dict[tuple[str, str], float]] = {}
        for row in items:
            once.setdefault(row["group"], {})[row["frame"], row[other]] = row[term]
        values[term] = {name: np.array([*each.values()]) for name, each in once.items()}
        if more[OUTSIDE][term]:
            values[term].update({name: np.array(m[term]) for name, m in more.items() if m[term]})
    return values


def _group(term: str, name: str, values: Values) -> dict[str, Any]:
    return {
        "term": term,
        "group": name,
        "n": len(values),
        "mean": float(values.mean()),
        "sd": float(values.std(ddof=1)) if len(values) > 1 else float("nan"),
        "lowest": float(values.min()),
        "highest": float(values.max()),
    }


def _difference(term: str, first: str, second: str, values: dict[str, Values]) -> dict[str, Any]:
    """Effect sizes are positive where the first group lies higher."""
    one, two = values[first], values[second]
    found = separation.evaluate(one, two)
    delta = found["cliffs_delta"]
    size = next(
        word
        for limit, word in ((0.147, "negligible"), (0.33, "small"), (0.474, "medium"), (2, "large"))
        if abs(delta) < limit
    )  # Romano et al. 2006, as Cliff's delta is usually put in words
    spread = {"difference": float(one.mean() - two.mean()), **found}
    lie = "lie" if first in ("", OTHERS) else "lies"
    says = (
        f"{named(first)} {lie} {'higher' if delta > 0 else 'lower'} than {named(second)} ({size})"
    )
    if delta == 0:
        says = f"neither {named(first)} nor {named(second)} lies higher"
    return {"term": term, "first": first, "second": second, **spread, "says": says}


def named(group: str) -> str:
    return group or "the scenes"
