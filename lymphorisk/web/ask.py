"""Pages that ask the exact engine: what if, counts of a course, one plan against another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, Response

from lymphorisk.clinic.store import COMPLETED, Entry
from lymphorisk.errors import InputError
from lymphorisk.units import alc_from, number_from, quantity
from lymphorisk.web.desk import Desk
from lymphorisk.web.entry import entry_of
from lymphorisk.web.guard import Asked
from lymphorisk.web.render import page

#: An organ's dose in percent of the plan's: the ends of its slider and its step.
SHARE = (0, 150, 5)
#: The most of a slider in multiples of what is planned.
REACH = 3.0
STEPS = 100
#: Counts that a form takes, and units it offers beside the clinic's.
COUNTS = 8
UNITS = ("10^9/L", "K/uL", "cells/uL")


@dataclass(frozen=True, slots=True)
class Knob:
    """A slider: its name, words, ends, step, and where it stands."""

    name: str
    label: str
    low: float
    high: float
    step: float
    planned: float
    value: float


def what_if(desk: Desk, asked: Asked) -> Response:
    """Sliders, and what they say; with `part` only the answer, for the page's script."""
    entry = _answered(desk, asked)
    query = asked.request.query_params
    planned = desk.engine.ask(do="planned", key=entry.key)
    knobs = _knobs(planned, query)
    organ = query.get("organ", "")
    share = _number(query.get("share"), "the organ's dose", 100.0)
    changes: dict[str, Any] = {k.name: k.value for k in knobs if k.value != k.planned}
    if "fractions" in changes:
        changes["fractions"] = int(changes["fractions"])
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
        "answer": None if said is None else Markup(said["html"]),  # made of escaped parts by the report's room
        "seconds": None if said is None else said["seconds"],
    }
    return page("answer.html" if "part" in query else "whatif.html", asked.session, **given)


def _knobs(planned: Mapping[str, Any], query: Mapping[str, str]) -> list[Knob]:
    out = []
    for name, label in (
        ("fractions", "Fractions, the same total dose"),
        ("beam_on_s", "Beam-on time of each beam [s]"),
        ("alc", "Count before the course [10⁹/L]"),
    ):
        now = planned[name]
        if now is None:
            continue
        now = round(float(now), 3)
        ends = quantity(name)
        whole = ends.whole
        high = round(min(ends.high, max(REACH * now, 1.0)), 3)
        low = 1.0 if whole else round(max(ends.low, now / 10), 3)
        step = 1.0 if whole else float(f"{(high - low) / STEPS:.1g}")
        value = _number(query.get(name), label, now)
        out.append(Knob(name, label, low, high, step, now, value))
    return out


def _number(text: str | None, what: str, otherwise: float) -> float:
    return otherwise if text is None or not text.strip() else number_from(text, what)


def update(desk: Desk, asked: Asked) -> Response:
    """Counts of the course, and the forecast that they leave."""
    entry = _answered(desk, asked)
    query = asked.request.query_params
    days, counts = query.getlist("day"), query.getlist("count")
    unit = query.get("unit", desk.unit)
    rows = [(d.strip(), c.strip()) for d, c in zip(days, counts, strict=False)][:COUNTS]
    given = [(number_from(day, "the day"), alc_from(count, unit)) for day, count in rows if day or count]
    said = desk.engine.ask(do="update", key=entry.key, counts=given) if given else None
    return page(
        "update.html",
        asked.session,
        entry=entry,
        rows=[*rows, *[("", "")] * COUNTS][:COUNTS],
        unit=unit,
        units=tuple(dict.fromkeys((unit, desk.unit, *UNITS))),
        answer=None if said is None else Markup(said["html"]),  # as above
    )


def compare(desk: Desk, asked: Asked) -> Response:
    """One plan against another."""
    query = asked.request.query_params
    entries = desk.store.entries(COMPLETED)[::-1]
    first, second = query.get("first", ""), query.get("second", "")
    said = None
    if first and second:
        keys = [_found(desk, key).key for key in (first, second)]
        said = desk.engine.ask(do="compare", first=keys[0], second=keys[1])
    return page(
        "compare.html",
        asked.session,
        entries=entries,
        first=first,
        second=second,
        answer=None if said is None else Markup(said["html"]),  # as above
    )


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
    """The page that `cohort report` wrote, alone in a frame."""
    from lymphorisk.web.entry import framed

    if desk.cohort is None or not _cohort(desk):
        raise HTTPException(404, "there is no page of a cohort")
    answer: HTMLResponse = framed(desk.cohort.read_text(encoding="utf-8"))
    return answer


def _cohort(desk: Desk) -> bool:
    return desk.cohort is not None and desk.cohort.is_file()
