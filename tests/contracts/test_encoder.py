"""What every encoder promises, asked of every one in the registry."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import cast, get_args

import numpy as np
import pytest
import tiny_imagebind
from numpy.typing import NDArray
from PIL import Image
from tiny_models import TINY

from indexer import settings
from indexer.audio.waveform import Waveform
from indexer.encoders import registry, weights
from indexer.encoders.progress import Progress
from indexer.encoders.protocol import Encoder, Part, Setup
from indexer.errors import ModalityMissing

TEXTS = ["dog barking", "hiss of rain on the roof", "blue bird whistle", "engine hum, low"]


@cache
def loaded(name: str) -> Encoder:
    models_dir = settings.load().models
    if name == "imagebind":
        folder = Path(tempfile.mkdtemp())
        atexit.register(shutil.rmtree, folder)
        tiny_imagebind.write(folder / name)
        return cast("Encoder", tiny_imagebind.encoder(folder / name))
    if name in TINY:
        models_dir = Path(tempfile.mkdtemp())
        atexit.register(shutil.rmtree, models_dir)
        made = models_dir / "made"
        made.mkdir()
        TINY[name](made)
        weights.fetch(name, models_dir, Progress(lambda _: None), found_in=made)
    exact = Setup("cpu", precision="float32")
    return registry.load(name, models_dir=models_dir, setup=exact)


@pytest.fixture(
    params=[
        pytest.param("starter", marks=pytest.mark.model),
        "toy",
        pytest.param("imagebind", marks=pytest.mark.slow),
        *(pytest.param(name, marks=pytest.mark.slow) for name in TINY),
    ]
)
def encoder(request: pytest.FixtureRequest) -> Encoder:
    return loaded(request.param)


@pytest.fixture
def seeing(encoder: Encoder) -> Encoder:
    if "image" not in encoder.modalities:
        with pytest.raises(ModalityMissing):
            encoder.embed_images(pictures())
        pytest.skip(f"{encoder.name} sees no pictures")
    return encoder


def sounds(encoder: Encoder, channels: int = 1) -> list[Waveform]:
    """Noise, a tone, a click: one window each."""
    length = round(encoder.window.seconds * encoder.sample_rate)
    random = np.random.default_rng(1)
    noise = random.uniform(-0.5, 0.5, length)
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(length) / encoder.sample_rate)
    click = np.where(np.arange(length) == length // 3, 1.0, 0.0)
    return [
        Waveform(np.tile(s.astype(np.float32), (channels, 1)), encoder.sample_rate)
        for s in (noise, tone, click)
    ]


def pictures() -> list[Image.Image]:
    random = np.random.default_rng(2)
    noise = Image.fromarray(random.integers(0, 256, (90, 160, 3), dtype=np.uint8))
    return [Image.new("RGB", (64, 64), "red"), noise, Image.new("L", (300, 20), 200)]


def check_rows(rows: NDArray[np.float32], count: int, width: int) -> None:
    assert rows.shape == (count, width)
    assert rows.dtype == np.float32
    assert np.isfinite(rows).all()
    lengths = np.linalg.norm(rows, axis=1)
    assert ((np.abs(lengths - 1) < 1e-5) | (lengths == 0)).all()


def check_parts(
    encoder: Encoder, vectors: Mapping[Part, NDArray[np.float32]], count: int, parts: set[Part]
) -> None:
    assert set(vectors) == parts
    for part, rows in vectors.items():
        check_rows(rows, count, encoder.dims[part])


def asked(encoder: Encoder) -> set[Part]:
    return set(encoder.dims) - {"likeness"}


def heard(encoder: Encoder) -> set[Part]:
    return set(encoder.dims) - {"metadata"}


def same(a: NDArray[np.float32], b: NDArray[np.float32]) -> bool:
    both_absent = ~a.any(axis=-1) & ~b.any(axis=-1)
    return bool(((a * b).sum(axis=-1) > 0.99999)[~both_absent].all())


def test_facts(encoder: Encoder) -> None:
    assert encoder.name in registry.names()
    assert encoder.licence == registry.entry(encoder.name).licence
    assert "audio" in encoder.dims
    assert set(encoder.dims) <= set(get_args(Part))
    assert "audio" in encoder.modalities
    assert encoder.resampler in {"soxr", "sinc"}
    assert 0 <= encoder.metadata_weight <= 1
    assert 0 < encoder.window.hop <= encoder.window.seconds


def test_sounds_give_unit_rows(encoder: Encoder) -> None:
    check_parts(encoder, encoder.embed_audio(sounds(encoder)), 3, heard(encoder))


def test_pictures_and_words_give_unit_rows(encoder: Encoder) -> None:
    if "image" in encoder.modalities:
        check_parts(encoder, encoder.embed_images(pictures()), 3, asked(encoder))
    check_parts(encoder, encoder.embed_texts(TEXTS), len(TEXTS), asked(encoder))


def test_what_is_written_gives_unit_rows(encoder: Encoder) -> None:
    rows = encoder.embed_metadata([*TEXTS, "", "ZOOM0012", "日本 🐕"])
    check_rows(rows, len(TEXTS) + 3, encoder.dims["metadata"])
    assert rows[: len(TEXTS)].any(axis=1).all()
    assert not rows[len(TEXTS)].any()
    if encoder.name not in TINY:  # they know words; a tokenizer takes anything
        assert not rows[len(TEXTS) + 1].any()


def test_an_empty_question_is_finite(encoder: Encoder) -> None:
    check_parts(encoder, encoder.embed_texts(["", " \n"]), 2, asked(encoder))


def test_empty_batches(encoder: Encoder) -> None:
    check_parts(encoder, encoder.embed_audio([]), 0, heard(encoder))
    if "image" in encoder.modalities:
        check_parts(encoder, encoder.embed_images([]), 0, asked(encoder))
    check_parts(encoder, encoder.embed_texts([]), 0, asked(encoder))
    check_rows(encoder.embed_metadata([]), 0, encoder.dims["metadata"])


def check_order(
    together: Mapping[Part, NDArray[np.float32]],
    alone: Sequence[Mapping[Part, NDArray[np.float32]]],
) -> None:
    for part, rows in together.items():
        assert same(rows, np.concatenate([one[part] for one in alone]))


def test_a_row_is_the_same_alone_and_in_a_batch(encoder: Encoder) -> None:
    waveforms, images = sounds(encoder), pictures()
    check_order(encoder.embed_audio(waveforms), [encoder.embed_audio([w]) for w in waveforms])
    if "image" in encoder.modalities:
        check_order(encoder.embed_images(images), [encoder.embed_images([i]) for i in images])
    check_order(encoder.embed_texts(TEXTS), [encoder.embed_texts([t]) for t in TEXTS])
    alone = np.concatenate([encoder.embed_metadata([t]) for t in TEXTS])
    assert same(encoder.embed_metadata(TEXTS), alone)


def test_order_is_kept_in_a_large_batch(encoder: Encoder) -> None:
    waveforms = sounds(encoder)
    rows = encoder.embed_audio(waveforms * 11)["audio"]
    assert same(rows, np.tile(encoder.embed_audio(waveforms)["audio"], (11, 1)))
    if encoder.name not in TINY:
        assert not same(rows[:1], rows[1:2])


def test_different_things_differ(encoder: Encoder) -> None:
    if encoder.name in TINY:
        pytest.skip("random weights tell little apart")
    noise, tone, _ = encoder.embed_audio(sounds(encoder))["audio"]
    assert noise @ tone < 0.9
    dog, rain, *_ = encoder.embed_metadata(TEXTS)
    assert dog @ rain < 0.9


@pytest.mark.parametrize("channels", [2, 6])
def test_equal_channels_sound_like_one(encoder: Encoder, channels: int) -> None:
    one, many = (encoder.embed_audio(sounds(encoder, n)) for n in (1, channels))
    for part in heard(encoder):
        assert same(one[part], many[part])


def test_channels_in_antiphase_are_not_silence(encoder: Encoder) -> None:
    [tone] = sounds(encoder)[1:2]
    both = Waveform(np.concatenate([tone.samples, -tone.samples]), tone.sample_rate)
    assert same(encoder.embed_audio([both])["audio"], encoder.embed_audio([tone])["audio"])


def test_silence_is_finite(encoder: Encoder) -> None:
    length = round(encoder.window.seconds * encoder.sample_rate)
    quiet = Waveform(np.zeros((2, length), dtype=np.float32), encoder.sample_rate)
    vectors = encoder.embed_audio([quiet, *sounds(encoder)])
    check_parts(encoder, vectors, 4, heard(encoder))


@pytest.mark.parametrize("length", [0, 1, 37, 1000])
def test_short_sounds(encoder: Encoder, length: int) -> None:
    short = [Waveform(s.samples[:, :length], s.sample_rate) for s in sounds(encoder)]
    check_parts(encoder, encoder.embed_audio(short), 3, heard(encoder))


def test_huge_samples_are_finite(encoder: Encoder) -> None:
    loud = [Waveform(s.samples * np.float32(1e6), s.sample_rate) for s in sounds(encoder)]
    check_parts(encoder, encoder.embed_audio(loud), 3, heard(encoder))


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "CMYK", "I;16"])
def test_every_kind_of_picture(seeing: Encoder, mode: str) -> None:
    check_parts(seeing, seeing.embed_images([Image.new(mode, (31, 17))]), 1, asked(seeing))


def test_a_picture_of_one_pixel(seeing: Encoder) -> None:
    picture = Image.new("RGB", (1, 1), "blue")
    check_parts(seeing, seeing.embed_images([picture]), 1, asked(seeing))


def test_fingerprints_differ_between_parts_and_encoders(encoder: Encoder) -> None:
    prints = [encoder.fingerprint(part) for part in encoder.dims]
    assert len(set(prints)) == len(prints)
    assert all(len(p) == 64 and int(p, 16) for p in prints)
    assert prints == [encoder.fingerprint(part) for part in encoder.dims]
    others = [loaded(n) for n in registry.names() if n != encoder.name and n == "toy"]
    assert all(other.fingerprint("audio") not in prints for other in others)
