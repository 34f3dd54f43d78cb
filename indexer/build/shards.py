"""What was heard of some files, as a file that waits to be recorded.

A shard is an .npz: the vectors as arrays, the rest as JSON. It is written aside and renamed, so
that one which has its name is whole. Recorded once or twice, it leaves the same rows.
"""

from __future__ import annotations

import base64
import json
import os
import zipfile
import zlib
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from indexer.catalog.entries import Failed, Heard, Same

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from indexer.build.report import BuildReport
    from indexer.encoders.protocol import Encoder
    from indexer.library import Library

# what numpy, zipfile and json raise for bytes that are no shard, or half of one
UNREADABLE = (
    OSError, EOFError, RuntimeError, ValueError, KeyError, TypeError, zipfile.BadZipFile, zlib.error
)  # fmt: skip
MADE_FOR = list[tuple[str, int, str]]
Outcome = Heard | Same | Failed


@dataclass(slots=True)
class Shard:
    """made_for: (part, space, fingerprint) of each part. paths: by sound id, where it was heard.

    seconds, failures, notes: as in BuildReport.
    """

    made_for: MADE_FOR
    paths: dict[int, str]
    entries: Sequence[Outcome] = ()
    seconds: dict[str, float] = field(default_factory=dict)
    failures: list[tuple[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def folder(library: Library) -> Path:
    """Where shards wait."""
    return library.folder.resolve() / "cache" / "shards"


def made_for(library: Library, encoder: Encoder) -> MADE_FOR:
    spaces = library.spaces(encoder)
    return [(part, spaces[part], encoder.fingerprint(part)) for part in sorted(spaces)]


def write(path: Path, shard: Shard) -> None:
    arrays: dict[str, NDArray[Any]] = {}
    told = [_told(place, entry, arrays) for place, entry in enumerate(shard.entries)]
    said = {
        "made_for": shard.made_for, "paths": shard.paths, "entries": told,
        "seconds": shard.seconds, "failures": shard.failures, "notes": shard.notes,
    }  # fmt: skip
    arrays["said"] = np.frombuffer(json.dumps(said).encode(), dtype=np.uint8)
    aside = path.with_name(f"{path.name}.part")
    with aside.open("wb") as file:
        np.savez(file, **cast("dict[str, Any]", arrays))
        file.flush()
        os.fsync(file.fileno())
    aside.replace(path)


def read(path: Path) -> Shard | None:
    """None for one that cannot be read."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            said = json.loads(arrays["said"].tobytes())
            entries = [_entry(place, told, arrays) for place, told in enumerate(said["entries"])]
            return Shard(
                [(part, space, fingerprint) for part, space, fingerprint in said["made_for"]],
                {int(sound_id): path for sound_id, path in said["paths"].items()},
                entries, said["seconds"], [(path, why) for path, why in said["failures"]],
                said["notes"],
            )  # fmt: skip
    except UNREADABLE:
        return None


def take_in(library: Library, encoder: Encoder, report: BuildReport) -> None:
    """Records the shards that a build left behind which did not come to its end."""
    for rest in ("*.npz.part", "*.npy"):
        for path in folder(library).glob(rest):
            path.unlink(missing_ok=True)
    for path in sorted(folder(library).glob("*.npz")):
        record(library, encoder, path, report, left_behind=True)


def record(
    library: Library,
    encoder: Encoder,
    path: Path,
    report: BuildReport,
    *,
    left_behind: bool = False,
) -> bool:
    """Records what a shard says of files that still wait to be heard, then removes it.

    False if it cannot be read.
    """
    shard = read(path)
    if shard is not None and shard.made_for == made_for(library, encoder):
        originals = [each.original_id for each in shard.entries if isinstance(each, Same)]
        sounds = library.catalog.sounds([*shard.paths, *originals])
        wanted = {
            sound_id
            for sound_id, info in sounds.items()
            if info.columns["status"] in ("named", "partial")
            and str(info.path) == shard.paths.get(sound_id)
        }
        entries = [
            each
            for each in shard.entries
            if each.sound_id in wanted
            and (not isinstance(each, Same) or each.original_id in sounds)
        ]
        with report.timed("record"):
            library.catalog.record(entries)
        report.added += sum(not isinstance(each, Failed) for each in entries)
        report.notes += shard.notes
        for stage, seconds in shard.seconds.items():
            report.seconds[stage] += seconds
        failed = {shard.paths[each.sound_id] for each in entries if isinstance(each, Failed)}
        for where, why in shard.failures:
            if where in failed or not left_behind:  # what vanished there is looked for again
                report.fail(where, why)
    path.unlink(missing_ok=True)
    return shard is not None


def _told(place: int, entry: Outcome, arrays: dict[str, NDArray[Any]]) -> dict[str, Any]:
    if isinstance(entry, Failed):
        return {"failed": asdict(entry)}
    if isinstance(entry, Same):
        return {"same": asdict(entry)}
    arrays.update({f"{place} clip {space}": row for space, row in entry.clips.items()})
    arrays.update({f"{place} windows {space}": m for space, m in entry.window_vectors.items()})
    analysis = None
    if entry.analysis is not None:
        peaks = base64.b64encode(entry.analysis["peaks"]).decode()
        analysis = {**entry.analysis, "peaks": peaks}
    return {
        "heard": {
            "sound_id": entry.sound_id, "complete": entry.complete, "columns": dict(entry.columns),
            "windows": entry.windows, "content_hash": entry.content_hash, "analysis": analysis,
        },
        "clips": list(entry.clips),
        "window_vectors": list(entry.window_vectors),
    }  # fmt: skip


def _entry(place: int, told: dict[str, Any], arrays: Any) -> Outcome:
    if "failed" in told:
        return Failed(**told["failed"])
    if "same" in told:
        return Same(**told["same"])
    heard = told["heard"]
    if heard["analysis"] is not None:
        heard["analysis"]["peaks"] = base64.b64decode(heard["analysis"]["peaks"])
    heard["windows"] = [(start, end) for start, end in heard["windows"]]
    return Heard(
        **heard,
        clips={space: arrays[f"{place} clip {space}"] for space in told["clips"]},
        window_vectors={
            space: arrays[f"{place} windows {space}"] for space in told["window_vectors"]
        },
    )
