"""ImageBind's towers for pictures, words and sounds, in plain torch.

Girdhar et al., ImageBind: One Embedding Space To Bind Them All, CVPR 2023. Each tower is a stem,
a trunk of pre-norm transformer blocks, a head and a normalisation. Parameters bear the names of
the official checkpoint, but for the tower's own: `modality_trunks.audio.blocks.0…` there is
`modality_trunks.blocks.0…` in the audio tower.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Name = Literal["vision", "text", "audio"]

EPSILON = 1e-6
STEM_EPSILON = 1e-5  # of the one LayerNorm in the audio stem
CONTEXT = 77
VOCABULARY = 49408
MAX_SCALE = 100.0


@dataclass(frozen=True, slots=True)
class Size:
    """Width of the residual stream, number of blocks and of heads, width of what comes out."""

    width: int
    blocks: int
    heads: int
    out: int = 1024


FULL: Mapping[Name, Size] = {
    "vision": Size(1280, 32, 16),
    "text": Size(1024, 24, 16),
    "audio": Size(768, 12, 12),
}


class Attention(nn.Module):
    """Multi-head self-attention; with `bias`, one learned key and value beside the sequence's."""

    def __init__(self, size: Size, *, bias: bool, causal: bool) -> None:
        super().__init__()
        self.in_proj_weight = nn.Parameter(torch.empty(3 * size.width, size.width))
        self.in_proj_bias = nn.Parameter(torch.empty(3 * size.width))
        if bias:
            self.bias_k = nn.Parameter(torch.empty(1, 1, size.width))
            self.bias_v = nn.Parameter(torch.empty(1, 1, size.width))
        self.out_proj = nn.Linear(size.width, size.width)
        self._heads, self._bias, self._causal = size.heads, bias, causal

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        query, key, value = F.linear(x, self.in_proj_weight, self.in_proj_bias).chunk(3, dim=-1)
        if self._bias:
            key = torch.cat([key, self.bias_k.expand(len(x), -1, -1)], dim=1)
            value = torch.cat([value, self.bias_v.expand(len(x), -1, -1)], dim=1)
        query, key, value = (self._split(each) for each in (query, key, value))
        mixed = F.scaled_dot_product_attention(query, key, value, is_causal=self._causal)
        joined: torch.Tensor = self.out_proj(mixed.transpose(1, 2).flatten(2))
        return joined

    def _split(self, x: torch.Tensor) -> torch.Tensor:
        """(B, n, width) to (B, heads, n, width of a head)."""
        return x.view(len(x), x.shape[1], self._heads, -1).transpose(1, 2)


