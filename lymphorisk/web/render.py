"""Templates into answers; everything put into one is escaped."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from starlette.responses import HTMLResponse

from lymphorisk.report import html, palette
from lymphorisk.version import NOT_A_DEVICE, __version__

if TYPE_CHECKING:
    from jinja2 import Environment

    from lymphorisk.web.sessions import Session

#: Digits of an entry's key by which a person knows it.
DIGITS = 12


def page(template: str, session: Session | None, status: int = 200, **given: Any) -> HTMLResponse:
    """A page of a template, with who is signed in."""
    return HTMLResponse(text(template, session, **given), status)


def text(template: str, session: Session | None, **given: Any) -> str:
    """The same as text."""
    user = None if session is None else session.user
    made = environment().get_template(template)
    return made.render(
        user=user,
        token="" if session is None else session.token,
        not_a_device=NOT_A_DEVICE,
        version=__version__,
        **given,
    )


@cache
def environment() -> Environment:
    """The templates of this room."""
    from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

    made = Environment(
        loader=PackageLoader("lymphorisk.web"),
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["moment"] = moment
    made.filters["key"] = lambda key: key[:DIGITS]
    return made


def moment(at: float | None) -> str:
    """A time as a person reads it, of this machine's zone; empty without one."""
    return "" if at is None else datetime.fromtimestamp(at).strftime("%Y-%m-%d %H:%M:%S")


@cache
def style() -> str:
    """The style sheet: that of the reports, and the page's own."""
    own = (files("lymphorisk.web") / "static" / "page.css").read_text(encoding="utf-8")
    return f"{html.style()}\n{own}\n.plane.ct {{ {palette.variables(palette.DARK)} }}\n"


@cache
def script() -> str:
    """The script of every page."""
    return (files("lymphorisk.web") / "static" / "page.js").read_text(encoding="utf-8")
