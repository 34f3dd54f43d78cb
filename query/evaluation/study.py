"""`study.toml`: the scenes, frames and sounds that all experiments share.

    title = "Forest and river"
    pairs = "pairs.csv"                     # left out: each frame with each candidate of its scene

    [[scene]]
    name = "forest"
    group = "high resolution"               # left out: all scenes are one group
    text = "walking in the forest"          # what its frames show, where pairs.csv has no words
    frames = ["frames/forest/*.jpg"]        # pictures by name or pattern, or a folder of them
    reference_frame = "frames/forest/10.jpg"
    reference_sound = "sounds/forest.wav"   # left out: the scene is reported as lacking it
    candidates = ["sounds/forest/*.wav", "#12"]     # files, patterns, folders; clips of the library
    generated = ["generated/forest"]        # made sounds, kept apart; their prompts are their words
    arms = { original = ["sounds/film.wav"] }       # sounds of any other arm of a comparison

    [outside]                               # what no scene is about
    pictures = ["outside/*.jpg"]
    sounds = ["outside/*.wav"]

Paths are relative to the file. A candidate is related to the scene that names it.
[listening] is told in listening/rules.py.
pairs.csv: `frame,sound` and, if you like, `text,arm` (`retrieved` if not said).
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from indexer.counting import counted
from indexer.errors import StudyError
from indexer.sources import generated
from query.evaluation import sheets
from query.evaluation.listening import rules
from query.evaluation.listening.rules import Listening
from query.evaluation.ratings import BOTH

PICTURES = frozenset(f".{name}" for name in "jpg jpeg png webp tif tiff bmp gif".split())
T = TypeVar("T")

OUTSIDE, OTHERS = "outside", "other scenes"
RETRIEVED, GENERATED = "retrieved", "generated"
_SCENE = frozenset(
    "name group text frames reference_frame reference_sound candidates generated arms".split()
)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A sound, a path or "#12", and where it comes from."""

    sound: str
    arm: str = RETRIEVED


@dataclass(frozen=True, slots=True)
class Scene:
    """Frames of one place or action, a reference pair, and the sounds that belong to it."""

    name: str
    frames: tuple[Path, ...]
    reference_frame: Path
    reference_sound: str | None
    candidates: tuple[Candidate, ...]
    text: str = ""
    group: str = ""


@dataclass(frozen=True, slots=True)
class Pair:
    """A frame with a sound and words for it; what Eq. 1 calls an item."""

    scene: str
    group: str
    frame: Path
    sound: str
    text: str
    arm: str


@dataclass(frozen=True, slots=True)
class Study:
    path: Path
    title: str
    scenes: tuple[Scene, ...]
    pairs: tuple[Pair, ...]
    outside_pictures: tuple[Path, ...] = ()
    outside_sounds: tuple[str, ...] = ()
    listening: Listening = field(default_factory=Listening)
    pairs_file: Path | None = None

    @property
    def lacking_reference(self) -> list[str]:
        """Scenes without a reference sound."""
        return [scene.name for scene in self.scenes if scene.reference_sound is None]

    @property
    def files(self) -> list[str | Path]:
        """All that it names, once each; with made sounds their manifests, which have the words."""
        named: dict[str | Path, None] = dict.fromkeys(filter(None, [self.pairs_file]))
        for scene in self.scenes:
            named.update(dict.fromkeys((*scene.frames, scene.reference_frame)))
            sounds = [scene.reference_sound, *(each.sound for each in scene.candidates)]
            named.update(dict.fromkeys(sound for sound in sounds if sound is not None))
            made = (_manifest(each) for each in scene.candidates if each.arm == GENERATED)
            named.update(dict.fromkeys(file for file in made if file.is_file()))
        named.update(dict.fromkeys(pair.sound for pair in self.pairs))
        named.update(dict.fromkeys((*self.outside_pictures, *self.outside_sounds)))
        return list(named)

    def shown(self, path: Path | str) -> str:
        """A path of the study as it would be written in it."""
        inside = self.path.parent
        if isinstance(path, str) and path.startswith("#"):
            return path
        path = Path(path)
        return path.relative_to(inside).as_posix() if inside in path.parents else str(path)


