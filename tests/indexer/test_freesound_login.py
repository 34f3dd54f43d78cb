"""The login to Freesound: codes, tokens that rotate, processes that refresh at once."""

from __future__ import annotations

import json
import logging
import os
import stat
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest
from freesound_server import FreesoundServer

from indexer.errors import KeyRefused, SourceError
from indexer.sources.freesound.login import Access, Invitation, challenge, checked_id

DAY = 86_400


class Time:
    """now: s since 1970; sleeping moves it on."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def server(time: Time) -> Iterator[FreesoundServer]:
    with FreesoundServer(clock=time.clock) as running:
        yield running


Open = Callable[..., Access]


@pytest.fixture
def opened(server: FreesoundServer, tmp_path: Path, time: Time) -> Open:
    def make(address: str = server.address, key: str = server.key, waits: int = 3) -> Access:
        return Access(
            address, key, tmp_path, waits=(1,) * waits, clock=time.clock, sleep=time.sleep
        )

    return make


@pytest.fixture
def access(server: FreesoundServer, opened: Open) -> Access:
    """Logged in."""
    access = opened()
    invitation = Invitation(server.address, server.client_id)
    access.log_in(invitation, server.code(challenge(invitation.verifier)))
    return access


def kept(folder: Path) -> dict[str, str]:
    held: dict[str, str] = json.loads((folder / "freesound-login.json").read_text())
    return held


def good(server: FreesoundServer, token: str) -> bool:
    return server.tokens.fault(token) is None


# Logging in


def test_the_challenge_is_that_of_the_standard() -> None:
    """RFC 7636, appendix B."""
    verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    assert challenge(verifier) == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


def test_the_page_is_asked_with_what_the_public_may_know(server: FreesoundServer) -> None:
    invitation = Invitation(server.address, server.client_id)
    page = urlsplit(invitation.page())
    assert page.path == "/apiv2/oauth2/authorize/"
    assert dict(parse_qsl(page.query)) == {
        "client_id": server.client_id, "response_type": "code", "state": invitation.state,
        "code_challenge": challenge(invitation.verifier), "code_challenge_method": "S256",
    }  # fmt: skip
    assert invitation.verifier not in invitation.page() + repr(invitation)
    again = Invitation(server.address, server.client_id)
    assert {again.state, again.verifier}.isdisjoint({invitation.state, invitation.verifier})
    assert len(invitation.verifier) >= 43


def test_a_login_is_kept_for_its_owner_alone(
    server: FreesoundServer, access: Access, opened: Open, tmp_path: Path
) -> None:
    token = access.access_token()
    assert good(server, token)
    assert opened().access_token() == token
    assert opened().client_id == server.client_id
    [seen] = server.seen
    assert seen.query == {}
    assert seen.form["client_secret"] == server.key
    assert "authorization" not in seen.headers
    if os.name == "posix":
        assert stat.S_IMODE((tmp_path / "freesound-login.json").stat().st_mode) == 0o600
    assert not list(tmp_path.glob("*.part"))


@pytest.mark.parametrize("pasted", ["{code}", " {code}\n", "https://freesound.org/home/?code={code}",
                                    "https://x/?code={code}&state={state}"])  # fmt: skip
def test_the_code_or_the_address_of_its_page_may_be_pasted(pasted: str) -> None:
    invitation = Invitation("https://freesound.org", "c" * 20)
    code = "Ab3" * 10
    assert invitation.code(pasted.format(code=code, state=invitation.state)) == code


@pytest.mark.parametrize(
    ("pasted", "said"),
    [
        ("https://x/?code=Ab3Ab3Ab3Ab3&state=other", "another login"),
        ("https://x/?error=access_denied", "say yes"),
        ("", "not the code"),
        ("two words here", "not the code"),
        ("https://freesound.org/home/", "not the code"),
    ],
)
def test_what_is_no_code_is_said(pasted: str, said: str) -> None:
    with pytest.raises(SourceError, match=said):
        Invitation("https://freesound.org", "c" * 20).code(pasted)


def test_a_code_for_another_verifier_is_not_taken(
    server: FreesoundServer, opened: Open, tmp_path: Path
) -> None:
    invitation = Invitation(server.address, server.client_id)
    with pytest.raises(SourceError, match="does not take this code"):
        opened().log_in(invitation, server.code(challenge("another")))
    assert not list(tmp_path.glob("*.json"))


def test_a_code_is_good_once(server: FreesoundServer, opened: Open, access: Access) -> None:
    invitation = Invitation(server.address, server.client_id)
    code = server.code(challenge(invitation.verifier))
    opened().log_in(invitation, code)
    token = opened().access_token()
    with pytest.raises(SourceError, match="ten minutes and once"):
        opened().log_in(invitation, code)
    assert opened().access_token() == token


def test_an_id_and_a_key_that_do_not_belong_together_are_said(
    server: FreesoundServer, opened: Open
) -> None:
    invitation = Invitation(server.address, "d" * 20)
    with pytest.raises(KeyRefused, match="client id"):
        opened().log_in(invitation, server.code(challenge(invitation.verifier)))


@pytest.mark.parametrize("text", ["", "c" * 19, "c" * 40, "c" * 19 + "&"])
def test_what_is_no_client_id_is_said(text: str) -> None:
    with pytest.raises(SourceError, match="20 letters and digits"):
        checked_id(text)


def test_blanks_around_a_client_id_do_not_matter() -> None:
    assert checked_id(f" {'c' * 20}\n") == "c" * 20


def test_nothing_is_sent_where_it_could_be_read(opened: Open) -> None:
    invitation = Invitation("http://freesound.org", "c" * 20)
    with pytest.raises(SourceError, match="https://"):
        invitation.page()
    with pytest.raises(SourceError, match="https://"):
        opened("http://freesound.org").log_in(invitation, "Ab3" * 10)


def test_a_redirect_takes_the_secret_nowhere(server: FreesoundServer, opened: Open) -> None:
    server.fail("token", "redirect")
    invitation = Invitation(server.address, server.client_id)
    with pytest.raises(SourceError, match="302"):
        opened().log_in(invitation, server.code(challenge(invitation.verifier)))
    assert [seen.host for seen in server.seen] == ["site"]


# Renewing


def test_who_never_logged_in_is_told_how(opened: Open, server: FreesoundServer) -> None:
    with pytest.raises(SourceError, match="`sonorize freesound login`"):
        opened().access_token()
    assert not server.seen


def test_a_token_is_renewed_before_its_day_is_over(
    server: FreesoundServer, access: Access, time: Time, tmp_path: Path
) -> None:
    first = access.access_token()
    time.now += DAY - 600
    assert access.access_token() == first
    time.now += 400
    second = access.access_token()
    assert second != first
    assert good(server, second)
    assert not good(server, first)
    assert kept(tmp_path)["access_token"] == second
    assert [seen.form["grant_type"] for seen in server.seen] == [
        "authorization_code",
        "refresh_token",
    ]
    assert server.seen[1].form["client_secret"] == server.key
    time.now += DAY
    assert good(server, access.access_token())


def test_a_token_that_the_server_refuses_is_renewed_once(
    server: FreesoundServer, access: Access, opened: Open
) -> None:
    first = access.access_token()
    second = access.access_token(refused=first)
    assert second != first
    assert opened().access_token(refused=first) == second
    assert len(server.seen) == 2


def test_a_login_that_holds_no_more_says_so(
    server: FreesoundServer, access: Access, time: Time, tmp_path: Path
) -> None:
    spent = {"grant_type": "refresh_token", "refresh_token": kept(tmp_path)["refresh_token"]}
    server.tokens.exchange({"client_id": server.client_id, **spent})
    time.now += DAY
    with pytest.raises(SourceError, match=r"holds no more.*`sonorize freesound login`"):
        access.access_token()


@pytest.mark.parametrize("how", ["500", "500 html", "502 html"])
def test_a_stumbling_server_is_asked_again(
    server: FreesoundServer, access: Access, time: Time, how: str
) -> None:
    time.now += DAY
    server.fail("token", how, 2)
    assert good(server, access.access_token())


def test_a_server_that_stays_down_leaves_the_login(
    server: FreesoundServer, access: Access, time: Time, tmp_path: Path
) -> None:
    time.now += DAY
    before = kept(tmp_path)
    server.fail("token", "502 html", 4)
    with pytest.raises(SourceError, match="later"):
        access.access_token()
    assert kept(tmp_path) == before
    assert good(server, access.access_token())


def test_an_answer_that_is_none_is_not_kept(
    server: FreesoundServer, access: Access, time: Time, tmp_path: Path
) -> None:
    time.now += DAY
    before = kept(tmp_path)
    server.fail("token", "html 200")
    with pytest.raises(SourceError, match="200"):
        access.access_token()
    assert kept(tmp_path) == before


def test_a_full_disk_is_found_before_the_old_pair_ends(
    server: FreesoundServer, access: Access, time: Time, tmp_path: Path
) -> None:
    resource = pytest.importorskip("resource", reason="a system with limits of a process")
    time.now += DAY
    asked = len(server.seen)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        with pytest.raises(SourceError, match="cannot be written"):
            access.access_token()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert len(server.seen) == asked
    assert good(server, access.access_token())


@pytest.mark.parametrize("held", ["", "[]", "{}", '{"access_token": "x", "until": "soon"}'])
def test_a_damaged_file_asks_for_a_new_login(tmp_path: Path, opened: Open, held: str) -> None:
    (tmp_path / "freesound-login.json").write_text(held)
    with pytest.raises(SourceError, match="`sonorize freesound login`"):
        opened().access_token()


@pytest.mark.slow
def test_processes_that_refresh_at_once_refresh_once(
    server: FreesoundServer, access: Access, tmp_path: Path
) -> None:
    server.delay = 0.2
    first = access.access_token()
    code = f"""
