"""One entry: what the gate said of it, what people decided, its report."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, get_args

from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, RedirectResponse, Response

from lymphorisk.clinic.log import say
from lymphorisk.clinic.names import told
from lymphorisk.clinic.store import COMPLETED, Decision, Entry, Store
from lymphorisk.clinic.trail import record
from lymphorisk.clinic.worker import CHECK, NAMES, PAGE
from lymphorisk.dicom.export import PatientIdentity
from lymphorisk.dicom.identity import read_identity
from lymphorisk.dicom.reader import open_file
from lymphorisk.dicom.window import Window
from lymphorisk.errors import InputError, LymphoriskError
from lymphorisk.qa.check import FAIL, MISSING, UNDECIDED, VARIATION
from lymphorisk.report.interactive import policy
from lymphorisk.report.withheld import Clean, cleaner, withheld
from lymphorisk.web.desk import Desk
from lymphorisk.web.guard import Asked
from lymphorisk.web.render import page
from lymphorisk.web.users import Role, User

#: Who may see whose plan it is, and what people and exports say in words of their own.
IDENTITY: Role = "decide"
WITHHELD = "told to the role decide"
What = Literal["accepted", "not accepted"]
WHATS: tuple[What, ...] = get_args(What)
#: The gate's states that a person may accept: a value that is missing or undecided cannot be accepted.
BEYOND = (FAIL, VARIATION)
REASON_MAX = 2000
PLANS = ("RTPLAN", "RTIONPLAN")


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the gate with what was decided of it last."""

    name: str
    value: str
    limit: str
    state: str
    said: str
    note: str
    decided: Decision | None

    def for_role(self, clean: Clean, *, told: bool) -> Line:
        """The line as a role may see it: without names of the export, and without reasons, which are free text."""
        if told:
            return self
        return replace(self, note=clean(self.note), decided=self.decided and replace(self.decided, reason=WITHHELD))


def entry_of(desk: Desk, asked: Asked) -> Entry:
    """The entry an address names."""
    try:
        return desk.store.entry(asked.part("key"))
    except InputError as error:
        raise HTTPException(404, error.message) from None


def shown(desk: Desk, asked: Asked) -> Response:
    """The page of an entry."""
    entry = entry_of(desk, asked)
    decisions = desk.store.decisions(entry.key)
    gate = check_of(desk, entry)
    user = asked.who.user
    clean = cleaner(names_for(desk, entry, user))
    return page(
        "entry.html",
        asked.session,
        entry=entry,
        identity=identity_of(desk.store, entry, user),
        named=user.may(IDENTITY),
        gate=gate,
        why=[clean(w) for w in gate["why"]] if gate else [],
        lines=[line.for_role(clean, told=user.may(IDENTITY)) for line in lines_of(gate, decisions)],
        decisions=decisions,
        reasons=user.may(IDENTITY),
        last=next((d for d in reversed(decisions) if not d.line), None),
        whats=WHATS,
        may_decide=entry.state == COMPLETED and user.may("decide"),
        has_report=_report(desk, entry).is_file(),
        answers=desk.store.outgoing(key=entry.key),
        others=[e for e in desk.store.entries(COMPLETED) if e.study_uid == entry.study_uid and e.key != entry.key],
    )


def report(desk: Desk, asked: Asked) -> Response:
    """The interactive report, alone in a frame that can reach nothing else."""
    entry = entry_of(desk, asked)
    path = _report(desk, entry)
    if not path.is_file():
        raise HTTPException(404, "there is no report")
    return framed(withheld(path.read_text(encoding="utf-8"), names_for(desk, entry, asked.who.user)))


def framed(text: str) -> HTMLResponse:
    """A page of the report's room, to be shown inside one of ours: its own script and no other, no way out."""
    more = "frame-ancestors 'self'; form-action 'none'; sandbox allow-scripts"
    headers = {"Content-Security-Policy": f"{policy()}; {more}", "X-Frame-Options": "SAMEORIGIN"}
    return HTMLResponse(text, headers=headers)


