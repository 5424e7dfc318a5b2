"""What stands before every page: who asks, from where, with which token, how much; and the headers of every answer."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, MutableHeaders, UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lymphorisk.clinic.log import warn
from lymphorisk.cohorts.veil import veiled
from lymphorisk.errors import LymphoriskError
from lymphorisk.web.desk import Desk
from lymphorisk.web.render import page
from lymphorisk.web.sessions import Session
from lymphorisk.web.users import Role

#: Only this page's own files; no script, style, frame or form from or to anywhere else.
POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; frame-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": POLICY,
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
HSTS = "max-age=31536000"
#: A form without files. [bytes]
FORM_BYTES = 1_000_000
BYTES_PER_MB = 1_000_000
#: Files of one upload, and fields beside them.
FILES, FIELDS = 5000, 50
#: Of a length that a number can be made of.
DIGITS = 20
TOKEN = "token"


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that may be answered.

    Attributes
    ----------
    request : Request
    session : Session or None
        None on a public page only.
    form : mapping of str to str
        The fields of a form that was sent.
    files : tuple of UploadFile
    """

    request: Request
    session: Session | None
    form: Mapping[str, str] = field(default_factory=dict)
    files: tuple[UploadFile, ...] = ()

    @property
    def who(self) -> Session:
        """The session of a page that needs one."""
        assert self.session is not None
        return self.session

    def part(self, name: str) -> str:
        """A part of the address."""
        return str(self.request.path_params[name])


Answer = Callable[[Desk, Asked], Response]


@dataclass(frozen=True, slots=True)
class Page:
    """A route: where, what it answers, and the least role that may ask; None is anybody.

    `quiet` requests are made by the page itself and are no sign of a person; `files`: its form may hold files.
    """

    path: str
    answer: Answer
    role: Role | None = "view"
    method: Literal["GET", "POST"] = "GET"
    quiet: bool = False
    files: bool = False


def answering(desk: Desk, route: Page) -> Callable[[Request], Any]:
    """The page behind its guard."""

    async def answer(request: Request) -> Response:
        cookie = request.cookies.get(desk.cookie, "")
        session = await run_in_threadpool(desk.sessions.find, cookie, touch=not route.quiet)
        form = FormData()
        files: tuple[UploadFile, ...] = ()
        if route.method == "POST":
            _same_origin(request)
        if route.role is not None:
            if session is None:
                if route.method == "GET" and not route.quiet:
                    return RedirectResponse("/login", 303)
                raise HTTPException(401, "sign in first")
            if not session.user.may(route.role):
                raise HTTPException(403, f"this needs the role {route.role}")
        try:
            if route.method == "POST":
                form = await _form(desk, request, route)
                files = tuple(f for f in form.getlist("files") if isinstance(f, UploadFile))
                fields = {k: v for k, v in form.items() if isinstance(v, str)}
                if session is not None and route.role is not None:
                    _checked(session, fields)
            else:
                fields = {}
            return await run_in_threadpool(_answered, desk, route, Asked(request, session, fields, files))
        finally:
            await form.close()

    return answer


def _answered(desk: Desk, route: Page, asked: Asked) -> Response:
    """What the page answers; what this program refuses is said with its hint, anything else without a word of it."""
    try:
        return route.answer(desk, asked)
    except HTTPException:
        raise
    except LymphoriskError as error:
        told = asked.session is None or asked.session.user.may("decide")
        what = error.message if told else veiled(error.message)  # what is quoted may be an export's word
        return page("trouble.html", asked.session, 400, what=what, hint=error.hint if told else veiled(error.hint))
    except Exception as error:
        warn("a page stumbled", reason=type(error).__name__, what=route.path)
        return page("trouble.html", asked.session, 500, what="The page could not be made.", hint="")


def _checked(session: Session, fields: Mapping[str, str]) -> None:
    if not hmac.compare_digest(fields.get(TOKEN, "").encode(), session.token.encode()):
        raise HTTPException(403, "the form is of another session: open the page again")


def _same_origin(request: Request) -> None:
    """Refuse what another site sent."""
    if request.headers.get("sec-fetch-site", "same-origin") != "same-origin":
        raise HTTPException(403, "sent by another site")
    origin = request.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
        raise HTTPException(403, "sent by another site")


def number_of(text: str | None) -> int | None:
    """A number that a request names; None for what is none, or longer than any.

    Examples
    --------
    >>> number_of(" 12 "), number_of("-1"), number_of("9" * 5000)
    (12, None, None)
    """
    text = (text or "").strip()
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= DIGITS else None


async def _form(desk: Desk, request: Request, route: Page) -> FormData:
    most = int(desk.upload_mb * BYTES_PER_MB) if route.files else FORM_BYTES
    said = request.headers.get("content-length") or "0"
    if not (said.isascii() and said.isdecimal()):
        raise HTTPException(400, "the length of the form is no number")
    if len(said) > DIGITS or int(said) > most:
        raise HTTPException(413, "more than is taken at once")
    counted = _counted(request.receive, most)
    limited = Request(request.scope, counted)
    return await limited.form(max_files=FILES if route.files else 0, max_fields=FIELDS)


def _counted(receive: Receive, most: int) -> Receive:
    """A body that ends when it is more than `most` bytes, whatever it said of its length."""
    had = 0

    async def counted() -> Message:
        nonlocal had
        message = await receive()
        had += len(message.get("body", b""))
        if had > most:
            raise HTTPException(413, "more than is taken at once")
        return message

    return counted


class Guard:
    """Answers only to its own name, and puts the headers on every answer."""

    def __init__(self, app: ASGIApp, desk: Desk) -> None:
        self.app, self.desk = app, desk

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def headed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                if self.desk.secure:
                    headers.setdefault("Strict-Transport-Security", HSTS)
            await send(message)

        if self.desk.hosts and _host(scope) not in self.desk.hosts:
            await Response("not of this machine", 400)(scope, receive, headed)
            return
        await self.app(scope, receive, headed)


def _host(scope: Scope) -> str:
    host = next((v.decode("latin-1") for k, v in scope["headers"] if k == b"host"), "")
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


async def refused(request: Request, error: Exception) -> Response:
    """The page of an answer that is none."""
    assert isinstance(error, HTTPException)
    return page("trouble.html", None, error.status_code, what=error.detail, hint="")
