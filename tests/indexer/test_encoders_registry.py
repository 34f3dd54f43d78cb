"""Names, devices, and what is said when something is not there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from indexer.encoders import device, registry
from indexer.encoders.protocol import Setup
from indexer.encoders.starter import files
from indexer.errors import EncoderError, UnknownEncoder, WeightsMissing, typed


def test_the_default_is_there_and_first() -> None:
    assert registry.names()[0] == registry.default


def test_an_unknown_name_names_the_choices() -> None:
    with pytest.raises(UnknownEncoder, match=r"'startr'.*starter, .*toy"):
        registry.load("startr", models_dir=Path())


def test_what_is_no_encoder_is_not_taken_for_one() -> None:
    with pytest.raises(UnknownEncoder, match=r"no encoder 'blip': .*starter, .*toy\.$"):
        registry.load("blip", models_dir=Path())


def test_missing_weights_say_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(WeightsMissing) as error:
        registry.load("starter", models_dir=tmp_path)
    said = str(error.value)
    assert "sonorize models fetch starter" in said
    assert "124 MB" in said
    assert "CC-BY-4.0" in said
    assert str(tmp_path / "starter") in said
    assert files.TEXT.filename in said


def test_the_size_said_is_the_size_fetched() -> None:
    total = sum(component.source.size for component in files.FILES.components)
    assert registry.entry("starter").size == total


def test_listing_imports_no_torch() -> None:
    code = (
        "import sys; from pathlib import Path; from indexer.encoders import registry, weights;"
        "[weights.status(n, Path('nowhere')) for n in registry.names()];"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_devices() -> None:
    assert device.choose("cpu").type == "cpu"
    assert device.choose("auto").type in device.choices
    with pytest.raises(EncoderError, match="auto, cpu, cuda, mps"):
        device.choose("tpu")


def test_a_device_that_is_not_there() -> None:
    import torch

    absent = "mps" if not torch.backends.mps.is_available() else "cuda"
    with pytest.raises(EncoderError, match=f"no {absent}: use --device auto"):
        device.choose(absent)


def test_windows_an_encoder_does_not_know_are_refused_before_it_is_loaded(tmp_path: Path) -> None:
    with pytest.raises(EncoderError, match=r"starter does not know --windows official.*imagebind"):
        registry.load("starter", models_dir=tmp_path, setup=Setup(windows="official"))
    registry.require_windows("imagebind", "official")


def test_a_suggested_path_can_be_typed() -> None:
    assert typed(Path("my sounds")) == '"my sounds"'
    assert typed(Path("sounds")) == "sounds"