def read_study(path: Path) -> Study:
    """Raises StudyError, saying what to mend, for anything that is not as described above."""
    try:
        said = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise StudyError(f"{path} cannot be read ({error.strerror}): check the name.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise StudyError(f"{path} is not TOML ({error}): mend it.") from error
    reader = _Reader(path.absolute())
    reader.known(said, {"title", "pairs", "scene", "outside", "listening"}, "the study")
    scenes = tuple(map(reader.scene, reader.tables(said, "scene")))
    if not scenes:
        raise StudyError(f"{path} has no [[scene]]: name at least one.")
    reader.require_distinct(scenes)
    outside = said.get("outside", {})
    if not isinstance(outside, Mapping):
        raise StudyError(f"{path}: outside is not a table: write [outside].")
    reader.known(outside, {"pictures", "sounds"}, "[outside]")
    return Study(
        path=reader.path,
        title=str(said.get("title", path.stem)),
        scenes=scenes,
        pairs=reader.pairs(said.get("pairs"), scenes),
        pairs_file=reader.folder / str(said["pairs"]) if "pairs" in said else None,
        outside_pictures=reader.pictures(outside, "pictures", "[outside]"),
        outside_sounds=reader.sounds(outside, "sounds", "[outside]"),
        listening=reader.listening(said.get("listening", {})),
    )


class _Reader:
    """Makes sense of the parts of one file, and says of which part it could not."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.folder = path.parent

    def fail(self, sentence: str) -> StudyError:
        return StudyError(f"{self.path}: {sentence}")

    def known(self, said: Mapping[str, Any], names: set[str] | frozenset[str], where: str) -> None:
        for name in said:
            if name not in names:
                raise self.fail(f"{where} has no {name!r}; it may have {', '.join(sorted(names))}.")

    def tables(self, said: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
        found = said.get(name, [])
        if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
            raise self.fail(f"{name} is no list of tables: write [[{name}]].")
        return found

    def scene(self, said: Mapping[str, Any]) -> Scene:
        name = self.words(said, "name", "a scene")
        where = f"scene {name!r}"
        self.known(said, _SCENE, where)
        if (group := said.get("group")) in (OUTSIDE, OTHERS):
            raise self.fail(f"the group of {where} is named {group}, which is no scene's name.")
        frames = self.pictures(said, "frames", where)
        if not frames:
            raise self.fail(f"{where} has no frames: name pictures, or a folder of them.")
        arms = {RETRIEVED: said.get("candidates", []), GENERATED: said.get("generated", [])}
        arms |= self.arms(said.get("arms", {}), where)
        return Scene(
            name=name,
            frames=frames,
            reference_frame=self.one_picture(said, "reference_frame", where),
            reference_sound=self.one_sound(said, "reference_sound", where),
            candidates=tuple(
                Candidate(sound, arm) for arm in arms for sound in self.sounds(arms, arm, where)
            ),
            text=str(said.get("text", "")).strip(),
            group=str(said.get("group", "")),
        )

    def arms(self, said: Any, where: str) -> Mapping[str, Any]:
        if not isinstance(said, Mapping):
            raise self.fail(f'arms of {where} is no table: write arms = {{ original = ["…"] }}.')
        for arm in said:
            self.require_arm(arm, where)
            if arm in (RETRIEVED, GENERATED):
                named = {RETRIEVED: "candidates", GENERATED: "generated"}[arm]
                raise self.fail(f"the arm {arm!r} of {where} is {named}: name its sounds there.")
        return said

    def require_arm(self, arm: str, where: str) -> None:
        if not arm.strip() or BOTH in arm:
            raise self.fail(f"{where} has an arm {arm!r}: give it a name without {BOTH.strip()!r}.")

    def require_distinct(self, scenes: Sequence[Scene]) -> None:
        names = [scene.name for scene in scenes]
        for name in names:
            if names.count(name) > 1:
                raise self.fail(f"two scenes are named {name!r}: give them names of their own.")
        owner: dict[Path, str] = {}
        for scene in scenes:
            for frame in scene.frames:
                if owner.setdefault(frame, scene.name) != scene.name:
                    raise self.fail(
                        f"{frame} is a frame of {owner[frame]!r} and of {scene.name!r}: a frame "
                        "shows one scene."
                    )

    def words(self, said: Mapping[str, Any], name: str, where: str) -> str:
        value = said.get(name)
        if not isinstance(value, str) or not value.strip():
            raise self.fail(f'{where} has no {name}: write {name} = "…".')
        return value.strip()

    def strings(self, said: Mapping[str, Any], name: str, where: str) -> list[str]:
        value = said.get(name, [])
        listed = [value] if isinstance(value, str) else value
        if not isinstance(listed, list) or not all(isinstance(each, str) for each in listed):
            raise self.fail(f"{name} of {where} is no list of paths.")
        return listed

    def pictures(self, said: Mapping[str, Any], name: str, where: str) -> tuple[Path, ...]:
        named = self.strings(said, name, where)
        return tuple(dict.fromkeys(p for each in named for p in self.files(each, PICTURES, where)))

    def sounds(self, said: Mapping[str, Any], name: str, where: str) -> tuple[str, ...]:
        named = self.strings(said, name, where)
        return tuple(dict.fromkeys(p for each in named for p in self.heard(each, where)))

    def heard(self, named: str, where: str) -> list[str]:
        from indexer.sources.folder import EXTENSIONS

        if named.startswith("#") and named[1:].isdecimal():
            return [named]
        return list(map(str, self.files(named, EXTENSIONS, where)))

    def files(self, named: str, extensions: frozenset[str], where: str) -> list[Path]:
        """A file, those that a pattern fits, or those of a folder; at least one."""
        place = self.folder / named
        if place.is_file():
            return [place]
        found: Iterable[Path] = ()
        if place.is_dir():
            found = (each for each in place.iterdir() if each.suffix.lower() in extensions)
        elif not Path(named).is_absolute():
            found = (each for each in self.folder.glob(named) if each.is_file())
        chosen = sorted((each for each in found if not each.name.startswith(".")), key=in_order)
        if not chosen:
            raise self.fail(f"{where} names {named!r}, and there is no such file: check the path.")
        return chosen

    def one_picture(self, said: Mapping[str, Any], name: str, where: str) -> Path:
        return self._one(self.files(self.words(said, name, where), PICTURES, where), name, where)

    def one_sound(self, said: Mapping[str, Any], name: str, where: str) -> str | None:
        if not said.get(name):
            return None
        return self._one(self.heard(self.words(said, name, where), where), name, where)

    def _one(self, found: Sequence[T], name: str, where: str) -> T:
        if len(found) != 1:
            raise self.fail(f"{name} of {where} fits {counted(len(found), 'file')}: name one.")
        return found[0]

    def listening(self, said: Any) -> Listening:
        if not isinstance(said, Mapping):
            raise self.fail("listening is not a table: write [listening].")
        try:
            return rules.read(said)
        except ValueError as error:
            raise self.fail(f"[listening] {error}.") from error

    def pairs(self, named: Any, scenes: Sequence[Scene]) -> tuple[Pair, ...]:
        if named is None:
            return tuple(
                Pair(scene.name, scene.group, frame, each.sound, _words(scene, each), each.arm)
                for scene in scenes
                for frame in scene.frames
                for each in scene.candidates
            )
        path = self.folder / str(named)
        owners = {frame: scene for scene in scenes for frame in scene.frames}
        made = []
        for line, row in enumerate(sheets.read(path, ["frame", "sound"], ["text", "arm"]), 2):
            scene = owners.get(self.folder / row["frame"])
            if scene is None:
                raise StudyError(
                    f"{path}, line {line}: {row['frame']!r} is a frame of no scene: name it in one."
                )
            sound = self._one(self.heard(row["sound"], f"line {line} of {path}"), "sound", "a pair")
            text, arm = row["text"] or scene.text, row["arm"] or RETRIEVED
            self.require_arm(arm, f"line {line} of {path}")
            made.append(Pair(scene.name, scene.group, self.folder / row["frame"], sound, text, arm))
        return tuple(made)


def in_order(path: Path | str) -> tuple[list[str | int], str]:
    """2.jpg before 10.jpg: frames are neighbours in their order."""
    parts = re.split(r"(\d+)", str(path))
    return [int(part) if at % 2 else part for at, part in enumerate(parts)], str(path)


def _words(scene: Scene, candidate: Candidate) -> str:
    """What a generated sound was made from, where that is known; else the scene's text."""
    made = candidate.arm == GENERATED and generated.read(_manifest(candidate))
    return made.prompt if made else scene.text


def _manifest(candidate: Candidate) -> Path:
    return Path(candidate.sound).with_suffix(".json")
