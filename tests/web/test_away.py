"""The page of a library whose catalog lies on a server that goes away and comes back."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import databases
import pytest
from libraries import build, tone
from playwright.sync_api import Browser, expect
from web_browser import find, opened
from web_server import serving

from indexer.library import Config, Library

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """Two sounds, with a catalog in PostgreSQL."""
    folder = tmp_path / "library"
    Library.create(folder, Config(encoder="toy", catalog=databases.fresh())).close()
    for name, axis in (("dog", 3), ("cat", 4)):
        tone(tmp_path / f"sounds/{name}.wav", axis)
    build(folder, tmp_path / "sounds")
    return folder


def test_it_is_said_with_what_to_do_and_found_again(browser: Browser, library: Path) -> None:
    with serving(library) as own, opened(browser, own) as tab:
        own.ready(floor=True)
        with databases.away():
            answer = own.get("/api/query-by-text", words="dog")
            said = answer.json()["error"]
            assert answer.status_code == 503
            assert "see that its server runs" in said
            tab.locator("#words").fill("dog")
            tab.locator("#words").press("Enter")
            expect(tab.locator("#problem")).to_contain_text("see that its server runs")
        find(tab, "cat")
        expect(tab.locator("#problem")).to_be_empty()


def test_a_page_that_is_opened_meanwhile_waits_for_it(browser: Browser, library: Path) -> None:
    with ExitStack() as stack:
        with databases.away():
            own = stack.enter_context(serving(library))
            tab = stack.enter_context(opened(browser, own, model=""))
            expect(tab.locator("#problem")).to_contain_text("see that its server runs")
            expect(tab.locator("#library")).to_be_hidden()
        expect(tab.locator("#model")).to_have_text("toy")
        expect(tab.locator(".hit")).to_have_count(2)
        expect(tab.locator("#problem")).to_be_empty()
