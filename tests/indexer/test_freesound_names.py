"""Names of Freesound's files, made from whatever users call their sounds."""

from __future__ import annotations

from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.errors import FetchFailed
from indexer.sources.freesound.files import TYPES, file_name

RESERVED = {"con", "prn", "aux", "nul", *(f"{p}{n}" for p in ("com", "lpt") for n in range(10))}


def test_a_name_says_number_user_and_sound() -> None:
    sound = {"id": 9, "username": "xserra", "name": "voice-gong.wav"}
    assert file_name(sound, "ogg") == "9__xserra__voice-gong.ogg"
    assert file_name({"id": 8, "name": None}, "ogg") == "8__sound.ogg"
    sound = {"id": 10, "username": "Ann Örn", "name": " Übers Feld: 1/2.take.AIFF "}
    assert file_name(sound, "lq.ogg") == "10__ann-orn__ubers-feld-1-2-take.lq.ogg"


HOSTILE = [
    *("", ".", "..", "...", " ", "con", "NUL.wav", "aux.ogg", "LPT1", "a.", "a ", "a. . "),
    *("../../etc/passwd", "..\\..\\boot.ini", "C:\\nul", "C:evil", "/etc/passwd", "a/b", "a\\b"),
    *("a\0b", "a\nb\tc", "\x1b[2J", "<>:\"|?*'&;$(x)`", "-rf", "~", "%2e%2e%2f", "a:stream"),
    *("🐕", "夜", "\u202egnp.exe", "\u200f\u200e", "\ud800", "e\u0301", "ﷺ" * 512, "x" * 512),
    *("a" * 59 + "-b", ".hidden", "_-_", "sound.part", "ǅ", "²"),
]


def assert_safe(name: str) -> None:
    assert name.isascii()
    assert name == name.lower()
    assert 0 < len(name) <= 120
    assert not set(name) - set("abcdefghijklmnopqrstuvwxyz0123456789-_.")
    assert PurePosixPath(name).parts == PureWindowsPath(name).parts == (name,)
    assert name.split(".")[0] not in RESERVED
    assert name[0].isdigit()
    assert name[-1] not in ". "
    assert name.count(".") == 1


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_names_come_out_harmless(text: str, tmp_path: Path) -> None:
    name = file_name({"id": 7, "username": text, "name": text}, "ogg")
    assert_safe(name)
    assert name.startswith("7__")
    (tmp_path / f"{name}.part").touch()


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 10**12 - 1), st.text(), st.text(), st.sampled_from(TYPES))
def test_any_name_comes_out_harmless(number: int, user: str, name: str, kind: str) -> None:
    assert_safe(file_name({"id": number, "username": user, "name": name}, kind))


def test_names_that_are_equal_but_for_case_stay_two() -> None:
    first, second = (
        file_name({"id": number, "username": "a", "name": name}, "ogg")
        for number, name in ((1, "Rain"), (2, "rain"))
    )
    assert first.casefold() != second.casefold()


@pytest.mark.parametrize("number", [None, "9", True, 0, -1, 1.5, "../9", 10**12])
def test_what_has_no_number_has_no_name(number: Any) -> None:
    with pytest.raises(FetchFailed, match="no number of a sound") as failed:
        file_name({"id": number, "name": "a"}, "ogg")
    assert failed.value.permanent
