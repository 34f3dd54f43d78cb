"""Studies made by tests: of files for the toy encoder, and of planted vectors."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from libraries import COLOURS, build, tone
from PIL import Image

from query.evaluation.embedding import Embedded
from query.evaluation.study import Candidate, Pair, Scene, Study

RELATED, UNRELATED = 0.805, 0.225
"""Cosines to the reference sound which explain Table 1 of the paper at length 20."""

TOML = """
title = "Red and blue"

[[scene]]
name = "red"
group = "high"
text = "red thunder"
frames = ["frames/red/*.png"]
reference_frame = "frames/red/0.png"
reference_sound = "sounds/0 low.wav"
candidates = ["sounds/0*.wav", "sounds/1*.wav"]

[[scene]]
name = "blue"
group = "low"
text = "blue bird"
frames = "frames/blue"
reference_frame = "frames/blue/0.png"
reference_sound = "sounds/5 bird.wav"
candidates = ["sounds/5 bird.wav", "sounds/6 cricket.wav"]
generated = ["made/blue.wav"]

[[scene]]
name = "green"
group = "low"
text = "green dog"
frames = ["frames/green.png"]
reference_frame = "frames/green.png"

[outside]
pictures = ["frames/white.png"]
sounds = ["outside/hiss.wav"]
"""


def blend(path: Path, first: int, second: int, share: float) -> Path:
    """A picture of two colours of the toy encoder; `share` of it is the second."""
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = Image.new("RGB", (100, 2), COLOURS[first])
    picture.paste(COLOURS[second], (100 - round(100 * share), 0, 100, 2))
    picture.save(path)
    return path


def on_disk(folder: Path) -> Path:
    """study.toml with all its files, and a library of its sounds but for made/ and outside/."""
    for number in range(3):
        blend(folder / f"frames/red/{number}.png", 0, 1, 0.2 * number)
        blend(folder / f"frames/blue/{number}.png", 5, 6, 0.2 * number)
    blend(folder / "frames/green.png", 3, 3, 0)
    blend(folder / "frames/white.png", 7, 7, 0)
    for axis, name in ((0, "low"), (1, "growl"), (5, "bird"), (6, "cricket")):
        tone(folder / f"sounds/{axis} {name}.wav", axis)
    tone(folder / "made/blue.wav", 5, 1.5)
    tone(folder / "outside/hiss.wav", 7)
    (folder / "study.toml").write_text(TOML, encoding="utf-8")
    build(folder / "library", folder / "sounds")
    return folder / "study.toml"


def planted(
    scenes: int = 3, frames: int = 21, candidates: int = 10, *, dim: int = 512, seed: int = 0
) -> tuple[Study, Embedded]:
    """A study whose sounds have RELATED or UNRELATED as cosine to a scene's reference.

    Raw vectors have length 20; frames have nothing in common with the sounds.
    """
    rng = np.random.default_rng(seed)
    axes = np.eye(dim)
    between = UNRELATED / RELATED  # so that a related sound is UNRELATED to another reference
    found, made = Embedded(), []
    for number in range(scenes):
        name = f"scene {number}"
        reference = np.sqrt(between) * axes[0] + np.sqrt(1 - between) * axes[1 + number]
        names = [f"{name} {each}.wav" for each in range(candidates)]
        found.sounds[f"{name}.wav"] = reference
        for sound in names:
            found.sounds[sound] = RELATED * reference + np.sqrt(1 - RELATED**2) * _noise(rng, dim)
        shown = [Path(f"/{name}/{each}.png") for each in range(frames)]
        place = _noise(rng, dim)
        for frame in shown:
            row = place + 0.5 * _noise(rng, dim)
            found.pictures[frame] = row / np.linalg.norm(row)
        made.append(_scene(name, shown, names))
    found.raw.update({name: 20 * row for name, row in found.sounds.items()})
    pairs = [
        Pair(s.name, "", frame, each.sound, "", each.arm)
        for s in made
        for frame in s.frames
        for each in s.candidates
    ]
    return Study(Path("/study.toml"), "planted", tuple(made), tuple(pairs)), found


def _noise(rng: np.random.Generator, dim: int) -> Any:
    """A direction at right angles to the first ten axes, which the references are made of."""
    row = rng.standard_normal(dim)
    row[:10] = 0
    return row / np.linalg.norm(row)


def _scene(name: str, frames: Sequence[Path], sounds: Sequence[str]) -> Scene:
    middle = frames[len(frames) // 2]
    found = tuple(map(Candidate, sounds))
    return Scene(name, tuple(frames), middle, f"{name}.wav", found, text=name)
