"""Signing in and out."""

from __future__ import annotations

import hmac
import math
import secrets

from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from lymphorisk.clinic.log import say, warn
from lymphorisk.web.desk import Desk
from lymphorisk.web.guard import TOKEN, Asked
from lymphorisk.web.render import page

#: The form of a login is good for this long. [s]
FORM_S = 3600


def form(desk: Desk, asked: Asked) -> Response:
    """The form."""
    return RedirectResponse("/", 303) if asked.session is not None else _form(desk)


def _form(desk: Desk, status: int = 200, said: str = "") -> Response:
    once = secrets.token_urlsafe(16)
    answer = page("login.html", None, status, said=said, once=_signed(desk, once), none=not desk.users.all())
    answer.set_cookie(
        _cookie(desk), once, max_age=FORM_S, path="/", secure=desk.secure, httponly=True, samesite="strict"
    )
    return answer


def enter(desk: Desk, asked: Asked) -> Response:
    """Sign in."""
    once = asked.request.cookies.get(_cookie(desk), "")
    if not once or not hmac.compare_digest(_signed(desk, once).encode(), asked.form.get(TOKEN, "").encode()):
        raise HTTPException(403, "the form is of another session: open the page again")
    name, address = asked.form.get("name", "").strip().lower()[:64], _address(asked)
    if (wait := desk.failures.wait_s(name, address)) > 0:
        warn("login refused", address=address, reason="too many tries")
        answer = _form(desk, 429, f"Too many tries: wait {math.ceil(wait / 60)} min.")
        answer.headers["Retry-After"] = str(math.ceil(wait))
        return answer
    desk.failures.count(name, address)
    user = desk.users.known(name, asked.form.get("password", ""))
    if user is None:
        warn("login refused", address=address, reason="no such name and password")
        return _form(desk, 401, "There is no such name with this password.")
    desk.failures.forget(name, address)
    say("login", address=address)
    answer = RedirectResponse("/", 303)
    answer.set_cookie(
        desk.cookie, desk.sessions.begin(user), path="/", secure=desk.secure, httponly=True, samesite="strict"
    )
    answer.delete_cookie(_cookie(desk), path="/", secure=desk.secure, httponly=True, samesite="strict")
    return answer


def leave(desk: Desk, asked: Asked) -> Response:
    """Sign out."""
    desk.sessions.end(asked.request.cookies.get(desk.cookie, ""))
    answer = RedirectResponse("/login", 303)
    answer.delete_cookie(desk.cookie, path="/", secure=desk.secure, httponly=True, samesite="strict")
    return answer


def _cookie(desk: Desk) -> str:
    return f"{desk.cookie}-form"


def _signed(desk: Desk, once: str) -> str:
    return hmac.digest(desk.secret, once.encode(), "sha256").hex()


def _address(asked: Asked) -> str:
    return asked.request.client.host if asked.request.client else ""
