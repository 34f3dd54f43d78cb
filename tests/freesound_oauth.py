"""Freesound's OAuth2 for tests: codes that serve once, pairs of tokens that rotate, PKCE."""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

CODE_SECONDS = 600
SECONDS = 86_400

Answer = tuple[int, dict[str, Any]]


class _Code(NamedTuple):
    challenge: str | None
    until: float


class Tokens:
    """What the authorisation server knows of one application. The secret is the API key."""

    def __init__(self, client_id: str, secret: str, clock: Callable[[], float]) -> None:
        self._client_id, self._secret, self._clock = client_id, secret, clock
        self._codes: dict[str, _Code] = {}
        self._access: dict[str, float] = {}
        self._refresh: dict[str, str] = {}

    def code(self, challenge: str | None = None) -> str:
        code = secrets.token_hex(15)
        self._codes[code] = _Code(challenge, self._clock() + CODE_SECONDS)
        return code

    def pair(self) -> dict[str, Any]:
        """The answer to a code or a refresh token that holds."""
        access, refresh = secrets.token_hex(15), secrets.token_hex(15)
        self._access[access] = self._clock() + SECONDS
        self._refresh[refresh] = access
        return {
            "access_token": access,
            "expires_in": SECONDS,
            "token_type": "Bearer",
            "scope": "read write",
            "refresh_token": refresh,
        }

    def fault(self, access: str) -> str | None:
        """Why an access token does not hold."""
        if access not in self._access:
            return "The access token is invalid."
        return "The access token has expired." if self._clock() >= self._access[access] else None

    def exchange(self, form: Mapping[str, str]) -> Answer:
        """The secret may be left out, but not be wrong."""
        if form.get("client_id") != self._client_id:
            return 401, {"error": "invalid_client"}
        if form.get("client_secret", self._secret) != self._secret:
            return 401, {"error": "invalid_client"}
        match form.get("grant_type"):
            case "authorization_code":
                return self._by_code(form)
            case "refresh_token":
                return self._by_refresh(form)
            case "password":
                return 400, {"error": "unauthorized_client"}
        return 400, {"error": "unsupported_grant_type"}

    def _by_code(self, form: Mapping[str, str]) -> Answer:
        code = self._codes.get(form.get("code", ""))
        if code is None or self._clock() >= code.until:
            return 400, {"error": "invalid_grant"}
        if code.challenge and "code_verifier" not in form:
            return 400, {"error": "invalid_request", "error_description": "Code verifier required."}
        if code.challenge and code.challenge != challenge(form["code_verifier"]):
            return 400, {"error": "invalid_grant"}
        del self._codes[form["code"]]
        return 200, self.pair()

    def _by_refresh(self, form: Mapping[str, str]) -> Answer:
        """The old pair is dead from now on."""
        access = self._refresh.pop(form.get("refresh_token", ""), None)
        if access is None:
            return 400, {"error": "invalid_grant"}
        del self._access[access]
        return 200, self.pair()


def challenge(verifier: str) -> str:
    """PKCE's S256."""
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
