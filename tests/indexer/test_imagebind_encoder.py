"""ImageBind as an encoder: which towers it reads, in which type, and in what batches."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_imagebind
import torch
from PIL import Image

from indexer.audio.waveform import Waveform
from indexer.encoders import device
from indexer.encoders.imagebind.pixels import pixels
from indexer.encoders.protocol import Setup
from indexer.errors import PictureError, WeightsDamaged

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("models") / "imagebind"
    tiny_imagebind.write(made)
    return made


def noise(seed: int = 1) -> Waveform:
    drawn = np.random.default_rng(seed).uniform(-0.5, 0.5, (1, 32_000))
    return Waveform(drawn.astype(np.float32), 16_000)


def ask(encoder: Any, side: str) -> np.ndarray:
    rows: np.ndarray = {
        "audio": lambda: encoder.embed_audio([noise()])["audio"],
        "vision": lambda: encoder.embed_images([Image.new("RGB", (300, 200), "red")])["audio"],
        "text": lambda: encoder.embed_texts(["rain"])["audio"],
    }[side]()
    return rows


@pytest.mark.parametrize("side", ["audio", "vision", "text"])
def test_each_side_reads_its_own_tower_alone(
    folder: Path, side: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder, read = tiny_imagebind.encoder(folder), []
    load = encoder.tower
    monkeypatch.setattr(encoder, "tower", lambda name: (read.append(name), load(name))[1])
    for part in encoder.dims:
        encoder.fingerprint(part)
    assert read == []
    ask(encoder, side)
    ask(encoder, side)
    assert read == [side]


@pytest.mark.parametrize("side", ["audio", "vision", "text"])
def test_fast_types_change_little_and_evaluation_has_float32(
    folder: Path, side: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device, "fast_dtype", lambda _: torch.bfloat16)
    fast, exact = tiny_imagebind.encoder(folder, Setup("cpu")), tiny_imagebind.encoder(folder)
    types = [{p.dtype for p in each.tower(side).parameters()} for each in (fast, exact)]
    assert types == [{torch.bfloat16}, {torch.float32}]
    quick, slow = ask(fast, side), ask(exact, side)
    assert not np.array_equal(quick, slow)
    assert (quick * slow).sum() > 0.999


@pytest.mark.parametrize(
    ("side", "name", "place"),
    [
        ("audio", "audio.safetensors", 40),
        ("audio", "audio.safetensors", 2),
        ("vision", "text.safetensors", None),
        ("text", "vocabulary.txt.gz", 4000),
        ("text", "vocabulary.txt.gz", 0),
    ],
)
def test_a_file_that_changed_is_said(
    folder: Path, tmp_path: Path, side: str, name: str, place: int | None
) -> None:
    copy = shutil.copytree(folder, tmp_path / "imagebind")
    harmed = bytearray((copy / name).read_bytes())
    if place is None:  # the weights of another side
        name = f"{side}.safetensors"
    else:
        harmed[place] ^= 0xFF
    (copy / name).write_bytes(harmed)
    with pytest.raises(WeightsDamaged, match=f"{name} has changed .*models fetch imagebind"):
        ask(tiny_imagebind.encoder(copy), side)


def test_long_vectors_of_fast_types_are_no_zeros(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device, "fast_dtype", lambda _: torch.float16)
    tower = tiny_imagebind.encoder(folder, Setup("cpu")).tower("audio")
    tower.modality_heads[-1].weight *= 60_000
    with torch.inference_mode():
        projected = tower._project(torch.ones(1, 1, 128, 204, dtype=torch.float16))
        assert projected.isfinite().all()
        assert projected.float().norm() > 65_504
        found = tower(torch.ones(1, 1, 128, 204, dtype=torch.float16))
    assert found.norm() == pytest.approx(1, abs=1e-5)


def test_a_picture_that_is_a_line_is_refused() -> None:
    assert pixels([Image.new("RGB", (900, 1))]).shape == (1, 3, 224, 224)
    with pytest.raises(PictureError, match="3 × 900,000 pixels is a line"):
        pixels([Image.new("RGB", (3, 900_000))])


def test_memory_that_runs_out_costs_no_sound(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder, tried = tiny_imagebind.encoder(folder), []
    sounds = [noise(seed) for seed in range(5)]
    wanted = encoder.embed_audio(sounds)["audio"]
    forward = torch.nn.functional.scaled_dot_product_attention

    def cramped(query: torch.Tensor, *rest: Any, **options: Any) -> torch.Tensor:
        tried.append(len(query))
        if len(query) > 2:
            raise torch.OutOfMemoryError("out of memory")
        return forward(query, *rest, **options)

    monkeypatch.setattr(torch.nn.functional, "scaled_dot_product_attention", cramped)
    rows = encoder.embed_audio(sounds)["audio"]
    blocks = 3
    assert tried == [5, *[2] * blocks, *[2] * blocks, *[1] * blocks]
    np.testing.assert_allclose(rows, wanted, atol=1e-5)
