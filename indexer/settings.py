"""Where things are and which device is used: read once from the environment, passed down."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

FREESOUND = "https://freesound.org"


@dataclass(frozen=True, slots=True)
class Settings:
    """library, models: folders. device: auto, cpu, cuda or mps. freesound: the service's address.

    config: a folder that only its owner reads. state: a folder for what is kept between runs.
    """

    library: Path
    models: Path
    config: Path
    state: Path
    device: str = "auto"
    freesound: str = FREESOUND


def load(environ: Mapping[str, str] = os.environ) -> Settings:
    """`SONORIZE_LIBRARY`, `…_MODELS`, `…_CONFIG`, `…_STATE`, else the user's own folders;
    `SONORIZE_DEVICE`, `SONORIZE_FREESOUND_URL`.
    """
    import platformdirs

    def folder(name: str, default: Path) -> Path:
        return Path(environ[name]).expanduser() if environ.get(name) else default

    own = platformdirs.PlatformDirs("sonorize", appauthor=False)
    return Settings(
        library=folder("SONORIZE_LIBRARY", own.user_data_path / "library"),
        models=folder("SONORIZE_MODELS", own.user_cache_path / "models"),
        config=folder("SONORIZE_CONFIG", own.user_config_path),
        state=folder("SONORIZE_STATE", own.user_state_path),
        device=environ.get("SONORIZE_DEVICE") or "auto",
        freesound=environ.get("SONORIZE_FREESOUND_URL") or FREESOUND,
    )
