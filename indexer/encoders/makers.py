"""The files of models that are no encoders: they write captions of pictures, or make sounds.

All lie on the Hugging Face hub, as the authors or diffusers keep them; a file in a folder of the
repository lies in a folder of the same name here. Where a commit is named, its files were seen in
public listings of the repository.
"""

from __future__ import annotations

from indexer.encoders import clap
from indexer.encoders.pretrained import component
from indexer.encoders.weights import ModelFiles


def _files(name: str, repo: str, licence: str, *filenames: str) -> ModelFiles:
    """`repo` is OWNER/NAME, or OWNER/NAME@COMMIT."""
    repo, _, commit = repo.partition("@")
    parts = (component(repo, each, licence, commit or "main") for each in filenames)
    return ModelFiles(name, tuple(parts))


def _weighted(folder: str, weights: str = "diffusion_pytorch_model") -> tuple[str, str]:
    return f"{folder}/config.json", f"{folder}/{weights}.safetensors"


_ROBERTA = tuple(
    f"tokenizer/{name}" for name in ("vocab.json", "merges.txt", "tokenizer_config.json")
)

# the base model of BLIP comes as a pickle alone
BLIP = _files(
    "blip",
    "Salesforce/blip-image-captioning-large@353689b859fcf0523410b1806dace5fb46ecdf41",
    "BSD-3-Clause",
    "config.json",
    "preprocessor_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "model.safetensors",
)

COCA = _files(
    "coca",
    "laion/mscoco_finetuned_CoCa-ViT-L-14-laion2B-s13B-b90k@"
    "f895105fb18cf5ea3ba7a1172966e4cc0ad8d743",
    "MIT",
    "open_clip_config.json",
    "open_clip_pytorch_model.safetensors",
)

AUDIOLDM = _files(
    "audioldm",
    "cvssp/audioldm-s-full-v2@bef13a486a2a536162324de2d506c0c2d3db2ff0",
    "CC-BY-NC-SA-4.0",
    "model_index.json",
    "scheduler/scheduler_config.json",
    *_ROBERTA,
    *_weighted("text_encoder", "model"),
    *_weighted("unet"),
    *_weighted("vae"),
    *_weighted("vocoder", "model"),
)

# the CLAP that AudioLDM was conditioned with: its words' side is AudioLDM's own text encoder
AUDIOLDM_CLAP = clap.files(
    "audioldm-clap", "laion/clap-htsat-unfused", "8fa0f1c6d0433df6e97c127f64b2a1d6c0dcda8a"
)

AUDIOLDM2 = _files(
    "audioldm2",
    "cvssp/audioldm2",
    "CC-BY-NC-SA-4.0",
    "model_index.json",
    "feature_extractor/preprocessor_config.json",
    "scheduler/scheduler_config.json",
    *_ROBERTA,
    "tokenizer_2/tokenizer.json",
    "tokenizer_2/tokenizer_config.json",
    *_weighted("text_encoder", "model"),
    *_weighted("text_encoder_2", "model"),
    *_weighted("projection_model"),
    *_weighted("language_model", "model"),
    *_weighted("unet"),
    *_weighted("vae"),
    *_weighted("vocoder", "model"),
)

STABLE_AUDIO_OPEN = _files(
    "stable-audio-open",
    "stabilityai/stable-audio-open-1.0",
    "LicenseRef-Stability-AI-Community",
    "model_index.json",
    "scheduler/scheduler_config.json",
    "tokenizer/tokenizer.json",
    "tokenizer/tokenizer_config.json",
    *_weighted("text_encoder", "model"),
    *_weighted("projection_model"),
    *_weighted("transformer"),
    *_weighted("vae"),
)
