"""What every encoder promises."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from indexer.audio.window import WindowRule as WindowRule

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

    from indexer.audio.waveform import Waveform

Part = Literal["audio", "metadata", "likeness"]
"""`audio`: what is heard. `metadata`: what is written about it. `likeness`: what is heard,
in a space for sounds alone ("sounds like this one")."""

Modality = Literal["audio", "image", "text", "video"]

Windows = Literal["all", "official"]
"""`all`: the whole file by the encoder's own rule. `official`: as the model's authors cut it."""

Vectors = Mapping[Part, "NDArray[np.float32]"]
"""For each part, (n, dims[part]) float32 rows of length 1, or all 0 where the part is absent."""


@dataclass(frozen=True, slots=True)
class Setup:
    """How an encoder is loaded.

    device     auto, cpu, cuda or mps
    windows    part of what a library's vectors mean; an encoder with one rule ignores it
    precision  auto: what the device is fast with and a ranking bears; float32 for evaluation
    """

    device: str = "auto"
    windows: Windows = "all"
    precision: Literal["auto", "float32"] = "auto"


class Encoder(Protocol):
    """One joint model. All methods take a batch and keep its order.

    name             how a library records it
    licence          SPDX id of the weights
    caveat           one line shown with every ranked list, or ""
    sample_rate      Hz; `embed_audio` takes waveforms at this rate, any number of channels
    resampler        "soxr" or "sinc": how a file comes to that rate
    window           how a file is cut
    dims             width of each part this encoder fills
    modalities       the sides it has
    metadata_weight  w in score = (1 - w) cos_audio + w cos_metadata where a library has a
                     metadata part, unless the user says
    device           cpu, cuda or mps: where it runs, for the record
    keeps_metadata   whether every library has that part, or only one built with --metadata
    """

    @property
    def name(self) -> str: ...
    @property
    def licence(self) -> str: ...
    @property
    def caveat(self) -> str: ...
    @property
    def sample_rate(self) -> int: ...
    @property
    def resampler(self) -> Literal["soxr", "sinc"]: ...
    @property
    def window(self) -> WindowRule: ...
    @property
    def dims(self) -> Mapping[Part, int]: ...
    @property
    def modalities(self) -> frozenset[Modality]: ...
    @property
    def metadata_weight(self) -> float: ...
    @property
    def keeps_metadata(self) -> bool: ...
    @property
    def device(self) -> str: ...

    def fingerprint(self, part: Part) -> str:
        """sha256 (hex) of all that changes this part's vectors at rest.

        That is: model name, hash of the weights on the sound's side, version of the audio
        preprocessing, window rule, width. Device, dtype and query-side tables are not in it.
        """
        ...

    def embed_audio(self, waveforms: Sequence[Waveform]) -> Vectors:
        """One row per waveform for each heard part (`audio`, and `likeness` if it has one).

        Each waveform is one window. Silence gives a finite row.
        """
        ...

    def embed_metadata(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """(n, dims["metadata"]) rows for what is written about sounds; 0 where it says nothing."""
        ...

    def embed_images(self, images: Sequence[Image]) -> Vectors:
        """Pictures as questions to `audio` and, where there is one, `metadata`.

        Raises ModalityMissing if "image" is not in `modalities`.
        """
        ...

    def embed_texts(self, texts: Sequence[str]) -> Vectors:
        """Words as questions, like `embed_images`. Raises ModalityMissing without "text"."""
        ...


class VideoEncoder(Encoder, Protocol):
    """An encoder with "video" among its modalities: it sees motion."""

    def embed_videos(self, videos: Sequence[Sequence[Image]]) -> Vectors:
        """Shots as questions: each a sequence of frames in their order, spread evenly in time."""
        ...
