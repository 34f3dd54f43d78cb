from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from libraries import empty_catalog

from indexer.catalog.store import Catalog


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    """An empty one, with a folder as its root 1."""
    opened = Catalog(empty_catalog(tmp_path))
    opened.root("folder", "/sounds")
    yield opened
    opened.close()
