"""How many of what, in words."""

from __future__ import annotations


def counted(count: int, noun: str, verb: str = "") -> str:
    """ "1 sound", "1,234 sounds"; with `verb` "is/are": "1 sound is", "1,234 sounds are"."""
    one, _, several = verb.partition("/")
    said = f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
    return f"{said} {one if count == 1 else several}" if verb else said
