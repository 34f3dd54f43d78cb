"""PE-AV: what the whole model computes, with and without its eyes."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from tiny_models import declare_operators, pe_av, whole_pe_av

from indexer.audio.waveform import Waveform
from indexer.encoders import device, registry, weights
from indexer.encoders import pe_av as module
from indexer.encoders.pe_av import PeAvEncoder
from indexer.encoders.progress import Progress
from indexer.encoders.protocol import Setup
from indexer.errors import EncoderError, ModalityMissing, WeightsDamaged, WeightsMissing

declare_operators()
needs_eyes = pytest.mark.skipif(not module.can_see(), reason="timm and torchvision are not here")
EXACT = Setup("cpu", precision="float32")


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made, kept = tmp_path_factory.mktemp("made"), tmp_path_factory.mktemp("models")
    pe_av(made)
    weights.fetch("pe-av", kept, Progress(lambda _: None), found_in=made)
    return kept


@pytest.fixture(scope="module")
def encoder(models: Path) -> PeAvEncoder:
    return module.load(models / "pe-av", EXACT)


@pytest.fixture(scope="module")
def whole() -> Any:
    model = whole_pe_av()
    model.text_model.config.tie_last_hidden_states = False
    return model


def film(frames: int = 4) -> list[Image.Image]:
    """A bright square on its way to the right."""
    pictures = [Image.new("RGB", (96, 54), "navy") for _ in range(frames)]
    for step, picture in enumerate(pictures):
        picture.paste("white", (22 * step, 10, 22 * step + 20, 40))
    return pictures


def noise(samples: int) -> Waveform:
    drawn = np.random.default_rng(samples).uniform(-0.5, 0.5, (1, samples))
    return Waveform(drawn.astype(np.float32), 48000)


def apart(a: NDArray[np.float32], b: torch.Tensor | NDArray[np.float32]) -> float:
    """The largest angle between rows, as 1 - cosine."""
    other = np.asarray(b, dtype=np.float64)
    other = other / np.linalg.norm(other, axis=1, keepdims=True)
    return float(1 - (a * other).sum(axis=1).min())


@pytest.mark.slow
@needs_eyes
def test_every_pair_is_what_the_whole_model_compares(encoder: PeAvEncoder, whole: Any) -> None:
    texts, sounds = ["dog barking", "hiss of rain"], [noise(1920 * 9), noise(1920 * 9 - 700)]
    videos = [film(), film()[::-1]]
    words = encoder._tokenizer(texts, padding=True, return_tensors="pt")
    samples = [
        np.pad(s.samples, ((0, 0), (0, -s.samples.shape[1] % 1920)), "reflect") for s in sounds
    ]
    with torch.inference_mode():
        said = whole(
            input_ids=words["input_ids"],
            attention_mask=words["attention_mask"],
            input_values=torch.from_numpy(np.stack(samples)),
            pixel_values_videos=module.pixels(videos),
        )
    asked, seen = encoder.embed_texts(texts), encoder.embed_videos(videos)
    assert apart(encoder.embed_audio(sounds)["audio"], said.audio_embeds) < 1e-6
    assert apart(asked["audio"], said.text_audio_embeds) < 1e-6
    assert apart(asked["metadata"], said.text_video_embeds) < 1e-6
    assert apart(seen["audio"], said.video_embeds) < 1e-6
    assert apart(seen["metadata"], said.video_embeds) < 1e-6
    assert apart(encoder.embed_metadata(texts), said.text_video_embeds) < 1e-6


@pytest.mark.slow
@needs_eyes
def test_frames_are_what_the_librarys_processor_makes_of_them() -> None:
    from transformers import PeVideoVideoProcessor

    half, steps = [0.5, 0.5, 0.5], ("resize", "rescale", "normalize", "convert_rgb")
    process = PeVideoVideoProcessor(
        size={"height": 336, "width": 336},
        image_mean=half,
        image_std=half,
        **{f"do_{step}": True for step in steps},
    )
    drawn = np.random.default_rng(1).integers(0, 256, (300, 500, 3), dtype=np.uint8)
    pictures = [Image.fromarray(drawn), film()[0].resize((500, 300))]
    theirs = process([pictures], return_tensors="pt")["pixel_values_videos"]
    ours = module.pixels([pictures])
    assert ours.shape == theirs.shape == (1, 2, 3, 336, 336)
    assert (ours - theirs).abs().max() < 2.1 / 127.5  # rounding to bytes


@pytest.mark.slow
@needs_eyes
def test_a_shot_is_more_than_its_frames(encoder: PeAvEncoder) -> None:
    there, back, still = film(), film()[::-1], [film()[0]] * 4
    rows = encoder.embed_videos([there, back, still, there])["audio"]
    assert apart(rows[:1], rows[3:]) < 1e-6
    assert apart(rows[:1], rows[1:2]) > 1e-5
    assert apart(rows[:1], rows[2:3]) > 1e-5


@pytest.mark.slow
@needs_eyes
def test_a_still_is_a_video_of_one_frame(encoder: PeAvEncoder) -> None:
    [first, *_] = film()
    still, shot = encoder.embed_images([first]), encoder.embed_videos([[first]])
    assert {"audio", "metadata"} == set(still) == set(shot)
    assert all(apart(still[part], shot[part]) < 1e-6 for part in still)


@pytest.mark.slow
@needs_eyes
def test_shots_of_other_lengths_do_not_disturb_each_other(encoder: PeAvEncoder) -> None:
    videos: list[Sequence[Image.Image]] = [film(3), film(2), film(3)[::-1], film(1)]
    together = encoder.embed_videos(videos)["audio"]
    alone = np.concatenate([encoder.embed_videos([video])["audio"] for video in videos])
    assert apart(together, alone) < 1e-6


@pytest.mark.slow
def test_sounds_of_other_lengths_do_not_disturb_each_other(encoder: PeAvEncoder) -> None:
    sounds = [noise(n) for n in (5000, 48000, 5760, 100, 4000)]
    encoder._hear.size = 4  # as on a GPU
    together = encoder.embed_audio(sounds)["audio"]
    alone = np.concatenate([encoder.embed_audio([sound])["audio"] for sound in sounds])
    assert apart(together, alone) < 1e-6


@pytest.mark.slow
def test_zeros_at_the_end_of_a_short_file_are_not_heard(encoder: PeAvEncoder) -> None:
    short = noise(20_000)
    padded = Waveform(np.pad(short.samples, ((0, 0), (0, 60_000))), 48000)
    rows = encoder.embed_audio([short, padded])["audio"]
    assert apart(rows[:1], rows[1:]) < 1e-6


@pytest.mark.slow
def test_without_eyes_it_hears_and_reads_the_same(models: Path, encoder: PeAvEncoder) -> None:
    blind = PeAvEncoder(models / "pe-av", EXACT, sees=False)
    assert blind.modalities == {"audio", "text"}
    with pytest.raises(ModalityMissing, match=r"pip install 'sonorize\[pe-av\]'"):
        blind.embed_images([])
    for part in ("audio", "metadata"):
        assert blind.fingerprint(part) == encoder.fingerprint(part)
        assert apart(blind.embed_texts(["rain"])[part], encoder.embed_texts(["rain"])[part]) < 1e-6


@pytest.mark.slow
def test_fast_types_leave_questions_as_they_are_and_sounds_alone(
    models: Path, encoder: PeAvEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device, "fast_dtype", lambda _: torch.bfloat16)
    fast, sounds = module.load(models / "pe-av", Setup("cpu")), [noise(9600)]
    exact, quick = encoder.embed_texts(["rain"])["audio"], fast.embed_texts(["rain"])["audio"]
    assert 0 < apart(quick, exact) < 1e-2
    assert np.array_equal(fast.embed_audio(sounds)["audio"], encoder.embed_audio(sounds)["audio"])


def without(models: Path, folder: Path, gone: str) -> PeAvEncoder:
    """The model without the arrays whose names begin so."""
    from safetensors.torch import load_file, save_file

    folder.mkdir()
    for path in (models / "pe-av").glob("*.json"):
        (folder / path.name).write_bytes(path.read_bytes())
    arrays = load_file(models / "pe-av" / "model.safetensors")
    kept = {key: array for key, array in arrays.items() if not key.startswith(gone)}
    assert len(kept) < len(arrays)
    save_file(kept, folder / "model.safetensors", metadata={"format": "pt"})
    return PeAvEncoder(folder, EXACT, sees=False)


@pytest.mark.slow
def test_sounds_need_no_words_and_words_no_sounds(
    models: Path, tmp_path: Path, encoder: PeAvEncoder
) -> None:
    deaf = without(models, tmp_path / "deaf", "audio_model.audio_encoder")
    assert apart(deaf.embed_texts(["rain"])["audio"], encoder.embed_texts(["rain"])["audio"]) < 1e-6
    mute, sounds = without(models, tmp_path / "mute", "text_model"), [noise(9600)]
    heard = mute.embed_audio(sounds)["audio"]
    assert apart(heard, encoder.embed_audio(sounds)["audio"]) < 1e-6
    with pytest.raises(WeightsDamaged, match="fetch pe-av again"):
        mute.embed_texts(["rain"])


@pytest.mark.slow
@pytest.mark.parametrize("gone", ["audio_model.audio_head", "video_model.text_video_head"])
def test_a_file_that_lacks_arrays_is_refused(models: Path, tmp_path: Path, gone: str) -> None:
    with pytest.raises(WeightsDamaged, match="fetch pe-av again"):
        without(models, tmp_path / "pe-av", gone).embed_texts(["rain"])


@pytest.mark.slow
@needs_eyes
def test_nothing_is_printed_where_results_are(
    models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    module.load(models / "pe-av", EXACT).embed_images(film(1))
    assert capsys.readouterr().out == ""


def test_the_missing_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(EncoderError, match=r"pip install 'sonorize\[pe-av\]'"):
        registry.load("pe-av", models_dir=tmp_path, setup=EXACT)


@pytest.mark.slow
def test_missing_files_say_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(WeightsMissing, match="sonorize models fetch pe-av"):
        registry.load("pe-av", models_dir=tmp_path, setup=EXACT)


def test_a_torchvision_made_for_another_torch_leaves_it_blind(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fails(name: str) -> None:
        raise RuntimeError("operator torchvision::nms does not exist")

    monkeypatch.setattr(module.importlib, "import_module", fails)
    assert not module.can_see()
