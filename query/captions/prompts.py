"""From a caption of a picture to a prompt for a sound: what is seen and cannot be heard goes."""

from __future__ import annotations

import re

_COLOURS = (
    "black and white|black|white|red|green|blue|yellow|orange|purple|violet|pink|brown|gr[ae]y|"
    "gold|golden|silver|beige|teal|turquoise|maroon|crimson|magenta|cyan|tan|navy|"
    r"(?:\w+[- ])?colou?red|multicolou?red|colou?rful"
)
_PICTURE = (
    "photo|photograph|picture|image|shot|view|snapshot|screenshot|scene|frame|close[- ]?up|"
    "painting|drawing|illustration|render(?:ing)?|portrait|video"
)
_SMALL = "a|an|the|and|or|of|on|in|at|by|with|to|from|near|is|are|that|under|over|behind|through"
_KIND = r"(?:[\w-]+\s+){0,3}?"
_RULES = tuple(
    (re.compile(pattern, re.IGNORECASE), put)
    for pattern, put in (
        (r"\baraf\w*\s*", ""),  # no word: BLIP's for what it has none for
        (rf"^(?:there (?:is|are) |this is )?(?:(?:an?|the|some)\s+)?{_KIND}(?:{_PICTURE})s?"
         r"\s+of\s+", ""),
        (r"^there (?:is|are)\s+", ""),
        (r"\bthat (?:is|are)\s+(?=\w+ing\b)", ""),
        (r",?\s*\b(?:with|on|against|and|in)\s+(?:an?|the)?\s*(?:[\w-]+\s+)?"
         r"(?:background|foreground|distance)\b", ""),
        (r"\b(?:(?:taken|seen|shot) )?from (?:above|below|behind|afar|the (?:side|front|back))\b",
         ""),
        (r"\b(?:out of|in) focus\b", ""),
        (r"\b(?:blurry|blurred|unfocused|panoramic|aerial|close[- ]up)\s+", ""),
        (rf"\b(?:{_COLOURS})\b(?:\s+and\s+(?:{_COLOURS})\b)*\s+(?!(?:{_SMALL})\b)(?=\w)", ""),
    )
)  # fmt: skip


def prompt_for_sound(caption: str) -> str:
    """The caption without colours and without words about the picture as a picture.

    "a black and white photo of an orange cat on a street" becomes "a cat on a street". What would
    leave nothing is kept as it is.
    """
    said = " ".join(caption.split())
    for pattern, put in _RULES:
        said = pattern.sub(put, said)
    said = re.sub(r"\s+", " ", said).strip(" ,.;:-")
    said = re.sub(r"\b(an?)\s+(\w+)", lambda found: _article(found, caption), said, flags=re.I)
    return said if re.search(r"\w{2}", said) else " ".join(caption.split())


def _article(found: re.Match[str], caption: str) -> str:
    """As it was where the next word is the one that was there, else by that word's first letter."""
    if re.search(rf"\b{found[1]}\s+{found[2]}\b", caption, re.IGNORECASE):
        return f"{found[1]} {found[2]}"
    return f"{'an' if found[2][0].lower() in 'aeiou' else 'a'} {found[2]}"
