"""The page itself, in Chromium: every flow as a user goes through it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from conftest import ROOT
from libraries import COLOURS
from playwright.sync_api import Browser, Route, expect
from playwright.sync_api import Page as Tab
from web_browser import at, find, opened, titles, until
from web_server import Page, picture, serving

pytestmark = [pytest.mark.browser, pytest.mark.slow]
WIDTHS = {"desk": (1440, 900), "phone": (390, 844)}


def test_words_are_asked_and_going_back_goes_back(tab: Tab) -> None:
    find(tab, "dog")
    expect(tab.locator(".hit .title").first).to_have_text("dog")
    find(tab, "rain")
    expect(tab.locator(".hit .title").first).to_have_text("rain")
    assert "words=rain" in tab.url
    tab.go_back()
    expect(tab.locator(".hit .title").first).to_have_text("dog")
    expect(tab.locator("#words")).to_have_value("dog")
    tab.reload()
    expect(tab.locator(".hit .title").first).to_have_text("dog")


def test_a_picture_is_chosen_asked_steered_and_taken_away(tab: Tab, tmp_path: Path) -> None:
    tab.locator("#file").set_input_files(picture(tmp_path / "g.png", COLOURS[3]))
    expect(tab.locator(".hit .title").first).to_have_text("dog")
    expect(tab.locator("#seen")).to_be_visible()
    tab.locator("#steer-words").fill("bird")
    tab.locator("#steer-words").press("Enter")
    expect(tab.locator(".hit .title").first).to_have_text("bird")
    assert "text=1" in tab.url
    tab.locator(".chip button").click()
    expect(tab.locator(".hit .title").first).to_have_text("dog")
    tab.locator("#steer-way").select_option("away")
    tab.locator("#steer-words").fill("dog")
    tab.locator("#steer-words").press("Enter")
    expect(tab.locator("#problem")).to_contain_text("leave nothing of the question")
    tab.locator(".chip button").click()
    expect(tab.locator("#problem")).to_be_hidden()
    tab.locator("#unsee").click()
    expect(tab.locator("#choose")).to_be_focused()
    expect(tab.locator("#about")).to_have_text("11 sounds")
    expect(tab.locator("#seen")).to_be_hidden()


def test_words_toward_alone_are_a_question_and_words_away_ask_for_one(tab: Tab) -> None:
    def steer(way: str, words: str) -> None:
        tab.locator("#steer-way").select_option(way)
        tab.locator("#steer-words").fill(words)
        tab.locator("#steer-words").press("Enter")

    steer("away", "dog")
    expect(tab.locator("#steer-alone")).to_contain_text("toward what?")
    steer("text", "bird")
    expect(tab.locator("#steer-alone")).to_be_hidden()
    expect(tab.locator(".hit .title").first).to_have_text("bird")
    expect(tab.locator(".hit .mark").first).not_to_be_empty()
    tab.locator(".chip.away button").click()
    steer("text", "rain")
    with tab.expect_response(lambda said: "words=rain" in said.url) as asked:  # the heavier leads
        tab.locator(".chip input").nth(1).fill("2")
    assert "text=0.5000%3Abird" in asked.value.url
    expect(tab.locator(".hit .title").first).to_have_text("rain")
    tab.locator(".chip input").nth(0).focus()
    for _ in range(3):  # the slider keeps the focus, and the sounds follow it
        tab.keyboard.press("ArrowRight")
    expect(tab).to_have_url(re.compile("text=1.15%3Abird"))


def test_what_is_asked_from_another_view_is_shown(tab: Tab) -> None:
    for button in ("#library-open", "#scene-show"):
        tab.locator(button).click()
        expect(tab.locator("#list")).to_be_hidden()
        find(tab, "rain")
        expect(tab.locator(".hit .title").first).to_have_text("rain")
        expect(tab.locator(button)).to_have_attribute("aria-pressed", "false")


def test_a_picture_is_pasted_and_one_is_dropped(tab: Tab) -> None:
    send = """([kind, colour]) => new Promise((done) => {
        const canvas = document.createElement("canvas");
        canvas.width = canvas.height = 16;
        const pen = canvas.getContext("2d");
        pen.fillStyle = colour;
        pen.fillRect(0, 0, 16, 16);
        canvas.toBlob((blob) => {
            const data = new DataTransfer();
            data.items.add(new File([blob], "frame.png", { type: "image/png" }));
            const event = kind === "paste"
                ? new ClipboardEvent("paste", { clipboardData: data, bubbles: true })
                : new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true });
            document.querySelector("main").dispatchEvent(event);
            done();
        });
    })"""
    tab.evaluate(send, ["paste", COLOURS[5]])
    expect(tab.locator(".hit .title").first).to_have_text("bird")
    tab.evaluate(send, ["drop", COLOURS[2]])
    expect(tab.locator(".hit .title").first).to_have_text("cow")


def test_the_slider_moves_from_the_picture_to_the_reference(tab: Tab, tmp_path: Path) -> None:
    tab.locator("#file").set_input_files(picture(tmp_path / "g.png", COLOURS[3]))
    expect(tab.locator(".hit .title").first).to_have_text("dog")
    tab.locator(".hit", has_text="cat").first.get_by_label("Use as the reference's sound").click()
    tab.locator("#reference-file").set_input_files(picture(tmp_path / "b.png", COLOURS[5]))
    expect(tab.locator("#reference-sound")).to_have_text("cat")
    tab.locator(".hit", has_text="cow").evaluate("item => { item.mine = true }")
    for value, title in (("1", "cat"), ("0", "dog")):
        tab.locator("#mix").fill(value)
        expect(tab.locator(".hit .title").first).to_have_text(title)
        expect(tab).to_have_url(re.compile(rf"mix={value}\b"))
        ranks = tab.locator(".hit .rank").all_inner_texts()
        assert ranks == [str(rank) for rank in range(1, len(ranks) + 1)]
    # a sound that stays in the list keeps its item, and with it its picture: sliders are fast
    assert tab.locator(".hit", has_text="cow").evaluate("item => item.mine && item.painted")
    tab.locator(".hit", has_text="cow").locator(".play").click()
    expect(tab.locator("#now-title")).to_have_text("cow")


def test_filters_narrow_and_are_kept_in_the_address(tab: Tab, tmp_path: Path) -> None:
    tab.locator("#file").set_input_files(picture(tmp_path / "g.png", COLOURS[3]))
    expect(tab.locator(".hit .title").first).to_have_text("dog")
    tab.locator("#filters summary").click()
    tab.locator("#min_duration").fill("5.5")
    tab.locator("#min_duration").press("Tab")
    expect(tab.locator(".hit")).to_have_count(2)
    assert sorted(titles(tab)) == ["bird", "engine"]
    assert "min_duration=5.5" in tab.url
    tab.locator("#clear").click()
    expect(tab.locator("#about")).to_have_text("11 sounds")


def test_what_a_filter_cannot_be_is_not_asked(tab: Tab) -> None:
    tab.locator("#filters summary").click()
    tab.locator("#min_duration").fill("-4")
    tab.locator("#min_duration").press("Enter")
    assert tab.locator("#min_duration").evaluate("field => field.matches(':invalid:focus')")
    assert "min_duration" not in tab.url
    expect(tab.locator("#problem")).to_be_empty()
    tab.locator("#min_duration").fill("5.5")
    tab.locator("#min_duration").press("Enter")
    expect(tab.locator("#about")).to_have_text("2 sounds")


def test_filters_that_leave_nothing_are_taken_away(tab: Tab) -> None:
    tab.goto(f"{tab.url}?words=dog&max_duration=0.1&moments=true")
    expect(tab.locator("#empty")).to_contain_text("that the filters leave")
    tab.locator("#widen").click()
    expect(tab.locator(".hit .title").first).to_have_text("dog")
    expect(tab.locator(".hit .play").first).to_be_focused()
    expect(tab.locator("#widen")).to_be_hidden()
    assert "moments=true" in tab.url
    tab.locator("#words").fill('"no such word"')
    tab.locator("#words").press("Enter")
    expect(tab.locator("#empty")).to_contain_text("in other words")
    expect(tab.locator("#widen")).to_be_hidden()


def test_a_click_into_a_waveform_plays_from_there_and_one_beside_it_from_the_start(
    tab: Tab,
) -> None:
    find(tab, "dog")
    row = tab.locator(".hit", has_text="dog")
    wave = row.locator(".play")
    box = wave.bounding_box()
    assert box is not None
    wave.click(position={"x": 0.75 * box["width"], "y": 9})
    until(lambda: at(tab) > 2.8)  # of 4 s
    row.locator(".title").click()
    until(lambda: 0 < at(tab) < 2.8)


def test_a_list_shows_that_another_is_on_its_way(tab: Tab) -> None:
    held: list[Route] = []
    tab.route("**/query-by-text*", lambda route: held.append(route))
    tab.locator("#words").fill("dog")
    tab.locator("#words").press("Enter")
    expect(tab.locator("#list")).to_have_attribute("aria-busy", "true")
    expect(tab.locator("#hits")).to_have_css("opacity", "0.55")
    held[0].continue_()
    expect(tab.locator("#list")).to_have_attribute("aria-busy", "false")
    expect(tab.locator("#hits")).to_have_css("opacity", "1")


def test_arrows_step_and_play_and_keys_do_the_rest(tab: Tab) -> None:
    find(tab, "dog OR bird OR rain")
    playing = tab.locator(".hit.playing")
    tab.keyboard.press("ArrowDown")
    expect(playing).to_have_count(1)
    until(lambda: at(tab) > 0.2)
    first = tab.locator(".hit[aria-current] .title").inner_text()
    tab.keyboard.press("ArrowDown")
    assert tab.locator(".hit[aria-current] .title").inner_text() != first
    expect(playing).to_have_count(1)
    tab.keyboard.press("ArrowUp")
    assert tab.locator(".hit[aria-current] .title").inner_text() == first
    tab.keyboard.press(" ")
    expect(playing).to_have_count(0)
    moved = at(tab)
    tab.keyboard.press("ArrowRight")
    until(lambda: at(tab) > moved)
    tab.keyboard.press("i")
    expect(tab.locator("#now-more")).to_contain_text("region")
    tab.keyboard.press("u")
    tab.keyboard.press("g")
    expect(tab.locator("#now-more")).to_contain_text("gain-match")
    tab.keyboard.press("[")
    expect(tab.locator("#now-more")).to_contain_text("speed")
    tab.keyboard.press("/")
    expect(tab.locator("#words")).to_be_focused()


def test_no_region_is_begun_where_a_sound_ends(tab: Tab) -> None:
    find(tab, "bell")
    tab.keyboard.press("ArrowDown")
    until(lambda: at(tab) == 1.0)
    expect(tab.locator("#toggle")).to_have_text("▶")  # what is shown is rounded
    tab.keyboard.press("i")
    tab.keyboard.press("g")
    expect(tab.locator("#now-more")).to_contain_text("gain-match")
    expect(tab.locator("#now-more")).not_to_contain_text("region")


def test_what_browsers_cannot_play_is_heard_too(tab: Tab) -> None:
    find(tab, "horn")
    tab.keyboard.press("ArrowDown")
    until(lambda: at(tab) > 0.2)


def test_a_sound_that_could_not_be_had_is_asked_for_again(tab: Tab) -> None:
    gone = '{"error": "Its file is not there now."}'
    tab.route("**/audio*", lambda route: route.fulfill(status=400, body=gone))
    find(tab, "dog")
    tab.keyboard.press("ArrowDown")
    expect(tab.locator("#problem")).to_contain_text("cannot be played: Its file is not there now.")
    tab.unroute("**/audio*")
    tab.keyboard.press(" ")
    until(lambda: at(tab) > 0.2)


def test_more_like_this(tab: Tab) -> None:
    find(tab, "dog")
    tab.keyboard.press("ArrowDown")
    tab.keyboard.press("m")
    tab.wait_for_url("**sound=*")
    expect(tab.locator("#about")).to_contain_text("Like dog")
    expect(tab.locator(".hit .title").first).to_have_text("dog")
    expect(tab.locator(".hit .title").nth(1)).to_be_visible()


def test_space_ticks_a_box_that_has_the_focus(tab: Tab) -> None:
    tab.locator("#filters summary").click()
    tab.locator("#all_takes").focus()
    tab.keyboard.press(" ")
    expect(tab).to_have_url(re.compile("all_takes=true"))
    expect(tab.locator("#now-title")).to_have_text("No sound chosen")


def test_keys_can_be_changed(tab: Tab) -> None:
    tab.keyboard.press("?")
    button = tab.locator("#keys tr", has_text="type words").locator("button")
    button.click()
    button.press("f")
    tab.locator("#help-close").click()
    tab.keyboard.press("f")
    expect(tab.locator("#words")).to_be_focused()


def test_markup_in_titles_is_shown_as_text(tab: Tab) -> None:
    find(tab, "bold")
    expect(tab.locator(".hit .title").first).to_contain_text("<b>bold</b>")
    assert tab.locator("#hits img, #hits b").count() == 0
    tab.keyboard.press("ArrowDown")
    expect(tab.locator("#now-title")).to_contain_text("onerror=alert(1)")


def test_a_dragged_file_comes_from_here_whatever_its_name(tab: Tab) -> None:
    said = tab.locator(".hit").first.evaluate("""item => {
        item.row.path = "/sounds/kick.exe:http:elsewhere.example?.wav";
        const carried = new DataTransfer();
        item.dispatchEvent(new DragEvent("dragstart", { dataTransfer: carried }));
        return carried.getData("DownloadURL");
    }""")
    _, name, address = said.split(":", 2)
    assert name == "kick.exe_http_elsewhere.example?.wav"
    assert address.startswith(tab.url.split("?")[0] + "api/sounds/")


def test_what_goes_wrong_is_said_in_place(tab: Tab, tmp_path: Path) -> None:
    (tmp_path / "no.png").write_bytes(b"no picture")
    wrong = tmp_path / "no.png"
    with tab.expect_response("**/api/pictures") as answered:
        tab.locator("#file").set_input_files(wrong)
    assert answered.value.status == 400
    expect(tab.locator("#problem")).to_contain_text("cannot be read as a picture")
    (tmp_path / "no.mp4").write_bytes(b"no video")
    tab.locator("#file").set_input_files(tmp_path / "no.mp4")
    expect(tab.locator("#problem")).to_contain_text("no.mp4 is no video that this browser shows")
    expect(tab.locator("#film")).to_be_hidden()
    expect(tab.locator("#choose")).to_be_visible()


def test_the_token_is_asked_for_until_it_is_right(browser: Browser, web_library: Path) -> None:
    with serving(web_library, token="the-token") as own, browser.new_context() as context:
        tab = context.new_page()
        tab.goto(own.address)
        tab.locator("#token").fill("the-tokem")
        tab.keyboard.press("Enter")
        expect(tab.locator("#login-problem")).to_contain_text("not the token")
        for _ in range(3):
            tab.keyboard.press("Escape")
        expect(tab.locator("#login")).to_be_visible()
        tab.locator("#token").fill("the-token")
        tab.keyboard.press("Enter")
        expect(tab.locator("#login")).to_be_hidden()
        expect(tab.locator("#about")).to_have_text("11 sounds")


@pytest.mark.parametrize(
    ("name", "scheme", "view"),
    [
        ("desk", "dark", ""),
        ("phone", "light", ""),
        ("desk", "light", "library"),
        ("phone", "dark", "library"),
    ],
)
def test_it_can_be_read_by_all(
    browser: Browser, page: Page, tmp_path: Path, name: str, scheme: str, view: str
) -> None:
    wide, high = WIDTHS[name]
    frame = page.upload(picture(tmp_path / "g.png", COLOURS[3]))
    size: Any = {"viewport": {"width": wide, "height": high}, "color_scheme": scheme}
    with opened(browser, page, f"/?frame={frame}&view={view}", **size) as tab:
        expect(tab.locator("#packs th" if view else ".hit").first).to_be_visible()
        if name == "phone":
            tab.locator("#menu").click()
        assert tab.evaluate("document.documentElement.scrollWidth") <= wide
        found = Axe().run(tab).response["violations"]
        bad = [each for each in found if each["impact"] in ("serious", "critical")]
        assert not bad, [(each["id"], [node["html"] for node in each["nodes"]]) for each in bad]


def test_it_speaks_spanish(browser: Browser, page: Page) -> None:
    with opened(browser, page, locale="es-MX") as tab:
        expect(tab.locator("#choose")).to_contain_text("Suelta")
        assert tab.locator("html").get_attribute("lang") == "es"


def test_what_has_a_key_has_a_button_on_a_phone(browser: Browser, page: Page) -> None:
    with opened(browser, page, "/?words=dog", viewport={"width": 390, "height": 844}) as tab:
        tab.evaluate("delete Navigator.prototype.clipboard")  # as where the connection is not safe
        tab.locator(".hit .play").first.click()
        tab.get_by_role("button", name="Copy path", exact=True).last.click()
        expect(tab.locator("#told")).to_contain_text("does not let it be copied: /")
        tab.locator("#acts").get_by_text("Use as the reference's sound").click()
        expect(tab.locator("#reference-sound")).to_have_text("dog")


def test_both_languages_say_the_same_things() -> None:
    files = (ROOT / f"query/web/words/{name}.json" for name in ("en", "es"))
    english, spanish = (json.loads(file.read_text("utf-8")) for file in files)
    assert english.keys() == spanish.keys()
    assert english["do"].keys() == spanish["do"].keys()
