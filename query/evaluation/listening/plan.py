"""What a listening test plays, fixed by the study, its seed and its rules."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from query.evaluation.listening import order
from query.evaluation.listening.loudness import Level, gains, listen
from query.evaluation.listening.rules import Listening
from query.evaluation.ratings import ANCHOR, BOTH, ITEM, REFERENCE, REPEAT

if TYPE_CHECKING:
    from query.evaluation.study import Pair, Scene, Study


@dataclass(frozen=True, slots=True)
class Trial:
    """A frame with a sound, played at `gain` dB.

    kind       item; or reference (a scene's reference frame with its own sound, hidden among the
               others) or anchor (the same frame with another scene's sound, which cannot fit)
    reference  the scene's reference sound, which may be replayed; None where it has none
    """

    id: str
    kind: str
    scene: str
    arm: str
    frame: str
    sound: str
    picture: Path
    file: Path
    reference: Path | None
    duration: float
    gain: float


@dataclass(frozen=True, slots=True)
class Step:
    """A trial at its place in a rater's order, from 0; `kind` is repeat where it comes again."""

    place: int
    trial: Trial
    kind: str


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that was decided before the first rating; `key` is its hash."""

    title: str
    trials: tuple[Trial, ...]
    listening: Listening
    loudness: float
    gains: Mapping[str, float]
    key: str

    def steps(self, number: int) -> list[Step]:
        """What the rater with this number hears, in order."""
        ordered = order.of_rater(self.trials, number, self.listening.seed)
        items = [trial for trial in ordered if trial.kind == ITEM]
        count = round(self.listening.repeats * len(items))
        again, repeated = order.with_repeats(ordered, count)
        return [
            Step(place, trial, REPEAT if more else trial.kind)
            for place, (trial, more) in enumerate(zip(again, repeated, strict=True))
        ]


def make(
    study: Study,
    place: Callable[[str], Path],
    hear: Callable[[Path], Level] = listen,
) -> Plan:
    """`place`: where a sound of the study lies, "#12" too. Raises StudyError, AudioError."""
    trials = [*_items(study), *_checks(study.scenes)]
    sounds = dict.fromkeys(sound for *_, sound in trials)
    files = {sound: place(sound) for sound in sounds}
    levels = {sound: hear(file) for sound, file in files.items()}
    common, gain = gains(levels)
    references = {scene.name: scene.reference_sound for scene in study.scenes}
    made = []
    for kind, scene, arm, frame, sound in trials:
        known = references[scene]
        shown, named = study.shown(frame), study.shown(sound)
        made.append(
            Trial(
                id=_hash(kind, shown, named), kind=kind, scene=scene, arm=arm, frame=shown,
                sound=named, picture=frame, file=files[sound],
                reference=place(known) if known is not None else None,
                duration=levels[sound].duration, gain=gain[sound],
            )
        )  # fmt: skip
    key = _hash(
        study.title,
        repr(study.listening),
        f"orders {order.VERSION}",
        *(f"{each.id} {each.gain:.3f}" for each in made),
    )
    named_gains = {study.shown(sound): value for sound, value in gain.items()}
    return Plan(study.title, tuple(made), study.listening, common, named_gains, key)


_Trial = tuple[str, str, str, Path, str]  # kind, scene, arm, frame, sound


def _items(study: Study) -> Iterator[_Trial]:
    """A sound that several arms have for a frame is heard once, and counts for each of them."""
    once: dict[tuple[Path, str], list[Pair]] = {}
    for pair in study.pairs:
        once.setdefault((pair.frame, pair.sound), []).append(pair)
    for (frame, sound), pairs in once.items():
        arms = dict.fromkeys(pair.arm for pair in pairs)
        yield ITEM, pairs[0].scene, BOTH.join(arms), frame, sound


def _checks(scenes: Sequence[Scene]) -> Iterator[_Trial]:
    """The anchor's sound is the next reference that no scene of these words has: a river twice,
    in high and in low resolution, may share one."""
    known = [scene for scene in scenes if scene.reference_sound is not None]
    for at, scene in enumerate(known):
        yield REFERENCE, scene.name, "", scene.reference_frame, str(scene.reference_sound)
        own = {str(s.reference_sound) for s in known if s is scene or _alike(s, scene)}
        others = (str(s.reference_sound) for s in (*known[at:], *known[:at]))
        if (other := next((sound for sound in others if sound not in own), None)) is not None:
            yield ANCHOR, scene.name, "", scene.reference_frame, other


def _alike(one: Scene, two: Scene) -> bool:
    return bool(one.text) and one.text.casefold() == two.text.casefold()


def _hash(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
