"""Where Freesound's API key is found and kept, and what is said where it is not."""

from __future__ import annotations

import os
import stat
import string
import traceback
from collections.abc import Iterator
from pathlib import Path

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.backends import fail, null
from keyring.errors import KeyringError

from indexer.errors import KeyMissing, KeyRefused, SonorizeError
from indexer.sources.freesound import key, private

TEXT = (string.ascii_letters + string.digits)[:40]
OTHER = TEXT[::-1]


class Ring(KeyringBackend):
    """A keyring in memory."""

    priority = 1

    def __init__(self) -> None:
        self.held: dict[tuple[str, str], str] = {}
        super().__init__()

    def get_password(self, service: str, username: str) -> str | None:
        return self.held.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.held[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.held[service, username]


class Locked(Ring):
    """One that its owner does not open."""

    def get_password(self, service: str, username: str) -> str | None:
        raise KeyringError(f"{service} is locked")

    def set_password(self, service: str, username: str, password: str) -> None:
        raise OSError(f"no bus for {password}")


@pytest.fixture(autouse=True)
def _usual_ring() -> Iterator[None]:
    yield
    keyring.set_keyring(null.Keyring())


@pytest.fixture
def ring() -> Ring:
    ring = Ring()
    keyring.set_keyring(ring)
    return ring


def in_file(folder: Path) -> Path:
    return folder / "freesound.json"


def found(folder: Path, environ: dict[str, str] | None = None) -> tuple[str, str] | None:
    held = key.find(folder, environ or {})
    return held and (held.text, held.place)


def test_environment_then_keyring_then_file(tmp_path: Path, ring: Ring) -> None:
    given = {key.VARIABLE: f" {TEXT}\n"}
    assert found(tmp_path) is None
    private.write(in_file(tmp_path), {"key": OTHER})
    assert found(tmp_path) == (OTHER, str(in_file(tmp_path)))
    ring.held["sonorize", "freesound"] = TEXT
    assert found(tmp_path) == (TEXT, key.KEYRING)
    assert found(tmp_path, {key.VARIABLE: OTHER}) == (OTHER, key.VARIABLE)
    assert found(tmp_path, given) == (TEXT, key.VARIABLE)
    assert found(tmp_path, {key.VARIABLE: "  "}) == (TEXT, key.KEYRING)


def test_a_key_goes_into_the_keyring_and_no_file_stays(tmp_path: Path, ring: Ring) -> None:
    private.write(in_file(tmp_path), {"key": OTHER})
    kept = key.keep(key.Key(TEXT, key.TYPED), tmp_path)
    assert kept == key.Key(TEXT, key.KEYRING)
    assert ring.held == {("sonorize", "freesound"): TEXT}
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("backend", [null.Keyring, fail.Keyring, Locked])
def test_without_a_keyring_it_goes_into_a_file_of_the_owners(
    tmp_path: Path, backend: type[KeyringBackend]
) -> None:
    keyring.set_keyring(backend())
    folder = tmp_path / "new" / "config"
    before = os.umask(0)
    try:
        kept = key.keep(key.Key(TEXT, key.TYPED), folder)
    finally:
        os.umask(before)
    assert kept.place == str(in_file(folder))
    assert found(folder) == (TEXT, kept.place)
    assert [path.name for path in folder.iterdir()] == ["freesound.json"]
    if os.name == "posix":
        assert stat.S_IMODE(in_file(folder).stat().st_mode) == 0o600
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_file_that_is_readable_by_all_is_not_afterwards(tmp_path: Path) -> None:
    in_file(tmp_path).write_text("{}")
    in_file(tmp_path).chmod(0o644)
    key.keep(key.Key(TEXT, key.TYPED), tmp_path)
    assert os.name != "posix" or stat.S_IMODE(in_file(tmp_path).stat().st_mode) == 0o600


def test_a_package_that_cannot_be_imported_counts_as_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "keyring", None)
    assert found(tmp_path) is None
    assert key.keep(key.Key(TEXT, key.TYPED), tmp_path).place == str(in_file(tmp_path))


@pytest.mark.parametrize("held", ["", "nonsense", "[]", '{"key": 7}', '{"key": ""}', "\x00"])
def test_a_damaged_file_holds_no_key(tmp_path: Path, held: str) -> None:
    in_file(tmp_path).write_text(held)
    assert found(tmp_path) is None


def test_a_file_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "config").write_text("")
    with pytest.raises(SonorizeError, match="SONORIZE_CONFIG") as error:
        key.keep(key.Key(TEXT, key.TYPED), tmp_path / "config")
    assert TEXT not in "".join(traceback.format_exception(error.value))


def test_a_full_disk_leaves_the_former_key(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource", reason="a system with limits of a process")
    private.write(in_file(tmp_path), {"key": OTHER})
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        with pytest.raises(SonorizeError, match="cannot be written"):
            private.write(in_file(tmp_path), {"key": TEXT})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert found(tmp_path) == (OTHER, str(in_file(tmp_path)))
    assert [path.name for path in tmp_path.iterdir()] == ["freesound.json"]


@pytest.mark.parametrize("text", [TEXT, f"  {TEXT} ", f"{TEXT}\r\n", f"{TEXT[:20]}\n {TEXT[20:]}"])
def test_blanks_from_pasting_do_not_matter(text: str) -> None:
    assert key.checked(text) == TEXT


@pytest.mark.parametrize(
    "text",
    ["", TEXT[1:], *(f"{TEXT[1:]}{wrong}" for wrong in ("xx", "-", "\x1b", "é", "٣"))],
)
def test_what_is_no_key_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(KeyRefused, match="40 letters and digits") as refused:
        key.checked(text)
    assert TEXT[1:] not in str(refused.value)


def test_the_client_id_is_told_from_the_key() -> None:
    with pytest.raises(KeyRefused, match="client id"):
        key.checked(TEXT[:20])


def test_a_wrong_key_is_said_with_its_place(tmp_path: Path, ring: Ring) -> None:
    with pytest.raises(KeyRefused, match=f"^{key.VARIABLE}: "):
        key.find(tmp_path, {key.VARIABLE: "x"})
    ring.held["sonorize", "freesound"] = "x"
    with pytest.raises(KeyRefused, match=f"^{key.KEYRING}: "):
        key.find(tmp_path, {})


def test_who_is_asked_is_told_where_keys_come_from() -> None:
    said: list[str] = []

    def ask(explained: str) -> str:
        said.append(explained)
        return f"{TEXT}\n"

    assert key.typed(ask) == key.Key(TEXT, key.TYPED)
    assert "https://freesound.org/apiv2/apply" in said[0]


def test_where_nobody_can_be_asked_one_sentence_says_what_to_do() -> None:
    with pytest.raises(KeyMissing) as missing:
        key.typed(None)
    for part in (key.PAGE, key.VARIABLE, "sonorize freesound login"):
        assert part in str(missing.value)


def test_a_key_does_not_show_itself() -> None:
    assert TEXT not in repr(key.Key(TEXT, key.KEYRING)) + str(key.Key(TEXT, key.KEYRING))
