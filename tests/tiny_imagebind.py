"""ImageBind with small random weights, as a model's folder; see imagebind_recipe."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import imagebind_recipe as recipe

from indexer.encoders.protocol import Setup


def sizes() -> Any:
    from indexer.encoders.imagebind.towers import Size

    return {
        name: Size(width, recipe.BLOCKS[name], recipe.HEADS, recipe.OUT)
        for name, width in recipe.WIDTHS.items()
    }


def write(folder: Path, *, vocabulary: Path | None = None) -> None:
    """The files of a fetched model and their manifest.

    The vocabulary is CLIP's where one is given; else one of the right size that knows no merge
    of letters, so that every letter is a word.
    """
    import torch
    from safetensors.torch import save_file

    from indexer.encoders.imagebind.towers import expected

    folder.mkdir(parents=True, exist_ok=True)
    for name, keys in expected(sizes()).items():
        drawn = {key: torch.from_numpy(recipe.weight(key, shape)) for key, shape in keys.items()}
        save_file(drawn, folder / f"{name}.safetensors")
    if vocabulary is None:
        rows = ["#version", *(f"\u00a1{n} \u00a1" for n in range(48894))]
        (folder / "vocabulary.txt.gz").write_bytes(gzip.compress("\n".join(rows).encode()))
    else:
        (folder / "vocabulary.txt.gz").write_bytes(vocabulary.read_bytes())


def encoder(folder: Path, setup: Setup = Setup("cpu", precision="float32")) -> Any:  # noqa: B008
    from indexer.encoders.imagebind.encoder import ImageBindEncoder

    return ImageBindEncoder(folder, setup, sizes())
