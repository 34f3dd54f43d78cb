"""Where the API key lies: the environment, the system's keyring, or a file of the owner's.

It is Freesound's "Client secret/Api key", 40 letters and digits, and the client secret as well.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from indexer.errors import KeyMissing, KeyRefused
from indexer.sources.freesound import private

VARIABLE = "SONORIZE_FREESOUND_KEY"
SERVICE, USER = "sonorize", "freesound"
KEYRING = "the system's keyring"
PAGE = "https://freesound.org/apiv2/apply"
WHERE = (
    f"Freesound gives API keys at {PAGE}, free and at once: the key is what stands there under "
    '"Client secret/Api key".'
)
TYPED = "what was typed"


@dataclass(frozen=True, slots=True)
class Key:
    """text: the key itself, which is not shown. place: where it is, in words."""

    text: str = field(repr=False)
    place: str


def in_environment(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether the environment has a key, which comes before any that is kept."""
    return bool(environ.get(VARIABLE, "").strip())


def find(config: Path, environ: Mapping[str, str] = os.environ) -> Key | None:
    """The first of environment, keyring and the file in the folder `config`, or None.

    Raises KeyRefused if what is there is no key.
    """
    if in_environment(environ):
        return _found(environ[VARIABLE], VARIABLE)
    if held := _from_keyring():
        return _found(held, KEYRING)
    if held := private.read(_file(config)).get("key"):
        return _found(held, str(_file(config)))
    return None


def _found(text: str, place: str) -> Key:
    try:
        return Key(checked(text), place)
    except KeyRefused as refused:
        raise KeyRefused(f"{place}: {refused}") from None


def typed(ask: Callable[[str], str] | None) -> Key:
    """The key that `ask` brings; it is given a sentence that says where keys come from.

    None: there is nobody to ask. Raises KeyMissing or KeyRefused.
    """
    if ask is None:
        raise KeyMissing(
            f"There is no API key for Freesound: get one at {PAGE} (free, at once) and give it "
            f"with `sonorize freesound login --key-only` on a terminal, or in {VARIABLE}."
        )
    return Key(checked(ask(WHERE)), TYPED)


def keep(key: Key, config: Path) -> Key:
    """The same key with its place from now on: the keyring where there is one, else the file.

    Raises SourceError if the file cannot be written.
    """
    if _into_keyring(key.text):
        private.remove(_file(config))
        return Key(key.text, KEYRING)
    private.write(_file(config), {"key": key.text})
    return Key(key.text, str(_file(config)))


def checked(text: str) -> str:
    """The key without blanks around and in it. Raises KeyRefused if its form is wrong."""
    key = re.sub(r"\s+", "", text)
    if re.fullmatch("[A-Za-z0-9]{40}", key):
        return key
    if re.fullmatch("[A-Za-z0-9]{20}", key):
        raise KeyRefused(
            "This looks like Freesound's client id: the API key is the longer one beside it, "
            f'"Client secret/Api key" at {PAGE}.'
        )
    raise KeyRefused(
        "This is no API key of Freesound's, which has 40 letters and digits: copy "
        f'"Client secret/Api key" from {PAGE}.'
    )


def _file(config: Path) -> Path:
    return config / "freesound.json"


def _from_keyring() -> str | None:
    """None also where there is no keyring, or it is locked: many backends, many exceptions."""
    try:
        import keyring

        return keyring.get_password(SERVICE, USER)
    except Exception:
        return None


def _into_keyring(text: str) -> bool:
    """Whether it is there now."""
    try:
        import keyring

        keyring.set_password(SERVICE, USER, text)
    except Exception:
        return False
    return _from_keyring() == text
