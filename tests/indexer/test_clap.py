"""CLAP without its extra, and without its files."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from tiny_models import declare_operators

from indexer.encoders import registry
from indexer.encoders.protocol import Setup
from indexer.errors import EncoderError, WeightsMissing

declare_operators()


def test_the_missing_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(EncoderError, match=r"pip install 'sonorize\[clap\]'"):
        registry.load("clap", models_dir=tmp_path, setup=Setup("cpu"))


@pytest.mark.slow
def test_missing_files_say_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(WeightsMissing, match="sonorize models fetch clap"):
        registry.load("clap", models_dir=tmp_path, setup=Setup("cpu"))
