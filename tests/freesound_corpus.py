"""Sounds as Freesound describes them, and their audio; all made by code, the same every time."""

from __future__ import annotations

import hashlib
import io
import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any
from urllib.parse import quote

import numpy as np
import soundfile
import sounds

FIELDS = [
    *("id", "url", "name", "tags", "description", "category", "subcategory", "category_code"),
    *("category_is_user_provided", "geotag", "is_geotagged", "created", "license"),
    *("gen_ai_preference", "type", "channels", "filesize", "bitrate", "bitdepth", "duration"),
    *("samplerate", "username", "pack", "pack_name", "previews", "images", "download", "bookmark"),
    *("rate", "comments", "comment", "similar_sounds", "num_downloads", "avg_rating"),
    *("num_ratings", "num_comments", "is_explicit", "is_remix", "was_remixed", "md5", "score"),
]
STOP_WORDS = frozenset(
    "a an and are as at by for from in is it no not of on or the to with".split()
)
CDN = "https://cdn.freesound.org"
RATE = 16_000

_LICENCES = [
    "http://creativecommons.org/publicdomain/zero/1.0/",
    "https://creativecommons.org/licenses/by/4.0/",
    "http://creativecommons.org/licenses/by/3.0/",
    "https://creativecommons.org/licenses/by-nc/4.0/",
    "https://creativecommons.org/publicdomain/zero/1.0/",
    "http://creativecommons.org/licenses/by/4.0/",
    "http://creativecommons.org/licenses/by-nc/3.0/",
    "http://creativecommons.org/licenses/sampling+/1.0/",
]
_AWKWARD = [
    "{} 1/2 (left/right).wav",
    "{} without an ending",
    "🐕 {} übers Feld — 夜.wav",
    "../../../{}.wav",
    "CON",
    '{} "quoted" <b>&amp;</b>: what?*|.WAV',
    "{}\ttab and\nline",
    ".{}. ",
    "{} " + "very " * 100 + "long.wav",
    "C:\\{}\\nul.aif",
]
_USERS = ["xserra", "Ann Örn", "user.name-1", "夜", "LPT1", "o'neil & sons", "a" * 30]
_CATEGORIES = [
    ("Sound effects", "Animals", "fx-a"),
    ("Sound effects", "Natural elements and explosions", "fx-n"),
    ("Soundscapes", "Urban", "ss-u"),
    ("Speech", "Solo speech", "sp-s"),
    ("Music", "Other", "m-other"),
    (None, None, None),
]
_AI = ["no-additional-preferences", "open-source-models", "noncommercial-open-source-models",
       "no-gen-ai"]  # fmt: skip


def corpus(
    terms: Sequence[str], each: int = 50, seconds: float = 0.3
) -> tuple[dict[int, dict[str, Any]], dict[int, tuple[bytes, bytes]]]:
    """`each` sounds for each term: their JSON, and (preview as Vorbis, original as WAV) by number.

    A search for a term finds its own sounds, of all licences, some of them explicit, and one in
    ten of the term before, which fit both. Their lengths are `seconds` and up to 40 % more.
    """
    found, files = {}, {}
    for at in range(len(terms) * each):
        term, nth = divmod(at, each)
        both = nth % 10 == 9 and len(terms) > 1
        words = [terms[term], terms[(term + 1) % len(terms)]] if both else [terms[term]]
        number = at * 618_033 % 1_000_003 + 5
        ogg, wav = _audio(at, seconds * (1 + at % 5 / 10), 2 if at % 3 == 0 else 1)
        files[number] = ogg, wav
        found[number] = _sound(number, at, nth, words, wav)
    return found, files


