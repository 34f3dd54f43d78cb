"""What ImageBind's official code makes of small random weights: the recipe, and the numbers.

    python tests/imagebind_recipe.py

writes golden/imagebind.json anew. It needs the official package (`imagebind`, CC
BY-NC-SA 4.0) and what its requirements.txt names, pytorchvideo from git among them: the release
0.1.5 cuts a sound elsewhere. Nothing of it is in this repository. Weights, pictures, words
and sounds are all made here from seeds, so that the numbers can be made again anywhere.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from PIL import Image

OUT = 32
WIDTHS = {"vision": 64, "text": 32, "audio": 48}
BLOCKS = {"vision": 2, "text": 2, "audio": 3}
HEADS = 4
GOLDEN = Path(__file__).parent / "golden"
NUMBERS = GOLDEN / "imagebind.json"

IMAGES = {
    "landscape": (300, 200),
    "portrait": (123, 457),
    "as it is": (224, 224),
    "tiny": (31, 17),
    "large": (1280, 721),
    "odd": (225, 500),
}
TEXTS = {
    "short": "a dog",
    "long": "rain on a tin roof and " * 40,
    "one long word": "x" * 300,
    "entities": "caf&amp;eacute; it's 123 <b>",
    "letters": "Füße 日本語 ﬁ ſ İ",
    "pictograms": "🐕 barks 👩‍👩‍👧 don't I'LL",
    "spaces": " \n\t a   b ",
    "empty": "",
}
SOUNDS = {  # Hz, seconds, channels
    "one window": (16000, 2.0, 1),
    "stereo": (16000, 5.3, 2),
    "44.1 kHz": (44100, 7.7, 2),
    "48 kHz, windows apart": (48000, 9.1, 1),
    "8 kHz": (8000, 3.1, 1),
    "short": (16000, 1.2, 1),
    "shorter, 44.1 kHz": (44100, 0.5, 2),
}


def random(name: str) -> np.random.RandomState:
    """A stream of its own for each name; numpy never changes RandomState's."""
    digest = hashlib.sha256(name.encode()).digest()
    return np.random.RandomState(int.from_bytes(digest[:4], "little"))


def weight(key: str, shape: tuple[int, ...]) -> np.ndarray:
    """float32 of `shape`, of a size that keeps the activations sane."""
    if key.endswith("log_logit_scale"):
        return np.array(np.log(20.0 if ".audio." in key else 1 / 0.07), np.float32)
    if key.endswith(".mask"):
        return np.triu(np.full(shape, -np.inf, np.float32), 1)
    drawn = random(key).standard_normal(shape)
    if "norm" in key and key.endswith("weight"):
        return np.float32(1 + 0.1 * drawn)
    if len(shape) >= 2 and not key.endswith(("pos_embed", "cls_token", "bias_k", "bias_v")):
        return np.float32(drawn * 1.5 / np.sqrt(np.prod(shape[1:])))
    return np.float32(0.1 * drawn)


def picture(name: str) -> Image.Image:
    width, height = IMAGES[name]
    small = random(name).randint(0, 256, (7, 9, 3)).astype(np.uint8)
    return Image.fromarray(small).resize((width, height), Image.Resampling.BILINEAR)


def sound(name: str) -> tuple[np.ndarray, int]:
    """(channels, n) float32, each channel another sweep with noise and an offset, and its Hz."""
    rate, seconds, channels = SOUNDS[name]
    time = np.arange(int(rate * seconds)) / rate
    noise = random(name).standard_normal((channels, len(time)))
    sweeps = [np.sin(2 * np.pi * (200 + 300 * c + 150 * time) * time) for c in range(channels)]
    return np.float32(0.3 * np.array(sweeps) + 0.05 * noise + 0.1), rate


def official() -> dict[str, dict[str, list[float]]]:
    """Every case through the official code."""
    import torch
    from imagebind import data
    from imagebind.models.imagebind_model import ImageBindModel

    small: dict[str, Any] = {"out_embed_dim": OUT}
    for name, width in WIDTHS.items():
        small |= {f"{name}_embed_dim": width, f"{name}_num_blocks": BLOCKS[name]}
        small |= {f"{name}_num_heads": HEADS}
    for name in ("depth", "thermal", "imu"):
        small |= {f"{name}_embed_dim": 32, f"{name}_num_blocks": 1, f"{name}_num_heads": 4}
    model = ImageBindModel(**small).eval()
    state = model.state_dict()
    ours = {key for key in state if key.split(".")[1] in WIDTHS}
    drawn = {key: torch.from_numpy(weight(key, tuple(state[key].shape))) for key in ours}
    model.load_state_dict({**state, **drawn})
    found: dict[str, dict[str, list[float]]] = {"vision": {}, "text": {}, "audio": {}}
    with tempfile.TemporaryDirectory() as folder, torch.no_grad():
        for name in IMAGES:
            path = str(Path(folder) / "picture.png")
            picture(name).save(path)
            seen = data.load_and_transform_vision_data([path], "cpu")
            found["vision"][name] = model({"vision": seen})["vision"][0].tolist()
        for name, text in TEXTS.items():
            read = data.load_and_transform_text([text], "cpu")
            found["text"][name] = model({"text": read})["text"][0].tolist()
        for name in SOUNDS:
            path = str(Path(folder) / "sound.wav")
            samples, rate = sound(name)
            soundfile.write(path, samples.T, rate, subtype="FLOAT")
            heard = data.load_and_transform_audio_data([path], "cpu")
            found["audio"][name] = model({"audio": heard})["audio"][0].tolist()
    return found


def written(found: dict[str, dict[str, list[float]]]) -> str:
    """One case a line, 8 significant digits."""
    cases = [
        f"{json.dumps([tower, name])[:-1]}, {[float(f'{x:.8g}') for x in vector]}]"
        for tower, each in found.items()
        for name, vector in each.items()
    ]
    return "[\n" + ",\n".join(cases) + "\n]\n"


if __name__ == "__main__":
    NUMBERS.write_text(written(official()))