import sys
from pathlib import Path
from indexer.sources.freesound.login import Access
access = Access({server.address!r}, {server.key!r}, Path({str(tmp_path)!r}), waits=())
sys.stdin.readline()
print(access.access_token(refused={first!r}))
"""
    running = [
        subprocess.Popen(
            [sys.executable, "-c", code], text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )
        for _ in range(4)
    ]  # fmt: skip
    for process in running:
        assert process.stdin
        process.stdin.write("go\n")
        process.stdin.flush()
    answers = [process.communicate(timeout=60) for process in running]
    assert {errors for _, errors in answers} == {""}
    tokens = {token.strip() for token, _ in answers}
    assert len(tokens) == 1
    assert good(server, tokens.pop())
    assert len(server.seen) == 2


def test_no_secret_is_in_any_log_error_or_address(
    server: FreesoundServer,
    access: Access,
    opened: Open,
    time: Time,
    caplog: pytest.LogCaptureFixture,
    tmp_path: Path,
) -> None:
    caplog.set_level(logging.DEBUG)
    told = [repr(access)]
    secrets = {server.key, *kept(tmp_path).values()} - {server.client_id}
    for how in ("502 html", "hang up", "html 200", "redirect", "401", "truncate"):
        time.now += DAY
        server.fail("token", how, 4)
        try:
            access.access_token()
        except SourceError as error:
            told += [*traceback.format_exception(error), repr(error)]
            told += [repr(chained) for chained in (error.__cause__, error.__context__)]
        secrets |= {kept(tmp_path)["access_token"], kept(tmp_path)["refresh_token"]}
    told += [str((record.msg, record.args)) + record.getMessage() for record in caplog.records]
    assert len(told) > 100
    assert not [text for text in told for secret in secrets if secret in text]
    assert not [seen for seen in server.seen if seen.query]
