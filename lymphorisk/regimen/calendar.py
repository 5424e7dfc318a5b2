"""The days of a regimen as dates."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date, timedelta

from lymphorisk.conditioning.regimen import Regimen
from lymphorisk.errors import ScenarioError


@dataclass(frozen=True, slots=True)
class Entry:
    """What happens on a date, and on which day from the infusion. [d]"""

    date: date
    day: float
    what: str


def _date_of(day: float) -> int:
    """The day of the calendar: fractions of one day lie within half a day of its hour."""
    return math.floor(day + 0.5)


def calendar(regimen: Regimen, window_days: tuple[float, float] | None, infusion: date | None) -> tuple[Entry, ...]:
    """Drugs, fractions, collection, infusions and the product's window by date; empty without a date of day 0.

    Raises
    ------
    ScenarioError
        A day lies before year 1 or after year 9999.

    Examples
    --------
    >>> from lymphorisk.conditioning.regimen import DrugDose
    >>> flu = DrugDose("fludarabine", 30.0, "mg/m2", -3.0)
    >>> [(str(e.date), e.what) for e in calendar(Regimen("x", (flu,)), None, date(2026, 3, 2))]
    [('2026-02-27', 'fludarabine 30 mg/m2'), ('2026-03-02', 'infusion')]
    """
    if infusion is None:
        return ()
    found: dict[tuple[int, str], float] = {}

    def put(day: float, what: str) -> None:
        found.setdefault((_date_of(day), what), day)

    doses: dict[tuple[int, str], list[float]] = {}
    for d in regimen.drugs:
        if d.amount > 0.0:
            said = f"{d.drug} {d.amount:g} {d.unit}" + ("" if d.modelled else " (not in the model)")
            doses.setdefault((_date_of(d.day), said), []).append(d.day)
    for (_, said), times in doses.items():
        put(min(times), said + (f", {len(times)} times" if len(times) > 1 else ""))
    for course in regimen.radiation:
        by_day: dict[int, list[float]] = {}
        for day in course.days:
            by_day.setdefault(_date_of(day), []).append(day)
        for times in by_day.values():
            many = f", {len(times)} fractions" if len(times) > 1 else ""
            put(times[0], f"{course.label}{many}")
    if regimen.leukapheresis_day is not None:
        put(regimen.leukapheresis_day, "leukapheresis")
    for n, day in enumerate(regimen.infusion_days, 1):
        put(day, "infusion" if len(regimen.infusion_days) == 1 else f"infusion {n}")
    if window_days is not None:
        put(window_days[0], "first day of the product's window")
        put(window_days[1], "last day of the product's window")
    ordered = sorted(found.items(), key=lambda item: (item[0][0], item[1], item[0][1]))
    try:
        return tuple(Entry(infusion + timedelta(days=floor), day, what) for (floor, what), day in ordered)
    except OverflowError:
        raise ScenarioError(
            f"with day 0 on {infusion} a day of {regimen.name!r} lies outside the calendar", "correct the date"
        ) from None
