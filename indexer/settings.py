"""Where things are and which device is used: read once from the environment, passed down."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

FREESOUND = "https://freesound.org"


@dataclass(frozen=True, slots=True)
class Settings:
    """library, models, config, state: folders. device: auto, cpu, cuda or mps.

    config: what only its owner reads. state: which requests were made. freesound: its address.
    """

    library: Path
    models: Path
    config: Path
    state: Path
    device: str = "auto"
    freesound: str = FREESOUND


def load(environ: Mapping[str, str] = os.environ) -> Settings:
    """`SONORIZE_LIBRARY`, `_MODELS`, `_CONFIG`, `_STATE`, else the user's own folders;
    `SONORIZE_DEVICE`, `SONORIZE_FREESOUND_URL`.
    """
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
        config=folder(
            "SONORIZE_CONFIG", platformdirs.user_config_path("sonorize", appauthor=False)
        ),
        state=folder("SONORIZE_STATE", platformdirs.user_state_path("sonorize", appauthor=False)),
        device=environ.get("SONORIZE_DEVICE") or "auto",
        freesound=environ.get("SONORIZE_FREESOUND_URL") or FREESOUND,
    )
