"""A fingerprint changes with each file that its vectors are made of, and with no other."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tiny_models import TINY

from indexer.encoders import weights
from indexer.encoders.clap import ClapEncoder
from indexer.encoders.pe_av import PeAvEncoder
from indexer.encoders.progress import Progress
from indexer.encoders.protocol import Setup

FILES = {
    "clap": ("config.json", "preprocessor_config.json", "tokenizer.json", "tokenizer_config.json"),
    "pe-av": ("config.json", "tokenizer.json", "tokenizer_config.json"),
}
HEARD = {"config.json", "preprocessor_config.json"}
READ = {"config.json", "tokenizer.json", "tokenizer_config.json"}


def prints(name: str, folder: Path) -> dict[str, str]:
    encoder = (
        ClapEncoder(folder, Setup("cpu"))
        if name == "clap"
        else PeAvEncoder(folder, Setup("cpu"), sees=False)
    )
    return {part: encoder.fingerprint(part) for part in ("audio", "metadata")}


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
def test_another_revision_of_a_file_is_told(name: str, tmp_path: Path) -> None:
    made = tmp_path / "made"
    made.mkdir()
    TINY[name](made)
    weights.fetch(name, tmp_path / "first", Progress(lambda _: None), found_in=made)
    before = prints(name, tmp_path / "first" / name)
    for place, file in enumerate(FILES[name]):
        whole = (made / file).read_text()
        (made / file).write_text(json.dumps({**json.loads(whole), "revised": 1}))
        home = tmp_path / str(place)
        weights.fetch(name, home, Progress(lambda _: None), found_in=made)
        (made / file).write_text(whole)
        after = prints(name, home / name)
        assert (after["audio"] != before["audio"]) == (file in HEARD)
        assert (after["metadata"] != before["metadata"]) == (file in READ)
