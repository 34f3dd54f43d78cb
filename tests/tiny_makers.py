"""Models that write captions or make sounds: the real classes with small random weights, saved
as their repositories have them."""

from __future__ import annotations

import gc
import json
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import tiny_models

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
    save_file(model.state_dict(), folder / "open_clip_pytorch_model.safetensors")
    config = {"model_cfg": said | {"custom_text": True}, "preprocess_cfg": {}}
    (folder / "open_clip_config.json").write_text(json.dumps(config))


def audioldm(folder: Path) -> None:
    """AudioLDM at 16 kHz, 8 dimensions, conditioned by the words' side of `clap`."""
    import torch
    from diffusers import AudioLDMPipeline, UNet2DConditionModel
    from diffusers.utils.logging import set_verbosity_error
    from transformers import ClapTextModelWithProjection, RobertaTokenizer, logging

    set_verbosity_error()  # it counts as old
    logging.set_verbosity_error()  # it leaves the sounds' side out, at length
    torch.manual_seed(1)
    unet = UNet2DConditionModel(
        **_UNET,
        cross_attention_dim=(8, 16),
        class_embed_type="simple_projection",
        projection_class_embeddings_input_dim=16,
        class_embeddings_concat=True,
    )
    with tempfile.TemporaryDirectory() as made:
        tiny_models.clap(Path(made))
        words = ClapTextModelWithProjection.from_pretrained(made).eval()
        tokenizer = RobertaTokenizer.from_pretrained(made)
    parts = {"vae": _vae(), "scheduler": _ddim(), "vocoder": _vocoder()}
    AudioLDMPipeline(
        **parts, unet=unet.eval(), text_encoder=words, tokenizer=tokenizer
    ).save_pretrained(folder)
    _as_before(folder / "tokenizer")


def audioldm2(folder: Path) -> None:
    """AudioLDM 2; its index names the classes that the published one of 2023 names, and the
    configuration of its first text encoder says float64 as that does, with weights in float32."""
    import torch
    from diffusers import (
        AudioLDM2Pipeline,
        AudioLDM2ProjectionModel,
        AudioLDM2UNet2DConditionModel,
    )
    from transformers import (
        ClapFeatureExtractor,
        ClapModel,
        GPT2Config,
        GPT2LMHeadModel,
        RobertaTokenizer,
    )

    torch.manual_seed(1)
    marks = {"bos_token_id": 0, "eos_token_id": 0}
    gpt2 = GPT2Config(n_embd=16, n_head=1, n_layer=1, vocab_size=50, n_positions=99, **marks)
    gpt2.max_new_tokens = 4
    writer = GPT2LMHeadModel(gpt2).eval()
    unet = AudioLDM2UNet2DConditionModel(**_UNET, cross_attention_dim=((None, 16, 24),) * 2)
    with tempfile.TemporaryDirectory() as made:
        tiny_models.clap(Path(made))
        parts = {
            "text_encoder": ClapModel.from_pretrained(made).eval(),
            "tokenizer": RobertaTokenizer.from_pretrained(made),
            "feature_extractor": ClapFeatureExtractor.from_pretrained(made),
        }
    AudioLDM2Pipeline(
        **parts,
        vae=_vae(),
        scheduler=_ddim(),
        vocoder=_vocoder(),
        unet=unet.eval(),
        text_encoder_2=_t5(24),
        tokenizer_2=_sentences(),
        projection_model=AudioLDM2ProjectionModel(16, 24, 16),
        language_model=writer,
    ).save_pretrained(folder)
    _as_before(folder / "tokenizer")
    writer.transformer.save_pretrained(folder / "language_model")
    index = folder / "model_index.json"
    named = index.read_text().replace("GPT2LMHeadModel", "GPT2Model")
    index.write_text(named.replace('Tokenizer"', 'TokenizerFast"'))
    config = folder / "text_encoder/config.json"
    said = json.loads(config.read_text())
    del said["dtype"], said["audio_config"]["dtype"], said["text_config"]["dtype"]
    config.write_text(json.dumps(said | {"torch_dtype": "float64"}))


