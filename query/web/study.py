"""The listening test as a page: a study's own steps, and nothing else of the server.

Who takes part is a random id in a cookie. What is shown and played is asked for by the number of
the step, and only that person's next step is handed out: no path, no name of a file, no other
person's answers can be asked for.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from hmac import compare_digest
from importlib import metadata
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import Body, Depends, FastAPI, Request, Response
from fastapi.responses import FileResponse, HTMLResponse

from indexer.errors import SonorizeError, StudyError
from query.evaluation.listening import headphones
from query.evaluation.listening.plan import Step, Trial
from query.evaluation.listening.store import Store
from query.evaluation.listening.texts import TEXTS, Language
from query.evaluation.ratings import REFERENCE
from query.web import results
from query.web.app import HERE, add_errors, spoken
from query.web.clips import Clips
from query.web.guard import Guard, cookie_of
from query.web.html import rendered
from query.web.rows import NotThere
from query.web.sounds import served

if TYPE_CHECKING:
    from query.evaluation.report.record import Record

KEPT = 400 * 24 * 3600  # s that a browser knows a rater, the longest that browsers allow
STATIC = {
    "colours.css": "text/css", "study.css": "text/css", "study.js": "text/javascript",
    "icon.svg": "image/svg+xml",
}  # fmt: skip
KINDS = {"picture": "image/jpeg", "sound": "audio/flac", "reference": "audio/flac"}

Stage = Literal["consent", "headphones", "rate", "end"]


@dataclass(frozen=True, slots=True)
class State:
    """Where a rater is. `place`: the step to rate, from 0; `reference`: it has one to replay;
    `trials`: of the headphone check."""

    stage: Stage
    done: int = 0
    total: int = 0
    place: int = 0
    reference: bool = False
    trials: int = headphones.TRIALS


@dataclass(frozen=True, slots=True)
class Entered:
    owner: bool


@dataclass(frozen=True, slots=True)
class Given:
    """The code with which the rater may withdraw; it is told once."""

    code: str


class Room:
    """A study that is being heard.

    owner    the token of who runs it, or "" where only this machine is served
    measure  name of a report → what makes it of a file of ratings
    tell     takes a sentence for whoever runs it
    """

    def __init__(
        self,
        store: Store,
        owner: str,
        measure: Mapping[str, Callable[[Path], Record]],
        tell: Callable[[str], None],
    ) -> None:
        self.store, self.owner, self.measure, self.tell = store, owner, measure, tell
        self.clips = Clips()
        self.trials = headphones.trials(store.plan.listening.seed)
        self.cookie = f"sonorize-rater-{store.plan.key[:8]}"  # another study has another rater
        self._handed: dict[tuple[str, int], float] = {}

    def state(self, rater: str) -> State:
        try:
            done, total = self.store.progress(rater)
            checked = self.store.checked(rater)
        except StudyError:  # nobody, or one who has withdrawn
            return State("consent")
        if not checked:
            return State("headphones", done, total)
        step = self.store.next(rater)
        if step is None:
            return State("end", done, total)
        return State("rate", done, total, step.place, step.trial.reference is not None)

    def step(self, rater: str, place: int) -> Step:
        """The rater's next step, if it is at this place. Raises NotThere."""
        now = self.state(rater)
        step = self.store.next(rater) if (now.stage, now.place) == ("rate", place) else None
        if step is None or step.place != place:
            raise NotThere("This is not your next step: reload the page.")
        return step

    def handed(self, rater: str, place: int) -> None:
        """Its sound goes out to the rater, who has not heard it before."""
        self._handed.setdefault((rater, place), monotonic())

    def heard(self, rater: str, place: int, played: float) -> float:
        """What a browser says was played, but no more than the time since it got the sound."""
        since = self._handed.get((rater, place))
        return played if since is None else min(played, monotonic() - since)

    def reference(self, step: Step) -> Trial:
        """The reference of the step's scene, which every rater hears hidden too."""
        for trial in self.store.plan.trials:
            if (trial.kind, trial.scene) == (REFERENCE, step.trial.scene):
                return trial
        raise NotThere("This scene has no reference.")


def create_study_app(room: Room, hosts: frozenset[str], code: str = "") -> Callable[..., Any]:
    """The study, guarded; see Guard for `hosts`. `code`: what lets in who takes part."""

    @asynccontextmanager
    async def alive(_: FastAPI) -> AsyncIterator[None]:
        yield
        room.clips.close()

    app = FastAPI(
        title="sonorize", version=metadata.version("sonorize"), lifespan=alive,
        docs_url=None, redoc_url=None, openapi_url=None,
    )  # fmt: skip
    app.state.room, app.state.code = room, code
    _add_page(app)
    _add_entry(app)
    _add_steps(app)
    app.include_router(results.router)
    add_errors(app)
    return Guard(app, hosts, code)


def _room(request: Request) -> Room:
    room: Room = request.app.state.room
    return room


def _rater(request: Request) -> str:
    return request.cookies.get(_room(request).cookie, "")


TheRoom = Annotated[Room, Depends(_room)]
TheRater = Annotated[str, Depends(_rater)]


