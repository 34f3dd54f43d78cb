"""ImageBind with small random weights, as a model's folder; see imagebind_recipe."""

from __future__ import annotations

import gzip
import json
from itertools import product
from pathlib import Path
from typing import Any

import imagebind_recipe as recipe

from indexer.encoders.imagebind.files import FILES
from indexer.encoders.protocol import Setup
from indexer.encoders.weights import sha256


def sizes() -> Any:
    from indexer.encoders.imagebind.towers import Size

    return {
        name: Size(width, recipe.BLOCKS[name], recipe.HEADS, recipe.OUT)
        for name, width in recipe.WIDTHS.items()
    }


def write(folder: Path) -> None:
    """The files of a fetched model and their manifest; the vocabulary joins two last letters."""
    import torch
    from safetensors.torch import save_file

    from indexer.encoders.imagebind.tokens import letters
    from indexer.encoders.imagebind.towers import expected

    folder.mkdir(parents=True)
    for name, keys in expected(sizes()).items():
        drawn = {key: torch.from_numpy(recipe.weight(key, shape)) for key, shape in keys.items()}
        save_file(drawn, folder / f"{name}.safetensors")
    merges = [f"{a} {b}</w>" for a, b in product(letters(), letters())]
    lines = "\n".join(["#version", *merges])
    (folder / "vocabulary.txt.gz").write_bytes(gzip.compress(lines.encode(), mtime=0))
    (folder / "manifest.json").write_text(json.dumps(_manifest(folder)))


def _manifest(folder: Path) -> dict[str, Any]:
    """As the door would have written it."""
    components = {}
    for component in FILES.components:
        paths = [folder / output for output in component.outputs]
        components[component.source.filename] = {
            "version": component.source.version,
            "licence": component.licence,
            "sha256": component.source.sha256,
            "files": {p.name: {"sha256": sha256(p), "size": p.stat().st_size} for p in paths},
        }
    return {"name": FILES.name, "components": components}


def encoder(folder: Path, setup: Setup = Setup("cpu", precision="float32")) -> Any:
    from indexer.encoders.imagebind.encoder import ImageBindEncoder

    return ImageBindEncoder(folder, setup, sizes())
