"""One library and one server for all tests of the page."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import soundfile
import sounds
from libraries import build, tone
from playwright.sync_api import Browser, sync_playwright
from playwright.sync_api import Page as Tab
from web_browser import CHROMIUM, NEEDED, opened
from web_server import Page, serving

from query.scene import floor

MARKUP = "<img src=x onerror=alert(1)> &amp; <b>bold</b>"


@pytest.fixture(scope="session", autouse=True)
def _small_floor() -> Iterator[None]:
    """Every server measures its floor, with fewer pictures here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(floor, "COUNT", 12)
        yield


@pytest.fixture(scope="session")
def web_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve sounds: tones named for what the toy encoder takes them for, and odd ones."""
    made = tmp_path_factory.mktemp("web")
    folder = made / "sounds"
    for name, axis, seconds in (
        ("thunder", 0, 3.0), ("engine", 1, 6.0), ("cow", 2, 2.0), ("dog", 3, 4.0), ("cat", 4, 2.0),
        ("bird", 5, 20.0), ("bell", 6, 1.0), ("rain", 7, 5.0),
    ):  # fmt: skip
        tone(folder / f"{name}.wav", axis, seconds)
    with soundfile.SoundFile(folder / "marked.wav", "w", 16_000, 1) as file:
        file.title = MARKUP
        file.write(sounds.tone(1.5, 16_000, hertz=2800)[0])
    (folder / "odd").mkdir()
    sounds.write(folder / "odd/horn.aiff", sounds.tone(2.0, 16_000, hertz=700.0), 16_000)
    sounds.write(folder / "odd/six.wav", sounds.tone(1.0, 16_000, channels=6, hertz=700.0), 16_000)
    (folder / "odd/torn.wav").write_bytes(b"these are no samples")
    build(made / "library", folder)
    return made / "library"


@pytest.fixture(scope="session")
def page(web_library: Path) -> Iterator[Page]:
    with serving(web_library) as served:
        served.ready()
        yield served


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if not CHROMIUM:
        why = "no Chromium here: on Debian, apt-get install chromium"
        pytest.fail(why) if NEEDED else pytest.skip(why)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--autoplay-policy=no-user-gesture-required"],
        )
        yield browser
        browser.close()


@pytest.fixture
def tab(browser: Browser, page: Page) -> Iterator[Tab]:
    with opened(browser, page) as tab:
        yield tab
