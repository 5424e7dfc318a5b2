"""Pages that ask the exact engine: what if, counts of a course, one plan against another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from markupsafe import Markup
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, RedirectResponse, Response

from lymphorisk.clinic.log import say
from lymphorisk.clinic.store import COMPLETED, Entry
from lymphorisk.clinic.trail import record
from lymphorisk.errors import InputError
from lymphorisk.report.withheld import withheld
from lymphorisk.units import alc_from, checked, number_from, quantity
from lymphorisk.web.desk import Desk
from lymphorisk.web.entry import IDENTITY, entry_of, framed, names_for
from lymphorisk.web.guard import Asked, number_of
from lymphorisk.web.render import page
from lymphorisk.web.users import Role

#: An organ's dose in percent of the plan's: the ends of its slider and its step.
SHARE = (0, 150, 5)
#: The most of a slider in multiples of what is planned.
REACH = 3.0
STEPS = 100
#: Counts that a form takes, and units it offers beside the clinic's.
COUNTS = 8
#: Who may keep a count.
KEEP: Role = "decide"
FRACTIONS = "Fractions, the same total dose"
UNITS = ("10^9/L", "K/uL", "cells/uL")


@dataclass(frozen=True, slots=True)
class Knob:
    """A slider: its name, words, ends, step, and where it stands; `phase` whose number of fractions it is, from 1."""

    name: str
    label: str
    low: float
    high: float
    step: float
    planned: float
    value: float
    phase: int = 0


def what_if(desk: Desk, asked: Asked) -> Response:
    """Sliders, and what they say; with `part` only the answer, for the page's script."""
    entry = _answered(desk, asked)
    query = asked.request.query_params
    planned = desk.engine.ask(do="planned", key=entry.key)
    knobs = _knobs(planned, query)
    organ = query.get("organ", "")
    share = _number(query.get("share"), "the organ's dose", 100.0)
    changes: dict[str, Any] = {k.name: k.value for k in knobs if k.value != k.planned and not k.phase}
    counts = [k for k in knobs if k.phase]
    if any(k.value != k.planned for k in counts):
        changes["fractions"] = [int(checked("fractions", k.value)) for k in counts]
    if organ and organ not in planned["organs"]:
        raise InputError(f"{organ[:40]!r} has no dose in this plan")
    if organ and share != 100.0:
        changes["organs"] = [f"{organ}*{share / 100:g}"]
    said = desk.engine.ask(do="what_if", key=entry.key, changes=changes) if changes else None
    given = {
        "entry": entry,
        "knobs": knobs,
        "organs": planned["organs"],
        "organ": organ,
        "share": share,
        "ends": SHARE,
        "assumed": not planned["alc_known"],
        "answer": None if said is None else _told(desk, asked, said, entry),
        "seconds": None if said is None else said["seconds"],
    }
    return page("answer.html" if "part" in query else "whatif.html", asked.session, **given)


def _knobs(planned: Mapping[str, Any], query: Mapping[str, str]) -> list[Knob]:
    counts: list[int] = planned["fractions"]
    out = []
    for number, count in enumerate(counts, start=1):
        alone = len(counts) == 1
        name, label = ("fractions", FRACTIONS) if alone else (f"fractions_{number}", f"Phase {number}: {FRACTIONS}")
        high = min(quantity("fractions").high, REACH * count)
        value = _number(query.get(name), label, count)
        out.append(Knob(name, label, 1.0, high, 1.0, count, value, number))
    for name, label in (("beam_on_s", "Beam-on time of each beam [s]"), ("alc", "Count before the course [10⁹/L]")):
        if planned[name] is None:
            continue
        now = round(float(planned[name]), 3)
        ends = quantity(name)
        high, low = round(min(ends.high, max(REACH * now, 1.0)), 3), round(max(ends.low, now / 10), 3)
        step = float(f"{(high - low) / STEPS:.1g}")
        out.append(Knob(name, label, low, high, step, now, _number(query.get(name), label, now)))
    if planned["beam_on_s"] is None:
        label = "Beam-on times, times as long (beams differ)"
        value = _number(query.get("beam_factor"), label, 1.0)
        out.insert(len(counts), Knob("beam_factor", label, 0.1, REACH, 0.1, 1.0, value))
    return out


def _number(text: str | None, what: str, otherwise: float) -> float:
    return otherwise if text is None or not text.strip() else number_from(text, what)


