"""What is done on the page while something else is on its way, in Chromium."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import sounds
from libraries import COLOURS, HERTZ, build, copied, tone
from playwright.sync_api import APIResponse, Browser, Route, expect
from playwright.sync_api import Page as Tab
from web_browser import at, find, opened, until
from web_server import film, picture, serving

pytestmark = [pytest.mark.browser, pytest.mark.slow]


class Growing:
    """Lets the page see a library that has more sounds each time that it looks."""

    def __init__(self, tab: Tab) -> None:
        self._tab, self.looks, self.asked = tab, 0, 0
        tab.route("**/api/status", self._status)
        tab.on("requestfinished", self._finished)

    def _status(self, route: Route) -> None:
        said = route.fetch().json()
        self.looks += 1
        said["counts"]["ready"], said["floor"] = 100 + self.looks, False
        route.fulfill(json=said)

    def _finished(self, request: object) -> None:
        self.asked += "/api/sounds?" in request.url or "/query-by-text?" in request.url  # type: ignore[attr-defined]

    def grow(self, asks: bool = True) -> None:
        """Until the page has looked twice, and asked again if it does."""
        looks, asked = self.looks + 2, self.asked + asks
        until(lambda: self._tab.evaluate("1") == 1 and self.looks >= looks and self.asked >= asked)


class Held:
    """Answers that were made and do not come yet."""

    def __init__(self, tab: Tab, address: str, method: str = "GET") -> None:
        self._tab, self._method, self._holds = tab, method, True
        self._held: list[tuple[Route, APIResponse]] = []
        tab.route(address, self._hold)

    def _hold(self, route: Route) -> None:
        if self._holds and route.request.method == self._method:
            self._held.append((route, route.fetch()))
        else:
            route.fallback()

    def wait(self, count: int = 1) -> None:
        until(lambda: self._tab.evaluate("1") == 1 and len(self._held) >= count)

    def let_go(self) -> None:
        self._holds = False  # from now on
        for route, response in self._held:
            route.fulfill(response=response)


def test_a_library_that_grows_takes_nobody_back_up_the_list(tab: Tab) -> None:
    growing = Growing(tab)
    tab.goto(f"{tab.url}?k=5")
    growing.grow()  # it shows what is new
    tab.locator("#more").click()
    expect(tab.locator(".hit")).to_have_count(10)
    growing.grow(asks=False)
    expect(tab.locator(".hit")).to_have_count(10)


def test_more_is_not_lost_while_the_list_is_asked_for_anew(tab: Tab) -> None:
    Growing(tab)
    tab.goto(f"{tab.url}?k=5")
    expect(tab.locator(".hit")).to_have_count(5)
    held = Held(tab, "**/api/sounds?*")
    held.wait()
    tab.locator("#more").click()
    held.let_go()
    expect(tab.locator(".hit")).to_have_count(10)


def test_more_is_not_lost_though_the_list_is_asked_for_anew_before_it_comes(tab: Tab) -> None:
    growing = Growing(tab)
    tab.goto(f"{tab.url}?k=5")
    held = Held(tab, "**/api/sounds?*offset=5*")
    tab.locator("#more").click()
    held.wait()
    growing.grow()
    held.let_go()
    expect(tab.locator(".hit")).to_have_count(10)


def test_more_of_a_list_is_not_more_of_the_next_one(tab: Tab) -> None:
    Growing(tab)
    tab.goto(f"{tab.url}?k=5")
    expect(tab.locator(".hit")).to_have_count(5)
    held = Held(tab, "**/api/sounds?*")
    held.wait()
    tab.locator("#more").click()
    tab.locator("#sort").select_option("duration")
    held.wait(2)
    asked: list[str] = []
    tab.on("request", lambda request: asked.append(request.url))
    held.let_go()
    expect(tab.locator("#list")).to_have_attribute("aria-busy", "false")
    assert not [url for url in asked if "offset=5" in url]


def test_a_library_that_grows_leaves_what_is_typed_and_what_was_said(
    tab: Tab, tmp_path: Path
) -> None:
    (tmp_path / "no.png").write_bytes(b"no picture")
    growing = Growing(tab)
    tab.locator("#words").fill("horn")
    tab.locator("#filters summary").click()
    tab.locator("#max_duration").fill("1")
    tab.locator("#file").set_input_files(tmp_path / "no.png")
    expect(tab.locator("#problem")).to_contain_text("cannot be read as a picture")
    growing.grow()
    expect(tab.locator("#problem")).to_contain_text("cannot be read as a picture")
    expect(tab.locator("#max_duration")).to_have_value("1")
    expect(tab.locator("#words")).to_have_value("horn")
    tab.locator("#max_duration").press("Enter")
    expect(tab.locator("#about")).to_have_text("2 sounds")
    expect(tab.locator("#problem")).to_be_empty()
    tab.evaluate("delete Navigator.prototype.clipboard")
    tab.locator(".hit").first.get_by_label("Copy path").click()
    expect(tab.locator("#told")).to_contain_text("does not let it be copied")
    growing.grow()
    expect(tab.locator("#told")).to_contain_text("does not let it be copied")
    tab.locator("#clear").click()
    expect(tab.locator("#words")).to_have_value("")
    expect(tab.locator("#told")).to_be_empty()


def test_a_mark_holds_and_a_sound_plays_on_though_another_answer_comes(
    browser: Browser, web_library: Path, tmp_path: Path
) -> None:
    copied(web_library, tmp_path / "library")
    with serving(tmp_path / "library") as own, opened(browser, own) as tab:
        own.ready(floor=True)
        find(tab, "bird")
        tab.keyboard.press("ArrowDown")
        expect(tab.locator(".hit.playing")).to_have_count(1)
        for _ in range(24):
            tab.keyboard.press("[")  # four times as slow: it lasts for the whole test
        held = Held(tab, "**/query-by-text*")
        tab.locator("#filters summary").click()
        tab.locator("#min_duration").fill("3")
        tab.locator("#min_duration").press("Enter")
        held.wait()
        tab.locator("#min_duration").press("Escape")
        tab.keyboard.press("k")
        expect(tab.locator(".hit.kept")).to_have_count(1)
        held.let_go()
        expect(tab.locator(".hit", has_text="cat")).to_have_count(0)
        expect(tab.locator(".hit.kept .title")).to_have_text("bird")
        expect(tab.locator(".hit.playing .title")).to_have_text("bird")


def test_a_take_stays_while_the_library_grows(browser: Browser, tmp_path: Path) -> None:
    for number in (1, 2):
        tone(tmp_path / f"sounds/hit 0{number}.wav", 3, number)
    build(tmp_path / "library", tmp_path / "sounds")
    with serving(tmp_path / "library") as own, opened(browser, own) as tab:
        own.ready(floor=True)
        growing = Growing(tab)
        find(tab, "hit")
        tab.keyboard.press("ArrowDown")
        first = tab.locator(".hit .title").get_attribute("title")
        tab.keyboard.press("Tab")
        expect(tab.locator(".hit .title")).not_to_have_attribute("title", str(first))
        growing.grow()
        expect(tab.locator(".hit .title")).not_to_have_attribute("title", str(first))
        expect(tab.locator(".hit[aria-current] .play:focus")).to_have_count(1)


def test_a_take_takes_the_place_of_its_own_sound(browser: Browser, tmp_path: Path) -> None:
    for number in (1, 2):
        tone(tmp_path / f"sounds/bark 0{number}.wav", 3, peak=0.5 / number)
    tone(tmp_path / "sounds/cat.wav", 4, 3)
    build(tmp_path / "library", tmp_path / "sounds")
    with serving(tmp_path / "library") as own, opened(browser, own) as tab:
        own.ready(floor=True)
        find(tab, "dog")
        expect(tab.locator(".hit .title")).to_have_text([re.compile("bark"), "cat"])
        held = Held(tab, "**/takes")
        tab.locator(".hit .extra").first.click()
        held.wait()
        find(tab, "cat")
        expect(tab.locator(".hit .title")).to_have_text(["cat", re.compile("bark")])
        before = tab.locator(".hit .title").last.get_attribute("title")
        held.let_go()
        expect(tab.locator(".hit .title").last).not_to_have_attribute("title", str(before))
        expect(tab.locator(".hit .title")).to_have_text(["cat", re.compile("bark")])


def test_a_sound_begins_where_the_newest_answer_marks_it(browser: Browser, tmp_path: Path) -> None:
    halves = [sounds.tone(8.0, 16_000, hertz=HERTZ[axis])[0] for axis in (3, 5)]
    (tmp_path / "sounds").mkdir()
    sounds.write(tmp_path / "sounds/long.wav", np.concatenate(halves)[np.newaxis], 16_000)
    build(tmp_path / "library", tmp_path / "sounds")
    with serving(tmp_path / "library") as own, opened(browser, own) as tab:
        own.ready(floor=True)
        find(tab, "dog")
        tab.locator(".hit .title").click()
        tab.keyboard.press(" ")
        assert at(tab) < 8
        find(tab, "bird")
        tab.keyboard.press(" ")
        expect(tab.locator("#toggle")).to_have_text("■")
        assert at(tab) >= 8


def test_the_folder_is_chosen_that_was_clicked_last(
    browser: Browser, web_library: Path, tmp_path: Path
) -> None:
    copied(web_library, tmp_path / "library")
    (tmp_path / "home/project").mkdir(parents=True)
    with (
        serving(tmp_path / "library", roots=[tmp_path / "home"]) as own,
        opened(browser, own) as tab,
    ):
        own.ready(floor=True)
        find(tab, "dog")
        tab.keyboard.press("ArrowDown")
        tab.keyboard.press("Enter")
        tab.locator("#places-list").get_by_text("home").click()
        listing = Held(tab, "**/api/places?*")
        tab.locator("#places-list").get_by_text("project").click()
        listing.wait()
        growing, choice = Growing(tab), Held(tab, "**/api/project", "POST")
        tab.locator("#places-choose").click()
        choice.wait()
        growing.grow()  # and asks which folder it is
        choice.let_go()
        expect(tab.locator("#told")).to_contain_text("written to project")
        expect(tab.locator("#project")).to_have_text("→ project")
        listing.let_go()


def test_a_picture_shows_that_it_is_on_its_way(tab: Tab, tmp_path: Path) -> None:
    held = Held(tab, "**/api/pictures", "POST")
    tab.locator("#file").set_input_files(picture(tmp_path / "green.png", COLOURS[3]))
    held.wait()
    expect(tab.locator("#question[aria-busy=true] #well")).to_have_css("opacity", "0.55")
    held.let_go()
    expect(tab.locator("#seen")).to_be_visible()
    expect(tab.locator("#question")).to_have_attribute("aria-busy", "false")


def test_a_build_is_watched_on_though_the_server_did_not_answer_once(tab: Tab) -> None:
    done = 0

    def answer(route: Route) -> None:
        nonlocal done
        done += 1
        goes = {"running": True, "stage": "reading", "done": done, "total": 9, "unit": "files"}
        if done == 2:
            route.fulfill(status=503, json={"error": "busy"})
        else:
            route.fulfill(json={**goes, "said": ""})

    tab.route("**/api/build", answer)
    tab.goto(f"{tab.url}?view=library")
    expect(tab.locator("#build-said")).to_contain_text("reading: 4 / 9 files")


def test_shots_are_pictured_on_though_a_cue_is_changed(
    browser: Browser, web_library: Path, tmp_path: Path
) -> None:
    film(tmp_path / "plain.mp4", "libx264", "yuv420p")
    (tmp_path / "project").mkdir()
    copied(web_library, tmp_path / "library")
    with serving(tmp_path / "library", roots=[tmp_path]) as own, opened(browser, own) as tab:
        own.ready()
        frames = Held(tab, "**/frame", "POST")
        tab.locator("#scene-show").click()
        tab.locator("#scene-open").click()
        tab.locator("#places-list button").first.click()
        tab.locator("#places-list").get_by_text("project").click()
        tab.locator("#places-choose").click()
        tab.locator("#places-list button").first.click()
        tab.locator("#places-list").get_by_text("plain.mp4").click()
        expect(tab.locator(".cue").first).to_be_visible(timeout=60_000)
        frames.wait()
        tab.locator(".lane .cue").first.click()
        tab.locator("#cue-later").click()
        expect(tab.locator("#cue-locked")).to_be_checked()
        frames.let_go()
        expect(tab.locator(".shot img")).to_have_count(2)


def test_a_question_that_is_given_up_within_its_answer_says_nothing(tab: Tab) -> None:
    ended = tab.evaluate("""async () => {
        const { ask } = await import("/static/api.js");
        let begun;
        const within = new Promise((is) => (begun = is));
        window.fetch = async (_, { signal }) => new Response(new ReadableStream({
            start: (body) => signal.addEventListener("abort", () => body.error(signal.reason)),
            pull: () => begun(),
        }));
        const first = ask("sounds", { kind: "this" }).catch((error) => error.name);
        await within;
        ask("sounds", { kind: "this" });
        return first;
    }""")
    assert ended == "AbortError"
