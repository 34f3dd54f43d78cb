"""Logging in to Freesound, which its original files take: OAuth2 with PKCE (RFC 7636, S256).

The user opens an address, says yes, and pastes the code that the page shows. A code is good for
ten minutes and once. Access tokens live a day; each refresh gives a new pair and ends the old one,
so the new one is on the disk before it is used, and one process at a time refreshes.
"""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, urlencode

from indexer.errors import KeyRefused, SourceError
from indexer.sources.freesound import private, web

EARLY = 300  # s before its end that an access token is renewed
TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")  # RFC 6750, 2.1
AGAIN = "run `sonorize freesound login`"


@dataclass(frozen=True, slots=True)
class Invitation:
    """A login that was begun. client_id: 20 letters and digits, as Freesound gives them."""

    address: str
    client_id: str
    state: str = field(default_factory=lambda: secrets.token_urlsafe(16), repr=False)
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48), repr=False)

    def page(self) -> str:
        """The address where the user says yes. Raises SourceError if it could be overheard."""
        asked = {
            "client_id": self.client_id,
            "response_type": "code",
            "state": self.state,
            "code_challenge": challenge(self.verifier),
            "code_challenge_method": "S256",
        }
        return f"{web.checked(self.address)}/apiv2/oauth2/authorize/?{urlencode(asked)}"

    def code(self, pasted: str) -> str:
        """The code in what was pasted: itself, or the address of the page that shows it.

        Raises SourceError if there is none, or the page belongs to another login.
        """
        said = parse_qs(pasted.strip().partition("?")[2].partition("#")[0])
        code = said.get("code", [pasted.strip()])[0]
        if said.get("state", [self.state]) != [self.state]:
            raise SourceError(f"This page belongs to another login: {AGAIN} again.")
        if "error" in said:
            raise SourceError(f"Freesound did not allow it: {AGAIN} again and say yes there.")
        if not re.fullmatch("[A-Za-z0-9]{8,128}", code):
            raise SourceError(
                f"This is not the code that Freesound's page shows: {AGAIN} again and copy it."
            )
        return code


def challenge(verifier: str) -> str:
    """RFC 7636, 4.2: S256."""
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def checked_id(text: str) -> str:
    """A client id without blanks. Raises SourceError if its form is wrong."""
    client_id = re.sub(r"\s+", "", text)
    if not re.fullmatch("[A-Za-z0-9]{20}", client_id):
        raise SourceError(
            "This is no client id of Freesound's, which has 20 letters and digits and stands "
            "beside the API key at https://freesound.org/apiv2/apply."
        )
    return client_id


class Access:
    """The login that is kept in the folder `config`, owner-only.

    secret: the API key. waits: seconds before each new try. clock gives seconds since 1970.
    """

    def __init__(
        self,
        address: str,
        secret: str,
        config: Path,
        *,
        waits: tuple[float, ...] = (1, 5, 15),
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._address = address
        self._secret = secret
        self._path = config / "freesound-login.json"
        self._waits = waits
        self._clock, self._sleep = clock, sleep

    @property
    def client_id(self) -> str:
        """Of the last login; "" if there was none."""
        return private.read(self._path).get("client_id", "")

    def log_in(self, invitation: Invitation, code: str) -> None:
        """Exchanges the code and keeps the tokens.

        Raises SourceError, or KeyRefused if the client id and the key do not belong together.
        """
        asked = {"grant_type": "authorization_code", "code": code}
        with private.alone(self._path):
            self._renew(invitation.client_id, asked | {"code_verifier": invitation.verifier})

    def access_token(self, refused: str = "") -> str:
        """A bearer token, renewed where its day is over, or where the server `refused` it.

        Raises SourceError if nobody has logged in, or the login holds no more.
        """
        if not (token := self._kept(refused)):
            with private.alone(self._path):
                token = self._kept(refused) or self._refreshed()
        return token

    def _kept(self, refused: str) -> str:
        """The token on the disk, "" if it is of no use."""
        held = private.read(self._path)
        token, until = held.get("access_token", ""), held.get("until", "")
        good = until.isdecimal() and int(until) - EARLY > self._clock()
        return token if good and token != refused else ""

    def _refreshed(self) -> str:
        held = private.read(self._path)
        if not (refresh := held.get("refresh_token")):
            raise SourceError(f"Original files take a login to Freesound: {AGAIN}.")
        private.write(self._path, held)  # the old pair ends below: find out now whether this works
        asked = {"grant_type": "refresh_token", "refresh_token": refresh}
        return self._renew(held.get("client_id", ""), asked)

    def _renew(self, client_id: str, asked: dict[str, str]) -> str:
        """The new access token, after the pair is on the disk."""
        now = self._clock()
        answer = self._ask({"client_id": client_id, "client_secret": self._secret} | asked)
        said = answer.data if isinstance(answer.data, dict) else {}
        pair = {name: str(said.get(name, "")) for name in ("access_token", "refresh_token")}
        seconds = said.get("expires_in", 0)
        usable = isinstance(seconds, int) and all(map(TOKEN.fullmatch, pair.values()))
        if answer.status != 200 or not usable:
            raise _refusal(answer, asked["grant_type"])
        private.write(self._path, pair | {"client_id": client_id, "until": f"{now + seconds:.0f}"})
        return pair["access_token"]

    def _ask(self, form: dict[str, str]) -> web.Answer:
        with web.opened(self._address, {}) as http:
            return web.settled(
                lambda: web.ask(http, "POST", "/apiv2/oauth2/access_token/", data=form),
                _passing_trouble,
                self._waits,
                self._sleep,
                reached=False,
            )


def _passing_trouble(answer: web.Answer) -> str:
    if answer.lost:
        return answer.lost
    return f"the server answered {answer.status}" if answer.status >= 500 else ""


def _refusal(answer: web.Answer, grant: str) -> SourceError:
    said = answer.data.get("error") if isinstance(answer.data, dict) else None
    if said == "invalid_client":
        return KeyRefused(
            "Freesound does not know this client id with this API key: copy both from "
            f"https://freesound.org/apiv2/apply, and {AGAIN}."
        )
    if said == "invalid_grant" and grant == "refresh_token":
        return SourceError(f"The login to Freesound holds no more: {AGAIN}.")
    if said == "invalid_grant":
        return SourceError(
            "Freesound does not take this code, which is good for ten minutes and once: "
            f"{AGAIN} again."
        )
    return SourceError(f"Freesound's login answered {answer.status}: {AGAIN} again later.")
