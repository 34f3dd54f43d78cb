"""The server for tests knows keys, tokens and limits as Freesound does."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from freesound_asks import (
    SEARCH,
    TERMS,
    TOKEN,
    Clock,
    Got,
    ask,
    download,
    first,
    get,
    made,
    refresh,
)
from freesound_oauth import challenge
from freesound_server import FreesoundServer

pytestmark = pytest.mark.slow

NOT_PROVIDED = {"detail": "Authentication credentials were not provided."}


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def server(clock: Clock) -> Iterator[FreesoundServer]:
    with FreesoundServer(*made(TERMS, 40), clock=clock) as server:
        yield server


# keys


def test_what_a_key_may_do(server: FreesoundServer) -> None:
    address = f"{server.address}{SEARCH}"
    assert ask(address).json == NOT_PROVIDED
    assert ask(f"{address}?token={server.key}").status == 200
    for header, detail in (
        ("Token wrong", "Invalid token"),
        ("Token", "Invalid token header. No credentials provided."),
        ("Token a b", "Invalid token header. Token string should not contain spaces."),
        ("Basic eDp5", NOT_PROVIDED["detail"]),
    ):
        got = ask(f"{address}?token={server.key}", Authorization=header)
        assert (got.status, got.json) == (401, {"detail": detail})
        assert got.headers["WWW-Authenticate"] == 'Bearer realm="api"'
    number = next(iter(server.sounds))
    got = get(server, f"/apiv2/sounds/{number}/download/")
    assert (got.status, got.json) == (401, NOT_PROVIDED)


def test_why_an_access_token_fails_stands_in_the_header_alone(
    server: FreesoundServer, clock: Clock
) -> None:
    number, access = next(iter(server.sounds)), server.grant()["access_token"]
    assert download(server, number, access).status == 200
    got = ask(f"{server.address}{SEARCH}", Authorization=f"Bearer {access}")
    assert got.status == 200
    clock.now += 86_400
    for token, reason in (
        (access, "The access token has expired."),
        ("x", "The access token is invalid."),
    ):
        got = download(server, number, token)
        assert (got.status, got.json) == (401, NOT_PROVIDED)
        assert got.headers["WWW-Authenticate"] == (
            f'Bearer realm="api",error="invalid_token",error_description="{reason}"'
        )


def test_a_refresh_ends_the_old_pair(server: FreesoundServer) -> None:
    number, old = next(iter(server.sounds)), server.grant()
    new = refresh(server, old["refresh_token"])
    assert new.status == 200
    assert {**new.json, "access_token": "", "refresh_token": ""} == {
        "access_token": "",
        "expires_in": 86_400,
        "token_type": "Bearer",
        "scope": "read write",
        "refresh_token": "",
    }
    got = download(server, number, old["access_token"])
    assert "is invalid" in got.headers["WWW-Authenticate"]
    assert download(server, number, new.json["access_token"]).status == 200
    got = refresh(server, old["refresh_token"])
    assert (got.status, got.json) == (400, {"error": "invalid_grant"})


def test_a_code_serves_once_and_ten_minutes_and_holds_to_its_challenge(
    server: FreesoundServer, clock: Clock
) -> None:
    verifier = "v" * 43

    def exchange(code: str, **more: str) -> Got:
        form = {"client_id": server.client_id, "grant_type": "authorization_code", "code": code}
        return ask(server.address + TOKEN, "POST", {**form, **more})

    code = server.code(challenge(verifier))
    assert len(code) == 30
    assert exchange(code).json["error"] == "invalid_request"
    assert exchange(code, code_verifier="w" * 43).json == {"error": "invalid_grant"}
    assert exchange(code, code_verifier=verifier).status == 200, "without a secret"
    assert exchange(code, code_verifier=verifier).json == {"error": "invalid_grant"}
    got = exchange(server.code(), client_secret="wrong")
    assert (got.status, got.json) == (401, {"error": "invalid_client"})
    assert exchange(server.code(), client_secret=server.key).status == 200
    late = server.code()
    clock.now += 600
    assert exchange(late).json == {"error": "invalid_grant"}
    got = exchange("", grant_type="password")
    assert (got.status, got.json) == (400, {"error": "unauthorized_client"})
    assert server.seen[-1].form["grant_type"] == "password"


def test_the_authorise_page(server: FreesoundServer) -> None:
    verifier = "v" * 43
    asked = {"client_id": server.client_id, "response_type": "code", "state": "s1"}
    asked |= {"code_challenge": challenge(verifier), "code_challenge_method": "S256"}
    page = f"{server.address}/apiv2/oauth2/authorize/?{urlencode(asked)}"
    assert ask(page).status == 200
    back = urlsplit(ask(f"{page}&approve=1").headers["Location"])
    assert back.path == "/home/app_permissions/permission_granted/"
    said = parse_qs(back.query)
    assert said["state"] == ["s1"]
    form = {"client_id": server.client_id, "grant_type": "authorization_code"}
    form |= {"code": said["code"][0], "code_verifier": verifier}
    assert ask(server.address + TOKEN, "POST", form).status == 200
    no = ask(f"{page}&approve=0&redirect_uri=http://127.0.0.1:9/").headers["Location"]
    assert no == "http://127.0.0.1:9/?error=access_denied&state=s1"


# limits


def test_the_minute_slides_and_says_its_rate_without_headers(
    server: FreesoundServer, clock: Clock
) -> None:
    server.per_minute = 3
    number = next(iter(server.sounds))
    assert get(server, "/apiv2/sounds/4/").status == 404
    clock.now += 30
    assert get(server, SEARCH, filter="").status == 400
    assert download(server, number, server.grant()["access_token"]).status == 200
    got = get(server, SEARCH)
    assert got.status == 429
    assert got.json == {
        "detail": "Request was throttled because of exceeding a request limit rate (3/minute)"
    }
    assert not {"retry-after", "x-ratelimit-limit"} & {name.lower() for name in got.headers}
    clock.now += 30
    assert get(server, SEARCH).status == 200, "the first is a minute ago"
    assert get(server, SEARCH).status == 429


def test_the_day_has_its_own_limit_and_costs_the_minute(
    server: FreesoundServer, clock: Clock
) -> None:
    server.per_minute, server.per_day = 4, 2
    assert [get(server, SEARCH).status for _ in range(2)] == [200, 200]
    for rate in ("2/day", "2/day", "4/minute"):
        got = get(server, SEARCH)
        assert got.status == 429
        assert got.json["detail"].endswith(f"({rate})")
    clock.now += 86_400
    assert get(server, SEARCH).status == 200


def test_strangers_tokens_and_previews_are_not_counted(server: FreesoundServer) -> None:
    server.per_minute = 1
    _, address = first(server)
    for _ in range(3):
        assert ask(f"{server.address}{SEARCH}").status == 401
        assert ask(address).status == 200
        assert refresh(server, "x").status == 400
        server.fail("search", "429 minute")
        assert get(server, SEARCH).status == 429, "nor is one that was refused"
    assert get(server, SEARCH).status == 200
    assert get(server, SEARCH).status == 429
