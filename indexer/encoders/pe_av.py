"""PE-AV: sounds, words, pictures and shots in one space (Vyas et al. 2025), through transformers.

Its repository holds one model whose text tower has a head for each thing that text is compared
with. These pairs, each learned as such, are compared here:

    question        audio part                metadata part
    words           text-audio · audio        text-video · text-video
    picture, shot   video · audio             video · text-video

So what is written lies in the text-video space, whatever asks. A picture is a video of one frame.

A window of 10 s at 48 kHz is heard in float32, even where precision is free: the codec in front
works on samples, and these need more bits than the fast types have.

The two halves are read apart, as PeAudioModel and PeVideoModel: the first needs neither timm nor
torchvision, so that without the extra a library can be built, and asked with words; and the whole,
PeAudioVideoModel, does not load in transformers 5.23 (it looks for a parameter among the buffers
of timm's rotary embedding). Its own get_text_audio_embeds and get_video_embeds fail there as well;
what it computes in `forward` is computed here from the towers and their heads.

The text heads read the first token of the last layer before the final norm: PE-AV's authors take
the 22nd of ModernBERT's layers and pass its norm by. transformers did so when it took PE-AV in,
and 5.23 hands out the normed state.
"""

from __future__ import annotations

import contextlib
import copy
import hashlib
import importlib
import io
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import numpy as np
from PIL import Image

from indexer.counting import counted
from indexer.encoders import device as devices
from indexer.encoders import weights
from indexer.encoders.pretrained import component, computing, library, trimmed
from indexer.encoders.protocol import WindowRule
from indexer.encoders.weights import ModelFiles
from indexer.encoders.written import written
from indexer.errors import ModalityMissing, WeightsDamaged
from indexer.geometry import normalize

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping, Sequence
    from pathlib import Path

    import torch
    from numpy.typing import NDArray

    from indexer.audio.waveform import Waveform
    from indexer.encoders.protocol import Modality, Part, Setup, Vectors

T = TypeVar("T")

REPO = "facebook/pe-av-base"
VERSION = "1"
HOP = 1920  # samples a step of the codec takes: 40 ms
SIDE = 336  # pixels; a picture is squeezed into a square
LONGEST = 512  # tokens
# bytes of activations for one item: a window as measured at full size, the others reckoned
_WINDOW, _FRAME, _TEXT = 1_000_000_000, 150_000_000, 60_000_000
_MOST = 64

BLIND: frozenset[Modality] = frozenset({"audio", "text"})
EVERYTHING: frozenset[Modality] = BLIND | {"image", "video"}

FILES = ModelFiles(
    name="pe-av",
    components=tuple(
        component(REPO, name, "Apache-2.0")
        for name in ("config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors")
    ),
)


