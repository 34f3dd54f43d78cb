"""What the text tower takes in: words as 77 tokens of CLIP's byte-pair vocabulary."""

from __future__ import annotations

import gzip
import html
from typing import TYPE_CHECKING

import ftfy
import torch
from tokenizers import Regex, Tokenizer
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel, Sequence, Split

from indexer.encoders.imagebind.towers import CONTEXT, VOCABULARY

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

START, END = VOCABULARY - 2, VOCABULARY - 1
_MERGES = VOCABULARY - 2 * 256 - 2
_PIECES = r"(?i)'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"


class Words:
    """Reads the vocabulary file: a line of its version, then the merges in their order."""

    def __init__(self, file: Path) -> None:
        with gzip.open(file, "rt", encoding="utf-8") as lines:
            rows = lines.read().split("\n")[1 : _MERGES + 1]
        merges = [tuple(row.split()) for row in rows]
        symbols = letters()
        names = [*symbols, *(f"{each}</w>" for each in symbols), *map("".join, merges)]
        model = BPE(
            vocab={name: number for number, name in enumerate(names)},
            merges=[(left, right) for left, right in merges],
            end_of_word_suffix="</w>",
        )
        self._tokenizer = Tokenizer(model)
        self._tokenizer.pre_tokenizer = Sequence(
            [
                Split(Regex(_PIECES), behavior="removed", invert=True),
                ByteLevel(add_prefix_space=False, use_regex=False),
            ]
        )

    def tokens(self, texts: Iterable[str]) -> torch.Tensor:
        """(n, 77) int64: start, words, end, zeros; a longer text is cut before its end token."""
        return torch.tensor([self._row(text) for text in texts], dtype=torch.int64)

    def _row(self, text: str) -> list[int]:
        words = self._tokenizer.encode(_clean(text)).ids[: CONTEXT - 2]
        return [START, *words, END, *[0] * (CONTEXT - 2 - len(words))]


def _clean(text: str) -> str:
    plain = html.unescape(html.unescape(ftfy.fix_text(text)))
    return " ".join(plain.split()).lower()


def letters() -> list[str]:
    """The letter that stands for each byte, in the vocabulary's order: printable ones first."""
    printable = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    return [chr(byte) for byte in printable] + [chr(256 + place) for place in range(len(others))]
