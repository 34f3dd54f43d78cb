"""An encoder whose answers can be written down by hand: for tests, and for trying things out.

Eight axes, each a colour, an octave of sound and a few words:

    axis  colour            band of sound, Hz   words
    0     red    255 0 0        0 -   62.5      red rumble thunder low
    1     orange 255 128 0   62.5 -  125        orange growl engine
    2     yellow 255 255 0    125 -  250        yellow hum cow
    3     green  0 255 0      250 -  500        green speech dog
    4     cyan   0 255 255    500 - 1000        cyan horn cat
    5     blue   0 0 255     1000 - 2000        blue whistle bird
    6     violet 128 0 255   2000 - 4000        violet cricket bell
    7     white  255 255 255 4000 - 8000        white hiss rain high

Each thing is shared out over the axes, and its row is the square root of the shares
(so that its length is 1):

    a sound    by the energy of its spectrum in each band (no window function; a band owns its
               lower edge, the last one its upper edge too; the channels' energies are added)
    a picture  by the number of pixels nearest to each colour in RGB (the first of equals);
               pixels with no channel of 32 or more count for nothing
    words      by the number of known words, lower case, split at anything but letters

So one second of a 440 Hz sine is axis 3, a picture half red and half blue is .7071 on
axes 0 and 5, "dog and dog and cat" is .8165 on axis 3 and .5774 on axis 4. Silence, a black
picture and words that are not in the table are rows of zeros. Pictures and words answer both
parts alike. Every row is worked out alone: the rest of the batch cannot change a bit of it.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Literal

import numpy as np

from indexer.encoders.protocol import WindowRule
from indexer.geometry import normalize

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray
    from PIL.Image import Image

    from indexer.audio.waveform import Waveform
    from indexer.encoders.protocol import Modality, Part, Setup, Vectors

_BANDS = (62.5, 125.0, 250.0, 500.0, 1000.0, 2000.0, 4000.0)
_COLOURS = np.array(
    [
        (255, 0, 0),
        (255, 128, 0),
        (255, 255, 0),
        (0, 255, 0),
        (0, 255, 255),
        (0, 0, 255),
        (128, 0, 255),
        (255, 255, 255),
    ],
    dtype=np.int64,
)
_WORDS = (
    "red rumble thunder low",
    "orange growl engine",
    "yellow hum cow",
    "green speech dog",
    "cyan horn cat",
    "blue whistle bird",
    "violet cricket bell",
    "white hiss rain high",
)
_AXIS = {word: axis for axis, words in enumerate(_WORDS) for word in words.split()}
_WIDTH = 8
_DARK = 32


class ToyEncoder:
    """The rule of this module as an Encoder."""

    name = "toy"
    licence = "Apache-2.0"
    caveat = "toy encoder: it hears eight bands and sees eight colours, for tests only"
    sample_rate = 16000
    resampler: Literal["soxr", "sinc"] = "soxr"
    window = WindowRule(seconds=2.0, hop=2.0)
    dims: Mapping[Part, int] = {"audio": _WIDTH, "metadata": _WIDTH}
    modalities: frozenset[Modality] = frozenset({"audio", "image", "text"})
    metadata_weight = 0.5
    keeps_metadata = True
    device = "cpu"

    def fingerprint(self, part: Part) -> str:
        return hashlib.sha256(f"toy 1 {part} {self.window} {self.dims[part]}".encode()).hexdigest()

    def embed_audio(self, waveforms: Sequence[Waveform]) -> Vectors:
        return {"audio": _rows(_band_energies(waveform) for waveform in waveforms)}

    def embed_metadata(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return _rows(_word_counts(text) for text in texts)

    def embed_images(self, images: Sequence[Image]) -> Vectors:
        rows = _rows(_pixel_counts(image) for image in images)
        return {"audio": rows, "metadata": rows}

    def embed_texts(self, texts: Sequence[str]) -> Vectors:
        rows = self.embed_metadata(texts)
        return {"audio": rows, "metadata": rows}


def load(_folder: Path, _setup: Setup) -> ToyEncoder:
    """The toy encoder; it has no files and runs anywhere."""
    return ToyEncoder()


def _rows(shares: Iterable[NDArray[np.float64]]) -> NDArray[np.float32]:
    rows = [normalize(np.sqrt(share)) for share in shares]
    return np.stack(rows) if rows else np.zeros((0, _WIDTH), dtype=np.float32)


def _band_energies(waveform: Waveform) -> NDArray[np.float64]:
    samples = waveform.samples.astype(np.float64)
    if samples.size == 0:
        return np.zeros(_WIDTH)
    energy = (np.abs(np.fft.rfft(samples, axis=1)) ** 2).sum(axis=0)
    frequency = np.fft.rfftfreq(samples.shape[1], 1.0 / waveform.sample_rate)
    bands = np.bincount(np.digitize(frequency, _BANDS), weights=energy, minlength=_WIDTH)
    # An exact tone leaves rounding noise in the other bands: below a millionth it is nothing.
    return np.where(bands > bands.sum() * 1e-6, bands, 0.0)


def _pixel_counts(image: Image) -> NDArray[np.float64]:
    pixels = np.asarray(image.convert("RGB"), dtype=np.int64).reshape(-1, 3)
    pixels = pixels[pixels.max(axis=1) >= _DARK]
    distances = [((pixels - colour) ** 2).sum(axis=1) for colour in _COLOURS]
    return np.bincount(np.argmin(distances, axis=0), minlength=_WIDTH).astype(np.float64)


def _word_counts(text: str) -> NDArray[np.float64]:
    axes = [_AXIS[word] for word in re.findall(r"[^\W\d_]+", text.lower()) if word in _AXIS]
    return np.bincount(np.array(axes, dtype=np.int64), minlength=_WIDTH).astype(np.float64)
