"""The score floor of a library: what the best hit scores for a picture that has nothing to do
with it.

Every picture has a best hit. How much its score says depends on the encoder, on how many sounds
there are and what they are, and on the picture: one of a train scores low with all but trains. So
a score is taken as its standing, which counts how far it lies above what the library scores with
the same question, and the score itself: of a handful of sounds those that fit may be so many that
none of them stands out. And the border is measured: pictures of nothing, composed by rule of shapes
and textures, every second one cut into tiles and shuffled, are asked like pictures of the film.

By trial with the starter model, which also chose how both are joined: of 44 photographs asked of
513 sounds (benchmarks/retrieval) 15 of 21 right first answers stand above the 95th percentile, and
3 of 23 wrong ones. By the score alone it is 17 and 6, and a passing train stays silent; by the
distance alone 14 and 3, and a dog stays silent where three of 18 sounds are dogs.
"""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from indexer.progress import Progress
from query import targets
from query.ask import NO_FILTERS, UNSTEERED, Ask
from query.search import Searcher

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray
    from PIL.Image import Image

    from indexer.encoders.protocol import Vectors
    from query.scene.cues import Strength
    from query.targets import Reference

FILE = "floor.json"
VERSION = 3  # of the pictures and of how they ask
COUNT = 128  # pictures
LIKELY, STRONG = 95.0, 99.0  # percentiles
KEPT = 8  # measurements in a file: of other weights, of other reference pairs
LEAST_SPREAD = 0.01  # of cosines: less is rounding, or a handful of sounds that are all alike
_SIZE = 224  # pixels; a square is one view to every encoder
_TILE = 28


@dataclass(frozen=True, slots=True)
class Floor:
    """Borders among standings. usual: that of an unrelated picture's best hit (median)."""

    usual: float
    likely: float
    strong: float

    def strength(self, standing: float) -> Strength:
        if standing >= self.strong:
            return "strong"
        return "likely" if standing >= self.likely else "weak"


def standing(score: float, background: tuple[float, float]) -> float:
    """The mean of a score and twice its distance from the library's median for this question, in
    units of the spread there (see Searcher.background); geometric, and 0 for less than 0."""
    middle, spread = background
    distance = max(0.0, (score - middle) / max(spread, LEAST_SPREAD))
    return float(np.cbrt(max(0.0, score) * distance**2))


def floor_of(scores: Sequence[float], likely: float = LIKELY, strong: float = STRONG) -> Floor:
    """From the best standings of unrelated pictures; the borders are percentiles, 0 to 100."""
    usual, *borders = np.percentile(np.asarray(scores, np.float64), [50.0, likely, strong])
    return Floor(float(usual), *map(float, borders))


def measured(
    searcher: Searcher,
    ask: Ask = Ask(),
    reference: Reference | None = None,
    progress: Progress = Progress(),
) -> Floor:
    """The floor of the libraries for questions like these, as it is stored, or measured now.

    It holds for the metadata weight, the gap and `moments` of `ask`, and for the reference pair;
    for all sounds, whatever the filters, and for pictures without words: what words add, the user
    knows to be there. It is kept in the folder of the first library, if that can be written to,
    and goes stale with any sound that comes or goes and with any other model or rule.
    """
    ask = replace(ask, k=1, cut=False, filters=NO_FILTERS, steering=UNSTEERED)
    frame = searcher.seen(reference.frames, ask, False) if reference is not None else None

    def asked(picture: Vectors) -> Vectors:
        if reference is None or frame is None:
            return picture
        return targets.target(picture, frame, reference)

    made = pictures(COUNT)
    probe = asked(searcher.seen([next(made)], ask, False))
    name = _fingerprint(searcher, ask, probe)
    path = searcher.libraries[0].folder / FILE
    stored = _read(path)
    if name not in stored:
        progress.stage("Measuring what pictures of nothing score", COUNT, "pictures")
        stored[name] = []
        for picture in pictures(COUNT):
            question = asked(searcher.seen([picture], ask, False))
            hits = searcher.by_vectors(question, ask)
            best = standing(hits[0].score, searcher.background(question, ask)) if hits else 0.0
            stored[name].append(best)
            progress.advance()
        _keep(path, dict(list(stored.items())[-KEPT:]))
    return floor_of(stored[name])


def pictures(count: int, seed: int = 0) -> Iterator[Image]:
    """Pictures of nothing, 224 by 224: shapes and textures, every second one shuffled in tiles.

    Plain and merely noisy ones are left out: they do look like something (water, cloth, fog).
    """
    random = np.random.default_rng(seed)
    for number in range(count):
        made = _collage(random)
        yield _shuffled(made, random) if number % 2 else made


