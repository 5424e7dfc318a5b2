"""The audit trail as a page: its lines, and whether the chain is whole."""

from __future__ import annotations

import json
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from starlette.responses import Response

from lymphorisk.errors import InputError
from lymphorisk.qa import audit
from lymphorisk.web.desk import Desk
from lymphorisk.web.entry import IDENTITY, WITHHELD
from lymphorisk.web.guard import Asked, number_of
from lymphorisk.web.render import page

#: Lines of one page.
SHOWN = 100


@dataclass(frozen=True, slots=True)
class Record:
    """A line of the trail, without names of files."""

    number: int
    when: str
    who: str
    command: str
    entry: str
    said: str
    hash: str


def shown(desk: Desk, asked: Asked) -> Response:
    """The newest lines, and what a walk over the whole chain says."""
    before = number_of(asked.request.query_params.get("before"))
    state, trouble = walked(desk)
    told = asked.who.user.may(IDENTITY)
    kept = [] if trouble else newest(desk.audit / audit.FILE, before)
    part = [_record(number, line, told=told) for number, line in reversed(kept)]
    return page(
        "trail.html",
        asked.session,
        records=part,
        state=state,
        trouble=trouble,
        more=part[-1].number if part and part[-1].number > 1 else None,
    )


def walked(desk: Desk) -> tuple[audit.TrailState | None, str]:
    """The state of the trail, and why it cannot be verified; no state before the first line."""
    if not (desk.audit / audit.FILE).is_file():
        return None, ""
    try:
        key = audit.read_key(Path(desk.service.audit_key)) if desk.service.audit_key else b""
        return audit.verify(desk.audit, key=key), ""
    except InputError as error:
        return None, error.message


def newest(path: Path, before: int | None) -> list[tuple[int, str]]:
    """The last lines of a trail, or of those before one, with their numbers; a trail need not fit into memory."""
    if not path.is_file():
        return []
    kept: deque[tuple[int, str]] = deque(maxlen=SHOWN)
    with path.open("rb") as trail:
        for number, line in enumerate(audit.lines_of(trail), start=1):
            if before is not None and number >= before:
                break
            kept.append((number, line.removesuffix("\n")))
    return list(kept)


def _record(number: int, line: str, *, told: bool) -> Record:
    """A line as a role may see it: a reason is free text, and told to those who may know whose plan it is."""
    try:
        record: dict[str, Any] = json.loads(line)
        entry, digest = dict(record["entry"]), str(record["hash"])
    except (ValueError, KeyError, TypeError):
        return Record(number, "", "", "", "", "not an audit record", "")
    if not told and entry.get("reason"):
        entry["reason"] = f"(why is {WITHHELD})"
    parts = [str(entry[name]) for name in ("verdict", "what", "line", "rule", "reason", "change") if entry.get(name)]
    return Record(
        number,
        str(entry.get("when", "")),
        str(entry.get("who", "")),
        str(entry.get("command", "")),
        str(entry.get("entry", "")),
        "; ".join(parts),
        digest,
    )
