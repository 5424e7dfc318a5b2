"""The protocols in force, read, tried and changed: with the gate's own reader and its errors."""

from __future__ import annotations

import os
import re
import stat
from contextlib import suppress
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
#: Of a new protocol: a name that leads nowhere else.
NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")


@dataclass(frozen=True, slots=True)
class Held:
    """A protocol of the clinic: for which site, where it comes from; a file of ours can be changed.

    `in_force` is False for one that the clinic file does not name: its `site` is the file's name.
    """

    site: str
    name: str
    path: Path
    own: bool
    in_force: bool = True


def held(desk: Desk) -> dict[str, Held]:
    """Protocols by the site they are for: the clinic's, and the starters that hold for other sites; then those of the
    page's folder that are not in force, by file."""
    chosen = {site: site for site in shipped()} | dict(desk.service.by_site)
    if desk.service.protocol != AUTO:
        chosen[DEFAULT] = desk.service.protocol
    out = {}
    for site, name in sorted(chosen.items()):
        own = name not in shipped()
        path = Path(name) if own else SHIPPED / f"{name}.toml"
        out[site] = Held(site, path.name, path, own and path.suffix.lower() == ".toml")
    used = {one.path.resolve() for one in out.values()}
    for path in sorted(desk.protocols.glob("*.toml")) if desk.protocols is not None else ():
        if path.is_file() and not path.is_symlink() and path.resolve() not in used and not path.name.startswith("."):
            out[path.name] = Held(path.name, path.name, path, own=True, in_force=False)
    return out


def shown(desk: Desk, asked: Asked) -> Response:
    """All of them."""
    may_create = desk.protocols is not None and asked.who.user.may(CHANGE)
    return page("protocols.html", asked.session, protocols=list(held(desk).values()), may_create=may_create)


def create(desk: Desk, asked: Asked) -> Response:
    """A new protocol in the page's folder, a copy of another; it judges nothing until the clinic file names it."""
    name, source = asked.form.get("name", "").strip(), held(desk).get(asked.form.get("source", ""))
    if desk.protocols is None:
        raise InputError("there is no folder for protocols of the clinic's own", "name one: protocols in [page]")
    if not NAME.fullmatch(name):
        raise InputError(f"{name[:40]!r} is no name of a protocol", "small letters, digits, dash; at most 40")
    if source is None:
        raise InputError("no such protocol to begin with", "open the page again")
    path = desk.protocols / f"{name}.toml"
    if path.exists() or path.is_symlink():
        raise InputError(f"there is a {path.name} already", "choose another name")
    text = _text(source)
    after = protocol_hash(toml_protocol.loads(text))
    said = f"{path.name}: new, a copy of {source.site}, {after[:DIGITS]}"
    staged = path.with_name(f".{path.name}.{os.getpid()}")
    staged.unlink(missing_ok=True)
    _created(staged, text)  # what cannot be written is not recorded
    try:
        _recorded(desk, asked, {"site": path.name, "change": said, "before": "", "after": after})
        os.link(staged, path)  # never over another
    except OSError as error:
        raise InputError(f"{path.name} cannot be written: {error.strerror}", "check the folder and its disk") from error
    finally:
        staged.unlink(missing_ok=True)
    say("protocol created", what=path.name)
    return RedirectResponse(f"/protocols/{path.name}", 303)


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
    if found.path.is_symlink():
        raise InputError(f"{found.name} is a link", "change the file it leads to, on that machine")
    before = protocol_hash(read_protocol(str(found.path)))
    if asked.form.get("before") != before:
        return _page(asked, found, text, 409, error="somebody changed the protocol meanwhile", hint="open it again")
    after = protocol_hash(protocol)
    change = f"{found.site}: {before[:DIGITS]} to {after[:DIGITS]}"
    _recorded(desk, asked, {"site": found.site, "change": change, "before": before, "after": after})
    _write(found.path, text)
    say("protocol changed", what=found.site)
    return RedirectResponse(f"/protocols/{found.site}?saved=1", 303)


def _recorded(desk: Desk, asked: Asked, change: dict[str, str]) -> None:
    said = {
        "who": asked.who.user.name,
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": "protocol",
        **change,
    }
    if trouble := record(desk.service, desk.store, said):
        raise InputError(f"the change is not recorded: {trouble}", "a change that is not in the trail is not made")


def _page(
    asked: Asked, found: Held, text: str, status: int = 200, *, error: str = "", hint: str = "", said: str = ""
) -> Response:
    if "saved" in asked.request.query_params:
        said = "It is saved: plans that come from now on are judged by it." if found.in_force else "It is saved."
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
    """Put a text in place of a file at once, with the mode and the owner it had."""
    was = path.stat()
    staged = path.with_name(f".{path.name}.{os.getpid()}")
    staged.unlink(missing_ok=True)
    try:
        _created(staged, text)
        with suppress(PermissionError):  # another's file that this service may write stays readable as it was
            os.chown(staged, was.st_uid, was.st_gid)
        os.chmod(staged, stat.S_IMODE(was.st_mode))
        os.replace(staged, path)
    except OSError as error:
        staged.unlink(missing_ok=True)
        raise InputError(f"{path.name} cannot be written: {error.strerror}", "check the folder and its disk") from error


def _created(path: Path, text: str) -> None:
    """Write a file that is not there yet, readable by owner and group."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o640)
    except OSError as error:
        raise InputError(f"{path.name} cannot be written: {error.strerror}", "check the folder and its disk") from error
    try:
        with open(handle, "w", encoding="utf-8", newline="\n") as out:
            out.write(text)
            out.flush()
            os.fsync(out.fileno())
    except OSError as error:
        path.unlink(missing_ok=True)
        raise InputError(f"{path.name} cannot be written: {error.strerror}", "check the folder and its disk") from error
