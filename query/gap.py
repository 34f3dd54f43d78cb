"""The modality gap: how far pictures lie from sounds in a joint space, and closing it.

Liang et al., "Mind the Gap: Understanding the Modality Gap in Multi-modal Contrastive
Representation Learning", NeurIPS 2022, section 2: the gap is the difference of the means of the
two modalities' unit vectors. All of this is about the audio part, where pictures ask what is heard.
"""

from __future__ import annotations

import os
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from indexer import geometry
from indexer.errors import EncoderMismatch, LibraryError, QueryError, typed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from indexer.encoders.protocol import Encoder, Vectors
    from indexer.library import Library

    Rows = NDArray[np.float32]
    Mean = NDArray[np.float64]

FILE = "gap.npz"
CHUNK = 4096  # rows taken to float64 at a time
OVERLAP = 10  # first answers that are compared
SAME = 0.1  # apart, of unit rows: fast types come to .02


@dataclass(frozen=True, slots=True)
class Group:
    """Unit vectors of one kind.

    count   how many; absent ones are not counted
    length  of their mean, 0..1: 1 is all alike
    within  mean cosine of two different ones; None for a single one
    """

    count: int
    length: float
    within: float | None


@dataclass(frozen=True, slots=True)
class Pair:
    """Two groups.

    gap     length of the difference of their means, 0..2
    angle   between their means, degrees; None where a mean is zero
    across  mean cosine of one of each
    """

    gap: float
    angle: float | None
    across: float


@dataclass(frozen=True, slots=True)
class Measurement:
    """`groups` by name, `pairs` of any two of them, and `auroc` for each group from outside.

    auroc   the chance that one from outside lies farther from the mean of its domain than one
            of the domain (which is left out of that mean): .5 is no difference; None where the
            domain is a single one
    """

    groups: Mapping[str, Group]
    pairs: Mapping[tuple[str, str], Pair]
    auroc: Mapping[str, float | None]
    mean_image: Mean
    mean_audio: Mean


@dataclass(frozen=True, slots=True)
class Effect:
    """What closing the gap changes for some questions, by what is heard alone.

    overlap        share of the first 10 sounds that stay; None with no more than 10 sounds
    kendall        tau-b of all the sounds' scores before and after; None if nothing is ordered
    before, after  mean cosine of a question and a sound
    """

    overlap: float | None
    kendall: float | None
    before: float
    after: float


def measure(
    sounds: Rows,
    pictures: Rows,
    outside_pictures: Rows | None = None,
    outside_sounds: Rows | None = None,
) -> Measurement:
    """(n, dim) unit rows of each group; rows of zeros are absent and left out.

    Raises QueryError for a group of which nothing is left.
    """
    given = {
        "pictures": pictures,
        "sounds": sounds,
        "outside pictures": outside_pictures,
        "outside sounds": outside_sounds,
    }
    rows = {name: _present(name, each) for name, each in given.items() if each is not None}
    means = {name: each.mean(axis=0, dtype=np.float64) for name, each in rows.items()}
    return Measurement(
        groups={name: _group(each, means[name]) for name, each in rows.items()},
        pairs={(a, b): _pair(means[a], means[b]) for a, b in combinations(rows, 2)},
        auroc={
            f"outside {name}": _auroc(rows[name], rows[f"outside {name}"], means[name])
            for name in ("pictures", "sounds")
            if f"outside {name}" in rows
        },
        mean_image=means["pictures"],
        mean_audio=means["sounds"],
    )


@dataclass(frozen=True, slots=True)
class Gap:
    """(dim,) means of pictures and sounds, and what made the vectors."""

    mean_image: Mean
    mean_audio: Mean
    encoder: str
    fingerprint: str

    def closed(self, vectors: Vectors) -> Vectors:
        """q' = n(q - mean_image + mean_audio) for rows of the audio part.

        Absent rows stay absent, other parts as they are. But for the scale of a list, a sound's
        score gains x · (mean_audio - mean_image), whatever the picture shows.
        Raises QueryError where nothing is left of a question.
        """
        if "audio" not in vectors:
            return vectors
        rows = vectors["audio"].copy()
        there = rows.any(axis=1)
        moved = rows[there] - self.mean_image + self.mean_audio
        # 1e-6 is what rounding to float32 leaves of rows that cancel out
        if (np.linalg.norm(moved, axis=1) <= 1e-6).any():
            raise QueryError(
                "Closing the gap leaves nothing of a picture: measure it again with more "
                "pictures, or ask without --close-gap."
            )
        rows[there] = geometry.normalize(moved)
        return {**vectors, "audio": rows}

    def save(self, library: Library, encoder: Encoder) -> None:
        """Into the library's folder, written aside and renamed. Raises LibraryError.

        What `encoder` sees in two pictures goes with it: no fingerprint covers that side.
        """
        path = library.folder / FILE
        aside = path.with_name(f"{FILE}.{os.getpid()}")
        try:
            with aside.open("wb") as file:
                np.savez(
                    file, mean_image=self.mean_image, mean_audio=self.mean_audio,
                    encoder=np.array(self.encoder), fingerprint=np.array(self.fingerprint),
                    seen=_seen(encoder),
                )  # fmt: skip
            aside.replace(path)
        except OSError as error:
            aside.unlink(missing_ok=True)
            raise LibraryError(
                f"{path} cannot be written ({error.strerror or error}): make room or allow "
                "writing there, and measure again."
            ) from error