class Mlp(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        widened: torch.Tensor = self.fc2(F.gelu(self.fc1(x)))
        return widened


class Block(nn.Module):
    def __init__(self, size: Size, *, bias: bool, causal: bool) -> None:
        super().__init__()
        self.attn = Attention(size, bias=bias, causal=causal)
        self.norm_1 = nn.LayerNorm(size.width, EPSILON)
        self.mlp = Mlp(size.width)
        self.norm_2 = nn.LayerNorm(size.width, EPSILON)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x + self.attn(self.norm_1(x))
        mixed: torch.Tensor = x + self.mlp(self.norm_2(x))
        return mixed


class Trunk(nn.Module):
    def __init__(self, size: Size, *, norm: bool, bias: bool, causal: bool) -> None:
        super().__init__()
        first = [nn.LayerNorm(size.width, EPSILON)] if norm else []
        self.pre_transformer_layer = nn.Sequential(*first)
        blocks = [Block(size, bias=bias, causal=causal) for _ in range(size.blocks)]
        self.blocks = nn.Sequential(*blocks)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        mixed: torch.Tensor = self.blocks(self.pre_transformer_layer(x))
        return mixed


class Tower(nn.Module):
    """What the three have in common."""

    def __init__(self, stem: nn.Module, trunk: Trunk, head: nn.Module, scale: nn.Module) -> None:
        super().__init__()
        self.modality_preprocessors = stem
        self.modality_trunks = trunk
        self.modality_heads = head
        self.modality_postprocessors = scale

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """A batch to (B, out) float32 rows of length 1; times `scale`, they are the model's own."""
        return F.normalize(self._project(x).float(), dim=-1)  # float16 has no lengths over 65,504

    @property
    def scale(self) -> float:
        """Length of the model's own vectors: 1 for pictures, 20 for sounds."""
        one = torch.ones(1, device=next(self.parameters()).device)
        return float(self.modality_postprocessors(one))

    def _project(self, x: torch.Tensor) -> torch.Tensor:
        """The class token's way."""
        projected: torch.Tensor = self.modality_heads(
            self.modality_trunks(self.modality_preprocessors(x))
        )
        return projected


class VisionTower(Tower):
    """(B, 3, 224, 224) pictures, normalised."""

    def __init__(self, size: Size) -> None:
        trunk = Trunk(size, norm=True, bias=False, causal=False)
        super().__init__(_VisionStem(size.width), trunk, _class_head(size), nn.Sequential())


class AudioTower(Tower):
    """(B, 1, 128, 204) log mel energies, normalised."""

    def __init__(self, size: Size) -> None:
        trunk = Trunk(size, norm=False, bias=True, causal=False)
        super().__init__(_AudioStem(size.width), trunk, _class_head(size), _scaling())


class TextTower(Tower):
    """(B, 77) tokens, of which the end token has the largest number."""

    def __init__(self, size: Size) -> None:
        trunk = Trunk(size, norm=False, bias=False, causal=True)
        super().__init__(_TextStem(size.width), trunk, _TextHead(size), _scaling())

    def _project(self, x: torch.Tensor) -> torch.Tensor:
        mixed = self.modality_trunks(self.modality_preprocessors(x))
        at_end = mixed[torch.arange(len(x), device=x.device), x.argmax(dim=-1)]
        projected: torch.Tensor = self.modality_heads(at_end)
        return projected


class _VisionStem(nn.Module):
    """Patches of 14 × 14 over two frames: a still is shown twice."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.cls_token = nn.Parameter(torch.empty(1, 1, width))
        patches = nn.Conv3d(3, width, (2, 14, 14), stride=(2, 14, 14), bias=False)
        self.rgbt_stem = _Stem(nn.Sequential(_Twice(), patches))
        self.pos_embedding_helper = _Positions(16 * 16 + 1, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        placed: torch.Tensor = self.pos_embedding_helper(self.cls_token, self.rgbt_stem(x))
        return placed


class _AudioStem(nn.Module):
    """Patches of 16 × 16 every 10: 12 bands of frequency, 19 steps in time."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.cls_token = nn.Parameter(torch.empty(1, 1, width))
        patches = nn.Conv2d(1, width, 16, stride=10, bias=False)
        self.rgbt_stem = _Stem(patches, nn.LayerNorm(width, STEM_EPSILON))
        self.pos_embedding_helper = _Positions(12 * 19 + 1, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        placed: torch.Tensor = self.pos_embedding_helper(self.cls_token, self.rgbt_stem(x))
        return placed


class _TextStem(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.pos_embed = nn.Parameter(torch.empty(1, CONTEXT, width))
        self.register_buffer("mask", torch.empty(CONTEXT, CONTEXT))  # in the checkpoint; causal
        self.token_embedding = nn.Embedding(VOCABULARY, width)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        placed: torch.Tensor = self.token_embedding(tokens) + self.pos_embed
        return placed


class _Stem(nn.Module):
    """(B, …) to (B, patches, width)."""

    def __init__(self, proj: nn.Module, norm: nn.Module | None = None) -> None:
        super().__init__()
        self.proj = proj
        self.norm_layer = norm or nn.Sequential()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        patches: torch.Tensor = self.norm_layer(self.proj(x).flatten(2).transpose(1, 2))
        return patches


class _Twice(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x[:, :, None].expand(-1, -1, 2, -1, -1)


class _Positions(nn.Module):
    """Puts the class token before the patches and adds to each what its place is."""

    def __init__(self, count: int, width: int) -> None:
        super().__init__()
        self.pos_embed = nn.Parameter(torch.empty(1, count, width))

    def forward(self, token: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([token.expand(len(x), -1, -1), x], dim=1) + self.pos_embed


class _ClassToken(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x[:, 0]


class _TextHead(nn.Module):
    def __init__(self, size: Size) -> None:
        super().__init__()
        projection = nn.Linear(size.width, size.out, bias=False)
        self.proj = nn.Sequential(nn.LayerNorm(size.width, EPSILON), projection)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        projected: torch.Tensor = self.proj(x)
        return projected


class _Scale(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.log_logit_scale = nn.Parameter(torch.empty(()))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.log_logit_scale.exp().clamp_max(MAX_SCALE)


def _class_head(size: Size) -> nn.Sequential:
    projection = nn.Linear(size.width, size.out, bias=False)
    return nn.Sequential(nn.LayerNorm(size.width, EPSILON), _ClassToken(), projection)


def _scaling() -> nn.Sequential:
    return nn.Sequential(nn.Identity(), _Scale())  # the checkpoint counts normalising as 0


def build(name: Name, size: Size | None = None) -> Tower:
    """A tower without weights; `size` None: as published."""
    made: Mapping[Name, Callable[[Size], Tower]] = {
        "vision": VisionTower, "text": TextTower, "audio": AudioTower,
    }  # fmt: skip
    return made[name](size or FULL[name])


def expected(sizes: Mapping[Name, Size] = FULL) -> dict[Name, dict[str, tuple[int, ...]]]:
    """For each tower, the checkpoint's keys and shapes; no memory is taken."""
    with torch.device("meta"):
        return {
            name: {official(name, key): tuple(v.shape) for key, v in _state(name, size).items()}
            for name, size in sizes.items()
        }


def _state(name: Name, size: Size) -> dict[str, torch.Tensor]:
    return build(name, size).state_dict()


def official(name: Name, key: str) -> str:
    """The checkpoint's name of a tower's own key."""
    part, _, rest = key.partition(".")
    return f"{part}.{name}.{rest}"


def load(name: Name, weights: Mapping[str, torch.Tensor], size: Size | None = None) -> Tower:
    """A tower with exactly these weights by their official keys, of these dtypes.

    Raises RuntimeError, naming the keys or shapes that are wrong.
    """
    with torch.device("meta"):
        tower = build(name, size)
    own = {official(name, key): key for key in tower.state_dict()}
    named = {own.get(key, key): value for key, value in weights.items()}
    tower.load_state_dict(named, strict=True, assign=True)
    return tower.eval().requires_grad_(False)