class PeAvEncoder:
    """Sounds and words; pictures and shots where the extra is installed."""

    name = "pe-av"
    licence = "Apache-2.0"
    caveat = ""
    sample_rate = 48000
    resampler: Literal["soxr", "sinc"] = "soxr"
    window = WindowRule(seconds=10.0, hop=10.0)
    metadata_weight = 0.5
    keeps_metadata = False
    dims: Mapping[Part, int]
    modalities: frozenset[Modality]

    def __init__(self, folder: Path, setup: Setup, *, sees: bool) -> None:
        self._folder = folder
        self._setup = setup
        self._hashes = weights.hashes(folder)
        self._config = _transformers().PeAudioVideoConfig.from_pretrained(
            folder, local_files_only=True
        )
        width = self._config.text_config.hidden_size
        self.dims = {"audio": width, "metadata": width}
        self.modalities = EVERYTHING if sees else BLIND

    @property
    def device(self) -> str:
        return self._device.type

    def fingerprint(self, part: Part) -> str:
        model = self._hashes["model.safetensors"], self._hashes["config.json"]
        words = self._hashes["tokenizer.json"], self._hashes["tokenizer_config.json"]
        made_of = {
            "audio": (model, VERSION, self.resampler, self.window),
            "metadata": (model, words, LONGEST),
        }
        facts = (self.name, part, self.dims[part], *made_of[part])
        return hashlib.sha256(repr(facts).encode()).hexdigest()

    def embed_audio(self, waveforms: Sequence[Waveform]) -> Vectors:
        sounds = [_whole_steps(trimmed(waveform)) for waveform in waveforms]
        return {"audio": normalize(self._alike(sounds, len, lambda batch: self._hear(batch)))}

    def embed_metadata(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return written(
            texts, self.dims["metadata"], lambda said: self.embed_texts(said)["metadata"]
        )

    def embed_texts(self, texts: Sequence[str]) -> Vectors:
        width = self.dims["audio"]
        both = [np.zeros((0, 2 * width), dtype=np.float32)]
        if texts:
            both += self._read(texts)
        heard, seen = np.split(np.concatenate(both), [width], axis=1)
        return {"audio": normalize(heard), "metadata": normalize(seen)}

    def embed_images(self, images: Sequence[Image.Image]) -> Vectors:
        return self.embed_videos([[image] for image in images])

    def embed_videos(self, videos: Sequence[Sequence[Image.Image]]) -> Vectors:
        """Shots as questions: each a sequence of frames in their order, spread evenly in time.

        Raises ModalityMissing without the extra.
        """
        if "video" not in self.modalities:
            raise ModalityMissing(
                "The pe-av model sees pictures only with timm and torchvision: run "
                "pip install 'sonorize[pe-av]', or ask with query-by-text or query-by-sound."
            )
        rows = normalize(self._alike(videos, len, lambda batch: self._see(batch)))
        return {"audio": rows, "metadata": rows}

    def _alike(
        self,
        items: Sequence[T],
        key: Callable[[T], Hashable],
        run: Callable[[Sequence[T]], list[NDArray[np.float32]]],
    ) -> NDArray[np.float32]:
        """Rows of `items`, run together only with those of the same `key`.

        Padding would reach into the last steps of shorter ones through the convolutions.
        """
        rows = np.zeros((len(items), self.dims["audio"]), dtype=np.float32)
        for kind in dict.fromkeys(map(key, items)):
            places = [place for place, item in enumerate(items) if key(item) == kind]
            rows[places] = np.concatenate(run([items[place] for place in places]))
        return rows

    @cached_property
    def _hear(self) -> devices.Batches[NDArray[np.float32], NDArray[np.float32]]:
        import torch

        model = self._ears

        def run(sounds: Sequence[NDArray[np.float32]]) -> torch.Tensor:
            samples = torch.from_numpy(np.stack(sounds)[:, None]).to(self._device)
            found: torch.Tensor = model.get_audio_embeds(samples)
            return found

        one = self._device.type == "cpu"  # where two windows take as long as two times one
        return self._batches(run, _WINDOW, 1 if one else _MOST, torch.float32)

    @cached_property
    def _read(self) -> devices.Batches[str, NDArray[np.float32]]:
        import torch

        model, tokenizer, other = self._words, self._tokenizer, self._text_video_head

        def run(texts: Sequence[str]) -> torch.Tensor:
            words = tokenizer(
                list(texts),
                padding=True,
                truncation=True,
                max_length=LONGEST,
                return_tensors="pt",
                return_token_type_ids=False,
            )
            read = model.text_model(**words.to(self._device)).last_hidden_state[:, 0]
            return torch.cat([model.text_audio_head(read), other(read)], dim=1)

        return self._batches(run, _TEXT, _MOST, self._dtype)

    @cached_property
    def _see(self) -> devices.Batches[Sequence[Image.Image], NDArray[np.float32]]:
        model = self._eyes

        def run(videos: Sequence[Sequence[Image.Image]]) -> torch.Tensor:
            frames = pixels(videos).to(self._device)
            found: torch.Tensor = model.video_head(model.video_encoder(frames).pooler_output)
            return found

        return self._batches(run, 16 * _FRAME, _MOST, self._dtype)

    def _batches(
        self, run: Callable[[Sequence[T]], torch.Tensor], item: int, most: int, dtype: torch.dtype
    ) -> devices.Batches[T, NDArray[np.float32]]:
        import torch

        def rows(items: Sequence[T]) -> NDArray[np.float32]:
            with torch.inference_mode(), computing(self._device, dtype):
                return np.asarray(run(items).float().cpu().numpy(), dtype=np.float32)

        return devices.Batches(rows, devices.room(self._device, item, most))

    @cached_property
    def _ears(self) -> Any:
        return self._half("PeAudioModel", self._config.audio_config, "text_model")

    @cached_property
    def _words(self) -> Any:
        import torch

        model = self._half("PeAudioModel", self._config.audio_config, "audio_encoder")
        model.text_model.final_norm = torch.nn.Identity()
        return model

    @cached_property
    def _eyes(self) -> Any:
        return self._half("PeVideoModel", self._config.video_config, "text_model")

    @cached_property
    def _text_video_head(self) -> Any:
        """Read by itself: it needs no eyes, and the rest of its half does."""
        from safetensors import safe_open

        head, stem = copy.deepcopy(self._words.text_audio_head), "video_model.text_video_head."
        with safe_open(self._folder / "model.safetensors", framework="pt") as file:
            keys = [key for key in file.keys() if key.startswith(stem)]  # noqa: SIM118 - no dict
            found = {key.removeprefix(stem): file.get_tensor(key) for key in keys}
        if set(found) != set(head.state_dict()):
            raise WeightsDamaged(self._strange(f"its text_video_head has {sorted(found)}"))
        head.load_state_dict(found)
        return head

    def _half(self, name: str, config: Any, without: str) -> Any:
        """The class `name` of transformers; of its two towers one is neither made nor read."""
        import torch

        whole = getattr(_transformers(), name)

        def begin(model: Any, config: Any) -> None:
            whole.__init__(model, config)
            delattr(model, without)

        part: Any = type(name, (whole,), {"__init__": begin})
        # transformers prints a complaint about a docstring of its own where results are printed
        with contextlib.redirect_stdout(io.StringIO()):
            model, found = part.from_pretrained(
                self._folder,
                config=config,
                local_files_only=True,
                use_safetensors=True,
                ignore_mismatched_sizes=True,
                output_loading_info=True,
                dtype=torch.float32,
            )
        lacking = sorted(map(str, [*found["missing_keys"], *found["mismatched_keys"]]))
        if lacking:
            raise WeightsDamaged(
                self._strange(f"{counted(len(lacking), 'array')} missing, as {lacking[0]}")
            )
        return model.eval().to(self._device)

    def _strange(self, why: str) -> str:
        return (
            f"{self._folder / 'model.safetensors'} has not the arrays that this version knows "
            f"({why}): fetch pe-av again, or use another model."
        )

    @cached_property
    def _tokenizer(self) -> Any:
        return _transformers().AutoTokenizer.from_pretrained(
            self._folder, local_files_only=True, trust_remote_code=False
        )

    @cached_property
    def _device(self) -> torch.device:
        return devices.choose(self._setup.device)

    @cached_property
    def _dtype(self) -> torch.dtype:
        import torch

        exact = self._setup.precision == "float32"
        return torch.float32 if exact else devices.fast_dtype(self._device)


def load(folder: Path, setup: Setup) -> PeAvEncoder:
    """PE-AV over the files in `folder`. Raises WeightsMissing; EncoderError without the extra."""
    _transformers()
    weights.require(PeAvEncoder.name, folder)
    return PeAvEncoder(folder, setup, sees=can_see())


def can_see() -> bool:
    """Whether timm and a torchvision that fits this torch are installed."""
    try:
        importlib.import_module("timm")
        importlib.import_module("torchvision")
    except (ImportError, RuntimeError):
        return False
    return True


def pixels(videos: Sequence[Sequence[Image.Image]]) -> torch.Tensor:
    """(n, frames, 3, 336, 336) float32 in -1..1 of videos that have as many frames each."""
    import torch

    frames = np.stack([[_square(frame) for frame in video] for video in videos])
    return torch.from_numpy(frames / np.float32(127.5) - 1).permute(0, 1, 4, 2, 3).contiguous()


def _square(frame: Image.Image) -> NDArray[np.uint8]:
    return np.asarray(frame.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BILINEAR))


def _whole_steps(sound: NDArray[np.float32]) -> NDArray[np.float32]:
    """Its end mirrored up to a whole number of steps, as its authors do."""
    return np.pad(sound, (0, -len(sound) % HOP), "reflect")


def _transformers() -> Any:
    return library(PeAvEncoder.name, "PeAudioModel")
