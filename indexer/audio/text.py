"""Text out of bytes whose encoding nobody wrote down."""

from __future__ import annotations


def plain(data: bytes) -> str:
    """UTF-8, UTF-16 or Windows Latin, whichever the bytes look like, up to the first NUL."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        text = data.decode("utf-16", "replace")
    elif len(data) >= 4 and data[0] and data[2] and not data[1] and not data[3]:
        text = data.decode("utf-16-le", "replace")
    else:
        text = _narrow(data.split(b"\0")[0])
    return text.split("\0")[0].strip()


def _narrow(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start]
        if error.start >= len(data) - 3 and not before.isascii():
            # Otherwise good UTF-8, cut off by the width of its field.
            return before.decode("utf-8-sig")
    try:
        return data.decode("cp1252")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def mended(text: str) -> str:
    """A tag as FFmpeg hands it over, with undecodable bytes and double UTF-8 put right."""
    try:
        text.encode()
    except UnicodeEncodeError:
        text = plain(text.encode("utf-8", "surrogateescape"))
    try:
        return text.encode("latin-1").decode("utf-8").strip()
    except UnicodeError:
        return text.strip()
