"""Where things are and which device is used: read once from the environment, passed down."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Settings:
    """library, models: folders. device: auto, cpu, cuda or mps."""

    library: Path
    models: Path
    device: str = "auto"


def load(environ: Mapping[str, str] = os.environ) -> Settings:
    """`SONORIZE_LIBRARY`, `SONORIZE_MODELS`, `SONORIZE_DEVICE`, else the user's own folders."""
    import platformdirs

    def folder(name: str, default: Path) -> Path:
        return Path(environ[name]).expanduser() if environ.get(name) else default

    return Settings(
        library=folder(
            "SONORIZE_LIBRARY",
            platformdirs.user_data_path("sonorize", appauthor=False) / "library",
        ),
        models=folder(
            "SONORIZE_MODELS",
            platformdirs.user_cache_path("sonorize", appauthor=False) / "models",
        ),
        device=environ.get("SONORIZE_DEVICE") or "auto",
    )
