"""A video's sounds, as they are chosen on the page: made, changed cue by cue, written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING

from indexer.catalog.browse import with_hashes
from indexer.errors import QueryError, SceneError
from query.scene.cues import Clip, Cue, CueSheet
from query.web.rows import sendable

if TYPE_CHECKING:
    from indexer.library import Library
    from indexer.progress import Progress
    from query.search import Searcher

FORMATS = (".mp4", ".mov", ".wav", ".rpp", ".aaf", ".otio", ".fcpxml", ".edl", ".csv", ".txt")
FILMS = (".mp4", ".mov")
KNOWN_BY = ("rate", "frames", "width", "height")
"""What a film that was moved is known by."""


class Scene:
    """The cue sheet of one video; every change is kept in its project file at once.

    video    its id on the page
    """

    def __init__(self, video: str, path: Path, folder: Path) -> None:
        self.video, self.path, self.folder = video, path, folder
        self.file = folder / f"{path.stem}.sonorize.json"
        self._lock = RLock()
        self._sheet: CueSheet | None = None

    @property
    def made(self) -> bool:
        return self._sheet is not None

    @property
    def sheet(self) -> CueSheet:
        """Raises SceneError until it is made."""
        if self._sheet is None:
            raise SceneError("This video has no sounds yet: make them first.")
        return self._sheet

    def make(self, search: Searcher, progress: Progress, *, anew: bool) -> str:
        """Reads the project file, or makes the sheet, locked cues staying. What is to be said."""
        from query.scene import project
        from query.scene.make import film_of, make
        from query.scene.plan import Options

        former = self._former()
        if former is not None and not anew:
            sheet, lost = project.relinked(former, search.libraries)
            said = [f"{clip.title} is not there now." for clip in lost]
        else:
            if not any(library.catalog.counts()["ready"] for library in search.libraries):
                raise SceneError("The library holds no sound yet: add a folder of sounds.")
            notes: list[str] = []
            options = Options(former=former)
            sheet = make(film_of(self.path), search, options, progress, note=notes.append)
            silent = (shot.note for shot in sheet.shots if shot.note)
            said = [*notes, *(f"{note[:1].upper()}{note[1:]}." for note in silent)]
        with self._lock:
            self._sheet = sheet
            project.save(sheet, self.file)
        return " ".join(said)

    def _former(self) -> CueSheet | None:
        """What the project file holds. Raises SceneError if that is of another video: films of one
        name would write over each other."""
        from query.scene import project
        from query.scene.make import film_of

        if not self.file.is_file():
            return None
        former = project.load(self.file)
        there = Path(former.film.path)
        if there.is_file() and there.samefile(self.path):
            return former
        film = film_of(self.path)
        if there.is_file() or any(getattr(film, n) != getattr(former.film, n) for n in KNOWN_BY):
            raise SceneError(
                f"{self.file.name} in {self.folder.name} is of another video, "
                f"{sendable(former.film.path)}: choose another project folder, or rename this one."
            )
        return replace(former, film=replace(former.film, path=film.path))  # it was moved

    def swap(self, name: str, alternate: int) -> None:
        """The cue plays its alternate; what it played becomes one."""

        def swapped(cue: Cue) -> Cue:
            if not 0 <= alternate < len(cue.alternates):
                raise QueryError("This cue has no such alternate.")
            others = list(cue.alternates)
            chosen, others[alternate] = others[alternate], (cue.clip, cue.offset)
            return self._playing(cue, *chosen, others)

        self._change(name, swapped)

    def replace(self, name: str, library: Library, sound: int) -> None:
        """The cue plays a sound of the library; what it played becomes its first alternate."""
        from query.scene.candidates import own_choice
        from query.scene.cueing import offset_in

        chosen = own_choice(library, sound)
        if chosen is None:
            raise QueryError("This sound is silent, or was not heard to its end yet: take another.")

        def replaced(cue: Cue) -> Cue:
            known = with_hashes(library.catalog.engine, [cue.clip.identity])
            former = [own_choice(library, key) for key in known.values()]
            offset = offset_in(cue, self.sheet.film, chosen, former[0] if former else None)
            others = [each for each in cue.alternates if each[0].identity != chosen.clip.identity]
            if cue.clip.identity != chosen.clip.identity:
                others.insert(0, (cue.clip, cue.offset))
            return self._playing(cue, chosen.clip, offset, others)

        self._change(name, replaced)

    def _playing(
        self, cue: Cue, clip: Clip, offset: float, others: Sequence[tuple[Clip, float]]
    ) -> Cue:
        from query.scene.cueing import with_clip

        end = self.sheet.shots[cue.shot].end
        changed = with_clip(cue, self.sheet.film, end, clip, offset)
        return replace(changed, alternates=tuple(others), locked=True)

    def lock(self, name: str, locked: bool) -> None:
        self._change(name, lambda cue: replace(cue, locked=locked))

    def nudge(self, name: str, frames: int) -> None:
        """Moves a cue, within the film."""
        last = self.sheet.film.frames

        def moved(cue: Cue) -> Cue:
            start = max(0, min(cue.start + frames, last - 1))
            return replace(cue, start=start, frames=min(cue.frames, last - start), locked=True)

        self._change(name, moved)

    def remove(self, name: str) -> None:
        self._change(name, lambda _: None)

    def write(self, formats: list[str], progress: Progress) -> str:
        """Writes the film or sessions beside the project file. What is to be said.

        Raises SceneError where none of them can be written.
        """
        made, refused, notes = list[str](), list[str](), list[str]()
        for suffix in formats:
            out = self.folder / f"{self.path.stem}_sonorize{suffix}"
            try:
                notes += self._written(out, progress)
                made.append(out.name)
            except SceneError as error:
                refused.append(f"{out.name} was not written: {error}")
        if refused and not made:
            raise SceneError(" ".join(refused))
        said = f"{', '.join(made)} in {self.folder.name}."
        return " ".join([said, *refused, *dict.fromkeys(notes)])

    def _written(self, out: Path, progress: Progress) -> Sequence[str]:
        from query.scene.export import writer
        from query.scene.export.film import render_film
        from query.scene.export.stems import write_stems

        if out.suffix in FILMS:
            return render_film(self.sheet, out, progress=progress).notes
        if out.suffix == ".wav":
            return write_stems(self.sheet, out, progress=progress).notes
        writer(out)(self.sheet, out, None)
        return ()

    def _change(self, name: str, change: Callable[[Cue], Cue | None]) -> None:
        from query.scene import project

        with self._lock:
            sheet = self.sheet
            if not any(cue.id == name for cue in sheet.cues):
                raise QueryError("This cue is no longer there.")
            changed = (change(cue) if cue.id == name else cue for cue in sheet.cues)
            cues = sorted((cue for cue in changed if cue), key=lambda cue: (cue.start, cue.id))
            self._sheet = replace(sheet, cues=tuple(cues))
            project.save(self._sheet, self.file)


@dataclass(frozen=True, slots=True)
class ClipShown:
    """A clip of a cue; `sound`: its id in the library, 0 if it is not there."""

    sound: int
    title: str
    licence: str
    strength: str
    duration: float


@dataclass(frozen=True, slots=True)
class CueShown:
    """A cue: seconds in the film, seconds of the clip before what is heard, gain in dB."""

    id: str
    layer: str
    start: float
    end: float
    offset: float
    gain: float
    loop: bool
    locked: bool
    timecode: str
    clip: ClipShown
    alternates: list[ClipShown]


@dataclass(frozen=True, slots=True)
class ShotShown:
    """A shot: seconds in the film; why it is silent, if it is."""

    start: float
    end: float
    note: str


@dataclass(frozen=True, slots=True)
class SceneShown:
    """A video with its shots and cues."""

    video: str
    name: str
    seconds: float
    rate: float
    shots: list[ShotShown]
    cues: list[CueShown]


def shown(scene: Scene, ids: dict[str, int]) -> SceneShown:
    """As the page draws it; `ids`: hash of the audio → id of the sound."""
    from query import timecode

    sheet = scene.sheet
    film = sheet.film

    def clip(each: Clip) -> ClipShown:
        key = ids.get(each.identity, 0)
        return ClipShown(key, sendable(each.title), each.licence, each.strength, each.duration)

    return SceneShown(
        scene.video,
        sendable(scene.path.name),
        float(film.seconds),
        float(film.rate),
        [ShotShown(float(film.at(s.start)), float(film.at(s.end)), s.note) for s in sheet.shots],
        [
            CueShown(
                cue.id, cue.layer, float(film.at(cue.start)), float(film.at(cue.end)), cue.offset,
                cue.gain, cue.loop, cue.locked,
                timecode.spell(film.start + cue.start, film.rate, film.drop), clip(cue.clip),
                [clip(each) for each, _ in cue.alternates],
            )
            for cue in sheet.cues
        ],
    )  # fmt: skip
