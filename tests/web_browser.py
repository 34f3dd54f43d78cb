"""The page in Chromium, driven by tests."""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Callable
from typing import Any

from playwright.sync_api import Browser, ConsoleMessage, expect
from playwright.sync_api import Page as Tab
from web_server import Page

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM = next(filter(None, map(shutil.which, BROWSERS)), "")
expect.set_options(timeout=20_000)  # a busy machine is slow, not wrong
NEEDED = os.environ.get("BROWSER_TESTS") == "required"


class opened:  # noqa: N801
    """A tab at the page; what the browser complains of, a refused policy too, fails the test."""

    def __init__(
        self, browser: Browser, page: Page, path: str = "/", model: str = "toy",
        where: str = "#model", **options: Any,
    ) -> None:  # fmt: skip
        self.context = browser.new_context(**options)
        self.tab = self.context.new_page()
        self.wrong: list[str] = []
        self.tab.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.tab.on("console", self._complained)
        self.tab.goto(page.address + path)
        expect(self.tab.locator(where)).to_contain_text(model)

    def _complained(self, said: ConsoleMessage) -> None:
        said_on_the_page = ("400 (Bad Request)", "503 (Service Unavailable)")
        if said.type == "error" and not any(each in said.text for each in said_on_the_page):
            self.wrong.append(said.text)

    def __enter__(self) -> Tab:
        return self.tab

    def __exit__(self, kind: object, *_: object) -> None:
        self.tab.unroute_all(behavior="ignoreErrors")  # answers may be held still
        self.context.close()
        if kind is None:
            assert not self.wrong


def titles(tab: Tab) -> list[str]:
    return tab.locator(".hit .title").all_inner_texts()


def at(tab: Tab) -> float:
    return float(re.match(r"[\d.]+", tab.locator("#now-time").inner_text())[0])  # type: ignore[index]


def until(true: Callable[[], bool]) -> None:
    """Waits for what the page's policy keeps a script from waiting for."""
    end = time.monotonic() + 30
    while not true():
        assert time.monotonic() < end
        time.sleep(0.03)


def find(tab: Tab, words: str) -> None:
    """Asks, and waits for the answer: it has scores, which a list of all sounds has not."""
    with tab.expect_response("**/api/query-by-text*"):
        tab.locator("#words").fill(words)
        tab.locator("#words").press("Enter")
    expect(tab.locator(".hit .mark:not(:empty)").first).to_be_visible()
    tab.locator("#words").press("Escape")