def load_gap(library: Library, encoder: Encoder) -> Gap:
    """The means that were measured on this library.

    Raises LibraryError where there are none or their file is damaged, EncoderMismatch where the
    vectors of sounds or of pictures were made in another way.
    """
    path = library.folder / FILE
    again = f"run `sonorize library gap PICTURES --library {typed(library.folder)}`."
    if not path.is_file():
        raise LibraryError(f"The gap of {library.folder} has not been measured: {again}")
    gap, seen = _read(path, again)
    if (gap.encoder, gap.fingerprint) != (encoder.name, encoder.fingerprint("audio")):
        raise EncoderMismatch(
            f"The gap of {library.folder} was measured with other weights or windows: {again}"
        )
    now = _seen(encoder)
    if seen.shape != now.shape or (np.linalg.norm(seen - now, axis=1) > SAME).any():
        raise EncoderMismatch(
            f"The gap of {library.folder} was measured when {encoder.name} saw pictures in another "
            f"way: {again}"
        )
    return gap


def effect(questions: Rows, sounds: Rows, gap: Gap) -> Effect:
    """Closing the gap for (nq, dim) questions among (n, dim) sounds; means over the questions."""
    from scipy.stats import kendalltau

    asked = questions[questions.any(axis=1)]
    closed = gap.closed({"audio": asked})["audio"]
    overlaps, taus, means = [], [], []
    for off, on in zip(asked, closed, strict=True):
        # Rounded: a float32 product differs in its last bits for sounds that are alike.
        scores = np.round(sounds @ off, 6), np.round(sounds @ on, 6)
        first, then = (set(np.argsort(-each, kind="stable")[:OVERLAP].tolist()) for each in scores)
        overlaps.append(len(first & then) / OVERLAP)
        taus.append(float(kendalltau(*scores).statistic) if len(sounds) > 1 else np.nan)
        means.append([each.mean(dtype=np.float64) for each in scores])
    ordered = [tau for tau in taus if not np.isnan(tau)]
    before, after = np.mean(means, axis=0).tolist()
    return Effect(
        overlap=float(np.mean(overlaps)) if len(sounds) > OVERLAP else None,
        kendall=float(np.mean(ordered)) if ordered else None,
        before=before,
        after=after,
    )


def _seen(encoder: Encoder) -> Rows:
    """(2, dim) audio parts of two pictures that are always the same."""
    from PIL import Image

    line, ring = Image.linear_gradient("L"), Image.radial_gradient("L")
    pictures = [Image.merge("RGB", bands) for bands in ((line, ring, line), (ring, line, ring))]
    return encoder.embed_images(pictures)["audio"]


def _read(path: Path, again: str) -> tuple[Gap, Rows]:
    try:
        # Opened here: numpy leaves a file open that is no archive.
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            means = [np.asarray(file[name], np.float64) for name in ("mean_image", "mean_audio")]
            gap = Gap(means[0], means[1], str(file["encoder"]), str(file["fingerprint"]))
            seen = np.asarray(file["seen"], np.float32)
        if means[0].ndim != 1 or means[0].shape != means[1].shape or not np.isfinite(means).all():
            raise ValueError("these are no means")
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise LibraryError(f"{path} is damaged: {again}") from error
    return gap, seen


def _present(name: str, rows: Rows) -> Rows:
    kept = rows.any(axis=1)
    if not kept.any():
        raise QueryError(
            f"There is nothing to measure in the {name}: the model finds nothing that is heard "
            "in them, or there are none."
        )
    return rows if kept.all() else rows[kept]


def _group(rows: Rows, mean: Mean) -> Group:
    n = len(rows)
    squares = float(np.einsum("ij,ij->", rows, rows, dtype=np.float64))
    within = (n * n * float(mean @ mean) - squares) / (n * (n - 1)) if n > 1 else None
    return Group(n, float(np.linalg.norm(mean)), within)


def _pair(a: Mean, b: Mean) -> Pair:
    lengths = np.linalg.norm(a), np.linalg.norm(b)
    angle = None
    if all(lengths):
        u, v = a / lengths[0], b / lengths[1]
        # Kahan: exact for small angles too, where the arc cosine is not
        half = np.arctan2(np.linalg.norm(u - v), np.linalg.norm(u + v))
        angle = float(np.degrees(2 * half))
    return Pair(float(np.linalg.norm(a - b)), angle, float(a @ b))


def _auroc(inside: Rows, outside: Rows, mean: Mean) -> float | None:
    n = len(inside)
    if n == 1:
        return None
    # x minus the mean of the n - 1 others is n / (n - 1) times x minus the mean of all
    own = np.sort(_distances(inside, mean) * (n / (n - 1)))
    other = _distances(outside, mean)
    nearer = np.searchsorted(own, other, "left") + np.searchsorted(own, other, "right")
    return float(nearer.mean() / (2 * n))


def _distances(rows: Rows, mean: Mean) -> NDArray[np.float64]:
    return np.concatenate(
        [np.linalg.norm(rows[at : at + CHUNK] - mean, axis=1) for at in range(0, len(rows), CHUNK)]
    )
