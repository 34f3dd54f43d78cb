"""What a listening test has found so far, for the one who runs it."""

from __future__ import annotations

from dataclasses import replace
from hmac import compare_digest
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from indexer.errors import SonorizeError
from query.evaluation.listening import exclusion
from query.evaluation.report import figures
from query.evaluation.report.page import page as report
from query.web.html import rendered
from query.web.rows import NotThere

if TYPE_CHECKING:
    from query.evaluation.report.record import Record
    from query.web.study import Room

OWNER = "sonorize-owner"
POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'"
"""A report brings its own style, and needs nothing else; no script runs in it."""
WITHOUT = "Without figures: they need the extra report."

_measuring = Lock()


def _owned(request: Request) -> Room:
    """The study, for whoever runs it. Raises NotThere."""
    room: Room = request.app.state.room
    given = request.cookies.get(OWNER, "")
    if room.owner and not compare_digest(given.encode(), room.owner.encode()):
        raise NotThere("Results are shown to whoever runs the study: enter with its token.")
    return room


router = APIRouter(prefix="/results")


@router.get("")
def overview(request: Request) -> HTMLResponse:
    """Who took part, who counts, and where the reports are."""
    return _overview(_owned(request))


@router.get("/{name}")
def measured(request: Request, name: str) -> HTMLResponse:
    """Fig. 6 (mos) or Table 2 (correlate), measured now as the commands do it."""
    room = _owned(request)
    if name not in room.measure:
        raise NotThere("There is no such report.")
    try:
        with _measuring:
            record = room.measure[name](room.store.path)
            drawn = figures.drawn(record) if figures.available() else []
    except SonorizeError as error:
        return _overview(room, str(error))
    return HTMLResponse(_written(record, drawn), headers=_headers(POLICY))


def _written(record: Record, drawn: list[tuple[str, str]]) -> str:
    """Without players: they would play from the disk."""
    notes = [*record.notes, *([] if drawn else [WITHOUT])]
    return report(replace(record, folder="", notes=notes), drawn, Path())


def _overview(room: Room, problem: str = "") -> HTMLResponse:
    store = room.store
    sessions = store.sessions()
    out = exclusion.judge(sessions, store.plan.listening.rules)
    html = rendered("results.html",
        title=store.plan.title, state=store.state, ratings=store.path.name, sessions=sessions,
        out=out, problem=problem, reports=list(room.measure),
    )  # fmt: skip
    return HTMLResponse(html, 400 if problem else 200, headers=_headers())


def _headers(policy: str = "") -> dict[str, str]:
    return {"cache-control": "no-store"} | ({"content-security-policy": policy} if policy else {})
