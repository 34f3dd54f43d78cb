"""The paper's question: which ways to write captions give prompts that make good sounds.

Every frame of a study gets captions in every way of a grid, each caption a sound, and each triple
its inconsistency (Eq. 1). All is kept in one folder as it comes, so that a sweep over thousands of
items can be stopped and goes on:

    captions.jsonl   a line for each frame and way
    clips/           the sounds with their manifests, which hold the triples
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from indexer.progress import Progress
from indexer.sources import generated
from query.captions.write import captions, worded
from query.evaluation.grid import key_of, name_of
from query.generation import memory, triples
from query.generation.clips import make
from query.generation.protocol import Order

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from indexer.encoders.protocol import Encoder
    from query.captions.protocol import Decoding
    from query.captions.write import Caption
    from query.evaluation.grid import Grid
    from query.evaluation.study import Study
    from query.generation.clips import Clip
    from query.generation.scheme import Models

TERMS = ("d_image_text", "d_image_audio", "inconsistency")
ITEM_COLUMNS = ("setting", "frame", "caption", "prompt", "sound", "refused", *TERMS)
SETTING_COLUMNS = (
    "place", "setting", "absolute", "sd", "d_image_text", "d_image_audio", "items", "frames",
    "refused",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Item:
    """A frame, a way, a caption, and, once it is made, its sound."""

    frame: Path
    way: Decoding
    caption: Caption


def written(
    study: Study, grid: Grid, models: Models, folder: Path, progress: Progress = Progress()
) -> list[Item]:
    """Captions of every frame in every way; those that `folder` has are not written again."""
    kept = dict(_kept(folder))
    captioner = models.load_captioner()  # its files are looked for; read when it writes
    frames = {path: _hash(path) for path in _frames(study)}
    asked = [(path, way) for path in frames for way in grid.ways]
    written_by = captioner.name, captioner.weights
    names = {(path, way): _key(frames[path], way, *written_by) for path, way in asked}
    lacking = [each for each in asked if names[each] not in kept]
    progress.stage(f"Writing captions with {grid.captioner}", len(lacking), "rounds")
    if lacking:
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "captions.jsonl").open("a", encoding="utf-8") as file:
            file.write("\n")  # ends a line that was cut off
            for path, way in lacking:
                texts = [each.text for each in captions([_picture(path)], captioner, way)]
                kept[names[path, way]] = texts
                file.write(json.dumps([names[path, way], texts], ensure_ascii=False) + "\n")
                file.flush()
                progress.advance()
    del captioner
    memory.release()
    return [
        Item(path, way, caption)
        for path, way in asked
        for caption in worded(kept[names[path, way]])
    ]


def sounded(
    items: Sequence[Item],
    grid: Grid,
    models: Models,
    folder: Path,
    progress: Progress = Progress(),
) -> list[Clip]:
    """The sound of each item; items of one prompt share it."""
    generator = models.load_generator()
    orders = [Order(item.caption.prompt, grid.seed, grid.settings) for item in items]
    clips = make(orders, generator, folder / "clips", progress)
    del generator
    memory.release()
    return clips


def measured(
    study: Study,
    items: Sequence[Item],
    clips: Sequence[Clip],
    encoder: Encoder,
    progress: Progress = Progress(),
) -> list[dict[str, Any]]:
    """Rows by ITEM_COLUMNS, in the order of the items. A triple that its manifest has, measured
    by this encoder, is not measured again."""
    progress.stage("Comparing frames, captions and sounds", len(items), "items")
    at_frame: dict[Path, list[int]] = {}
    for number, item in enumerate(items):
        at_frame.setdefault(item.frame, []).append(number)
    rows: dict[int, dict[str, Any]] = {}
    heard: dict[Path, NDArray[np.float32]] = {}
    for path, numbers in at_frame.items():
        told = _told(path, [(items[n].caption.text, clips[n]) for n in numbers], encoder, heard)
        for number, entry in zip(numbers, told, strict=True):
            rows[number] = _row(study, items[number], clips[number], entry)
            progress.advance()
    return [rows[number] for number in range(len(items))]


def compared(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Rows by SETTING_COLUMNS, the way whose triples are nearest to 0 first.

    absolute   mean of |inconsistency|, of each frame and then over frames; sd: over frames
    refused    sounds that were not fit to be used, which are no items
    """
    ways: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        ways.setdefault(row["setting"], []).append(row)
    told = [{"setting": name, **_summary(each)} for name, each in ways.items()]
    told.sort(key=lambda row: (np.isnan(row["absolute"]), row["absolute"], row["setting"]))
    return [{"place": place, **row} for place, row in enumerate(told, start=1)]


