"""Models of the real architectures with small random weights, as folders of files."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path


def clap(folder: Path) -> None:
    """CLAP with 16 dimensions, written as its repository has it."""
    import torch
    from transformers import ClapConfig, ClapFeatureExtractor, ClapModel, RobertaTokenizer

    words = ["<s>", "<pad>", "</s>", "<unk>", "<mask>", *map(chr, range(33, 127)), "Ġ"]
    vocabulary = {word: i for i, word in enumerate(words)}
    RobertaTokenizer(vocab=vocabulary, merges=[], model_max_length=60).save_pretrained(folder)
    text = {"vocab_size": len(words), "hidden_size": 32, "intermediate_size": 64}
    text |= {"num_hidden_layers": 2, "num_attention_heads": 2, "max_position_embeddings": 64}
    text |= {"pad_token_id": 1, "projection_dim": 16}
    audio = {"spec_size": 256, "num_mel_bins": 64, "patch_embeds_hidden_size": 16}
    audio |= {"depths": [1, 1], "num_attention_heads": [2, 2], "hidden_size": 32}
    audio |= {"window_size": 8, "projection_dim": 16, "num_hidden_layers": 2}
    torch.manual_seed(1)
    config = ClapConfig(text_config=text, audio_config=audio, projection_dim=16)
    ClapModel(config).eval().save_pretrained(folder)
    ClapFeatureExtractor(truncation="rand_trunc", padding="repeatpad").save_pretrained(folder)
    assert json.loads((folder / "config.json").read_text())["projection_dim"] == 16


TINY: dict[str, Callable[[Path], None]] = {"clap": clap}
"""For each name, what writes all files of that model into an empty folder."""
