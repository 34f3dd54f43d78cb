"""Words to vectors: all-MiniLM-L6-v2, a BERT of 6 layers, mean pooling.

Reimers and Gurevych, Sentence-BERT, 2019; Wang et al., MiniLM, 2020.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from safetensors.torch import load_file
from tokenizers import Tokenizer

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

_LAYERS = 6
_HEADS = 12
_WIDTH = 384
_EPSILON = 1e-12
_MAX_TOKENS = 256
_BATCH = 32


class TextTower:
    """`embed` gives unit rows of 384; the rest tells words from jumbles of letters."""

    def __init__(self, folder: Path, device: torch.device) -> None:
        self._weights = load_file(folder / "text.safetensors", device=str(device))
        self._device = device
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(_MAX_TOKENS)

    def letters_per_piece(self, word: str) -> float:
        """How long the tokenizer's pieces of a word are on average; 0 if it does not know it."""
        pieces = self._tokenizer.encode(word, add_special_tokens=False).tokens
        return 0.0 if "[UNK]" in pieces else len(word) / max(len(pieces), 1)

    def rank(self, word: str) -> int | None:
        """A lower-case word's place in the vocabulary, common words first; None if not in it."""
        place: int | None = self._tokenizer.token_to_id(word)
        return place

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """(n, 384) unit rows, in the order of `texts`; each text is cut at 256 tokens."""
        tokens = [encoding.ids for encoding in self._tokenizer.encode_batch(list(texts))]
        rows = np.zeros((len(tokens), _WIDTH), dtype=np.float32)
        by_length = sorted(range(len(tokens)), key=lambda i: len(tokens[i]))
        for start in range(0, len(by_length), _BATCH):
            chosen = by_length[start : start + _BATCH]
            rows[chosen] = self._forward([tokens[i] for i in chosen]).cpu().numpy()
        return rows

    @torch.inference_mode()
    def _forward(self, tokens: list[list[int]]) -> torch.Tensor:
        longest = max(len(row) for row in tokens)
        ids = torch.tensor([row + [0] * (longest - len(row)) for row in tokens])
        lengths = torch.tensor([len(row) for row in tokens])
        mask = (torch.arange(longest) < lengths[:, None]).to(self._device)  # (B, T)
        x = self._embeddings(ids.to(self._device))
        for layer in range(_LAYERS):
            x = self._layer(x, mask, f"encoder.layer.{layer}.")
        x = (x * mask[:, :, None]).sum(dim=1) / mask.sum(dim=1, keepdim=True)
        return F.normalize(x, dim=1)

    def _embeddings(self, ids: torch.Tensor) -> torch.Tensor:
        tables = self._weights
        words = F.embedding(ids, tables["embeddings.word_embeddings.weight"])
        places = tables["embeddings.position_embeddings.weight"][: ids.shape[1]]
        first_sentence = tables["embeddings.token_type_embeddings.weight"][0]
        return self._norm(words + places + first_sentence, "embeddings.LayerNorm")

    def _layer(self, x: torch.Tensor, mask: torch.Tensor, name: str) -> torch.Tensor:
        attended = self._linear(self._attention(x, mask, name), name + "attention.output.dense")
        x = self._norm(x + attended, name + "attention.output.LayerNorm")
        inner = F.gelu(self._linear(x, name + "intermediate.dense"))
        return self._norm(x + self._linear(inner, name + "output.dense"), name + "output.LayerNorm")

    def _attention(self, x: torch.Tensor, mask: torch.Tensor, name: str) -> torch.Tensor:
        batch, length, width = x.shape
        q, k, v = (
            self._linear(x, f"{name}attention.self.{kind}")
            .view(batch, length, _HEADS, width // _HEADS)
            .transpose(1, 2)  # (B, heads, T, width / heads)
            for kind in ("query", "key", "value")
        )
        mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=mask[:, None, None, :])
        return mixed.transpose(1, 2).reshape(batch, length, width)

    def _linear(self, x: torch.Tensor, name: str) -> torch.Tensor:
        return F.linear(x, self._weights[name + ".weight"], self._weights[name + ".bias"])

    def _norm(self, x: torch.Tensor, name: str) -> torch.Tensor:
        weight, bias = self._weights[name + ".weight"], self._weights[name + ".bias"]
        return F.layer_norm(x, (_WIDTH,), weight, bias, _EPSILON)
