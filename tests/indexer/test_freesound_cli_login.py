"""`sonorize freesound login` on a terminal and without one, without a key, without a network."""

from __future__ import annotations

import os
import subprocess
import sys
import webbrowser
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import click
import pytest
from click.testing import CliRunner, Result
from freesound_server import FreesoundServer

from indexer.cli import freesound
from indexer.errors import KeyMissing, KeyRefused, SourceError
from indexer.sources.freesound import budget
from query.cli.main import sonorize

ROOT = Path(__file__).parents[2]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FreesoundServer]:
    with FreesoundServer() as running:
        monkeypatch.setenv("SONORIZE_FREESOUND_URL", running.address)
        yield running


@pytest.fixture
def config(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("SONORIZE_CONFIG", str(tmp_path / "config"))
    monkeypatch.setenv("SONORIZE_STATE", str(tmp_path / "state"))
    monkeypatch.setattr(budget, "PACE", 0.0)
    monkeypatch.setattr(freesound, "WAITS", ())
    return tmp_path / "config"


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(freesound, "on_terminal", lambda: True)


def run(*words: str, typed: str = "") -> Result:
    """Errors raised on purpose are raised here too."""
    done = CliRunner().invoke(sonorize, ["freesound", "login", *words], input=typed)
    if isinstance(done.exception, Exception):
        raise done.exception
    return done


def test_without_a_terminal_the_lack_of_a_key_is_one_sentence(
    server: FreesoundServer, config: Path
) -> None:
    for words in ([], ["--key-only"]):
        with pytest.raises(KeyMissing, match=r"https://freesound\.org/apiv2/apply"):
            run(*words)
    assert not server.seen


def test_a_key_in_the_environment_is_tried_and_kept_nowhere_else(
    server: FreesoundServer, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SONORIZE_FREESOUND_KEY", server.key)
    done = run("--key-only")
    assert "takes the key in SONORIZE_FREESOUND_KEY" in done.stderr
    assert server.count("site") == 1
    assert not config.exists()
    with pytest.raises(SourceError, match="terminal"):
        run()


def test_a_wrong_key_in_the_environment_is_said_with_its_name(
    server: FreesoundServer, config: Path, monkeypatch: pytest.MonkeyPatch, terminal: None
) -> None:
    monkeypatch.setenv("SONORIZE_FREESOUND_KEY", "w" * 40)
    with pytest.raises(KeyRefused, match=r"^SONORIZE_FREESOUND_KEY: ") as refused:
        run("--key-only")
    assert "w" * 40 not in str(refused.value)


def test_a_typed_key_is_tried_then_kept(
    server: FreesoundServer, config: Path, terminal: None
) -> None:
    done = run("--key-only", typed=f"{server.key}\n")
    assert "free and at once" in done.stderr
    assert f"kept in {config / 'freesound.json'}" in done.stderr
    assert server.key not in done.output
    again = run("--key-only")
    assert f"takes the key in {config / 'freesound.json'}" in again.stderr
    assert server.count("site") == 2


@pytest.mark.parametrize("wrong", ["w" * 40, "too short"])
def test_a_mistyped_key_may_be_typed_once_more(
    server: FreesoundServer, config: Path, terminal: None, wrong: str
) -> None:
    done = run("--key-only", typed=f"{wrong}\n{server.key}\n")
    assert "kept in" in done.stderr
    assert wrong not in done.output


def test_a_key_that_is_refused_is_not_kept(
    server: FreesoundServer, config: Path, terminal: None
) -> None:
    with pytest.raises(KeyRefused):
        run("--key-only", typed=f"{'w' * 40}\n{'w' * 40}\n")
    assert not config.exists()


def test_a_kept_key_that_no_longer_holds_is_replaced(
    server: FreesoundServer, config: Path, terminal: None
) -> None:
    run("--key-only", typed=f"{server.key}\n")
    server.fail("search", "401")
    done = run("--key-only", typed=f"{server.key}\n")
    assert "does not take this API key" in done.stderr
    assert "kept in" in done.stderr


def test_a_whole_login(
    server: FreesoundServer, config: Path, terminal: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The browser is the test: it says yes and hands the code to whoever types."""
    codes: list[str] = []

    def browse(address: str) -> bool:
        codes.append(server.code(parse_qs(urlsplit(address).query)["code_challenge"][0]))
        return True

    asked = click.prompt

    def prompt(text: str, **options: object) -> object:
        return codes[-1] if text == "Code" else asked(text, **options)

    monkeypatch.setattr(webbrowser, "open", browse)
    monkeypatch.setattr(click, "prompt", prompt)
    done = run(typed=f"{server.key}\n{server.client_id}\ny\n")
    assert "original files can be fetched" in done.stderr
    assert sorted(path.suffix for path in config.iterdir()) == [".json", ".json", ".lock"]
    again = run(typed="\ny\n")
    assert f"[{server.client_id}]" in again.stderr
    assert [seen.status for seen in server.seen] == [200] * 4
    for secret in (server.key, *codes):
        assert secret not in done.output + again.output


def test_without_a_network_it_says_so(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SONORIZE_FREESOUND_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("SONORIZE_FREESOUND_KEY", "k" * 40)
    with pytest.raises(SourceError, match="online"):
        run("--key-only")


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="a terminal of the test's own")
def test_on_a_real_terminal_the_key_is_not_shown(server: FreesoundServer, config: Path) -> None:
    import pty

    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", "from query.cli.main import main; main()",
         "freesound", "login", "--key-only"],
        cwd=ROOT, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
    )  # fmt: skip
    os.close(theirs)
    shown = b""
    while b"not shown" not in shown:
        shown += os.read(ours, 1024)
    os.write(ours, server.key.encode() + b"\n")
    while b"kept in" not in shown:
        shown += os.read(ours, 1024)
    assert process.wait(30) == 0
    os.close(ours)
    assert server.key not in shown.decode()
