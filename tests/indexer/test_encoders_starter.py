"""The starter encoder: its towers against the published ones, its rules against its docstring."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from indexer import settings, ucs
from indexer.audio.waveform import Waveform
from indexer.encoders.protocol import Setup
from indexer.encoders.starter import recipe, tables, words
from indexer.encoders.starter.audio import AudioTower, head_columns
from indexer.encoders.starter.block import BLOCK, SAMPLE_RATE, block, mel_bands
from indexer.encoders.starter.encoder import StarterEncoder, load
from indexer.encoders.starter.text import TextTower
from indexer.geometry import cosine, normalize

GOLDEN = Path(__file__).parents[1] / "golden"
CPU = torch.device("cpu")
CATEGORIES = [category.name for category in ucs.categories()]


def folder() -> Path:
    return settings.load().models / "starter"


@pytest.fixture(scope="module")
def starter() -> StarterEncoder:
    return load(folder(), Setup("cpu"))


def wave(samples: np.ndarray, rate: int = SAMPLE_RATE) -> Waveform:
    return Waveform(np.atleast_2d(samples).astype(np.float32), rate)


def golden_sounds() -> list[Waveform]:
    """A gliding tone that dies away, and noise."""
    time = np.arange(BLOCK) / SAMPLE_RATE
    glide = np.sin(2 * np.pi * (200 * time + 900 * time**2)) * np.exp(-time)
    return [wave(glide), wave(np.random.default_rng(1).normal(size=BLOCK) * 0.05)]


def traffic_light() -> Image.Image:
    picture = Image.new("RGB", (224, 224), (130, 180, 230))
    draw = ImageDraw.Draw(picture)
    draw.rectangle((106, 160, 118, 224), fill=(60, 60, 60))
    draw.rounded_rectangle((80, 20, 144, 170), 10, fill=(25, 25, 25))
    for y, colour in ((45, (240, 40, 30)), (95, (90, 80, 20)), (145, (20, 80, 40))):
        draw.ellipse((90, y - 22, 134, y + 22), fill=colour)
    return picture


def clock_face() -> Image.Image:
    picture = Image.new("RGB", (224, 224), (200, 190, 170))
    draw = ImageDraw.Draw(picture)
    draw.ellipse((22, 22, 202, 202), fill="white", outline=(40, 30, 20), width=8)
    for hour in range(12):
        x, y = np.sin(hour * np.pi / 6), -np.cos(hour * np.pi / 6)
        marks = (112 + 75 * x, 112 + 75 * y, 112 + 84 * x, 112 + 84 * y)
        draw.line(marks, fill="black", width=4)
        draw.text((108 + 62 * x, 107 + 62 * y), str(hour or 12), fill="black")
    draw.line((112, 112, 112, 60), fill="black", width=5)
    draw.line((112, 112, 150, 130), fill="black", width=6)
    return picture


def test_a_window_is_100_frames() -> None:
    assert round(StarterEncoder.window.seconds * SAMPLE_RATE, 6) == 102400


def test_a_block_is_one_padded_channel_at_half_of_full_scale() -> None:
    made = block(wave(np.array([[0.1, -0.2], [0.3, -0.2]])))
    assert made.shape == (BLOCK,)
    np.testing.assert_allclose(made[:3], [0.5, -0.5, 0.0], atol=1e-6)


def test_what_is_faint_stays_faint_and_silence_is_nothing() -> None:
    assert np.abs(block(wave(np.full(9, 5e-4)))).max() == pytest.approx(0.25)
    assert not block(wave(np.full(9, 5e-5))).any()


def test_channels_that_cancel_leave_the_loudest() -> None:
    made = block(wave(np.array([[0.2, -0.4], [-0.21, 0.41]])))
    np.testing.assert_allclose(made[:2], [-0.5 * 0.21 / 0.41, 0.5], atol=1e-6)


def test_a_wrong_rate_or_length_is_refused() -> None:
    with pytest.raises(ValueError, match="48000 Hz, not 44100"):
        block(wave(np.zeros(9), 48000))
    with pytest.raises(ValueError, match="at most 102400"):
        block(wave(np.zeros(BLOCK + 1)))


def test_mel_bands() -> None:
    bands = mel_bands()
    assert bands.shape == (96, 1025)
    np.testing.assert_allclose(bands.sum(axis=1), 1, atol=1e-5)
    # 97 equal steps of mel up to 3923.3; 1000 Hz is 999.99 mel, so between corners 24 and 25
    assert bands[:, round(1000 / 22050 * 1024)].argmax() in {23, 24}


def test_every_head_has_its_classes() -> None:
    assert [len(columns) for columns in head_columns()] == [78, 79, 69]
    assert all(CATEGORIES.index("ARCHIVED") not in columns for columns in head_columns())


def test_the_table_has_every_class() -> None:
    classes = tables.picture_classes()
    assert len(classes) == 1000
    assert all(entry.label and entry.sound for entry in classes)
    assert classes[920].label.startswith("traffic light")


def test_the_stored_prior_is_a_distribution() -> None:
    prior = tables.statistics().prior
    assert prior.shape == (82,)
    assert prior.sum() == pytest.approx(1, abs=1e-4)
    assert prior.min() > 0.1 / 82 * 0.9


@pytest.mark.model
def test_the_text_tower_is_the_published_model() -> None:
    golden = json.loads((GOLDEN / "starter_texts.json").read_text(encoding="utf-8"))
    rows = TextTower(folder(), CPU).embed(golden["texts"])
    assert (rows * np.array(golden["rows"])).sum(axis=1).min() > 0.99999


@pytest.mark.model
def test_the_sound_tower_is_the_published_model() -> None:
    golden = json.loads((GOLDEN / "starter_sounds.json").read_text(encoding="utf-8"))
    likeness, categories = AudioTower(folder(), CPU).hear(golden_sounds())
    np.testing.assert_allclose(likeness[:, :32], golden["likeness"], atol=1e-4)
    np.testing.assert_allclose(categories, golden["categories"], atol=1e-4)


@pytest.mark.model
@pytest.mark.parametrize(
    ("picture", "label"), [(traffic_light(), "traffic light"), (clock_face(), "analog clock")]
)
def test_drawn_things_are_recognised(
    starter: StarterEncoder, picture: Image.Image, label: str
) -> None:
    [(first, chance), *others] = starter.describe_image(picture)
    assert first == label
    assert chance > 0.4
    assert len(others) == 4
    assert chance >= others[0][1] >= others[-1][1] >= 0


@pytest.mark.model
def test_what_was_embedded_is_described_without_another_look(
    starter: StarterEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures = [clock_face(), traffic_light()]
    described = [starter.describe_image(picture.copy()) for picture in pictures]
    rows = starter.embed_images(pictures)
    looks = []
    classify = starter._image.classify
    monkeypatch.setattr(
        starter._image, "classify", lambda images: looks.append(len(images)) or classify(images)
    )
    assert [starter.describe_image(picture) for picture in pictures] == described
    assert not looks
    again = starter.embed_images([*pictures, clock_face()])
    assert looks == [3]
    np.testing.assert_array_equal(again["metadata"][:2], rows["metadata"])


@pytest.mark.model
def test_a_wide_picture_is_seen_to_its_edges(starter: StarterEncoder) -> None:
    for start in (0, 448):  # the middle square has none of it
        wide = Image.new("RGB", (672, 224), (200, 190, 170))
        wide.paste(clock_face(), (start, 0))
        assert starter.describe_image(wide)[0][0] in {"analog clock", "wall clock"}


@pytest.mark.model
def test_a_picture_is_turned_upright(starter: StarterEncoder) -> None:
    lying = traffic_light().rotate(90)
    lying.getexif()[0x0112] = 6  # to be shown turned by 90 degrees clockwise
    assert starter.describe_image(lying)[0][0] == "traffic light"


@pytest.mark.model
def test_a_picture_asks_for_what_its_classes_sound_like(starter: StarterEncoder) -> None:
    classes, mean = tables.picture_classes(), tables.statistics().mean
    tower = TextTower(folder(), CPU)
    picture = clock_face()
    expected = np.zeros(384)
    for label, chance in starter.describe_image(picture):
        [entry] = [entry for entry in classes if entry.label == label]
        loudness = 0.5 if entry.silent else 1.0
        is_and_sounds = normalize(tower.embed([entry.label, entry.sound]) - mean)
        expected += chance * loudness * is_and_sounds.sum(axis=0)
    asked = starter.embed_images([picture])
    np.testing.assert_allclose(asked["metadata"][0], normalize(expected), atol=1e-4)
    assert CATEGORIES[int(asked["audio"][0].argmax())] == "CLOCKS"


@pytest.mark.model
def test_words_find_what_is_written(starter: StarterEncoder) -> None:
    written = starter.embed_metadata(["DOG_Bark_03", "Rain, tin roof (heavy)", "car engine start"])
    asked = starter.embed_texts(["a barking dog", "downpour", "motor of an automobile"])
    np.testing.assert_array_equal(cosine(asked["metadata"], written).argmax(axis=1), [0, 1, 2])
    assert [CATEGORIES[i] for i in asked["audio"].argmax(axis=1)][:2] == ["ANIMALS", "RAIN"]


@pytest.mark.model
@pytest.mark.parametrize(
    "text", ["", "ZOOM0012", "untitled take 3", "mvi pxl gopr", "STE-007", "01"]
)
def test_names_that_say_nothing_have_no_metadata_part(starter: StarterEncoder, text: str) -> None:
    assert not starter.embed_metadata([text]).any()


@pytest.mark.model
def test_names_that_say_nothing_add_nothing(starter: StarterEncoder) -> None:
    plain, noisy = starter.embed_metadata(["dog bark", "ZOOM0012 mvi dog bark take 4"])
    assert plain @ noisy > 0.9999


@pytest.mark.model
@pytest.mark.parametrize("word", ["whoosh", "creak", "quack", "neigh", "clang", "fizz", "swoosh"])
def test_words_of_the_trade_count(starter: StarterEncoder, word: str) -> None:
    assert starter.embed_metadata([word]).any()


@pytest.mark.model
@pytest.mark.parametrize("word", ["cymbal", "giraffe", "zither"])
def test_rare_words_count(starter: StarterEncoder, word: str) -> None:
    assert starter.embed_metadata([word]).any()


RANKS = {"fire": 10, "truck": 20, "car": 50, "ruck": 1, "firet": 13_000, "ton": 60}


@pytest.mark.parametrize(
    ("word", "parts"),
    [
        ("Firetruck", ("Fire", "truck")),
        ("truckfire", ("truck", "fire")),
        ("truckcreak", ("truck", "creak")),  # a word of the trade
        ("fire", ("fire",)),
        ("creak", ("creak",)),
        ("trucks", ("trucks",)),  # "s" is too short a part
        ("carfires", ("carfires",)),
        ("firetruckcar", ("firetruckcar",)),  # three
        ("carton", ("carton",)),  # an ending
        ("", ("",)),
    ],
)
def test_compounds_are_taken_apart(word: str, parts: tuple[str, ...]) -> None:
    assert words.parts(word, RANKS.get) == parts


def test_the_commonest_pair_is_taken() -> None:
    ranks = {"bar": 500, "nowl": 600, "barn": 100, "owl": 200}
    assert words.parts("barnowl", ranks.get) == ("barn", "owl")


@pytest.mark.model
def test_a_compound_means_its_parts(starter: StarterEncoder) -> None:
    for one, two in (("lightningbolt", "lightning bolt"), ("shotgunReload", "shotgun reload")):
        assert starter.embed_metadata([one])[0] @ starter.embed_metadata([two])[0] > 0.9999
    asked = starter.embed_texts(["the firetruck"])["metadata"][0]
    assert asked @ starter.embed_metadata(["fire truck"])[0] > 0.9999


@pytest.mark.model
def test_a_question_without_usable_words_is_taken_as_typed(starter: StarterEncoder) -> None:
    assert starter.embed_texts(["take 4"])["metadata"].any()


@pytest.mark.model
def test_a_silent_window_is_absent(starter: StarterEncoder) -> None:
    heard = starter.embed_audio([wave(np.zeros(BLOCK)), *golden_sounds()])
    for rows in heard.values():
        np.testing.assert_array_equal(rows.any(axis=1), [False, True, True])


@pytest.mark.model
def test_level_does_not_matter(starter: StarterEncoder) -> None:
    loud = golden_sounds()
    quiet = [wave(sound.samples * 0.05) for sound in loud]
    for one, other in zip(
        starter.embed_audio(loud).values(), starter.embed_audio(quiet).values(), strict=True
    ):
        assert (one * other).sum(axis=1).min() > 0.9999


@pytest.mark.model
def test_phrases_are_computed_once(tmp_path: Path) -> None:
    tower = TextTower(folder(), CPU)
    for name in ("text.safetensors", "tokenizer.json"):
        (tmp_path / name).symlink_to(folder() / name)
    first = tables.phrase_rows(tmp_path, tower)
    [kept] = tmp_path.glob("phrases-*.npy")
    stored = np.load(kept)
    np.save(kept, np.zeros_like(stored))
    assert not tables.phrase_rows(tmp_path, tower).sounds.any()
    kept.write_bytes(b"cut off")
    again = tables.phrase_rows(tmp_path, tower)
    np.testing.assert_array_equal(first.labels, again.labels)
    np.testing.assert_array_equal(first.sounds, again.sounds)
    assert again.categories.shape == (82, 384)
    # what a thing is lies nearer to what it sounds like than to what the next one does
    own = (again.labels * again.sounds).sum(axis=1)
    assert own.mean() > (again.labels[:-1] * again.sounds[1:]).sum(axis=1).mean() + 0.1


@pytest.mark.model
@pytest.mark.slow
def test_the_stored_statistics_are_what_the_recipe_makes() -> None:
    made, stored = recipe.compute(folder()), tables.statistics()
    assert cosine(np.array(made["mean"])[None], stored.mean[None])[0, 0] > 0.999
    np.testing.assert_allclose(made["prior"], stored.prior, rtol=0.01)


@pytest.mark.model
@pytest.mark.slow
def test_words_read_neither_picture_nor_sound_network(tmp_path: Path) -> None:
    home = tmp_path / "starter"
    shutil.copytree(folder(), home)
    for name in ("image.safetensors", "audio.safetensors"):
        (home / name).write_bytes(b"\0" * (home / name).stat().st_size)
    rows = load(home, Setup("cpu")).embed_texts(["dog barking"])
    assert rows["metadata"].any()


@pytest.mark.model
def test_loading_imports_no_torch() -> None:
    code = (
        "import sys; from indexer import settings; from indexer.encoders import registry;"
        "e = registry.load('starter', models_dir=settings.load().models);"
        "e.fingerprint('audio'); sys.exit('torch' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], check=False, env=os.environ)
    assert run.returncode == 0
