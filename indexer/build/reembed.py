"""A library heard again by another encoder: its vectors are made beside the old ones.

Until every sound has them the library stays with the encoder it has, can be asked and built;
stopped at any moment, the next call goes on from there. The old vectors are kept, so that
switching back makes only those of sounds that came later.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from indexer.build.ears import Ears, hear
from indexer.build.estimate import cost, length
from indexer.build.failures import is_there
from indexer.build.hearing import Broken, Duplicate, End, Job
from indexer.build.listen import Stage
from indexer.build.report import BuildReport, Progress
from indexer.build.run import save_indexes, start
from indexer.build.trial import pace
from indexer.build.words import embed_words
from indexer.catalog.entries import Reheard
from indexer.counting import counted
from indexer.errors import LibraryError
from indexer.library import Library

if TYPE_CHECKING:
    from collections.abc import Callable

    from indexer.build.ears import Heap
    from indexer.catalog.entries import Entry
    from indexer.catalog.store import Catalog
    from indexer.encoders.protocol import Encoder
    from indexer.library import Config

NO_SOUND = 0  # ids begin at 1


@dataclass(frozen=True, slots=True)
class Ahead:
    """The work before a library is another encoder's.

    jobs      files to hear, one for each sound that was heard to its end before
    away      sounds of those whose files are not there
    minutes   of work for the encoder
    size      bytes the catalog grows by
    """

    jobs: list[Job]
    away: int
    minutes: float
    size: int

    def sentence(self, encoder: str) -> str:
        away = ""
        if self.away:
            away = f" {counted(self.away, 'sound')} cannot be heard: the files are away."
        if not self.jobs:
            return f"Every sound within reach was heard with {encoder} before.{away}"
        seconds = sum(job.seconds for job in self.jobs)
        return (
            f"{counted(len(self.jobs), 'sound')} to hear with {encoder}, "
            f"{length(seconds / 60)} of sound: some {length(self.minutes)} of work, "
            f"{max(1, round(self.size / 1e6)):,} MB more of library.{away}"
        )


def look_ahead(library: Library, config: Config, encoder: Encoder) -> Ahead:
    """What `reembed` will have to do; nothing is heard yet."""
    with Library(library.folder, config) as other:
        jobs, away = _jobs(other, encoder)
    seconds = sum(job.seconds for job in jobs)
    speed = pace(encoder, (job.path for job in jobs))
    minutes, size = cost(encoder, len(jobs), seconds, speed)
    return Ahead(jobs, away, minutes, size)


def reembed(
    library: Library,
    config: Config,
    encoder: Encoder,
    progress: Progress | None = None,
    *,
    without_them: bool = False,
) -> BuildReport:
    """Hears with `encoder` what it has not heard of this library, then makes the library its own.

    `config` is what the library becomes. A file is heard only if it is still the recording that
    its sound was made of. Raises LibraryError, and leaves the library as it is but for the new
    vectors, if sounds that can be found now could not be any more, unless `without_them`;
    LibraryBusy while another build runs, or if one changed the library since it was opened.
    """
    progress = progress or Progress()
    report = BuildReport()
    with library.lock(), Library(library.folder, config) as other:
        library.require_unchanged()
        build_id = start(other, [], encoder)
        spaces = other.spaces(encoder)
        if "metadata" in spaces:
            for _ in embed_words(other.catalog, encoder, spaces["metadata"], report, progress):
                pass
        jobs, _ = _jobs(other, encoder)
        stage = Stage(f"Listening with {encoder.name}", sum(job.seconds for job in jobs))
        report.added = hear(other, encoder, [stage, *jobs], report, progress, Again)
        if not without_them:
            _require_all(library, other, encoder, report)
        save_indexes(other, encoder)
        library.configure(config)
        # takes are looked for by builds alone: what they have not seen stays so
        said = {"seq": other.catalog.last_built(), "model_licence": encoder.licence}
        other.catalog.finish_build(build_id, {**report.figures(), **said})
    return report


class Again(Ears):
    """Ears that write vectors alone: what is known of a sound is left to builds."""

    measures = False

    @staticmethod
    def find(catalog: Catalog) -> Callable[[str], int | None]:
        """Unlike for a build, a recording that is in no catalog is another one: not heard."""
        return lambda content_hash: catalog.with_hash(content_hash) or NO_SOUND

    def ended(self, event: End | Duplicate | Broken, heap: Heap) -> list[Entry]:
        match event:
            case End():
                self.added += 1
                heard = self.heard(event, heap)
                assert heard.content_hash is not None
                return [
                    Reheard(
                        heard.sound_id,
                        heard.content_hash,
                        heard.windows,
                        heard.clips,
                        heard.window_vectors,
                    )
                ]
            case Duplicate():
                self._report.fail(str(event.job.path), "it is another recording now: build again")
            case Broken():
                self._report.fail(str(event.job.path), event.reason)
        return []


def _jobs(other: Library, encoder: Encoder) -> tuple[list[Job], int]:
    """Files to hear, and how many sounds have none that is there."""
    places = _places(other, _unheard(other, encoder))
    there = {key: next(filter(is_there, paths), None) for key, paths in places.items()}
    found = {key: path for key, path in there.items() if path is not None}
    sounds = other.catalog.sounds(list(found))
    jobs = [Job(key, path, None, sounds[key].columns["duration"]) for key, path in found.items()]
    return jobs, len(places) - len(found)


def _unheard(other: Library, encoder: Encoder) -> set[int]:
    """Sounds that lack a heard part of this encoder."""
    spaces = other.spaces(encoder)
    return {
        sound_id
        for part, space in spaces.items()
        if part != "metadata"
        for sound_id in other.catalog.embeddings.lacking(space)
    }


def _places(library: Library, sound_ids: set[int]) -> dict[int, list[Path]]:
    """Where each of these sounds may lie, if a build heard it to its end; in path order.

    A file that was offline at the last build may be there now, or the other way round.
    """
    places: dict[int, list[Path]] = {}
    for root in library.catalog.roots():
        for path, known in sorted(library.catalog.known(root.id).items()):
            if known.status == "ready" and known.sound_id in sound_ids:
                places.setdefault(known.sound_id, []).append(Path(root.location, path))
    return places


def _require_all(library: Library, other: Library, encoder: Encoder, report: BuildReport) -> None:
    """Raises LibraryError if sounds that can be found now could not be any more."""
    heard = library.catalog.embeddings.heard
    lost = heard(library.config.encoder) - heard(encoder.name, encoder.fingerprint("audio"))
    if not lost:
        return
    away = sum(not any(map(is_there, paths)) for paths in _places(other, lost).values())
    reasons = [
        f"{away:,} because their files are away (plug in their drives)" if away else "",
        f"{len(lost) - away:,} because they changed, cannot be read or were half heard "
        "(run build-index)"
        if len(lost) > away
        else "",
    ]  # fmt: skip
    example = "".join(f", as {path}, for {why}" for path, why in report.failures[:1])
    raise LibraryError(
        f"The library stays with {library.config.encoder}: "
        f"{counted(len(lost), 'sound', 'was/were')} not heard with {encoder.name}, "
        f"{' and '.join(filter(None, reasons))}{example}; then run this "
        "again, or switch without them by --without-them."
    )
