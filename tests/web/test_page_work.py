"""What is done with sounds and videos on the page, in Chromium."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from libraries import build, copied, tone
from playwright.sync_api import Browser, Route, expect
from playwright.sync_api import Page as Tab
from web_browser import find, opened, until
from web_server import film, serving

from indexer.encoders import registry

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_a_sound_is_kept_collected_and_spotted_by_keys(
    browser: Browser, web_library: Path, tmp_path: Path
) -> None:
    copied(web_library, tmp_path / "library")
    (tmp_path / "home/project").mkdir(parents=True)
    with (
        serving(tmp_path / "library", roots=[tmp_path / "home"]) as own,
        opened(browser, own) as tab,
    ):
        own.ready()
        find(tab, "bird")
        tab.keyboard.press("ArrowDown")
        tab.keyboard.press("k")
        expect(tab.locator(".hit.kept .rank")).to_have_text("★")
        tab.keyboard.press("b")
        tab.locator("#collecting-name").fill("scene 4")
        tab.locator("#collecting-name").press("Enter")
        expect(tab.locator("#told")).to_have_text("Added to scene 4")
        tab.locator(".hit .play").first.focus()
        tab.keyboard.press("i")
        tab.keyboard.press("Enter")
        tab.locator("#places-list").get_by_text("home").click()
        tab.locator("#places-list").get_by_text("project").click()
        tab.locator("#places-choose").click()
        expect(tab.locator("#told")).to_contain_text("written to project")
        [wav] = (tmp_path / "home/project").glob("*.wav")
        assert wav.stat().st_size > 100_000
        expect(tab.locator("#project")).to_have_text("→ project")
        tab.locator("#spot-how").click()
        tab.get_by_label("links the file as it is").check()
        expect(tab.get_by_label("Handles (s)")).to_be_disabled()
        tab.get_by_label("Names").fill("{title}-linked")
        assert worst(tab, "dialog") == []
        tab.locator("#spotting").get_by_role("button", name="Close").click()
        tab.locator("#act-spot").click()
        expect(tab.locator("#told")).to_have_text("bird-linked.wav linked in project")
        assert (tmp_path / "home/project/bird-linked.wav").is_symlink()
        tab.locator("#spot-how").click()
        tab.get_by_role("button", name="As they were").click()
        expect(tab.get_by_label("Names")).to_have_value("{CatID}_{FXName}_{SourceID}")
        tab.keyboard.press("Escape")
        tab.locator("#words").fill("")
        tab.locator("#words").press("Enter")
        tab.locator("#collection").select_option("=scene 4")
        expect(tab.locator("#about")).to_have_text("1 sound")
        expect(tab.locator("#zip")).to_have_attribute("href", "/api/zip?collection=scene+4")
        expect(tab.locator("#sort")).to_be_hidden()
        tab.locator("#filters summary").click()
        tab.locator("#max_duration").fill("2")
        tab.locator("#max_duration").press("Enter")
        expect(tab.locator("#about")).to_have_text("0 sounds")
        tab.locator("#max_duration").fill("")
        tab.locator("#max_duration").press("Enter")
        tab.locator(".hit .play").first.click()
        tab.locator("#act-uncollect").click()
        expect(tab.locator("#about")).to_have_text("11 sounds")
        expect(tab.locator("#act-uncollect")).to_be_hidden()
        expect(tab.locator("#collection option")).to_have_count(2)


def worst(tab: Tab, where: str) -> list[str]:
    """What axe finds serious there."""
    found = Axe().run(tab, context=where).response["violations"]
    return [each["id"] for each in found if each["impact"] in ("serious", "critical")]


def test_tab_goes_through_the_takes_of_a_sound_and_then_on(
    browser: Browser, tmp_path: Path
) -> None:
    for number in range(1, 4):
        tone(tmp_path / f"sounds/hit 0{number}.wav", 3, number)
    build(tmp_path / "library", tmp_path / "sounds")
    with serving(tmp_path / "library") as own, opened(browser, own) as tab:
        own.ready()
        find(tab, "hit")
        expect(tab.locator(".hit").get_by_label("Takes")).to_have_text("+2")
        tab.locator(".hit .play").click()
        about, focused = tab.locator("#now-time"), tab.locator(".hit .play:focus")
        seen = [tab.locator(".hit .title").get_attribute("title")]
        for _ in range(2):
            tab.keyboard.press("Tab")
            expect(tab.locator(".hit .title")).not_to_have_attribute("title", str(seen[-1]))
            expect(focused).to_have_count(1)
            seen.append(tab.locator(".hit .title").get_attribute("title"))
        assert len(set(seen)) == 3
        expect(about).to_contain_text(f"/ {Path(str(seen[-1])).stem[-1]}.0 s")
        tab.keyboard.press("Tab")
        expect(focused).to_have_count(0)
        expect(tab.locator(".hit .title")).to_have_attribute("title", str(seen[-1]))
        tab.keyboard.press("Shift+Tab")
        expect(focused).to_have_count(1)
        tab.keyboard.press("t")
        expect(tab.locator(".hit .title")).to_have_attribute("title", str(seen[0]))


def test_a_key_means_the_sound_it_was_pressed_on_and_is_pressed_once(
    browser: Browser, web_library: Path, tmp_path: Path
) -> None:
    copied(web_library, tmp_path / "library")
    with serving(tmp_path / "library") as own, opened(browser, own, "/?k=5") as tab:
        expect(tab.locator("#model")).to_have_text("toy")  # it will not ask again by itself
        rows, held = tab.locator(".hit"), list[Route]()
        expect(rows).to_have_count(5)
        tab.route("**/mark", lambda route: held.append(route))
        tab.keyboard.press("ArrowDown")
        tab.keyboard.press("k")
        tab.keyboard.press("ArrowDown")
        until(lambda: tab.evaluate("1") == 1 and bool(held))
        held[0].continue_()
        expect(rows.nth(0)).to_have_class("hit kept")
        expect(tab.locator("#act-keep")).to_have_attribute("aria-pressed", "false")
        tab.unroute("**/mark")
        marks: list[str] = []
        tab.on("request", lambda request: "/mark" in request.url and marks.append(request.url))
        tab.keyboard.down("x")
        tab.keyboard.press("x")  # it is held
        expect(rows.nth(1)).to_have_class(re.compile("rejected"))
        assert len(marks) == 1
        tab.route("**/query-by-text*", lambda route: held.append(route))
        tab.locator("#words").fill("rain OR dog OR cow OR cat OR bell OR bird OR thunder")
        tab.locator("#words").press("Enter")
        until(lambda: tab.evaluate("1") == 1 and len(held) > 1)
        tab.locator("#more").click()  # of a list that is about to go
        held[1].continue_()
        tab.unroute("**/query-by-text*")
        expect(tab.locator(".hit .mark:not(:empty)")).to_have_count(5)
        expect(rows).to_have_count(5)
        find(tab, "engine")
        rows.first.locator(".play").focus()
        tab.keyboard.press("Enter")  # another sound is in the player: it is not this one's key
        expect(tab.locator("#now-title")).to_have_text("engine")
        expect(tab.locator("#places")).to_be_hidden()


def test_the_library_is_built_from_an_empty_page_and_looked_through(
    browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "default", "toy")
    for name, axis in (("dog", 3), ("cat", 4), ("rain", 7)):
        tone(tmp_path / f"home/sounds/{name}.wav", axis)
    (tmp_path / "home/sounds/torn.wav").write_bytes(b"no samples")
    with (
        serving(tmp_path / "library", roots=[tmp_path / "home"]) as own,
        opened(browser, own, model="no library") as tab,
    ):
        expect(tab.locator("#first-run")).to_be_visible()
        tab.locator("#words").fill("dog")
        tab.locator("#words").press("Enter")  # asks for what there is not
        expect(tab.locator("#first-run")).to_be_visible()
        tab.locator("#add-folder").click()
        expect(tab.locator("#places-list").get_by_text("home")).to_be_focused()
        tab.keyboard.press("Enter")
        expect(tab.locator("#places-list").get_by_text("sounds")).to_be_focused()
        tab.keyboard.press("Enter")
        expect(tab.locator("#places-choose")).to_be_focused()
        tab.locator("#places-choose").click()
        expect(tab.locator("#build-said")).to_contain_text("3 added", timeout=30_000)
        expect(tab.locator("#problems")).to_contain_text("torn.wav")
        expect(tab.locator("#packs")).to_contain_text("licence unknown 3")
        tab.locator("#library-open").click()
        expect(tab.locator(".hit")).to_have_count(3)


def test_one_sound_is_no_sounds(browser: Browser, tmp_path: Path) -> None:
    tone(tmp_path / "home/sounds/dog.wav", 3)
    build(tmp_path / "library", tmp_path / "home/sounds")
    with serving(tmp_path / "library") as own, opened(browser, own, "/?view=library") as tab:
        tab.locator("#build-again").click()
        expect(tab.locator("#build-said")).to_contain_text("the library holds 1 sound.")
        tab.locator("#library-open").click()
        expect(tab.locator("#about")).to_have_text("1 sound")


def test_a_video_of_the_machine_asks_at_its_playhead_and_runs_under_the_sound(
    browser: Browser, web_library: Path, tmp_path: Path
) -> None:
    film(tmp_path / "master.mov", "prores_ks", "yuv422p10le")
    with serving(web_library, roots=[tmp_path]) as own, opened(browser, own) as tab:
        own.ready()
        tab.locator("#open-video").click()
        tab.locator("#places-list button").first.click()
        tab.locator("#places-list").get_by_text("master.mov").click()
        expect(tab.locator(".hit .title").first).to_have_text("dog", timeout=30_000)
        tab.evaluate("document.getElementById('film').currentTime = 1.4")
        tab.locator("#ask-here").click()
        expect(tab.locator(".hit .title").first).to_have_text("bird")
        tab.locator(".hit .play").first.click()
        until(lambda: tab.evaluate("document.getElementById('film').currentTime") > 1.5)


def test_a_video_gets_its_sounds_which_are_moved_heard_and_written(
    browser: Browser, web_library: Path, tmp_path: Path
) -> None:
    film(tmp_path / "plain.mp4", "libx264", "yuv420p")
    (tmp_path / "project").mkdir()
    copied(web_library, tmp_path / "library")
    with serving(tmp_path / "library", roots=[tmp_path]) as own, opened(browser, own) as tab:
        own.ready()
        tab.locator("#scene-show").click()
        tab.locator("#scene-open").click()
        tab.locator("#places-list button").first.click()
        tab.locator("#places-list").get_by_text("project").click()
        tab.locator("#places-choose").click()
        tab.locator("#places-list button").first.click()
        tab.locator("#places-list").get_by_text("plain.mp4").click()
        expect(tab.locator(".shot img")).to_have_count(2, timeout=60_000)
        tab.locator(".lane .cue").first.click()
        before = tab.locator("#cue-about").inner_text()
        tab.locator("#cue-later").click()
        expect(tab.locator("#cue-about")).not_to_have_text(before)
        expect(tab.locator("#cue-locked")).to_be_checked()
        tab.locator("#cue-hear").click()
        until(lambda: tab.evaluate("document.getElementById('scene-film').currentTime") > 0.3)
        tab.locator("#library-open").click()
        assert tab.evaluate("document.getElementById('scene-film').paused")
        tab.locator("#scene-show").click()
        tab.locator("main").click(position={"x": 2, "y": 2})
        tab.keyboard.press(" ")
        until(lambda: not tab.evaluate("document.getElementById('scene-film').paused"))
        tab.keyboard.press(" ")
        until(lambda: tab.evaluate("document.getElementById('scene-film').paused"))
        louder = "import('/static/player.js').then(({ louder }) => {"
        louder += "const made = new Audio(); louder(made, 20); return made.gain.gain.value; })"
        assert tab.evaluate(louder) == pytest.approx(10)
        tab.locator("#cue-ask").click()
        expect(tab.locator(".hit .mark:not(:empty)").first).to_be_visible()
        tab.locator(".hit", has_text="rain").locator(".play").click()
        tab.locator("#scene-show").click()
        tab.get_by_role("button", name="Take rain instead").click()
        expect(tab.locator(".cue[aria-pressed=true]")).to_have_text("rain")
        tab.locator("#scene-formats").get_by_label(".rpp").check()
        tab.locator("#scene-write").click()
        expect(tab.locator("#told")).to_contain_text("plain_sonorize.rpp", timeout=60_000)
        assert (tmp_path / "project/plain_sonorize.mp4").is_file()
        found = Axe().run(tab).response["violations"]
        assert not [each["id"] for each in found if each["impact"] in ("serious", "critical")]


def test_a_point_of_the_map_is_heard(tab: Tab) -> None:
    tab.locator("#library-open").click()
    expect(tab.locator("#roots")).to_contain_text("12 present")
    box = tab.locator("#map").bounding_box()
    assert box is not None
    for across in range(12, int(box["width"]), 14):
        tab.locator("#map").hover(position={"x": across, "y": 14})
        if tab.locator("#map-said").inner_text().strip():
            break
    for down in range(14, int(box["height"]), 12):
        tab.locator("#map").click(position={"x": box["width"] - 14, "y": down})
        if tab.locator("#now-title").inner_text() != "No sound chosen":
            break
    expect(tab.locator("#now-title")).not_to_have_text("No sound chosen")
