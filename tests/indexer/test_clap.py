"""CLAP without its extra or its files, in fast types, and short of memory."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny_models import clap, declare_operators

from indexer.audio.waveform import Waveform
from indexer.encoders import device, registry, weights
from indexer.encoders.clap import ClapEncoder
from indexer.encoders.progress import Progress
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


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made, kept = tmp_path_factory.mktemp("made"), tmp_path_factory.mktemp("models")
    clap(made)
    weights.fetch("clap", kept, Progress(lambda _: None), found_in=made)
    return kept


@pytest.mark.slow
def test_fast_types_change_little(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "fast_dtype", lambda _: torch.bfloat16)
    fast, exact = (
        registry.load("clap", models_dir=models, setup=setup)
        for setup in (Setup("cpu"), Setup("cpu", precision="float32"))
    )
    texts, sounds = ["rain on a roof"], [noise()]
    for quick, slow in (
        (fast.embed_texts(texts), exact.embed_texts(texts)),
        (fast.embed_audio(sounds), exact.embed_audio(sounds)),
    ):
        [cosine] = (quick["audio"] * slow["audio"]).sum(axis=1)
        assert not np.array_equal(quick["audio"], slow["audio"])
        assert cosine > 0.999


@pytest.mark.slow
def test_memory_that_runs_out_costs_no_sound(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = ClapEncoder(models / "clap", Setup("cpu", precision="float32"))
    wanted = encoder.embed_audio([noise(seed) for seed in range(5)])["audio"]
    hear, tried = encoder._model.get_audio_features, []

    def cramped(input_features: torch.Tensor, **rest: Any) -> Any:
        tried.append(len(input_features))
        if len(input_features) > 2:
            raise torch.OutOfMemoryError("out of memory")
        return hear(input_features, **rest)

    monkeypatch.setattr(encoder._model, "get_audio_features", cramped)
    rows = encoder.embed_audio([noise(seed) for seed in range(5)])["audio"]
    assert tried == [5, 2, 2, 1]
    assert np.allclose(rows, wanted, atol=1e-5)


def noise(seed: int = 1) -> Waveform:
    drawn = np.random.default_rng(seed).uniform(-0.5, 0.5, (1, 480_000))
    return Waveform(drawn.astype(np.float32), 48000)
