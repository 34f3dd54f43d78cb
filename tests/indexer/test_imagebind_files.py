"""Taking the towers out of a checkpoint; weights of the user's own."""

from __future__ import annotations

import sys
import types
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from safetensors.torch import load_file, save_file

from indexer.cli.models import models
from indexer.encoders import registry, weights
from indexer.encoders.imagebind import files
from indexer.encoders.progress import Progress
from indexer.encoders.weights import Component, ModelFiles
from indexer.errors import WeightsDamaged, WeightsMissing

TOWERS: dict[str, files.Shapes] = {
    "vision": {"v.weight": (3, 2), "v.bias": (3,)},
    "text": {"t.weight": (4,)},
    "audio": {"a.weight": (2, 2), "a.scale": ()},
}


def checkpoint(path: Path, **other: torch.Tensor) -> Path:
    shapes = {key: shape for keys in TOWERS.values() for key, shape in keys.items()}
    tensors = {k: torch.rand(s, generator=torch.manual_seed(1)) for k, s in shapes.items()}
    tensors |= {"v.bias": torch.ones(3, dtype=torch.float16), "depth.weight": torch.ones(9)}
    tensors |= {key.replace("_", "."): value for key, value in other.items()}
    if path.suffix == ".safetensors":
        save_file(tensors, path)
    else:
        torch.save(tensors, path)
    return path


@pytest.mark.parametrize("suffix", ["pth", "pt", "safetensors", "pth.part"])
def test_each_tower_becomes_a_file(tmp_path: Path, suffix: str) -> None:
    path = checkpoint(tmp_path / f"model.{suffix}")
    out = tmp_path / "out"
    out.mkdir()
    files.convert(path, out, TOWERS)
    vision = load_file(out / "vision.safetensors")
    assert set(vision) == set(TOWERS["vision"])
    assert vision["v.bias"].dtype == torch.float16
    assert load_file(out / "audio.safetensors")["a.scale"].shape == ()
    assert sorted(p.name for p in out.iterdir()) == [f"{t}.safetensors" for t in sorted(TOWERS)]


@pytest.mark.parametrize("suffix", ["pth", "safetensors"])
def test_what_lacks_is_named(tmp_path: Path, suffix: str) -> None:
    path = checkpoint(tmp_path / f"model.{suffix}", v_weight=torch.ones(2, 2))
    more = {**TOWERS, "text": {"t.weight": (4,), "t.one": (1,), "t.two": (1,), "t.three": (1,)}}
    said = r"of 8 tensors it lacks t\.one, t\.two and 1 more and has v\.weight of another shape"
    with pytest.raises(WeightsDamaged, match=said):
        files.convert(path, tmp_path, more)
    assert not list(tmp_path.glob("vision*"))


class Evil:
    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.touch, (self.target,)


def test_code_in_a_checkpoint_is_not_run(tmp_path: Path) -> None:
    torch.save({"v.weight": Evil(tmp_path / "run")}, tmp_path / "evil.pth")
    with pytest.raises(WeightsDamaged, match="no torch checkpoint of plain tensors"):
        files.convert(tmp_path / "evil.pth", tmp_path, TOWERS)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("name", ["a.pth", "a.safetensors"])
def test_another_file_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"hello")
    with pytest.raises(WeightsDamaged, match=r"give imagebind_huge\.pth"):
        files.convert(tmp_path / name, tmp_path, TOWERS)


@pytest.mark.parametrize("suffix", ["pth", "safetensors"])
def test_whole_numbers_are_no_weights(tmp_path: Path, suffix: str) -> None:
    path = checkpoint(tmp_path / f"a.{suffix}", t_weight=torch.ones(4, dtype=torch.int64))
    with pytest.raises(WeightsDamaged, match=r"lacks t\.weight"):
        files.convert(path, tmp_path, TOWERS)


@pytest.mark.parametrize("strange", [torch.ones(4).to_sparse(), torch.ones(4, device="meta")])
def test_weights_that_are_not_all_here_are_none(tmp_path: Path, strange: torch.Tensor) -> None:
    path = checkpoint(tmp_path / "a.pth", t_weight=strange)
    with pytest.raises(WeightsDamaged, match=r"lacks t\.weight"):
        files.convert(path, tmp_path, TOWERS)


def test_a_damaged_checkpoint_is_said_in_a_sentence(tmp_path: Path) -> None:
    whole = checkpoint(tmp_path / "a.pth").read_bytes()
    random = np.random.default_rng(1)
    said = 0
    for _ in range(150):
        harmed = bytearray(whole)
        for place in random.integers(0, len(whole), 3):
            harmed[place] = random.integers(256)
        (tmp_path / "a.pth").write_bytes(harmed)
        try:
            files.convert(tmp_path / "a.pth", tmp_path, TOWERS)
        except WeightsDamaged:
            said += 1
    assert said > 50


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    def unpack(fetched: Path, folder: Path) -> None:
        files.convert(fetched, folder, TOWERS)

    outputs = tuple(f"{tower}.safetensors" for tower in TOWERS)
    part = Component(files.CHECKPOINT, "CC0-1.0", outputs, unpack, judges_content=True)
    module = types.ModuleType("small_model")
    vars(module)["FILES"] = ModelFiles("small", (part,), lambda _: None)
    monkeypatch.setitem(sys.modules, "small_model", module)
    entry = registry.Entry(
        "small", "none:none", "CC0-1.0", 4_805_000_000, "", "small_model:FILES", "not for work"
    )
    monkeypatch.setitem(registry._entries, "small", entry)
    home = tmp_path / "models"
    monkeypatch.setenv("SONORIZE_MODELS", str(home))
    return home


def test_weights_of_ones_own(home: Path, tmp_path: Path) -> None:
    own = checkpoint(tmp_path / "mine.pth")
    run = CliRunner().invoke(
        models, ["fetch", "small", "--yes", "--weights", str(own)], catch_exceptions=False
    )
    assert run.stdout == "small: ready\n"
    assert "The small model is 4.8 GB, under CC0-1.0 (not for work)" in run.stderr
    assert own.is_file()
    assert weights.status("small", home).state == "ready"
    assert len(weights.verify("small", home)) == 3
    recorded = weights.hashes(home / "small")
    assert recorded["audio.safetensors"] == weights.sha256(home / "small/audio.safetensors")
    weights.fetch("small", home, Progress(print))  # nothing is asked for: it is here


def test_other_weights_leave_what_is_here(home: Path, tmp_path: Path) -> None:
    weights.fetch("small", home, Progress(print), own=checkpoint(tmp_path / "mine.pth"))
    wrong = checkpoint(tmp_path / "wrong.pth", t_weight=torch.ones(5))
    with pytest.raises(WeightsDamaged, match=r"t\.weight of another shape"):
        weights.fetch("small", home, Progress(print), own=wrong)
    assert len(weights.verify("small", home)) == 3


def test_only_some_models_take_them(tmp_path: Path) -> None:
    with pytest.raises(WeightsMissing, match="starter model takes no weights of your own"):
        weights.fetch("starter", tmp_path, Progress(print), own=tmp_path / "mine.pth")


def test_missing_weights_say_all(tmp_path: Path) -> None:
    said = (
        r"models fetch imagebind \(4\.8 GB, CC-BY-NC-SA-4\.0: non-commercial.*"
        r"or put open_clip_torch.*, imagebind_huge\.pth into .*imagebind and run the same"
    )
    with pytest.raises(WeightsMissing, match=said):
        weights.require("imagebind", tmp_path / "imagebind")
