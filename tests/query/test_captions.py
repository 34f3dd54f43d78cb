"""Captions of a frame: what models write, what of it can be heard, what fits best."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import click
import numpy as np
import pytest
from libraries import COLOURS
from PIL import Image

from indexer.encoders import registry as models
from indexer.encoders.toy import ToyEncoder
from indexer.errors import EncoderError, UnknownEncoder, WeightsMissing
from query.captions import registry
from query.captions.prompts import prompt_for_sound
from query.captions.protocol import Decoding
from query.captions.write import Caption, captions, different, judged, worded
from query.cli.generate import generate
from query.cli.video import video


def pictures() -> list[Image.Image]:
    drawn = np.random.default_rng(2).integers(0, 256, (3, 40, 60, 3), dtype=np.uint8)
    return [Image.fromarray(pixels) for pixels in drawn]


def test_what_is_not_here_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UnknownEncoder, match=r"no model for captions 'blib'.*: blip, coca$|coca\."):
        registry.load("blib", tmp_path)
    monkeypatch.setitem(sys.modules, "open_clip", None)
    with pytest.raises(EncoderError, match=r"pip install 'sonorize\[coca\]'"):
        registry.load("coca", tmp_path)
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(EncoderError, match=r"pip install 'sonorize\[blip\]'"):
        registry.load("blip", tmp_path)


@pytest.mark.slow
def test_missing_files_say_size_and_licence(tmp_path: Path) -> None:
    with pytest.raises(WeightsMissing, match=r"models fetch blip \(1\.9 GB, BSD-3-Clause\)"):
        registry.load("blip", tmp_path)


@pytest.mark.parametrize(
    ("caption", "prompt"),
    [
        ("a black and white photo of an orange cat on a street", "a cat on a street"),
        ("a close up of a red fire truck", "a fire truck"),
        ("there is a dog that is running in the rain", "a dog running in the rain"),
        ("an aerial view of a river, with trees in the background", "a river, with trees"),
        ("an orange on a table", "an orange on a table"),
        ("arafed man walking on a blue and green umbrella", "man walking on an umbrella"),
        ("a brightly colored owl in a tree", "an owl in a tree"),
        ("a green apple", "an apple"),
        ("a man in a uniform", "a man in a uniform"),
        ("a photo of", "a photo of"),
        ("a train  passing over a bridge", "a train passing over a bridge"),
        ("this is a picture of waves taken from above", "waves"),
        ("a blurry dog out of focus", "a dog"),
    ],
)
def test_what_cannot_be_heard_goes(caption: str, prompt: str) -> None:
    assert prompt_for_sound(caption) == prompt


def test_captions_that_sound_the_same_are_one() -> None:
    texts = ["A red car.", "a blue car", " a  car ", "", "a dog"]
    assert [caption.text for caption in worded(texts)] == ["A red car.", "a dog"]


class Talker:
    """Writes down what it was given, and how it was asked."""

    name, licence = "talker", "MIT"

    def __init__(self, *said: list[list[str]]) -> None:
        self.said, self.asked = list(said), list[Decoding]()

    def write(self, pictures: Sequence[Image.Image], how: Decoding) -> list[list[str]]:
        self.asked.append(how)
        return self.said[min(len(self.asked), len(self.said)) - 1]


def test_pictures_take_turns() -> None:
    talker = Talker([["a dog", "a cat"], ["rain", "wind"]])
    found = captions(pictures()[:2], talker, Decoding(count=3))
    assert [caption.text for caption in found] == ["a dog", "rain", "a cat"]


def test_what_was_alike_is_drawn_again_with_another_seed() -> None:
    talker = Talker([["a dog", "a red dog", "a dog"]], [["a dog", "rain", "wind"]])
    found = captions(pictures()[:1], talker, Decoding(count=3, seed=5))
    assert [caption.text for caption in found] == ["a dog", "rain", "wind"]
    assert [how.seed for how in talker.asked] == [5, 6]
    stubborn = Talker([["a dog"]])
    assert len(captions(pictures()[:1], stubborn, Decoding(count=3))) == 1
    assert len(stubborn.asked) == 4
    searching = Talker([["a dog"]])
    captions(pictures()[:1], searching, Decoding(count=3, method="beam"))
    assert len(searching.asked) == 1


def test_the_encoder_judges_captions_by_their_words() -> None:
    encoder = ToyEncoder()
    frame = encoder.embed_images([Image.new("RGB", (8, 8), COLOURS[3])])
    parts = {"audio": 0.2, "metadata": 0.8}
    words = different([Caption(text, text) for text in ("rain", "dog", "engine", "bell")])
    found = judged(words, frame, encoder, parts)  # type: ignore[arg-type]
    said = encoder.embed_texts([caption.text for caption in found])
    wanted = [
        sum(weight * float(said[part][at] @ frame[part][0]) for part, weight in parts.items())  # type: ignore[index]
        for at in range(4)
    ]
    assert [caption.score for caption in found] == pytest.approx(wanted, abs=1e-4)
    assert wanted == sorted(wanted, reverse=True)
    assert len(set(wanted)) > 1


def test_the_commands_offer_the_models_there_are() -> None:
    choices = {
        (command.name, each.name): tuple(each.type.choices)
        for command in (generate, video)
        for each in command.params
        if isinstance(each.type, click.Choice)
    }
    sounds = models.names("sounds")
    assert choices["generate", "model"] == choices["video", "fill_model"] == sounds
    assert choices["generate", "captioner"] == models.names("captions")
