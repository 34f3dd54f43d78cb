"""Which words of a text the sentence model is given, and compounds taken apart.

Of the meaningful words (`ucs.usable`) those count that are in the vocabulary of UCS, or whose
pieces are two letters or longer on average to the tokenizer: camera and recorder names say
nothing, yet look alike to a sentence model (mvi is m, vi). Rare words of the trade stay (cymbal is
c, ym, bal).

A word in neither vocabulary is taken as two when it is made of two that are common: file names
run words together (firetruck, shotgunreload).

On the development questions (benchmarks/retrieval) the rare words brought right first answers to
photographs from .52 to .53, the compounds right first answers to words from .95 to .96.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from indexer import ucs
from indexer.encoders.starter import tables

if TYPE_CHECKING:
    from collections.abc import Callable

    from indexer.encoders.starter.text import TextTower

VERSION = "2"
"""Changes with what `usable` lets through or takes apart, `ucs.usable` included."""

_LETTERS = 2.0
_PART = 3  # letters
_COMMON = 12_000  # the vocabulary is in order of frequency; further down are names and "ing"
_ENDINGS = frozenset("der ding ian king let per ping ton".split())  # grin-der, hon-king


def usable(text: str, tower: TextTower) -> str:
    """The words that say something, in order, compounds taken apart; "" if there are none."""
    words = (word for word in ucs.usable(text).split() if _counts(word, tower))
    return " ".join(part for word in words for part in parts(word, tower.rank))


def parts(word: str, rank: Callable[[str], int | None]) -> tuple[str, ...]:
    """The two common words that the word is made of, the commonest such pair; else the word.

    `rank` is a word's place in the vocabulary, None if it is not in it.
    """
    whole = word.lower()
    trade = tables.trade_words()
    if rank(whole) is not None or whole in trade:
        return (word,)

    def place(part: str) -> int | None:
        found = rank(part)
        if found is not None and found < _COMMON:
            return found
        return _COMMON if part in trade else None

    pairs = []
    for at in range(_PART, len(whole) - _PART + 1):
        first, second = place(whole[:at]), place(whole[at:])
        if first is not None and second is not None and whole[at:] not in _ENDINGS:
            pairs.append((first + second, at))
    if not pairs:
        return (word,)
    _, at = min(pairs)
    return word[:at], word[at:]


def _counts(word: str, tower: TextTower) -> bool:
    return word.lower() in tables.trade_words() or tower.letters_per_piece(word) >= _LETTERS
