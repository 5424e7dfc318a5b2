"""The protocols in force, read, tried and changed: with the gate's own reader and its errors."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from lymphorisk.clinic.log import say
from lymphorisk.clinic.trail import record
from lymphorisk.errors import InputError
from lymphorisk.qa import toml_protocol
from lymphorisk.qa.judge import AUTO
from lymphorisk.qa.store import SHIPPED, protocol_hash, read_protocol, shipped
from lymphorisk.web.desk import Desk
from lymphorisk.web.guard import Asked
from lymphorisk.web.render import page
from lymphorisk.web.users import Role

CHANGE: Role = "administer"
DEFAULT = "default"
DIGITS = 12


@dataclass(frozen=True, slots=True)
class Held:
    """A protocol of the clinic: for which site, where it comes from; a file of ours can be changed."""

    site: str
    name: str
    path: Path
    own: bool


def held(desk: Desk) -> dict[str, Held]:
    """Protocols by the site they are for: the clinic's, and the starters that hold for other sites."""
    chosen = {site: site for site in shipped()} | dict(desk.service.by_site)
    if desk.service.protocol != AUTO:
        chosen[DEFAULT] = desk.service.protocol
    out = {}
    for site, name in sorted(chosen.items()):
        own = name not in shipped()
        path = Path(name) if own else SHIPPED / f"{name}.toml"
        out[site] = Held(site, path.name, path, own and path.suffix.lower() == ".toml")
    return out


def shown(desk: Desk, asked: Asked) -> Response:
    """All of them."""
    return page("protocols.html", asked.session, protocols=list(held(desk).values()))


def one(desk: Desk, asked: Asked) -> Response:
    """One as text, to be tried, and changed by who may."""
    found = _found(desk, asked)
    return _page(asked, found, _text(found))


def change(desk: Desk, asked: Asked) -> Response:
    """Try a text, and with `save` put it in force for the plans that come."""
    found, text = _found(desk, asked), asked.form.get("text", "").replace("\r\n", "\n")
    try:
        protocol = toml_protocol.loads(text)
    except InputError as error:
        return _page(asked, found, text, 400, error=error.message, hint=error.hint)
    if "save" not in asked.form:
        return _page(asked, found, text, said=f"It reads: {len(protocol.lines)} lines. It is not saved.")
    if not (found.own and asked.who.user.may(CHANGE)):
        raise HTTPException(403, f"this needs the role {CHANGE}, and a protocol of the clinic's own")
    before = protocol_hash(read_protocol(str(found.path)))
    if asked.form.get("before") != before:
        return _page(asked, found, text, 409, error="somebody changed the protocol meanwhile", hint="open it again")
    said = {
        "who": asked.who.user.name,
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": "protocol",
        "site": found.site,
        "change": f"{found.site}: {before[:DIGITS]} to {protocol_hash(protocol)[:DIGITS]}",
        "before": before,
        "after": protocol_hash(protocol),
    }
    if trouble := record(desk.service, desk.store, said):
        raise InputError(f"the change is not recorded: {trouble}", "a change that is not in the trail is not made")
    _write(found.path, text)
    say("protocol changed", what=found.site)
    return RedirectResponse(f"/protocols/{found.site}?saved=1", 303)


def _page(
    asked: Asked, found: Held, text: str, status: int = 200, *, error: str = "", hint: str = "", said: str = ""
) -> Response:
    if "saved" in asked.request.query_params:
        said = "It is saved: plans that come from now on are judged by it."
    return page(
        "protocol.html",
        asked.session,
        status,
        held=found,
        text=text,
        before=protocol_hash(read_protocol(str(found.path))),
        may_save=found.own and asked.who.user.may(CHANGE),
        error=error,
        hint=hint,
        said=said,
    )


def _found(desk: Desk, asked: Asked) -> Held:
    found = held(desk).get(asked.part("site"))
    if found is None:
        raise HTTPException(404, "no such protocol")
    return found


def _text(found: Held) -> str:
    """As TOML, whatever form it has."""
    if found.path.suffix.lower() == ".toml":
        return found.path.read_text(encoding="utf-8")
    return toml_protocol.dumps(read_protocol(str(found.path)))


def _write(path: Path, text: str) -> None:
    staged = path.with_name(f".{path.name}.{os.getpid()}")
    with open(staged, "w", encoding="utf-8", newline="\n") as out:
        out.write(text)
        out.flush()
        os.fsync(out.fileno())
    os.replace(staged, path)
