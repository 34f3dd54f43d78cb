"""sonorize freesound: the API key, and the login that original files take."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from indexer.cli.common import say
from indexer.errors import KeyRefused, SourceError

if TYPE_CHECKING:
    from indexer.settings import Settings
    from indexer.sources.freesound.key import Key
    from indexer.sources.freesound.login import Access

WAITS = (1.0,)  # s before a request is tried again: somebody sits there


@click.group()
def freesound() -> None:
    """Give Freesound's API key, and log in there for original files."""


@freesound.command()
@click.option("--key-only", is_flag=True, help="Stop after the key, which searches take.")
def login(key_only: bool) -> None:
    """Keep an API key, and log in so that original files can be fetched.

    Searches and previews take the key alone; it is tried with one request, and kept in the
    system's keyring or in a file that only you can read. Original files also take the client id
    that stands beside the key, your consent on a page of Freesound's, and the code it shows.

    \b
    sonorize freesound login --key-only
    sonorize freesound login
    """
    from indexer import settings

    found = settings.load()
    key = _good_key(found)
    if key_only:
        return
    if not on_terminal():
        raise SourceError(
            "Logging in asks for a code, which takes a terminal: run `sonorize freesound login` "
            "on one, or with --key-only if previews are enough."
        )
    from indexer.sources.freesound.login import Access

    access = Access(found.freesound, key.text, found.config)
    _log_in(found.freesound, access)
    say("Logged in: original files can be fetched.")


def on_terminal() -> bool:
    """Whether somebody can be asked."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def api_key(config: Path) -> Key:
    """The key that is kept in this folder or elsewhere, else the one that is typed.

    Raises KeyMissing or KeyRefused.
    """
    from indexer.sources.freesound import key

    return key.find(config) or key.typed(_asked if on_terminal() else None)


def _asked(explained: str) -> str:
    say(explained)
    typed: str = click.prompt("API key (not shown)", hide_input=True, err=True)
    return typed


def _good_key(found: Settings) -> Key:
    """A key that Freesound takes, kept if it was typed."""
    from indexer.sources.freesound import key as keys

    try:
        key = api_key(found.config)
        _try(found, key)
    except KeyRefused as refused:
        if keys.in_environment() or not on_terminal():
            raise
        say(str(refused))
        key = keys.typed(_asked)
        _try(found, key)
    if key.place == keys.TYPED:
        key = keys.keep(key, found.config)
        say(f"Freesound takes this key; it is kept in {key.place}.")
    else:
        say(f"Freesound takes the key in {key.place}.")
    return key


def _try(found: Settings, key: Key) -> None:
    """Raises KeyRefused after one small request, or SourceError if it is not answered."""
    from indexer.sources.freesound import key as keys
    from indexer.sources.freesound.budget import Budget
    from indexer.sources.freesound.client import Client

    budget = Budget(found.state, key.text)
    with Client(found.freesound, key.text, budget, waits=WAITS) as client:
        try:
            client.search("", filter="id:1", page_size=1, fields="id")
        except KeyRefused as refused:
            place = "" if key.place == keys.TYPED else f"{key.place}: "
            raise KeyRefused(f"{place}{refused}") from None


def _log_in(address: str, access: Access) -> None:
    import webbrowser

    from indexer.sources.freesound.login import Invitation, checked_id

    known = access.client_id or None
    client_id = checked_id(click.prompt("Client id, beside the key", default=known, err=True))
    invitation = Invitation(address, client_id)
    say("Say yes on this page of Freesound's, and copy the code that it shows then:")
    say(invitation.page())
    if click.confirm("Open it in the browser?", default=True, err=True):
        webbrowser.open(invitation.page())
    pasted: str = click.prompt("Code", err=True)
    access.log_in(invitation, invitation.code(pasted))