def stable_audio_open(folder: Path) -> None:
    """Stable Audio Open: stereo at 8 kHz, 4 s at most, with the scheduler of its repository."""
    import torch
    from diffusers import (
        AutoencoderOobleck,
        CosineDPMSolverMultistepScheduler,
        StableAudioDiTModel,
        StableAudioPipeline,
    )
    from diffusers.pipelines.stable_audio import StableAudioProjectionModel

    torch.manual_seed(1)
    transformer = StableAudioDiTModel(
        sample_size=64, in_channels=3, out_channels=3, num_layers=2, attention_head_dim=4,
        num_attention_heads=2, num_key_value_attention_heads=2, cross_attention_dim=8,
        time_proj_dim=8, global_states_input_dim=16, cross_attention_input_dim=8,
    )  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # of torch
        vae = AutoencoderOobleck(
            encoder_hidden_size=4, downsampling_ratios=[20, 25], decoder_channels=4,
            audio_channels=2, decoder_input_channels=3, channel_multiples=[1, 2],
            sampling_rate=8000,
        )  # fmt: skip
    with torch.no_grad():  # random, it would lie far off zero
        last = vae.decoder.conv2.weight_v
        last -= last.mean(dim=2, keepdim=True)
    StableAudioPipeline(
        vae=vae.eval(),
        text_encoder=_t5(8),
        projection_model=StableAudioProjectionModel(8, 8, 0, 32),
        tokenizer=_sentences(),
        transformer=transformer.eval(),
        scheduler=CosineDPMSolverMultistepScheduler(),
    ).save_pretrained(folder)


_UNET = {
    "block_out_channels": (8, 16), "layers_per_block": 1, "norm_num_groups": 8, "sample_size": 32,
    "in_channels": 4, "out_channels": 4,
    "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
    "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D"),
}  # fmt: skip


def _as_before(tokenizer: Path) -> None:
    """Vocabulary and merges in files of their own, as older repositories have them."""
    rules = json.loads((tokenizer / "tokenizer.json").read_text())["model"]
    (tokenizer / "vocab.json").write_text(json.dumps(rules["vocab"]))
    (tokenizer / "merges.txt").write_text("#version: 0.2\n" + "\n".join(rules["merges"]))
    (tokenizer / "tokenizer.json").unlink()


def _vae() -> Any:
    from diffusers import AutoencoderKL

    return AutoencoderKL(
        in_channels=1, out_channels=1, latent_channels=4, norm_num_groups=8,
        block_out_channels=[8, 16], down_block_types=["DownEncoderBlock2D"] * 2,
        up_block_types=["UpDecoderBlock2D"] * 2,
    ).eval()  # fmt: skip


def _ddim() -> Any:
    from diffusers import DDIMScheduler

    return DDIMScheduler(
        beta_start=0.0015, beta_end=0.0195, beta_schedule="scaled_linear", clip_sample=False,
        set_alpha_to_one=False,
    )  # fmt: skip


def _vocoder() -> Any:
    from transformers import SpeechT5HifiGan, SpeechT5HifiGanConfig

    dilations = [[1, 3, 5], [1, 3, 5]]
    config = SpeechT5HifiGanConfig(
        model_in_dim=8, sampling_rate=16000, upsample_initial_channel=16, upsample_rates=[8, 20],
        upsample_kernel_sizes=[16, 40], resblock_kernel_sizes=[3, 7],
        resblock_dilation_sizes=dilations, normalize_before=False, initializer_range=0.15,
    )  # fmt: skip
    return SpeechT5HifiGan(config).eval()


def _t5(width: int) -> Any:
    from transformers import T5Config, T5EncoderModel

    return T5EncoderModel(
        T5Config(vocab_size=64, d_model=width, d_ff=32, d_kv=8, num_heads=1, num_layers=1)
    ).eval()


def _sentences() -> Any:
    from transformers import T5Tokenizer

    words = ["<pad>", "</s>", "<unk>", "▁", *(f"▁{word}" for word in WORDS)]
    return T5Tokenizer(
        vocab=[(word, -float(i)) for i, word in enumerate(words)],
        extra_ids=0,
        model_max_length=32,
    )


TINY: dict[str, Callable[[Path], None]] = {
    "blip": blip,
    "coca": coca,
    "audioldm": audioldm,
    "audioldm-clap": tiny_models.clap,
    "audioldm2": audioldm2,
    "stable-audio-open": stable_audio_open,
}


def kept(name: str, models: Path) -> Path:
    """The model `name` fetched into `models`, from a folder where it was saved."""
    made = models / f"made-{name}"
    made.mkdir(parents=True)
    TINY[name](made)
    weights.fetch(name, models, Progress(lambda _: None), found_in=made)
    gc.collect()
    gc.freeze()  # what was imported stays, and each model that is let go has it looked through
    return models / name
