"""Drives that tests may change."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from drives import Drive

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def master(tmp_path_factory: pytest.TempPathFactory) -> Drive:
    made = Drive(tmp_path_factory.mktemp("master"))
    made.make()
    return made


@pytest.fixture
def drive(tmp_path: Path, master: Drive) -> Drive:
    copy = Drive(tmp_path)
    copy.take(master)
    return copy
