"""The server: routes, errors in words, static files."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from hmac import compare_digest
from importlib import metadata
from pathlib import Path
from typing import Annotated, Any

from fastapi import Body, FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse
from fastapi.staticfiles import StaticFiles

from indexer.catalog.browse import Counted, counted, kinds
from indexer.catalog.models import Sound
from indexer.errors import LibraryAway, LibraryBusy, LibraryNotFound, SonorizeError
from query.scene.export.names import PLACEHOLDERS
from query.web import asking, browsing, choosing, scening, sounds, videos
from query.web.asking import TheDesk
from query.web.desk import Desk, Model
from query.web.guard import Guard, TooMuch, cookie_of
from query.web.html import rendered
from query.web.rows import NotThere
from query.web.sounds import served

HERE = Path(__file__).parent
LANGUAGES = ("en", "es")
UPLOADS = 4  # that are held at a time
REFUSED: dict[type[SonorizeError], int] = {
    LibraryNotFound: 404,
    LibraryBusy: 503,
    LibraryAway: 503,
}
"""Status of what goes wrong; 400 for all else: something was asked that cannot be."""
UNKNOWN = {
    404: "There is nothing at this address.",
    405: "This address is not asked in this way.",
}


@dataclass(frozen=True, slots=True)
class Status:
    """How the server is. `floor`: pictures are told how far a hit stands out."""

    version: str
    library: str
    model: Model
    floor: bool
    counts: dict[str, int]


@dataclass(frozen=True, slots=True)
class Choices:
    """What can be filtered by."""

    packs: list[Counted]
    licences: list[Counted]
    categories: list[Counted]
    sources: list[str]


def create_app(desk: Desk, hosts: frozenset[str], token: str = "") -> Callable[..., Any]:
    """The page and its API, guarded; see Guard for `hosts` and `token`."""

    @asynccontextmanager
    async def alive(_: FastAPI) -> AsyncIterator[None]:
        desk.start()
        yield
        desk.close()

    app = FastAPI(
        title="sonorize", version=metadata.version("sonorize"), lifespan=alive,
        docs_url=None, redoc_url=None, openapi_url="/api/openapi.json",
    )  # fmt: skip
    app.state.desk, app.state.token = desk, token
    for router in (
        asking.router,
        browsing.router,
        choosing.router,
        scening.router,
        sounds.router,
        videos.router,
    ):
        app.include_router(router)
    _add_own(app)
    add_errors(app)
    app.mount("/static", StaticFiles(directory=HERE / "static"), name="static")
    return Guard(app, hosts, token)


def _add_own(app: FastAPI) -> None:
    at_once = asyncio.Semaphore(UPLOADS)

    @app.get("/", include_in_schema=False)
    def page(request: Request, lang: str = "") -> HTMLResponse:
        words = spoken(lang or request.headers.get("accept-language", ""))
        html = rendered("page.html", t=words, version=app.version, placeholders=PLACEHOLDERS)
        return HTMLResponse(html, headers={"cache-control": "no-store"})

    @app.post("/api/login", operation_id="login", status_code=204)
    def login(given: Annotated[str, Body(embed=True, alias="token", max_length=200)]) -> Response:
        """Takes the token that `sonorize serve` printed, and answers with a cookie."""
        token = app.state.token
        if not token or not compare_digest(given.encode(), token.encode()):
            raise SonorizeError("This is not the token that `sonorize serve` printed: try again.")
        response = Response(status_code=204)
        response.set_cookie(cookie_of(token), token, httponly=True, samesite="strict")
        return response

    @app.get("/api/status", operation_id="status")
    def status(desk: TheDesk) -> Status:
        """The library and its model, as they are now."""
        try:
            counts = desk.library.catalog.counts()
        except LibraryNotFound:
            counts = {}
        return Status(app.version, desk.folder.name, desk.model, desk.floor is not None, counts)

    @app.get("/api/choices", operation_id="choices")
    def choices(desk: TheDesk) -> Choices:
        """Packs, licences, categories and sources of the library, the most frequent first."""
        catalog = desk.library.catalog
        columns = (Sound.pack, Sound.licence, Sound.category)
        packs, licences, categories = (counted(catalog.engine, each) for each in columns)
        return Choices(packs, licences, categories, kinds(catalog.engine))

    @app.post("/api/pictures", operation_id="add-picture")
    async def add_picture(desk: TheDesk, request: Request) -> dict[str, str]:
        """A picture to ask with, as the body: JPEG, PNG, WebP or TIFF. Its id."""
        async with at_once:
            data = b"".join([part async for part in request.stream()])
            return {"frame": await run_in_threadpool(desk.pictures.add, data)}

    @app.get("/api/pictures/{frame}", operation_id="picture", response_class=FileResponse)
    def picture(desk: TheDesk, request: Request, frame: str) -> Response:
        """A picture that was given, as a small JPEG."""
        return served(request, desk.pictures.shown(frame), "image/jpeg")


def spoken(asked: str, page: str = "") -> dict[str, Any]:
    """The words of a page in the first of these languages (as Accept-Language) that it has."""
    wanted = [each.split(";")[0].strip()[:2].lower() for each in asked.split(",")]
    chosen = next((each for each in wanted if each in LANGUAGES), LANGUAGES[0])
    said: dict[str, Any] = json.loads((HERE / "words" / f"{page}{chosen}.json").read_text("utf-8"))
    return {**said, "lang": chosen}


def add_errors(app: FastAPI) -> None:
    """What goes wrong is answered in a sentence."""

    def refused(status: int, sentence: str) -> JSONResponse:
        return JSONResponse({"error": sentence}, status, {"cache-control": "no-store"})

    @app.exception_handler(SonorizeError)
    async def own(_: Request, error: SonorizeError) -> JSONResponse:
        return refused(REFUSED.get(type(error), 400), str(error))

    @app.exception_handler(NotThere)
    async def absent(_: Request, error: NotThere) -> JSONResponse:
        return refused(404, str(error))

    @app.exception_handler(TooMuch)
    async def too_much(_: Request, error: TooMuch) -> JSONResponse:
        return refused(error.status, str(error))

    async def unknown(_: Request, error: Exception) -> JSONResponse:
        status = int(getattr(error, "status_code", 404))
        return refused(status, UNKNOWN[status])

    for status in UNKNOWN:
        app.add_exception_handler(status, unknown)

    @app.exception_handler(Exception)
    async def broken(_: Request, __: Exception) -> JSONResponse:
        return refused(500, "An error of sonorize itself: its server printed what it was.")

    @app.exception_handler(RequestValidationError)
    async def wrong(_: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        return refused(422, f"{'.'.join(map(str, first['loc'][1:]))}: {first['msg']}.")