def _collage(random: np.random.Generator) -> Image:
    from PIL import Image, ImageDraw

    fills = [_cloud(random, 1.0), _cloud(random, 1.7), _stripes(random), _plain(random)]
    made = fills[random.integers(len(fills))].copy()
    for _ in range(random.integers(6, 20)):
        mask = Image.new("L", (_SIZE, _SIZE))
        pen = ImageDraw.Draw(mask)
        x, y = random.uniform(0, _SIZE, 2)
        wide, high = random.uniform(8, 80, 2)
        corners = random.uniform(-90, 90, (random.integers(3, 6), 2)) + np.array((x, y))
        box = (x - wide, y - high, x + wide, y + high)
        draw = (pen.ellipse, pen.rectangle)[random.integers(2)]
        if random.random() < 1 / 3:
            pen.polygon([(a, b) for a, b in corners.tolist()], fill=255)
        else:
            draw(box, fill=255)
        textured = random.random() < 1 / 2
        fill = fills[random.integers(len(fills))] if textured else _plain(random)
        made.paste(fill, (0, 0), mask)
    return made


def _shuffled(picture: Image, random: np.random.Generator) -> Image:
    side = _SIZE // _TILE
    tiles = np.asarray(picture).reshape(side, _TILE, side, _TILE, 3).swapaxes(1, 2)
    mixed = tiles.reshape(-1, _TILE, _TILE, 3)[random.permutation(side * side)]
    back = mixed.reshape(side, side, _TILE, _TILE, 3).swapaxes(1, 2)
    return _picture(back.reshape(_SIZE, _SIZE, 3))


def _cloud(random: np.random.Generator, slope: float) -> Image:
    """Noise whose spectrum falls with frequency to the power of `slope`, as in photographs."""
    across = np.fft.fftfreq(_SIZE)
    frequency = np.hypot(*np.meshgrid(across, across))
    frequency[0, 0] = 1.0
    real, imaginary = random.standard_normal((2, 3, _SIZE, _SIZE))
    waves = np.fft.ifft2((real + 1j * imaginary) / frequency**slope).real
    waves -= waves.mean(axis=(1, 2), keepdims=True)
    waves /= waves.std(axis=(1, 2), keepdims=True)
    mixed = np.tensordot(random.standard_normal((3, 3)), 36.0 * waves, 1)
    return _picture((mixed + random.uniform(0, 255, (3, 1, 1))).transpose(1, 2, 0))


def _stripes(random: np.random.Generator) -> Image:
    y, x = np.mgrid[:_SIZE, :_SIZE]
    angle, period = random.uniform(0, np.pi), random.uniform(6, 90)
    phase = (x * np.cos(angle) + y * np.sin(angle)) / period % 1.0
    first, second = random.uniform(0, 255, (2, 3))
    return _picture(np.where((phase < 0.5)[..., None], first, second))


def _plain(random: np.random.Generator) -> Image:
    return _picture(np.broadcast_to(random.uniform(0, 255, 3), (_SIZE, _SIZE, 3)))


def _picture(pixels: NDArray[np.floating] | NDArray[np.uint8]) -> Image:
    from PIL import Image

    return Image.fromarray(np.ascontiguousarray(pixels.clip(0, 255).astype(np.uint8)))


def _fingerprint(searcher: Searcher, ask: Ask, probe: Vectors) -> str:
    """Of all that the scores depend on. What becomes of the first picture stands for the picture's
    side of the model, the gap and the reference pair."""
    encoder = searcher.encoder
    assert encoder is not None, "a picture was embedded"
    states = []
    for library in searcher.libraries:
        embeddings = library.catalog.embeddings
        last = embeddings.last()
        states.append((last, embeddings.token(last)))
    facts = (
        VERSION,
        COUNT,
        encoder.name,
        sorted((part, encoder.fingerprint(part)) for part in encoder.dims),
        sorted(searcher.weights(probe, ask).items()),
        ask.moments,
        states,
        sorted((part, np.round(rows, 3).tolist()) for part, rows in probe.items()),
    )
    return hashlib.sha256(repr(facts).encode()).hexdigest()


def _read(path: Path) -> dict[str, list[float]]:
    """Empty if it cannot be read: it is a cache."""
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        return {str(name): [float(score) for score in scores] for name, scores in said.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def _keep(path: Path, stored: dict[str, list[float]]) -> None:
    """Written aside and renamed; a folder that cannot be written to costs time, not answers."""
    aside = path.with_name(f"{path.name}.{os.getpid()}")
    with suppress(OSError):
        aside.write_text(json.dumps(stored), encoding="utf-8")
        aside.replace(path)
