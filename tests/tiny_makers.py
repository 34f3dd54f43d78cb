"""Models that write captions or make sounds: the real classes with small random weights, saved
as their repositories have them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from indexer.encoders import weights
from indexer.encoders.progress import Progress

WORDS = (
    "a the dog cat rain wind on of red photo street walking in house tree river barking car road "
    "running at night water stone bird singing door fire engine train bridge"
).split()


def blip(folder: Path) -> None:
    """BLIP that knows some 40 words and looks at 32 by 32 pixels."""
    import torch
    from transformers import (
        BertTokenizer,
        BlipConfig,
        BlipForConditionalGeneration,
        BlipImageProcessorPil,
    )

    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS, "[DEC]"]
    tower = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2}
    tower |= {"num_attention_heads": 2, "initializer_range": 0.3}
    marks = {"bos_token_id": len(words) - 1, "pad_token_id": 0, "eos_token_id": 3}
    text = tower | marks | {"vocab_size": len(words), "encoder_hidden_size": 32}
    text |= {"max_position_embeddings": 64, "sep_token_id": 3}
    vision = tower | {"image_size": 32, "patch_size": 8}
    torch.manual_seed(1)
    config = BlipConfig(text_config=text, vision_config=vision, projection_dim=16)
    BlipForConditionalGeneration(config).eval().save_pretrained(folder)
    BertTokenizer(vocab={word: i for i, word in enumerate(words)}).save_pretrained(folder)
    BlipImageProcessorPil(size={"height": 32, "width": 32}).save_pretrained(folder)


def coca(folder: Path) -> None:
    """CoCa with 16 dimensions; its vocabulary is the whole one of CLIP."""
    import open_clip
    import torch
    from safetensors.torch import save_file

    text = {"context_length": 76, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1}
    vision = {"image_size": 28, "layers": 1, "width": 32, "patch_size": 14, "head_width": 16}
    vision |= {"attentional_pool": True, "attn_pooler_heads": 2, "output_tokens": True}
    said = {
        "embed_dim": 16,
        "vision_cfg": vision,
        "text_cfg": text | {"embed_cls": True, "output_tokens": True},
        "multimodal_cfg": text | {"attn_pooler_heads": 2},
    }
    torch.manual_seed(1)
    model = open_clip.CoCa(**said).eval()
    with torch.no_grad():
        for weight in model.parameters():  # large enough for the picture to count
            if weight.dim() > 1:
                weight.normal_(0, 0.5)
    save_file(model.state_dict(), folder / "open_clip_model.safetensors")
    config = {"model_cfg": said | {"custom_text": True}, "preprocess_cfg": {}}
    (folder / "open_clip_config.json").write_text(json.dumps(config))


TINY: dict[str, Callable[[Path], None]] = {"blip": blip, "coca": coca}


def kept(name: str, models: Path) -> Path:
    """The model `name` fetched into `models`, from a folder where it was saved."""
    made = models / f"made-{name}"
    made.mkdir(parents=True)
    TINY[name](made)
    weights.fetch(name, models, Progress(lambda _: None), found_in=made)
    return models / name
