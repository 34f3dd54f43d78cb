"""Ours against the numbers that the official code gave, and against that code where it is here."""

from __future__ import annotations

import importlib.util
import json
from functools import cache

import imagebind_recipe as recipe
import numpy as np
import pytest
import tiny_imagebind
from numpy.typing import NDArray

from indexer import settings
from indexer.audio.resample import resample
from indexer.audio.waveform import Waveform
from indexer.audio.window import OFFICIAL, windows
from indexer.encoders.imagebind import towers
from indexer.encoders.imagebind.pixels import pixels
from indexer.encoders.imagebind.spectrum import spectra
from indexer.encoders.imagebind.tokens import Words

TOLERANCE = 1e-5  # of vectors of length 1
KEYS = recipe.GOLDEN / "imagebind_keys.tsv"
CASES = [(tower, name) for tower, name, _ in json.loads(recipe.NUMBERS.read_text())]


@cache
def numbers() -> dict[tuple[str, str], NDArray[np.float64]]:
    rows = json.loads(recipe.NUMBERS.read_text())
    return {(tower, name): np.array(vector) for tower, name, vector in rows}


@cache
def tower(name: towers.Name) -> towers.Tower:
    import torch

    sizes = tiny_imagebind.sizes()
    keys = towers.expected(sizes)[name]
    drawn = {key: torch.from_numpy(recipe.weight(key, shape)) for key, shape in keys.items()}
    return towers.load(name, drawn, sizes[name])


@cache
def words() -> Words:
    return Words(settings.load().models / "imagebind" / "vocabulary.txt.gz")


def official_windows(name: str) -> list[Waveform]:
    samples, rate = recipe.sound(name)
    blocks = [Waveform(part, rate) for part in np.array_split(samples, 7, axis=1)]
    return [w.waveform for w in windows(resample(blocks, 16000, "sinc"), OFFICIAL)]


def ours(name: towers.Name, case: str) -> NDArray[np.float64]:
    """The model's own vector, of its own length; a sound's is the mean of its windows'."""
    import torch

    with torch.inference_mode():
        if name == "vision":
            rows = tower(name)(pixels([recipe.picture(case)]))
        elif name == "text":
            rows = tower(name)(words().tokens([recipe.TEXTS[case]]))
        else:
            rows = tower(name)(spectra(official_windows(case), "official"))
    return rows.numpy().astype(np.float64).mean(axis=0) * tower(name).scale


@pytest.mark.parametrize(
    ("name", "case"),
    [pytest.param(*c, marks=pytest.mark.model) if c[0] == "text" else c for c in CASES],
)
def test_ours_is_what_the_official_code_gives(name: towers.Name, case: str) -> None:
    difference = ours(name, case) - numbers()[name, case]
    assert np.abs(difference).max() / tower(name).scale < TOLERANCE


def test_every_case_has_its_numbers() -> None:
    told = {"vision": recipe.IMAGES, "text": recipe.TEXTS, "audio": recipe.SOUNDS}
    assert set(CASES) == {(name, case) for name, cases in told.items() for case in cases}


@pytest.mark.skipif(
    importlib.util.find_spec("imagebind") is None, reason="the official package is not installed"
)
def test_the_official_code_still_gives_these_numbers() -> None:
    for name, each in recipe.official().items():
        for case, vector in each.items():
            assert np.allclose(vector, numbers()[name, case], atol=1e-4), (name, case)


def test_the_towers_take_all_864_keys_of_the_checkpoint() -> None:
    rows = [line.split("\t") for line in KEYS.read_text().splitlines()[1:]]
    shapes = {
        key: () if shape == "scalar" else tuple(map(int, shape.split("x"))) for key, shape in rows
    }
    found = {key: shape for keys in towers.expected().values() for key, shape in keys.items()}
    assert len(found) == 864
    assert found == shapes


def test_a_key_too_few_or_too_many_is_refused() -> None:
    import torch

    size = tiny_imagebind.sizes()["audio"]
    keys = towers.expected({"audio": size})["audio"]
    drawn = {key: torch.from_numpy(recipe.weight(key, shape)) for key, shape in keys.items()}
    with pytest.raises(RuntimeError, match=r"Unexpected key\(s\).*more"):
        towers.load("audio", {**drawn, "more": torch.zeros(1)}, size)
    drawn.pop("modality_heads.audio.2.weight")
    with pytest.raises(RuntimeError, match=r"Missing key\(s\).*modality_heads\.2\.weight"):
        towers.load("audio", drawn, size)
