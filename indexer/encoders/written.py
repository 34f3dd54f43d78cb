"""What is written about sounds, for models that read any text as words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from indexer import ucs

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    Rows = NDArray[np.float32]


def written(texts: Sequence[str], width: int, embed: Callable[[Sequence[str]], Rows]) -> Rows:
    """(n, width) rows of `embed`; zeros, an absent part, where a text has no usable word.

    Names that a recorder gave (ZOOM0012) say nothing, yet look alike to a model. `embed` gets short
    texts first: models pad each batch to its longest.
    """
    rows = np.zeros((len(texts), width), dtype=np.float32)
    said = [place for place, text in enumerate(texts) if ucs.usable(text)]
    said.sort(key=lambda place: len(texts[place]))
    rows[said] = embed([texts[place] for place in said])
    return rows
