"""Frame, caption and sound of what was made: how far they agree, kept in each clip's manifest."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from indexer import geometry
from indexer.sources import generated
from query.ask import Ask

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray
    from PIL.Image import Image

    from indexer.encoders.protocol import Encoder
    from indexer.library import Library
    from query.generation.clips import Clip
    from query.search import Searcher

DIGITS = 6


@dataclass(frozen=True, slots=True)
class Triple:
    """A clip, the caption it was made from (as it was seen, not as it was asked), and how well
    that fits the frame: its score, or None. Of a clip that was made from sounds: the caption it is
    compared by, or ""."""

    clip: Clip
    caption: str
    score: float | None = None


def frame_hash(pictures: Sequence[Image]) -> str:
    """sha256 (hex) of the pixels, RGB, and of their places."""
    found = hashlib.sha256()
    for picture in pictures:
        rgb = picture.convert("RGB")
        found.update(repr(rgb.size).encode())
        found.update(rgb.tobytes())
    return found.hexdigest()


def measure(
    triples: Sequence[Triple], pictures: Sequence[Image], searcher: Searcher, library: Library
) -> list[dict[str, Any]]:
    """Writes each triple into the manifest of its clip, and returns what was written.

    With the distances of Eq. 1 in the joint space of what is heard, where the encoder has all
    three: d_image_text, d_image_audio, and inconsistency, 2 d_image_text - d_image_audio, in
    -2..4. The sounds are found in `library`, which has heard them.
    """
    encoder = searcher.encoder
    assert encoder is not None, "it sees the pictures"
    frame = frame_hash(pictures)
    seen = searcher.seen(pictures, Ask(), False)["audio"]
    texts = [triple.caption for triple in triples]
    said = encoder.embed_texts(texts)["audio"] if texts else seen[:0]
    said = np.where([[bool(text)] for text in texts], said, 0) if texts else said
    heard = _heard(triples, searcher, library)
    written = []
    for triple, words in zip(triples, said, strict=True):
        entry = {
            "frame": frame,
            "caption": triple.caption,
            "score": triple.score,
            **heard_by(encoder),
            **distances(seen[0], words, heard.get(triple.clip.path)),
        }
        keep(triple.clip.manifest, entry)
        written.append(entry)
    return written


def heard_by(encoder: Encoder) -> dict[str, str]:
    """What measured a triple: distances of other weights or windows are others."""
    return {"encoder": encoder.name, "fingerprint": encoder.fingerprint("audio")}


def distances(
    image: NDArray[np.float32], text: NDArray[np.float32], audio: NDArray[np.float32] | None
) -> dict[str, float | None]:
    """Eq. 1 of one triple of (d,) vectors and its terms, cosine distances in 0..2; None where a
    vector is absent."""
    to_text, to_audio = _apart(image, text), _apart(image, audio)
    both = to_text is not None and to_audio is not None
    return {
        "d_image_text": to_text,
        "d_image_audio": to_audio,
        "inconsistency": round(2 * to_text - to_audio, DIGITS) if both else None,  # type: ignore[operator]
    }


def _apart(image: NDArray[np.float32], other: NDArray[np.float32] | None) -> float | None:
    if other is None or not (image.any() and other.any()):
        return None
    return round(1 - float(geometry.cosine(image[None], other[None]).item()), DIGITS)


def _heard(
    triples: Sequence[Triple], searcher: Searcher, library: Library
) -> dict[Path, NDArray[np.float32]]:
    """Path → clip vector of what is heard."""
    assert searcher.encoder is not None
    space = library.spaces(searcher.encoder)["audio"]
    ids = dict(_known({triple.clip.path.parent for triple in triples}, library))
    keys, rows = library.catalog.embeddings.clips(space, sorted(set(ids.values())))
    vectors: Mapping[int, NDArray[np.float32]] = dict(zip(keys.tolist(), rows, strict=True))
    return {path: vectors[sound] for path, sound in ids.items() if sound in vectors}


def _known(folders: set[Path], library: Library) -> Iterator[tuple[Path, int]]:
    for root_id, place in library.catalog.places(generated.GeneratedSource.kind).items():
        if Path(place) in folders:
            for name, known in library.catalog.known(root_id).items():
                yield Path(place, name), known.sound_id


def keep(manifest: Path, entry: dict[str, Any]) -> None:
    """In place of what was said of the same frame and caption by the same encoder.

    One process at a time: a clip may serve the frames of two runs.
    """
    from filelock import FileLock

    with FileLock(manifest.with_name(".triples.lock")):
        facts = generated.read(manifest)
        if facts is None:
            return
        same = ("frame", "caption", "encoder", "fingerprint")
        others = [
            each for each in facts.frames if [each.get(k) for k in same] != [entry[k] for k in same]
        ]
        generated.write(manifest, replace(facts, frames=[*others, entry]))
