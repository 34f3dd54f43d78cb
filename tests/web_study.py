"""A listening test, and people who take part in it over HTTP."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import httpx2
from libraries import build, tone
from studies import blend
from web_server import Page

from query.cli.serve import _measured, _opened
from query.evaluation.listening import headphones
from query.evaluation.listening.store import Store
from query.web.study import Room

TITLE = "Red & <b>blue</b>"
SCENE = """
[[scene]]
name = "{0}"
frames = ["{0}/*.png"]
reference_frame = "{0}/0.png"
reference_sound = "sounds/{0} own.wav"
candidates = ["sounds/{0} other.wav"]
"""
LOOPBACK = frozenset({"127.0.0.1"})
CODE, OWNER = "the-code", "the-token-of-the-owner"


class Study(NamedTuple):
    file: Path
    library: Path
    store: Store
    told: list[str]

    def room(self, owner: str = "") -> Room:
        measured = _measured(self.file, self.library, None)
        return Room(self.store, owner, measured, self.told.append)


def on_disk(folder: Path) -> Study:
    for scene, axis in (("red", 0), ("blue", 5)):
        for number in range(2):
            blend(folder / f"{scene}/{number}.png", axis, axis + 1, 0.2 * number)
        tone(folder / f"sounds/{scene} own.wav", axis, 0.4, 0.1)
        tone(folder / f"sounds/{scene} other.wav", axis + 1, 0.4)
    build(folder / "library", folder / "sounds")
    file = folder / "study.toml"
    file.write_text(f"title = '{TITLE}'\n{SCENE.format('red')}{SCENE.format('blue')}")
    return Study(file, folder / "library", _opened(file, None), [])


def post(client: httpx2.Client, path: str, **given: Any) -> Any:
    response = client.post(f"/api/{path}", json=given)
    assert response.status_code == 200, response.text
    return response.json()


class Door:
    """Lets people in, each with cookies of their own."""

    def __init__(self, held: ExitStack) -> None:
        self._held = held

    def stranger(self, page: Page) -> httpx2.Client:
        return self._held.enter_context(httpx2.Client(base_url=page.address, timeout=60))

    def joined(self, page: Page, token: str = "") -> tuple[httpx2.Client, str]:
        """Someone who has come as far as the first step, and their withdrawal code."""
        client = self.stranger(page)
        if token:
            post(client, "login", token=token)
        code = post(client, "join", language="en")["code"]
        right = [trial.quiet for trial in headphones.trials(0)]
        assert post(client, "headphones", answers=right)["stage"] == "rate"
        return client, code


def rate_on(client: httpx2.Client, first: int = 0, fit: int = 4) -> str:
    """Rates what is left; the stage after it."""
    stage, place = "rate", first
    while stage == "rate":
        now = post(client, "ratings", place=place, fit=1 + (fit + place) % 5, quality=3, played=0.4)
        stage, place = now["stage"], now["place"]
    return str(stage)


def rate_well(study: Study, client: httpx2.Client, number: int) -> None:
    """As someone who hears what is a reference and what cannot fit."""
    for step in study.store.plan.steps(number):
        fit = {"anchor": 1, "reference": 5}.get(step.kind, 2 + (number + step.place) % 3)
        post(client, "ratings", place=step.place, fit=fit, quality=4, played=0.4)
