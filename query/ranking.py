"""From scores to a ranked list: takes collapsed, lists fused. No input or output."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from indexer.catalog.answers import SoundInfo

K = TypeVar("K", int, tuple[int, int])  # a sound's id, alone or with its library
FUSION = 60  # Cormack, Clarke & Buettcher 2009: reciprocal rank fusion, k = 60


@dataclass(frozen=True, slots=True)
class Hit:
    """A ranked sound.

    score   (1 - w) cos_audio + w cos_metadata; for words fused with exact search, in 0..1
    parts   cosines of what is heard and written; None for a part that this sound does not have
            or that was not asked (exact words alone)
    start, end   its best moment, seconds
    takes   how many other takes of it the library holds
    state   present, missing or offline
    preview   the file is a lossy stand-in: `sonorize freesound originals` fetches the original
    faults    of the recording, as `sonorize evaluate quality` found them; none if not measured
    library   folder of the library that holds it; `id` is its id there
    """

    rank: int
    score: float
    parts: Mapping[str, float | None]
    id: int
    title: str
    path: str
    url: str
    license: str
    author: str
    duration: float
    start: float
    end: float
    source: str
    pack: str
    tags: Sequence[str] = field(default_factory=list)
    takes: int = 0
    state: str = "present"
    preview: bool = False
    library: str = ""
    faults: Sequence[str] = field(default_factory=list)


def collapse(ids: Sequence[K], groups: Mapping[K, str], k: int) -> list[K]:
    """The first of each take group, in order, at most k; a sound without a group stands alone."""
    seen: set[str] = set()
    kept: list[K] = []
    for sound_id in ids:
        group = groups.get(sound_id) or f"#{sound_id}"
        if group not in seen and len(kept) < k:
            seen.add(group)
            kept.append(sound_id)
    return kept


def take_groups(sounds: Mapping[tuple[int, int], SoundInfo]) -> dict[tuple[int, int], str]:
    """The take group of each sound, that of another library being another; "" without one."""
    groups = {key: sound.columns["take_group"] for key, sound in sounds.items()}
    return {key: f"{key[0]} {group}" if group else "" for key, group in groups.items()}


def fuse_ranks(lists: Sequence[Sequence[K]]) -> dict[K, float]:
    """Reciprocal rank fusion, scaled to 0..1: 1 is first in every list. Best first, ties by id."""
    scores: dict[K, float] = {}
    for ranked in lists:
        for rank, sound_id in enumerate(ranked, start=1):
            scores[sound_id] = scores.get(sound_id, 0.0) + (FUSION + 1) / (FUSION + rank)
    scaled = {sound_id: score / len(lists) for sound_id, score in scores.items()}
    return dict(sorted(scaled.items(), key=lambda pair: (-pair[1], pair[0])))


def hit(
    rank: int,
    score: float,
    parts: Mapping[str, float | None],
    sound: SoundInfo,
    moment: tuple[float, float],
    takes: int,
    library: str,
) -> Hit:
    """The sound as it is shown; `moment` in seconds."""
    columns = sound.columns
    return Hit(
        rank=rank,
        score=round(score, 4),
        parts={part: None if value is None else round(value, 4) for part, value in parts.items()},
        id=columns["id"],
        title=columns["title"] or sound.path.stem,
        path=str(sound.path),
        url=columns["url"],
        license=columns["licence"] or "unknown",
        author=columns["author"] or columns["designer"],
        duration=round(columns["duration"], 3),
        start=round(moment[0], 3),
        end=round(moment[1], 3),
        source=sound.root_kind,
        pack=columns["pack"],
        tags=list(columns["tags"]),
        takes=takes,
        state=sound.state,
        preview=sound.is_preview,
        library=library,
        faults=(columns.get("faults") or "").split(),
    )