def decide(desk: Desk, asked: Asked) -> Response:
    """Write down a decision: into the audit trail first, and only then into the store."""
    entry, form = entry_of(desk, asked), asked.form
    what, line, reason = form.get("what", ""), form.get("line", ""), " ".join(form.get("reason", "").split())
    lines = lines_of(check_of(desk, entry), [])
    if what not in WHATS:
        raise InputError(f"{what[:40]!r} is no decision", f"choose {' or '.join(WHATS)}")
    if entry.state != COMPLETED:
        raise InputError(f"the entry is {entry.state}: there is nothing to decide")
    if not reason or len(reason) > REASON_MAX:
        raise InputError(
            "a decision needs a reason", f"write at most {REASON_MAX} characters, without a patient's name"
        )
    if line:
        found = next((one for one in lines if one.name == line), None)
        if found is None:
            raise InputError("the protocol has no such line", "open the page again")
        if what == "accepted" and found.state not in BEYOND:
            raise InputError(
                f"the line is {found.state}", "a value beyond its limit can be accepted; one that is not there cannot"
            )
    who = asked.who.user.name
    said = {
        "who": who,
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": "decision",
        "entry": entry.key,
        "verdict": entry.verdict,
        "protocol": entry.protocol,
        "what": what,
        "line": line,
        "reason": reason,
    }
    if trouble := record(desk.service, desk.store, said):
        raise InputError(
            f"the decision is not recorded: {trouble}", "a decision that is not in the trail does not count"
        )
    desk.store.decide(entry.key, who, what, line, reason)
    say("decision", entry=entry.key, what=what)
    return RedirectResponse(f"/entries/{entry.key}#decisions", 303)


def check_of(desk: Desk, entry: Entry) -> dict[str, Any] | None:
    """What the gate said, as saved; None where it said nothing."""
    try:
        made: dict[str, Any] = json.loads((desk.store.results(entry.key) / CHECK).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return made


def lines_of(gate: Mapping[str, Any] | None, decisions: Sequence[Decision]) -> list[Line]:
    """The lines of the gate; lines of one name are told apart by their number."""
    out: list[Line] = []
    last = {d.line: d for d in decisions}
    for row in (gate or {"lines": []})["lines"]:
        name = f"{row['structure'] or 'plan'} {row['metric']}"
        same = sum(one.name.split(" (line ")[0] == name for one in out)
        name += f" (line {len(out) + 1})" if same else ""
        limit = (row["goal"] or "") + (f" ({row['variation']})" if row["variation"] else "")
        weak = not row["required"] and row["state"] in (FAIL, MISSING, UNDECIDED)
        state = row["state"] + (" (accepted)" if row["overridden"] else " (optional)" if weak else "")
        notes = [row["reason"], *(f"rests on {b['what']}: {b['how']}" for b in row["behind"])]
        if row["override"]:
            notes.append(f"{row['override']['reason']} ({row['override']['by']})")
        note = "; ".join(n for n in notes if n)
        out.append(Line(name, _value(row), limit, row["state"], state, note, last.get(name)))
    return out


def _value(row: Mapping[str, Any]) -> str:
    if row["value"] is None:
        return "-"
    unit = row["metric"].rpartition("[")[2].removesuffix("]") if row["metric"].endswith("]") else ""
    text = f"{row['value']:.4g} {unit}".strip()
    return text if row["low"] is None else f"{text} ({row['low']:.4g} to {row['high']:.4g})"


def identity_of(store: Store, entry: Entry, user: User) -> PatientIdentity | None:
    """Whose plan it is, for roles that may know; None for others, and when the files are gone."""
    if not user.may(IDENTITY):
        return None
    for role, sha in sorted(store.members(entry.key), key=lambda m: m[0] not in PLANS):
        try:
            file = open_file(Window(store.object_path(sha)), folder="")
        except (LymphoriskError, OSError):
            continue
        if file is not None and role == file.role:
            return read_identity(file)
    return None


def names_for(desk: Desk, entry: Entry, user: User) -> Mapping[str, str]:
    """Names of an entry's export that a role is not shown, and what it is shown instead; none where it may see all.

    Raises
    ------
    HTTPException
        The results are of a version that did not write them down: nothing can be said to be free of names.
    """
    if user.may(IDENTITY) or not desk.store.results(entry.key).is_dir():
        return {}
    try:
        made = json.loads((desk.store.results(entry.key) / NAMES).read_text(encoding="utf-8"))
    except FileNotFoundError:
        made = None
    if made is None or not told(made):
        raise HTTPException(403, f"results of an older version name ROIs: they are shown to the role {IDENTITY}")
    return {str(name): str(word) for name, word in made.items()}


def _report(desk: Desk, entry: Entry) -> Path:
    return desk.store.results(entry.key) / PAGE
