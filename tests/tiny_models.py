"""Models of the real architectures with small random weights, as folders of files."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from indexer.encoders.pe_av import can_see


def clap(folder: Path) -> None:
    """CLAP with 16 dimensions, written as its repositories have it: as a torch checkpoint."""
    declare_operators()
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
    model = ClapModel(config).eval()
    model.config.save_pretrained(folder)
    torch.save(model.state_dict(), folder / "pytorch_model.bin")
    ClapFeatureExtractor(truncation="rand_trunc", padding="repeatpad").save_pretrained(folder)
    assert json.loads((folder / "config.json").read_text())["projection_dim"] == 16


def pe_av(folder: Path) -> None:
    """PE-AV with 16 dimensions, as transformers saves the whole model.

    Without timm and torchvision all of the video half but one head is left out.
    """
    import torch
    from safetensors.torch import save_file

    declare_operators()
    from transformers import PeAudioModel

    _letters().save_pretrained(folder)
    if can_see():
        with contextlib.redirect_stdout(io.StringIO()):
            whole_pe_av().save_pretrained(folder)
        return
    config = pe_av_config()
    torch.manual_seed(1)
    arrays = {}
    for key, array in PeAudioModel(config.audio_config).state_dict().items():
        arrays[key if key.startswith("text_model.") else f"audio_model.{key}"] = array
        if key.startswith("text_audio_head."):
            other = key.replace("text_audio_head", "text_video_head")
            arrays[f"video_model.{other}"] = array.flip(0).contiguous()
    save_file(arrays, folder / "model.safetensors", metadata={"format": "pt"})
    config.save_pretrained(folder)


def whole_pe_av() -> Any:
    """The same each time; its weights are large enough for the order of frames to count."""
    import torch
    from transformers import PeAudioVideoModel

    torch.manual_seed(1)
    model = PeAudioVideoModel(pe_av_config()).eval()
    with torch.no_grad():
        for weight in {id(p): p for p in model.parameters()}.values():
            if weight.dim() > 1:
                weight.mul_(4)
        model.text_model.final_norm.weight.uniform_(0.2, 2)
    return model


def pe_av_config() -> Any:
    from transformers import PeAudioVideoConfig

    tower = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2}
    tower |= {"num_attention_heads": 2, "head_dim": 16}
    text = {"model_type": "modernbert", "vocab_size": 128, "hidden_size": 16}
    text |= {"intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2}
    text |= {"pad_token_id": 3, "cls_token_id": 1, "sep_token_id": 2}
    text |= {"bos_token_id": 1, "eos_token_id": 2}
    codec = {"encoder_hidden_size": 2, "codebook_dim": 8, "hidden_size": 16}
    vision = {"architecture": "vit_pe_core_large_patch14_336", "num_classes": 8}
    vision |= {"model_args": {"embed_dim": 64, "depth": 2}}
    audio, video = tower | {"dac_config": codec}, tower | {"vision_config": vision}
    return PeAudioVideoConfig(
        text_config=text,
        audio_video_config=tower | {"audio_config": audio, "video_config": video},
    )


def _letters() -> Any:
    """A tokenizer of letters and digits."""
    from tokenizers import Regex, Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    words = ["[UNK]", "[CLS]", "[SEP]", "[PAD]", *"abcdefghijklmnopqrstuvwxyz0123456789,"]
    rules = Tokenizer(models.WordLevel({w: i for i, w in enumerate(words)}, unk_token="[UNK]"))
    rules.pre_tokenizer = pre_tokenizers.Split(Regex("."), "isolated")
    rules.post_processor = processors.BertProcessing(("[SEP]", 2), ("[CLS]", 1))
    names = {"unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]", "pad_token": "[PAD]"}
    return PreTrainedTokenizerFast(tokenizer_object=rules, **names)


@cache
def declare_operators() -> tuple[Any, ...]:
    """Lets torchvision import beside a torch it was not built for; nothing calls these two."""
    if importlib.util.find_spec("torchvision") is None:
        return ()
    import torch

    takes = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
    if hasattr(torch.ops.torchvision, "nms"):
        return ()
    library = torch.library.Library("torchvision", "FRAGMENT")
    library.define(f"nms{takes}")
    library.define(f"qnms{takes}")
    return (library,)


TINY: dict[str, Callable[[Path], None]] = {"clap": clap, "pe-av": pe_av}
"""For each name, what writes all files of that model into an empty folder."""
