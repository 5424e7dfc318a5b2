"""Every page and who may ask for it; the server behind its guard."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from lymphorisk.clinic.health import health
from lymphorisk.web import ask, entry, login, protocols, trail, viewer, worklist
from lymphorisk.web.desk import Desk
from lymphorisk.web.guard import Asked, Guard, Page, answering, refused
from lymphorisk.web.render import script, style


def alive(desk: Desk, asked: Asked) -> Response:
    """Whether the service works; no more than that, since anybody may ask."""
    works = health(desk.service, desk.store)["status"] == "ok"
    return JSONResponse({"status": "ok" if works else "failing"}, 200 if works else 503)


def sheet(desk: Desk, asked: Asked) -> Response:
    """The style sheet."""
    return Response(style(), media_type="text/css")


def code(desk: Desk, asked: Asked) -> Response:
    """The script."""
    return Response(script(), media_type="text/javascript")


def icon(desk: Desk, asked: Asked) -> Response:
    """None: a browser asks for it."""
    return Response(status_code=204)


PAGES: tuple[Page, ...] = (
    Page("/healthz", alive, None),
    Page("/static/page.css", sheet, None),
    Page("/static/page.js", code, None),
    Page("/favicon.ico", icon, None),
    Page("/login", login.form, None),
    Page("/login", login.enter, None, "POST"),
    Page("/logout", login.leave, "view", "POST"),
    Page("/", worklist.shown),
    Page("/progress", worklist.progress, quiet=True),
    Page("/uploads", worklist.upload, "decide", "POST", files=True),
    Page("/uploads/{upload}", worklist.uploaded, "decide"),
    Page("/uploads/{upload}/progress", worklist.upload_progress, "decide", quiet=True),
    Page("/entries/{key}", entry.shown),
    Page("/entries/{key}/report", entry.report),
    Page("/entries/{key}/decisions", entry.decide, "decide", "POST"),
    Page("/entries/{key}/view", viewer.shown),
    Page("/entries/{key}/planes/{axis}.png", viewer.picture),
    Page("/entries/{key}/planes/{axis}", viewer.plane),
    Page("/entries/{key}/what-if", ask.what_if),
    Page("/entries/{key}/update", ask.update),
    Page("/entries/{key}/counts", ask.keep, "decide", "POST"),
    Page("/compare", ask.compare),
    Page("/cohort", ask.cohort),
    Page("/cohort/page", ask.cohort_page),
    Page("/protocols", protocols.shown),
    Page("/protocols", protocols.create, "administer", "POST"),
    Page("/protocols/{site}", protocols.one),
    Page("/protocols/{site}", protocols.change, "view", "POST"),
    Page("/audit", trail.shown),
)


def application(desk: Desk) -> ASGIApp:
    """The pages of a desk."""
    routes = [Route(p.path, answering(desk, p), methods=[p.method]) for p in PAGES]
    return Guard(Starlette(routes=routes, exception_handlers={HTTPException: refused}), desk)
