"""Words as SQLite's full-text search has them: so another database finds what SQLite finds."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Sequence

TOKENIZER = "porter unicode61 remove_diacritics 2"  # as in the first migration


# Endings that the stemmer takes off; see `completed`.
ENDINGS = (
    "s es ed edly ing ings ion ions ation ations ational ive ively ness ment ments able ible ably "
    "ance ence ate ator ators al ally er ers ity ous ously ful fully ly ize izer ism ist ic ical "
    "ant ent"
)


def tokens(texts: Sequence[str]) -> list[list[str]]:
    """The stems of each text, in order: lower-case letters and digits without diacritics."""
    words = _tokenizer()
    found: list[list[str]] = [[] for _ in texts]
    words.executemany("INSERT INTO words(rowid, said) VALUES (?, ?)", enumerate(texts))
    for number, word in words.execute("SELECT doc, term FROM heard ORDER BY doc, offset"):
        found[number].append(word)
    words.execute("INSERT INTO words(words) VALUES ('delete-all')")
    return found


_here = threading.local()


def _tokenizer() -> sqlite3.Connection:
    """SQLite's own, in a table that is emptied after each use; one for each thread."""
    if not hasattr(_here, "words"):
        _here.words = words = sqlite3.connect(":memory:", isolation_level=None)
        words.execute(
            f"CREATE VIRTUAL TABLE words USING fts5(said, content='', tokenize='{TOKENIZER}')"
        )
        words.execute("CREATE VIRTUAL TABLE heard USING fts5vocab(words, instance)")
    found: sqlite3.Connection = _here.words
    return found


def completed(start: str) -> list[str]:
    """The whole words that are asked for beside those that begin so: stems are what is kept.

    "explosi" begins "explosion", not its stem "explos"; so where a start ends within an ending,
    or in a doubled letter (slamm-ing).
    """
    if len(start) < 3:
        return []
    first = 0 if start[-1] == start[-2] else 1
    return sorted(
        {
            start + ending[cut:]
            for ending in ENDINGS.split()
            for cut in range(first, len(ending))
            if start.lower().endswith(ending[:cut])
        }
    )