def update(desk: Desk, asked: Asked) -> Response:
    """Counts of the course that are kept, others that are tried, and the forecast that they leave."""
    entry = _answered(desk, asked)
    query = asked.request.query_params
    days, counts = query.getlist("day"), query.getlist("count")
    unit = query.get("unit", desk.unit)
    rows = [(d.strip(), c.strip()) for d, c in zip(days, counts, strict=False)][:COUNTS]
    tried = [(number_from(day, "the day"), alc_from(count, unit)) for day, count in rows if day or count]
    ever, kept = desk.store.measured(entry.key, ever=True), desk.store.measured(entry.key)
    if twice := {m.day for m in kept} & {day for day, _ in tried}:
        raise InputError(f"day {min(twice):g} has a kept count already", "correct that one, or try another day")
    given = [*((m.day, m.alc) for m in kept), *tried]
    said = desk.engine.ask(do="update", key=entry.key, counts=sorted(given)) if given else None
    return page(
        "update.html",
        asked.session,
        entry=entry,
        rows=[*rows, *[("", "")] * COUNTS][:COUNTS],
        tried=len(tried),
        ever=ever,
        kept=kept,
        instead={m.corrects: m for m in ever if m.corrects is not None},
        may_keep=asked.who.user.may(KEEP),
        unit=unit,
        units=tuple(dict.fromkeys((unit, desk.unit, *UNITS))),
        answer=None if said is None else _told(desk, asked, said, entry),
    )


def keep(desk: Desk, asked: Asked) -> Response:
    """Keep a count, alone or in place of another: into the audit trail first, and only then into the store."""
    with desk.keeping:
        return _kept(desk, asked)


def _kept(desk: Desk, asked: Asked) -> Response:
    entry, form = _answered(desk, asked), asked.form
    now = {m.number: m for m in desk.store.measured(entry.key)}
    number = form.get("corrects", "").strip()
    known = number_of(number)
    old = None if known is None else now.get(known)
    if number and old is None:
        raise InputError("the count to be corrected is not there any more", "open the page again")
    typed = form.get("count", "").strip()
    if not typed and old is None:
        raise InputError("no count was given", "an empty count withdraws the one that it is in place of")
    day = (
        old.day if old is not None and not form.get("day", "").strip() else number_from(form.get("day", ""), "the day")
    )
    alc = alc_from(typed, form.get("unit", desk.unit)) if typed else None
    others = [(m.day, m.alc) for m in now.values() if m is not old]
    if any(at == day for at, _ in others):
        raise InputError(f"day {day:g} has a count already", "correct that one")
    if alc is not None:
        desk.engine.ask(do="update", key=entry.key, counts=sorted([*others, (day, alc)]))  # one it takes
    who = asked.who.user.name
    said = {
        "who": who,
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": "count",
        "entry": entry.key,
        "what": "withdrawn" if alc is None else _count(day, alc),
        **({} if old is None else {"change": f"in place of {_count(old.day, old.alc)}, entered by {old.who}"}),
    }
    if trouble := record(desk.service, desk.store, said):
        raise InputError(f"the count is not recorded: {trouble}", "a count that is not in the trail is not kept")
    desk.store.measure(entry.key, who, day, alc, None if old is None else old.number)
    say("count", entry=entry.key)
    return RedirectResponse(f"/entries/{entry.key}/update", 303)


def _count(day: float, alc: float | None) -> str:
    return f"day {day:g}: {alc:.4g} x10^9/L"


def compare(desk: Desk, asked: Asked) -> Response:
    """One plan against another."""
    query = asked.request.query_params
    entries = desk.store.entries(COMPLETED)[::-1]
    first, second = query.get("first", ""), query.get("second", "")
    said, found = None, []
    if first and second:
        found = [_found(desk, key) for key in (first, second)]
        said = desk.engine.ask(do="compare", first=found[0].key, second=found[1].key)
    return page(
        "compare.html",
        asked.session,
        entries=entries,
        first=first,
        second=second,
        answer=None if said is None else _told(desk, asked, said, *found),
    )


def _told(desk: Desk, asked: Asked, said: Mapping[str, Any], *entries: Entry) -> Markup:
    """A part that the report's room made of escaped parts, without names that the role is not shown."""
    names: dict[str, str] = {}
    for entry in entries:
        if entry.deleted_at is not None and not asked.who.user.may(IDENTITY):
            raise HTTPException(403, f"its results are deleted, and what it names with them: ask the role {IDENTITY}")
        names |= names_for(desk, entry, asked.who.user)
    return Markup(withheld(said["html"], names))


def _found(desk: Desk, key: str) -> Entry:
    entry = desk.store.entry(key)
    if entry.state != COMPLETED:
        raise InputError(f"the entry {key[:12]} is {entry.state}", "choose one that has its answer")
    return entry


def _answered(desk: Desk, asked: Asked) -> Entry:
    entry = entry_of(desk, asked)
    if entry.state != COMPLETED:
        raise HTTPException(404, f"the entry is {entry.state}: there is nothing to ask")
    return entry


def cohort(desk: Desk, asked: Asked) -> Response:
    """The cohort's page in a frame of ours."""
    return page("cohort.html", asked.session, there=_cohort(desk))


def cohort_page(desk: Desk, asked: Asked) -> Response:
    """The trends of a cohort's folder as they are now, or the page that `cohort report` wrote, alone in a frame."""
    if desk.cohort is None or not _cohort(desk):
        raise HTTPException(404, "there is no page of a cohort")
    answer: HTMLResponse = framed(desk.trends(desk.cohort))
    return answer


def _cohort(desk: Desk) -> bool:
    return desk.cohort is not None and desk.cohort.exists()
