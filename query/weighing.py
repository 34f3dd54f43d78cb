"""Words with a weight, as people write them."""

from __future__ import annotations

import re

from indexer.errors import QueryError

MOST = 1_000_000  # a weight beside which the rest counts nothing already


def weighted(value: str) -> tuple[float, str]:
    """'0.5:rain' as (0.5, "rain"); without a leading number and colon all of it is words.

    Raises QueryError.
    """
    found = re.fullmatch(r"\s*([-+]?(?:\d+\.?\d*|\.\d+)):(.*)", value, re.DOTALL)
    weight, words = (float(found[1]), found[2].strip()) if found else (1.0, value.strip())
    if weight > MOST:
        raise QueryError(f"The weight of {value[:40]!r} is above {MOST:,}: give less.")
    if weight < 0:
        raise QueryError(
            f"The weight of {value!r} is negative: --text goes toward words, --away from them."
        )
    if not words:
        raise QueryError("There are no words: write WORDS or WEIGHT:WORDS.")
    return weight, words
