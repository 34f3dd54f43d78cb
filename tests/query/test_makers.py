"""Models that make sounds and write captions: the real classes with small random weights."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tiny_makers
import torch
from PIL import Image
from tiny_models import declare_operators

from indexer.encoders import device
from indexer.errors import GenerationError, UnknownEncoder, WeightsDamaged, WeightsMissing
from query.captions import registry as captioners
from query.captions.decode import beam
from query.captions.protocol import Captioner, Decoding
from query.generation import registry
from query.generation.protocol import Generator, Order, Settings

declare_operators()
NAMES = ("audioldm", "audioldm2", "stable-audio-open")
QUICK = Settings(seconds=0.5, steps=2)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


def loaded(name: str, models: Path) -> Generator:
    if not (models / name).is_dir():
        tiny_makers.kept(name, models)
    return registry.load(name, models, "cpu")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "channels", "rate"),
    [("audioldm", 1, 16000), ("audioldm2", 1, 16000), ("stable-audio-open", 2, 8000)],
)
def test_what_is_made_follows_from_the_order_alone(
    name: str, channels: int, rate: int, models: Path
) -> None:
    generator = loaded(name, models)
    order = Order("rain", 3, QUICK)
    made = generator.make(order)
    assert (made.samples.shape, made.sample_rate) == ((channels, rate // 2), rate)
    assert generator.sample_rate == rate
    torch.rand(3)
    again = registry.load(name, models, "cpu").make(order).samples
    assert np.array_equal(again, made.samples)
    others = [
        replace(order, seed=4),
        replace(order, prompt="dog barking"),
        replace(order, settings=replace(QUICK, negative="wind")),
        replace(order, settings=replace(QUICK, guidance=1.0)),
        replace(order, settings=replace(QUICK, steps=3)),
    ]
    for other in others:
        assert not np.array_equal(generator.make(other).samples, made.samples), other


@pytest.mark.slow
def test_a_vector_of_the_words_makes_what_the_words_make(models: Path) -> None:
    generator = loaded("audioldm", models)
    vector = generator.meaning("rain").tolist()  # type: ignore[attr-defined]
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)
    for settings in (QUICK, replace(QUICK, negative="wind")):
        by_words = generator.make(Order("rain", 3, settings)).samples
        by_vector = generator.make(Order("rain", 3, settings, vector)).samples
        assert np.abs(by_words - by_vector).max() < 1e-5
    other = generator.make(Order("rain", 3, QUICK, vector[::-1])).samples
    assert np.abs(by_words - other).max() > 1e-5
    with pytest.raises(GenerationError, match=r"use --model audioldm with --via audio"):
        registry.require_vector("audioldm2")


@pytest.mark.slow
def test_files_that_differ_are_told_apart(models: Path, tmp_path: Path) -> None:
    first, second = loaded("audioldm", models), loaded("audioldm2", models)
    assert first.weights != second.weights
    assert first.weights == registry.load("audioldm", models, "cpu").weights


@pytest.mark.slow
def test_a_model_says_what_it_takes_where_nothing_is_asked(models: Path) -> None:
    generator = loaded("audioldm2", models)
    assert generator.completed(Settings(5)) == Settings(5, 200, 3.5)
    assert generator.completed(Settings(5, 7, 2.0)) == Settings(5, 7, 2.0)
    for seconds in (0.0, -1.0, 31.0, float("nan")):
        with pytest.raises(GenerationError, match="up to 30 s"):
            generator.completed(Settings(seconds))


@pytest.mark.slow
def test_files_that_are_not_what_they_were_are_a_sentence(models: Path, tmp_path: Path) -> None:
    loaded("audioldm", models), writer_of("blip", models)
    for name in ("audioldm", "blip"):
        shutil.copytree(models / name, tmp_path / name)
    weights = tmp_path / "audioldm/unet/diffusion_pytorch_model.safetensors"
    weights.write_bytes(b"\xff" * weights.stat().st_size)
    with pytest.raises(WeightsDamaged, match=r"audioldm model in .*: run sonorize models fetch"):
        registry.load("audioldm", tmp_path, "cpu").make(Order("rain", 0, QUICK))
    config = tmp_path / "blip/config.json"
    config.write_bytes(b" " * config.stat().st_size)
    with pytest.raises(WeightsDamaged, match="blip model in"):
        captioners.load("blip", tmp_path, "cpu").write(pictures()[:1], Decoding())


@pytest.mark.slow
def test_no_room_is_a_sentence(models: Path) -> None:
    def full(**_: object) -> None:
        raise torch.OutOfMemoryError

    generator = loaded("audioldm", models)
    generator._pipeline = full  # type: ignore[attr-defined]
    with pytest.raises(GenerationError, match=r"finds no room on cpu: ask for fewer seconds"):
        generator.make(Order("rain", 0, QUICK))


@pytest.mark.parametrize("lacking", ["diffusers", "torchsde", "accelerate", "transformers"])
def test_the_missing_extra_is_named(
    lacking: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("diffusers", "torchsde", "accelerate", "transformers"):
        stands = None if name == lacking else sys
        monkeypatch.setitem(sys.modules, name, stands)  # type: ignore[arg-type]
    with pytest.raises(GenerationError, match=r"pip install 'sonorize\[generate\]'\.$"):
        registry.load("audioldm2", tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_missing_files_say_size_and_licence(name: str, tmp_path: Path) -> None:
    size = {"audioldm": "1.7", "audioldm2": "4.4", "stable-audio-open": "5.3"}[name]
    licence = "LicenseRef-Stability" if name == "stable-audio-open" else "CC-BY-NC-SA-4.0"
    with pytest.raises(WeightsMissing, match=rf"models fetch {name} \({size} GB, {licence}.*\)"):
        registry.load(name, tmp_path)


def test_an_unknown_model_names_the_choices(tmp_path: Path) -> None:
    with pytest.raises(UnknownEncoder, match=r"model for sounds 'blip': .*audioldm, audioldm2, st"):
        registry.load("blip", tmp_path)


# Captions


WRITERS = [
    pytest.param("blip", marks=pytest.mark.slow),
    pytest.param(
        "coca",
        marks=[
            pytest.mark.slow,
            pytest.mark.skipif(
                importlib.util.find_spec("open_clip") is None, reason="open_clip is not here"
            ),
        ],
    ),
]


def writer_of(name: str, models: Path) -> Captioner:
    if not (models / name).is_dir():
        tiny_makers.kept(name, models)
    return captioners.load(name, models, "cpu")


def pictures() -> list[Image.Image]:
    drawn = np.random.default_rng(2).integers(0, 256, (3, 40, 60, 3), dtype=np.uint8)
    return [Image.fromarray(pixels) for pixels in drawn]


@pytest.mark.parametrize("name", WRITERS)
def test_a_seed_says_what_is_written_whatever_else_is_drawn(name: str, models: Path) -> None:
    writer, [picture, other, _] = writer_of(name, models), pictures()
    how = Decoding(count=4, longest=8, seed=7)
    first = writer.write([picture, other], how)
    torch.rand(3)
    before = torch.get_rng_state()
    assert writer.write([picture], how) == first[:1]
    assert torch.equal(before, torch.get_rng_state())
    assert [len(texts) for texts in first] == [4, 4]
    assert writer.write([picture], Decoding(count=4, longest=8, seed=8)) != first[:1]


@pytest.mark.parametrize("name", WRITERS)
def test_what_is_fast_here_changes_no_word(
    name: str, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    how, written = Decoding(count=6, longest=12, seed=7), []
    for dtype in (torch.float32, torch.bfloat16):
        monkeypatch.setattr(device, "fast_dtype", lambda _, dtype=dtype: dtype)
        written.append(writer_of(name, models).write(pictures(), how))
    assert written[0] == written[1]


@pytest.mark.parametrize("name", WRITERS)
def test_the_picture_counts(name: str, models: Path) -> None:
    how = Decoding(count=3, method="beam", longest=8)
    written = writer_of(name, models).write(pictures(), how)
    assert len({tuple(texts) for texts in written}) == 3
    assert all(len(set(texts)) == 3 for texts in written)


@pytest.mark.slow
def test_our_search_finds_what_transformers_finds(models: Path) -> None:
    writer, picture = writer_of("blip", models), pictures()[0]
    how = Decoding(count=3, method="beam", beams=6, shortest=2, longest=7)
    model, words = writer._model, writer._tokenizer  # type: ignore[attr-defined]
    pixels = writer._processor(images=[picture], return_tensors="pt")  # type: ignore[attr-defined]
    with torch.inference_mode():
        seen = model.vision_model(**pixels).last_hidden_state

        def step(ids: torch.Tensor) -> torch.Tensor:
            hidden = seen.expand(len(ids), -1, -1)
            scores: torch.Tensor = model.text_decoder(ids, encoder_hidden_states=hidden).logits
            return scores[:, -1]

        ids = beam(step, model.decoder_input_ids, 3, how)
    assert [words.decode(row, skip_special_tokens=True) for row in ids] == [
        text for [texts] in [writer.write([picture], how)] for text in texts
    ]