def _sound(number: int, at: int, nth: int, words: Sequence[str], wav: bytes) -> dict[str, Any]:
    """All of Freesound's fields but the score, which a search gives."""
    draw = random.Random(number)
    user, site = at % len(_USERS), "https://freesound.org"
    api = f"{site}/apiv2/sounds/{number}"
    category = _CATEGORIES[at % len(_CATEGORIES)]
    pack = at % 30 + 100 if at % 4 == 0 else None
    created = datetime(2005, 3, 9, 10, 45, 28) + timedelta(seconds=draw.randrange(600_000_000))
    ratings = draw.choice([0, 0, 1, 2, 3, 12, 150])
    with soundfile.SoundFile(io.BytesIO(wav)) as audio:
        channels, seconds = audio.channels, audio.frames / audio.samplerate
    return {
        "id": number,
        "url": f"{site}/people/{quote(_USERS[user])}/sounds/{number}/",
        **_texts(nth, words),
        "category": category[0],
        "subcategory": category[1],
        "category_code": category[2],
        "category_is_user_provided": at % 2 == 0,
        "geotag": f"{41 + at / 1000:.4f} 2.1900" if at % 6 == 0 else None,
        "is_geotagged": at % 6 == 0,
        "created": f"{created:%Y-%m-%dT%H:%M:%SZ}",
        "license": _LICENCES[at % len(_LICENCES)],
        "gen_ai_preference": _AI[at % 13 % len(_AI)],
        "type": "wav",
        "channels": channels,
        "filesize": len(wav),
        "bitrate": 0 if at % 9 == 0 else RATE * channels * 16 // 1000,
        "bitdepth": None if at % 8 == 0 else 16,
        "duration": seconds,
        "samplerate": float(RATE),
        "username": _USERS[user],
        "pack": pack and f"{site}/apiv2/packs/{pack}/",
        "pack_name": pack and f"Field trip {pack}",
        "previews": _previews(number, user),
        "images": _images(number, user),
        "download": f"{api}/download/",
        "bookmark": f"{api}/bookmark/",
        "rate": f"{api}/rate/",
        "comments": f"{api}/comments/",
        "comment": f"{api}/comment/",
        "similar_sounds": f"{api}/similar/" if at % 11 else None,
        "num_downloads": draw.randrange(5000),
        "avg_rating": round(draw.uniform(1, 5), 2) if ratings else 0.0,
        "num_ratings": ratings,
        "num_comments": draw.randrange(5),
        "is_explicit": at % 17 == 16,
        "is_remix": at % 19 == 18,
        "was_remixed": at % 23 == 22,
        "md5": hashlib.md5(wav).hexdigest(),
    }


def _texts(nth: int, words: Sequence[str]) -> dict[str, Any]:
    """Name, tags and description that hold the words in some of them: scores tie in blocks."""
    said = " ".join(words)
    tags = [tag for tag in said.split() if tag not in STOP_WORDS]
    where = nth % 5
    awkward = nth < len(_AWKWARD)
    name = _AWKWARD[nth].format(said) if awkward else f"{said} {nth}.wav"
    return {
        "name": name if awkward or where < 3 else f"recording {nth}",
        "tags": [f"take-{nth}", *tags, "Field-Recording"] if awkward or where != 2 else ["outside"],
        "description": f"<p>{said}, take {nth}.</p>\r\nA <b>good</b> one."
        if where in (0, 1, 4)
        else "Recorded by the river.\r\n",
    }


def _previews(number: int, user: int) -> dict[str, str]:
    stem = f"{CDN}/previews/{number // 1000}/{number}_{user}"
    return {
        f"preview-{quality}-{kind}": f"{stem}-{quality}.{kind}"
        for quality in ("hq", "lq")
        for kind in ("mp3", "ogg")
    }


def _images(number: int, user: int) -> dict[str, str]:
    stem = f"{CDN}/displays/{number // 1000}/{number}_{user}"
    plain = {
        f"{kind}_{size}": f"{stem}_{file}_{size.upper()}.{ending}"
        for kind, file, ending in (("waveform", "wave", "png"), ("spectral", "spec", "jpg"))
        for size in ("m", "l")
    }
    return plain | {name.replace("_", "_bw_"): address for name, address in plain.items()}


@cache
def _audio(at: int, seconds: float, channels: int) -> tuple[bytes, bytes]:
    """No two alike: a tone of its own in its own share of noise."""
    rng = np.random.default_rng(at)
    tone = sounds.tone(seconds, RATE, channels, hertz=60 * 1.02 ** (at % 240), peak=0.4)
    samples = tone + rng.uniform(-0.1, 0.1, tone.shape).astype(np.float32)
    file = io.BytesIO()
    soundfile.write(file, samples.T, RATE, format="OGG", subtype="VORBIS")
    return _numbered(file.getvalue(), at), sounds.wav(samples, RATE)


def _numbered(ogg: bytes, serial: int) -> bytes:
    """The same stream under a serial number of ours: the encoder draws one from the clock."""
    data, at = bytearray(ogg), 0
    while at < len(data):
        head = 27 + data[at + 26]
        end = at + head + sum(data[at + 27 : at + head])
        data[at + 14 : at + 18] = serial.to_bytes(4, "little")
        data[at + 22 : at + 26] = bytes(4)
        data[at + 22 : at + 26] = _checksum(bytes(data[at:end])).to_bytes(4, "little")
        at = end
    return bytes(data)


@cache
def _table() -> list[int]:
    made = []
    for value in range(256):
        value <<= 24
        for _ in range(8):
            value = (value << 1) ^ (0x04C11DB7 if value & 0x8000_0000 else 0)
        made.append(value & 0xFFFF_FFFF)
    return made


def _checksum(page: bytes) -> int:
    """Ogg's CRC-32 (RFC 3533)."""
    table, value = _table(), 0
    for byte in page:
        value = (value << 8 & 0xFFFF_FFFF) ^ table[value >> 24 ^ byte]
    return value