def _add_page(app: FastAPI) -> None:

    @app.get("/")
    def page(room: TheRoom, request: Request, lang: str = "") -> HTMLResponse:
        words = spoken(lang or request.headers.get("accept-language", ""), "study-")
        html = rendered(
            "study.html",
            t=words,
            said=TEXTS[words["lang"]],
            title=room.store.plan.title,
            version=app.version,
        )
        return HTMLResponse(html, headers={"cache-control": "no-store"})

    @app.get("/static/{name}", response_class=FileResponse)
    def static(request: Request, name: str) -> Response:
        if name not in STATIC:
            raise NotThere("There is no such file.")
        return served(request, HERE / "static" / name, STATIC[name])


def _add_entry(app: FastAPI) -> None:
    @app.post("/api/login")
    def login(
        room: TheRoom, response: Response,
        given: Annotated[str, Body(embed=True, alias="token", max_length=200)],
    ) -> Entered:  # fmt: skip
        """Takes the code of the study, or the token of who runs it."""
        code: str = app.state.code
        owner = _alike(given, room.owner)
        if not owner and not _alike(given, code):
            raise SonorizeError("This is not the code of this study: ask whoever invited you.")
        _keep(response, cookie_of(code), code)
        if owner:
            _keep(response, results.OWNER, room.owner)
        return Entered(owner)

    @app.get("/api/state")
    def state(room: TheRoom, rater: TheRater) -> State:
        return room.state(rater)

    @app.post("/api/join")
    def join(
        room: TheRoom, rater: TheRater, response: Response,
        language: Annotated[Language, Body(embed=True)],
    ) -> Given:  # fmt: skip
        """Of someone who has read the consent text and agreed."""
        if room.state(rater).stage != "consent":
            raise StudyError("This browser takes part already: reload the page.")
        joined = room.store.join(language)
        _keep(response, room.cookie, joined.rater, KEPT)
        return Given(joined.code)

    @app.post("/api/withdraw")
    def withdraw(
        room: TheRoom, rater: TheRater, response: Response,
        code: Annotated[str, Body(embed=True, max_length=200)],
    ) -> State:  # fmt: skip
        """Deletes the rater with this code and all they said."""
        if not room.store.withdraw(code.strip()):
            raise StudyError("Nobody has this code: look whether it is complete.")
        room.tell(
            f"Someone withdrew: {room.store.path.name} holds nothing of them any more. Reports "
            "that were made of it before do: delete these, and make them again."
        )
        return room.state(rater)

    @app.post("/api/leave", status_code=204)
    def leave(room: TheRoom) -> Response:
        """Forgets in this browser who took part; what was said is kept."""
        response = Response(status_code=204)
        response.delete_cookie(room.cookie, httponly=True, samesite="strict")
        return response


def _add_steps(app: FastAPI) -> None:
    @app.get("/api/headphones/{number}", response_class=FileResponse)
    def tones(room: TheRoom, request: Request, number: int) -> Response:
        if not 0 <= number < len(room.trials):
            raise NotThere("There is no such trial.")
        return served(request, room.clips.tones(room.trials[number]), "audio/wav")

    @app.post("/api/headphones")
    def check(
        room: TheRoom, rater: TheRater,
        answers: Annotated[list[int], Body(embed=True, max_length=headphones.TRIALS)],
    ) -> State:  # fmt: skip
        """Places 0 to 2 of the quietest tones; answered once."""
        if room.state(rater).stage != "headphones" or len(answers) != len(room.trials):
            raise StudyError("The headphone check is done once and whole: reload the page.")
        right = sum(map(int.__eq__, answers, (trial.quiet for trial in room.trials)))
        room.store.passed(rater, right)
        return room.state(rater)

    @app.get("/api/steps/{place}/{what}", response_class=FileResponse)
    def part(
        room: TheRoom, rater: TheRater, request: Request, place: int,
        what: Literal["picture", "sound", "reference"],
    ) -> Response:  # fmt: skip
        step = room.step(rater, place)
        if what == "picture":
            made = room.clips.picture(step.trial.picture)
        else:
            trial = step.trial if what == "sound" else room.reference(step)
            made = room.clips.sound(trial.file, trial.gain)
            if what == "sound":
                room.handed(rater, place)
        return served(request, made, KINDS[what])

    @app.post("/api/ratings")
    def rate(
        room: TheRoom, rater: TheRater,
        place: Annotated[int, Body()], fit: Annotated[int, Body()],
        quality: Annotated[int, Body()], played: Annotated[float, Body()],
    ) -> State:  # fmt: skip
        """Of the next step; `played`: seconds of its sound that were played at once.

        What was rated before stays: it is sent again where an answer was lost on the way.
        """
        now = room.state(rater)
        if 0 <= place < now.done:
            return now
        room.step(rater, place)
        room.store.rate(rater, place, fit, quality, room.heard(rater, place, played))
        return room.state(rater)


def _keep(response: Response, name: str, value: str, seconds: int | None = None) -> None:
    response.set_cookie(name, value, max_age=seconds, httponly=True, samesite="strict")


def _alike(given: str, secret: str) -> bool:
    return bool(secret) and compare_digest(given.encode(), secret.encode())
