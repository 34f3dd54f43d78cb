"""The listening test as a page: taking part, withdrawing, and nothing else of the server."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx2
import pytest
from axe_playwright_python.sync_playwright import Axe
from conftest import ROOT
from libraries import run
from numpy.testing import assert_allclose
from playwright.sync_api import Browser, expect
from playwright.sync_api import Page as Tab
from studies import blend
from web_browser import opened
from web_server import Page, running
from web_study import CODE, LOOPBACK, OWNER, TITLE, Door, Study, on_disk, post, rate_on, rate_well

from query.evaluation.listening import headphones
from query.evaluation.listening.loudness import listen
from query.evaluation.listening.store import Store
from query.web.study import create_study_app


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """Two scenes of two frames; eight steps with sounds of .4 s, two of them quieter."""
    return on_disk(tmp_path_factory.mktemp("study"))


@pytest.fixture
def study(made: Study, tmp_path: Path) -> Study:
    """Of which nobody has rated anything yet."""
    store = Store(tmp_path / "ratings.sqlite3", made.store.plan, made.store.state)
    return made._replace(store=store)


@pytest.fixture
def page(study: Study) -> Iterator[Page]:
    with running(create_study_app(study.room(), LOOPBACK)) as served:
        yield served


@pytest.fixture(scope="module")
def empty(made: Study) -> Iterator[Page]:
    with running(create_study_app(made.room(), LOOPBACK)) as served:
        yield served


@pytest.fixture
def short_tones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(headphones, "SECONDS", 0.2)
    monkeypatch.setattr(headphones, "PAUSE", 0.05)


def rater_of(client: httpx2.Client) -> dict[str, str]:
    """The cookie by which a browser is known."""
    [(name, value)] = client.cookies.items()
    assert name.startswith("sonorize-rater-")
    return {"name": name, "value": value}


@pytest.fixture
def door() -> Iterator[Door]:
    with ExitStack() as held:
        yield Door(held)


def test_ratings_go_where_evaluate_mos_reads_them(study: Study, page: Page, door: Door) -> None:
    client, _ = door.joined(page)
    rate_well(study, client, 0)
    assert client.get("/api/state").json()["stage"] == "end"
    [session] = study.store.sessions()
    assert (session.finished, session.headphones) == (True, 6)
    done = run("evaluate", "mos", study.store.path, "--format", "json")
    assert done.code == 0, done.err
    items = [row for row in map(json.loads, done.out.splitlines()) if row["table"] == "items"]
    assert len(items) == 8  # four pairs, two questions


def test_a_rating_needs_a_whole_play_and_its_turn(page: Page, door: Door) -> None:
    client, _ = door.joined(page)
    given = {"place": 0, "fit": 4, "quality": 3, "played": 0.1}
    short = client.post("/api/ratings", json=given)
    assert short.status_code == 400
    assert "whole sound" in short.json()["error"]
    assert client.post("/api/ratings", json={**given, "place": 3}).status_code == 404
    assert client.post("/api/ratings", json={**given, "played": 1, "fit": 6}).status_code == 400
    assert client.post("/api/headphones", json={"answers": [0] * 6}).status_code == 400
    assert client.get("/api/state").json()["done"] == 0


def test_more_than_the_time_since_it_was_handed_out_was_not_played(
    page: Page, door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter((0.0, 0.05, 0.5))  # s: it is handed out, and rated twice
    monkeypatch.setattr("query.web.study.monotonic", lambda: next(clock))
    client, _ = door.joined(page)
    assert client.get("/api/steps/0/sound").status_code == 200
    given = {"place": 0, "fit": 4, "quality": 3, "played": 60.0}
    assert client.post("/api/ratings", json=given).status_code == 400
    assert client.post("/api/ratings", json=given).json()["done"] == 1


def test_a_rating_that_is_sent_again_changes_nothing(study: Study, page: Page, door: Door) -> None:
    client, _ = door.joined(page)
    for fit in (2, 5):
        now = post(client, "ratings", place=0, fit=fit, quality=3, played=0.4)
        assert (now["stage"], now["place"], now["done"]) == ("rate", 1, 1)
    [session] = study.store.sessions()
    assert [each.fit for each in session.ratings] == [2]


def test_only_the_next_step_of_oneself_is_handed_out(study: Study, page: Page, door: Door) -> None:
    nobody = door.stranger(page)
    (first, _), (second, _) = door.joined(page), door.joined(page)
    rate_on(first)
    for what in ("picture", "sound", "reference"):
        assert second.get(f"/api/steps/0/{what}").status_code == 200
        for client, place in ((second, 1), (first, 0), (first, 7), (nobody, 0)):
            assert client.get(f"/api/steps/{place}/{what}").status_code == 404
    assert second.get("/api/state").json()["done"] == 0
    assert nobody.get("/api/state").json()["stage"] == "consent"
    assert set(second.get("/api/state").json()) == {
        "stage", "done", "total", "place", "reference", "trials",
    }  # fmt: skip
    cookie = nobody.post("/api/join", json={"language": "es"}).headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie


def test_what_is_played_is_as_loud_as_planned_and_tells_nothing(
    study: Study, page: Page, door: Door, tmp_path: Path
) -> None:
    client, _ = door.joined(page)
    for what in ("sound", "reference"):
        response = client.get("/api/steps/0/" + what)
        assert response.headers["content-type"] == "audio/flac"
        assert not re.search(rb"red|blue|own|other|wav", response.content[:4096])
        assert "content-disposition" not in response.headers
        (tmp_path / "heard.flac").write_bytes(response.content)
        assert_allclose(
            listen(tmp_path / "heard.flac").loudness, study.store.plan.loudness, atol=0.1
        )
    part = client.get("/api/steps/0/sound", headers={"range": "bytes=0-9"})
    assert (part.status_code, len(part.content)) == (206, 10)


def test_withdrawing_deletes_everything(study: Study, page: Page, door: Door) -> None:
    (client, code), (other, _) = door.joined(page), door.joined(page)
    rate_on(client)
    assert other.post("/api/withdraw", json={"code": code[:-1]}).status_code == 400
    assert len(study.store.sessions()) == 2
    assert post(client, "withdraw", code=f" {code} ")["stage"] == "consent"
    assert [session.ratings for session in study.store.sessions()] == [[]]
    assert "Reports that were made of it before do: delete these" in study.told[-1]
    assert client.get("/api/state").json()["stage"] == "consent"
    assert other.get("/api/state").json()["stage"] == "rate"


@pytest.mark.parametrize(
    "path",
    [
        "/api/status", "/api/sounds", "/api/sounds/1", "/api/sounds/1/audio", "/api/videos",
        "/api/query-by-text?words=a", "/api/choices", "/api/openapi.json", "/docs",
        "/static/main.js", "/static/style.css", "/static/../study.py", "/static/%2e%2e/study.py",
        "/results/slerp", "/api/steps/0/..%2f..%2fstudy.toml", "/api/headphones/6",
        "/api/headphones/-1",
    ],
)  # fmt: skip
def test_nothing_else_is_served(empty: Page, path: str) -> None:
    response = empty.get(path)
    assert response.status_code in (404, 422), response.text
    assert b"import" not in response.content
    assert empty.client.post(path, json={}).status_code in (404, 405, 422)


def test_the_title_is_text_and_no_script_stands_in_the_page(empty: Page) -> None:
    response = empty.get("/")
    assert "Red &amp; &lt;b&gt;blue" in response.text
    assert "unsafe" not in response.headers["content-security-policy"]
    scripts = re.findall(r"<script[^>]*>", response.text)
    assert all("src=" in each or "application/json" in each for each in scripts)
    assert not re.search(r"\son\w+=|\sstyle=", response.text)
    assert "¿" in empty.client.get("/", headers={"accept-language": "es-MX"}).text


def test_results_are_shown_to_whoever_runs_it(study: Study, door: Door) -> None:
    with running(create_study_app(study.room(OWNER), frozenset(), CODE)) as served:
        client = served.client
        assert client.get("/").status_code == 200
        assert client.get("/api/state").status_code == 401
        assert client.get("/results").status_code == 401
        assert client.post("/api/login", json={"token": ""}).status_code == 400
        assert post(client, "login", token=CODE) == {"owner": False}
        for path in ("/results", "/results/mos", "/results/correlate"):
            assert client.get(path).status_code == 404
        assert post(client, "login", token=OWNER) == {"owner": True}
        early = client.get("/results/mos")
        assert early.status_code == 400
        assert "holds no rating of an item" in early.text
        for number in range(2):
            rate_well(study, door.joined(served, CODE)[0], number)
        overview = client.get("/results").text
        assert "2 in all, 2 to the end" in " ".join(overview.split())
        assert "exploratory" in overview
        mos = client.get("/results/mos")
        assert mos.text.count("<svg") == 1
        assert "Opinions of each item" in mos.text
        table = client.get("/results/correlate")
        assert "every rating alone, as the paper" in table.text
        for report in (mos, table):
            assert "script-src" not in report.headers["content-security-policy"]
            assert "default-src 'none'" in report.headers["content-security-policy"]
            assert "<audio" not in report.text


@pytest.mark.slow
def test_the_command_serves_the_study_and_says_where(made: Study) -> None:
    command = "from query.cli.main import main; main()"
    arguments = ["serve", "--study", str(made.file), "--port", "0", "--no-open"]
    with subprocess.Popen(
        [sys.executable, "-c", command, *arguments], stderr=subprocess.PIPE, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    ) as server:  # fmt: skip
        assert server.stderr is not None
        said = "".join(server.stderr.readline() for _ in range(5))
        address = re.search(r"Take part: (http://127\.0\.0\.1:\d+/) ", said)
        assert address, said
        assert f"Results: {address[1]}results" in said
        assert made.store.path.name in said
        assert httpx2.get(f"{address[1]}api/state").json()["stage"] == "consent"
        assert httpx2.get(f"{address[1]}results").status_code == 200
        server.send_signal(signal.SIGINT)
        rest = server.stderr.read()
    assert server.returncode == 130, rest
    assert "Traceback" not in rest


def test_a_study_without_pairs_is_not_served(tmp_path: Path) -> None:
    blend(tmp_path / "0.png", 0, 1, 0.2)
    scene = "[[scene]]\nname = 'a'\nframes = '0.png'\nreference_frame = '0.png'\n"
    (tmp_path / "study.toml").write_text(scene)
    done = run("serve", "--study", tmp_path / "study.toml", "--no-open", "--port", "0")
    assert done.code == 1
    assert "there is none to rate" in done.err
    assert not list(tmp_path.glob("*.sqlite3"))


# In the browser


def listen_through(tab: Tab) -> None:
    tab.keyboard.press("Space")
    expect(tab.locator("#fit input").first).to_be_enabled()


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.usefixtures("short_tones")
def test_someone_takes_part_comes_back_and_withdraws(study: Study, browser: Browser) -> None:
    phone: Any = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
    with (
        running(create_study_app(study.room(OWNER), frozenset(), CODE)) as served,
        opened(browser, served, f"/#code={CODE}", model=TITLE, where="h1", **phone) as tab,
    ):
        tab.locator("#agree").tap()
        assert CODE not in tab.url
        expect(tab.locator("#given")).to_be_visible()
        code = tab.locator("#code").inner_text()
        tab.reload()  # it is still shown, until it is noted down
        expect(tab.locator("#code")).to_have_text(code)
        tab.locator("#noted").tap()
        for trial in headphones.trials(0):
            expect(tab.locator("#quietest button").first).to_be_disabled()
            tab.locator("#tones").tap()
            expect(tab.locator("#quietest button").first).to_be_enabled()
            tab.locator(f"#quietest [data-place='{trial.quiet}']").tap()
        expect(tab.locator("#count")).to_have_text("1 of 8")
        expect(tab.locator("#fit input").first).to_be_disabled()
        tab.locator("#reference").tap()
        expect(tab.locator("#reference")).to_contain_text("Stop")
        expect(tab.locator("#reference")).to_contain_text("Reference")
        expect(tab.locator("#fit input").first).to_be_disabled()  # it was not the sound
        tab.locator("#play").tap()
        tab.locator("#fit label", has_text="Good").tap()
        expect(tab.locator("#next")).to_be_disabled()
        tab.locator("#quality label", has_text="Fair").tap()
        tab.locator("#next").tap()
        expect(tab.locator("#count")).to_have_text("2 of 8")
        tab.reload()
        expect(tab.locator("#count")).to_have_text("2 of 8")
        expect(tab.locator("#fit input").first).to_be_disabled()
        [session] = study.store.sessions()
        assert [(each.fit, each.quality) for each in session.ratings] == [(4, 3)]
        tab.locator("#withdraw-show").tap()
        tab.locator("#withdraw-code").fill(code)
        tab.locator("#withdraw .main").tap()
        expect(tab.locator("#deleted")).to_be_visible()
        assert study.store.sessions() == []
        tab.reload()
        expect(tab.locator("#agree")).to_be_visible()


@pytest.mark.browser
@pytest.mark.slow
def test_by_keys_alone_and_to_the_end(
    study: Study, page: Page, door: Door, browser: Browser
) -> None:
    client, _ = door.joined(page)
    cookie = rater_of(client)
    with opened(browser, page, model=TITLE, where="h1", color_scheme="light") as tab:
        tab.context.add_cookies([{**cookie, "url": page.address}])  # type: ignore[typeddict-item]
        tab.reload()
        for place in range(2):
            expect(tab.locator("#count")).to_have_text(f"{place + 1} of 8")
            tab.keyboard.press("4")  # not yet
            assert tab.locator("#fit :checked").count() == 0
            listen_through(tab)
            tab.keyboard.press("2")
            tab.keyboard.press("5")
            tab.keyboard.press("Enter")
        expect(tab.locator("#count")).to_have_text("3 of 8")
        listen_through(tab)  # what is played in no time would be nothing played
        assert rate_on(client, 2) == "end"
        tab.reload()
        expect(tab.locator("#end")).to_be_visible()
    [session] = study.store.sessions()
    assert session.finished
    assert [(each.fit, each.quality) for each in session.ratings[:2]] == [(2, 5)] * 2


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.parametrize(("wide", "scheme"), [(360, "dark"), (1200, "light")])
def test_it_can_be_read_by_all(
    study: Study, page: Page, door: Door, browser: Browser, wide: int, scheme: str
) -> None:
    client, _ = door.joined(page)
    cookie = rater_of(client)
    size: Any = {"viewport": {"width": wide, "height": 844}, "color_scheme": scheme}
    with opened(browser, page, "/?lang=es", model=TITLE, where="h1", **size) as tab:
        expect(tab.locator("#consent")).to_be_visible()
        readable(tab, wide)
        tab.context.add_cookies([{**cookie, "url": page.address}])  # type: ignore[typeddict-item]
        tab.reload()
        expect(tab.locator("#rate")).to_be_visible()
        readable(tab, wide)
        listen_through(tab)
        readable(tab, wide)
        tab.locator("#withdraw-show").click()
        readable(tab, wide)
        tab.goto(f"{page.address}/results")
        expect(tab.locator("h2").first).to_be_visible()
        readable(tab, wide)


def readable(tab: Tab, wide: int) -> None:
    assert tab.evaluate("document.documentElement.scrollWidth") <= wide
    found = Axe().run(tab).response["violations"]
    bad = [each for each in found if each["impact"] in ("serious", "critical")]
    assert not bad, [(each["id"], [node["html"] for node in each["nodes"]]) for each in bad]


def test_both_languages_say_the_same_things() -> None:
    files = (ROOT / f"query/web/words/study-{name}.json" for name in ("en", "es"))
    english, spanish = (json.loads(file.read_text("utf-8")) for file in files)
    assert english.keys() == spanish.keys()


def test_every_word_of_the_page_is_there(empty: Page) -> None:
    """A word that is named as a method of a mapping would be that method."""
    template = (ROOT / "query/web/templates/study.html").read_text("utf-8")
    words = json.loads((ROOT / "query/web/words/study-en.json").read_text("utf-8"))
    named = set(re.findall(r"\{\{ t\.(\w+) \}\}", template)) - {"lang"}
    assert named <= words.keys() - set(dir(dict))
    assert "built-in" not in empty.get("/").text