def _summary(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    fit = [row for row in rows if row["inconsistency"] is not None]
    frames: dict[str, list[Mapping[str, Any]]] = {}
    for row in fit:
        frames.setdefault(row["frame"], []).append(row)
    means = {
        name: [float(np.mean([abs(row[name]) for row in each])) for each in frames.values()]
        for name in TERMS
    }
    absolute = means["inconsistency"]
    return {
        "absolute": float(np.mean(absolute)) if absolute else float("nan"),
        "sd": float(np.std(absolute, ddof=1)) if len(absolute) > 1 else float("nan"),
        **{name: float(np.mean(means[name])) if absolute else float("nan") for name in TERMS[:2]},
        "items": len(fit),
        "frames": len(frames),
        "refused": sum(bool(row["refused"]) for row in rows),
    }


def _told(
    path: Path,
    pairs: Sequence[tuple[str, Clip]],
    encoder: Encoder,
    heard: dict[Path, NDArray[np.float32]],
) -> list[Mapping[str, Any]]:
    """What the manifests say of the triples of one frame, written first where they do not."""
    picture = _picture(path)
    frame = triples.frame_hash([picture])
    found = [_in_manifest(frame, text, clip, encoder) for text, clip in pairs]
    lacking = [n for n, (_, clip) in enumerate(pairs) if found[n] is None and _is_fit(clip)]
    if lacking:
        image = encoder.embed_images([picture])["audio"][0]
        texts = encoder.embed_texts([pairs[n][0] for n in lacking])["audio"]
        for number, words in zip(lacking, texts, strict=True):
            text, clip = pairs[number]
            entry = {
                "frame": frame, "caption": text, "score": None, **triples.heard_by(encoder),
                **triples.distances(image, words, _vector(clip.path, encoder, heard)),
            }  # fmt: skip
            triples.keep(clip.manifest, entry)
            found[number] = entry
    return [entry or dict.fromkeys(TERMS) for entry in found]


def _in_manifest(frame: str, text: str, clip: Clip, encoder: Encoder) -> Mapping[str, Any] | None:
    facts = generated.read(clip.manifest)
    wanted = {"frame": frame, "caption": text, **triples.heard_by(encoder)}
    for entry in facts.frames if facts else ():
        if wanted.items() <= entry.items() and set(TERMS) <= entry.keys():
            return entry
    return None


def _vector(
    path: Path, encoder: Encoder, heard: dict[Path, NDArray[np.float32]]
) -> NDArray[np.float32]:
    from query.heard import embed_file

    if path not in heard:
        heard[path] = embed_file(path, encoder)["audio"][0]
    return heard[path]


def _is_fit(clip: Clip) -> bool:
    return not clip.facts.refused


def _row(study: Study, item: Item, clip: Clip, entry: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "setting": name_of(item.way),
        "frame": study.shown(item.frame),
        "caption": item.caption.text,
        "prompt": item.caption.prompt,
        "sound": clip.path.name,
        "refused": clip.facts.refused,
        **{name: entry[name] for name in TERMS},
    }


def _frames(study: Study) -> list[Path]:
    """Of all scenes, each once."""
    return list(dict.fromkeys(path for scene in study.scenes for path in scene.frames))


def _picture(path: Path) -> Any:
    from query.video import read_pictures

    return read_pictures(path)[0]


def _hash(path: Path) -> str:
    return triples.frame_hash([_picture(path)])


def _key(frame: str, way: Decoding, captioner: str, weights: str) -> str:
    return json.dumps([frame, key_of(way, captioner, weights)], sort_keys=True)


def _kept(folder: Path) -> Iterator[tuple[str, list[str]]]:
    """What captions.jsonl holds; a line that was cut off is passed over."""
    try:
        lines = (folder / "captions.jsonl").read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return
    for line in lines.splitlines():
        try:
            key, texts = json.loads(line)
        except (ValueError, TypeError):
            continue
        if isinstance(key, str) and isinstance(texts, list):
            yield key, [str(text) for text in texts]
