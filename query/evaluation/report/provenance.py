"""What a figure was made with and of."""

from __future__ import annotations

import platform
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from query.evaluation import freeze

if TYPE_CHECKING:
    from indexer.encoders.protocol import Encoder
    from indexer.library import Library

PACKAGES = ("numpy", "scipy", "torch", "av", "pillow", "faiss-cpu")


def of_run(files: Mapping[str, Path], *, seed: int | None = None) -> dict[str, Any]:
    """Version and commit of sonorize, of Python and of packages; sha256 of the files measured."""
    return {
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "sonorize": metadata.version("sonorize"),
        "commit": commit(),
        "python": platform.python_version(),
        "system": platform.platform(terse=True),
        "packages": {name: found for name in PACKAGES if (found := _version(name))},
        **({} if seed is None else {"seed": seed}),
        "inputs": freeze.hashes(files),
    }


def of_model(encoder: Encoder, library: Library) -> dict[str, Any]:
    """The model, the hashes of its files, where it ran, and the state of the library."""
    from indexer import settings
    from indexer.encoders import registry, weights

    folder = settings.load().models / encoder.name
    files = registry.files(encoder.name) is not None
    return {
        "encoder": encoder.name,
        "licence": encoder.licence,
        "fingerprint": encoder.fingerprint("audio"),
        "weights": dict(weights.hashes(folder)) if files else {},
        "windows": library.config.windows,
        "device": encoder.device,
        "precision": "float32",
        **of_library(library),
    }


def of_library(library: Library) -> dict[str, Any]:
    """Where it lies, and its state."""
    return {
        "library": str(library.folder.absolute()),
        "library_change": library.catalog.embeddings.last(),
    }


def commit() -> str:
    """Of the checkout that runs, with + where it was changed since; "" where it is none."""
    root = Path(__file__).parents[3]
    if not (root / ".git").exists():
        return ""
    try:
        named = _git(root, "rev-parse", "HEAD")
        changed = _git(root, "status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.SubprocessError):
        return ""
    return named + ("+" if changed else "")


def _git(root: Path, *words: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(root), *words], capture_output=True, text=True, check=True, timeout=10
    )
    return done.stdout.strip()


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""
