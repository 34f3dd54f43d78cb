"""No test touches the user's own library or settings; only the model files are shared."""

from __future__ import annotations

import gc
import os
from pathlib import Path

import databases
import hypothesis
import pytest

from indexer import settings

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch: the machine's cores run tests

hypothesis.settings.register_profile("patient", deadline=None)  # other work slows a machine down
hypothesis.settings.load_profile("patient")

ROOT = Path(__file__).parents[1]
MODELS = settings.load().models


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--catalog", choices=("sqlite", "postgresql"), default="sqlite")


def pytest_configure(config: pytest.Config) -> None:
    databases.kind = config.getoption("--catalog")
    # A page that is closed while a thread of it asks leaves that connection to the collector;
    # unlike sqlite3, psycopg says so.
    open_still = "ignore:<psycopg.Connection .* was deleted while still open:ResourceWarning"
    config.addinivalue_line("filterwarnings", open_still)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whole commands and servers are not for the fast tests."""
    for item in items:
        if {ROOT / "tests/e2e", ROOT / "tests/web"} & set(item.path.parents):
            item.add_marker("slow")


def pytest_collection_finish() -> None:
    """What was imported stays: the collector need not go through it hundreds of times."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 50)


@pytest.fixture(autouse=True)
def _own_folders(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Library, cache and settings of this test alone, in new folders; no keyring."""
    home = tmp_path_factory.mktemp("home")
    for name in [name for name in os.environ if name.startswith("SONORIZE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("SONORIZE_MODELS", str(MODELS))
    monkeypatch.setenv("SONORIZE_LIBRARY", str(home / "library"))
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
    for name in ("HOME", "USERPROFILE", "LOCALAPPDATA", "APPDATA"):
        monkeypatch.setenv(name, str(home))
    for name in ("XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME"):
        monkeypatch.setenv(name, str(home / name))
