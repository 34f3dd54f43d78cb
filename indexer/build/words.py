"""What is written about sounds: read from their files, and embedded as the metadata part."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, TypeVar

from indexer.audio.window import batched
from indexer.build.failures import VANISHED, is_of_the_drive, is_there
from indexer.build.hearing import facts_columns
from indexer.build.scan import Scan
from indexer.build.writer import Writer
from indexer.build.yielding import give_way
from indexer.catalog.entries import Entry, Named, Retagged, Written
from indexer.catalog.models import NameText
from indexer.errors import AudioError

if TYPE_CHECKING:
    from indexer.build.report import BuildReport, Progress
    from indexer.catalog.answers import Known, SoundInfo
    from indexer.catalog.store import Catalog
    from indexer.encoders.protocol import Encoder
    from indexer.sources.protocol import Item

FIRST = 8  # files of the first batch: the encoder waits for it
NAMED = 32  # files of the others
BATCH = 200
READERS = 4
Work = tuple["Known | None", "Item"]  # a file, and what is known of it
T = TypeVar("T")
R = TypeVar("R")


def name_files(
    catalog: Catalog, found: Scan, jobs: Sequence[Work], report: BuildReport
) -> Generator[int, None, None]:
    """Records new and changed files by their tags and names; they can be searched at once.

    Gives how many with each batch, when it is recorded.
    """

    def read(job: Work) -> tuple[Path, Entry | None]:
        return found.source.path(job[1].relative_path), _entry(catalog, found, *job)

    with report.timed("names"), Writer(catalog, report) as writer:
        for batch in _batches(_ahead(read, jobs)):
            writer.record([entry for _, entry in batch if entry is not None])
            for path, entry in batch:
                _count(path, entry, report)
            writer.wait()
            yield len(batch)


def embed_words(
    catalog: Catalog, encoder: Encoder, space_id: int, report: BuildReport, progress: Progress
) -> Generator[int, None, None]:
    """Embeds the metadata part of every sound that lacks it; gives how many with each batch."""
    sound_ids = catalog.embeddings.lacking(space_id)
    progress.stage("Embedding names and tags", len(sound_ids), "sounds")
    for batch in batched(iter(sound_ids), BATCH):
        sounds = catalog.sounds(batch)
        texts = {key: metadata_text(info) for key, info in sounds.items()}
        with report.timed("words"):
            vectors = encoder.embed_metadata(list(texts.values()))
        with report.timed("record"):
            catalog.record(
                Written(key, space_id, row, sounds[key].columns, sounds[key].relative_path)
                for key, row in zip(texts, vectors, strict=True)
            )
        progress.advance(len(batch))
        yield len(batch)


def metadata_text(info: SoundInfo) -> str:
    """Title, category, tags, description and file name in words, each said once.

    A file name that says nothing ("01.wav") is replaced by the nearest folder name that does.
    """
    from indexer import ucs

    columns = info.columns
    path = PurePosixPath(info.relative_path)
    names = [path.stem, *reversed(path.parent.parts)]
    name = next((words for words in map(ucs.words, names) if ucs.usable(words)), "")
    parts = [
        columns["title"], columns["category"], columns["subcategory"], " ".join(columns["tags"]),
        columns["description"], name,
    ]  # fmt: skip
    return ". ".join(dict.fromkeys(part.strip() for part in parts if part.strip()))


def file_text(path: Path) -> str:
    """`metadata_text` of a file that is in no library."""
    from indexer.audio.tags import enrich, read_tags
    from indexer.catalog.answers import SoundInfo

    columns = _from_tags(enrich(path.name, read_tags(path)))
    return metadata_text(SoundInfo(columns, "", "", path.name, "present"))


def take_group(root_id: int, relative_path: str, pack: str) -> str:
    """Takes of one recording: same folder, pack and stem but for a number or letter at the end.

    "dog_bark_01" and "dog-bark 2" are takes; so are "door a" and "door b".
    """
    path = PurePosixPath(relative_path)
    stem = re.sub(r"(?:[\s._\-(#]*\d+\)?|[\s._\-]+[A-Za-z])$", "", path.stem)
    stem = re.sub(r"[\s._\-]+", " ", stem).strip().lower()
    return f"{root_id}/{path.parent}/{pack}/{stem}" if stem else f"{root_id}/{relative_path}"


def _batches(items: Iterator[T]) -> Iterator[list[T]]:
    if first := list(islice(items, FIRST)):
        yield first
    yield from batched(items, NAMED)


def _ahead(work: Callable[[T], R], jobs: Sequence[T]) -> Iterator[R]:
    """`work` over `jobs` in order, some of them done ahead in threads, after the first FIRST."""
    with ThreadPoolExecutor(READERS, "names", give_way) as pool:
        yield from pool.map(work, jobs[:FIRST])
        for batch in batched(islice(jobs, FIRST, None), BATCH):
            yield from pool.map(work, batch)


def _entry(catalog: Catalog, found: Scan, known: Known | None, item: Item) -> Entry | None:
    """None for a file that is not there any more: the next build looks again."""
    path = found.source.path(item.relative_path)
    columns = _columns(found, item)
    if columns.get("status") == "failed":
        lost = columns.pop("lost")
        return None if lost or not is_there(path) else Named(found.place(item), columns)
    sound_id = _known_sound(catalog, known, path) if known is not None else None
    if known is not None and sound_id is not None:
        columns.pop("duration")  # it was heard to its end; a header may only guess
        return Retagged(known.file_id, sound_id, found.place(item), columns)
    return Named(found.place(item), columns)


def _columns(found: Scan, item: Item) -> dict[str, Any]:
    """Columns of Sound: what the source says, else the file's tags and name; its header."""
    from indexer.audio.decode import probe
    from indexer.audio.tags import Tags, enrich, read_tags

    path = found.source.path(item.relative_path)
    said = found.source.said(item.relative_path)
    try:
        facts, failure = probe(path), {}
        tags = Tags() if said else read_tags(path)
    except (AudioError, OSError) as error:
        facts, tags = None, Tags()
        lost = is_of_the_drive(error)
        failure = {"status": "failed", "reason": str(error), "lost": lost}
    columns = dict(said.columns) if said else _from_tags(enrich(item.relative_path, tags))
    named = said.name if said else item.relative_path
    pack = columns["pack"][: NameText.LONGEST]
    columns["take_group"] = take_group(found.root_id, named, pack)
    return {**columns, **(facts_columns(facts) if facts else {}), **failure}


def _from_tags(tags: Any) -> dict[str, Any]:
    from indexer.catalog.entries import TEXT_FIELDS
    from indexer.catalog.question import clean

    columns = {name: clean(getattr(tags, name)) for name in TEXT_FIELDS if name != "tags"}
    return {
        **columns,
        "tags": [clean(word) for word in tags.keywords],
        "time_reference": tags.time_reference,
        "raw": dict(tags.raw),
    }


def _known_sound(catalog: Catalog, known: Known, path: Path) -> int | None:
    """The sound of a changed file, if its recording was heard before, here or elsewhere."""
    from indexer.audio.payload import payload_hash

    try:
        content_hash = payload_hash(path)
    except (AudioError, OSError):
        return None
    if catalog.content_hash(known.sound_id) == content_hash:
        return known.sound_id
    return catalog.with_hash(content_hash)


def _count(path: Path, entry: Entry | None, report: BuildReport) -> None:
    if entry is None:
        report.fail(str(path), VANISHED)
    elif isinstance(entry, Retagged):
        report.added += 1
    elif isinstance(entry, Named) and entry.columns.get("status") == "failed":
        report.fail(str(path), entry.columns["reason"])
