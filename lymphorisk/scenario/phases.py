"""Phases of a scenario: fractions, calendar, beams."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from lymphorisk.errors import ScenarioError
from lymphorisk.plan import Beam, Phase, every_day, weekdays
from lymphorisk.plan.schedule import DAYS_PER_WEEK, WORKING_DAYS
from lymphorisk.plan.words import Modality, is_particle, modality_of
from lymphorisk.scenario.fields import known, number, numbers, table_of, text, whole, word
from lymphorisk.units import HOURS_PER_DAY, checked

SCHEDULES = ("weekdays", "daily", "bid")
PHASE_KEYS = (
    "label", "modality", "fractions", "schedule", "days", "times_h", "first_day", "first_weekday", "beam_on_s",
    "beam_start_s", "beam_weights", "prescription_gy", "rbe", "organs",
)  # fmt: skip
#: More fractions or days than this are a slip of units.
COUNT_MAX = 10_000


def phase_tables(plan: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The phases as written; what a phase does not say it takes from [plan]."""
    common = {key: value for key, value in plan.items() if key in PHASE_KEYS and key != "label"}
    if "phase" not in plan:
        return [{**common, "label": plan.get("label", "")}]
    given = plan["phase"]
    if not isinstance(given, list) or not given:
        raise ScenarioError("[plan]: phase is not a list of tables", "write [[plan.phase]]")
    for key in ("fractions", "days", "times_h"):
        if key in common:
            raise ScenarioError(f"[plan]: {key} stands beside [[plan.phase]]", f"give {key} in each phase")
    out: list[Mapping[str, Any]] = []
    for i, phase in enumerate(given, 1):
        known(table_of(phase, f"phase {i}"), PHASE_KEYS, f"phase {i}")
        out.append({**common, **phase})
    return out


def last_day_of(phases: Sequence[Phase]) -> float | None:
    """Time of the last fraction so far, None before the first phase. [d]"""
    return max(day for phase in phases for day in phase.days or (0.0,)) if phases else None


def phase_from(table: Mapping[str, Any], place: int, of: int, last_day: float | None) -> Phase:
    """A phase from its table."""
    where = "[plan]" if of == 1 else f"phase {place}"
    modality: Modality = word(table, "modality", where, modality_of) or "photon"
    days = _days(table, where, last_day)
    rbe = number(table, "rbe", where)
    if rbe is not None and rbe <= 0:
        raise ScenarioError(f"{where}: rbe = {rbe:g} is not above 0")
    if rbe is not None and rbe != 1 and not is_particle(modality):
        raise ScenarioError(f"{where}: rbe = {rbe:g} of {modality}s: that is no physical dose", "give doses in Gy")
    if rbe is not None and rbe != 1 and modality == "ion":
        raise ScenarioError(
            f"{where}: rbe = {rbe:g}: the RBE of ions varies in space, one number cannot be divided out",
            "give the physical doses, and rbe = 1",
        )
    beams, starts = _beams(table, where, modality)
    return Phase(
        label=text(table, "label", where, "") or (f"phase {place}" if of > 1 else "scenario"),
        fractions=len(days),
        beams=beams,
        modality=modality,
        rbe_in_dose=rbe or 1.0,
        prescription_gy=_prescription(table, where),
        days=days,
        beam_start_s=starts,
    )


def _prescription(table: Mapping[str, Any], where: str) -> float | None:
    value = number(table, "prescription_gy", where)
    return None if value is None else checked("prescription_gy", value, where)


def _days(table: Mapping[str, Any], where: str, last_day: float | None) -> tuple[float, ...]:
    given = [key for key in ("schedule", "days", "times_h") if key in table]
    explicit = [key for key in given if key != "schedule"]
    if len(explicit) > 1:
        raise ScenarioError(f"{where}: days and times_h are both given", "give one of them")
    fractions = whole(table, "fractions", where, 1, COUNT_MAX)
    if explicit:
        key = explicit[0]
        times = numbers(table, key, where) or ()
        days = tuple(t / HOURS_PER_DAY for t in times) if key == "times_h" else times
        if fractions is not None and fractions != len(days):
            raise ScenarioError(f"{where}: {len(days)} {key} for {fractions} fractions")
        if days[0] < 0 or any(b <= a for a, b in pairwise(days)):
            raise ScenarioError(f"{where}: {key} must rise from 0 or more")
        if last_day is not None and days[0] <= last_day:
            raise ScenarioError(
                f"{where}: starts on day {days[0]:g}, before the phase before it has ended (day {last_day:g})",
                "days count from the start of the whole course",
            )
        return days
    if fractions is not None:
        checked("fractions", fractions, where)
    if fractions is None:
        raise ScenarioError(f"{where}: fractions is missing", "give fractions, or days, or times_h")
    return _scheduled(table, where, fractions, last_day)


def _scheduled(table: Mapping[str, Any], where: str, fractions: int, last_day: float | None) -> tuple[float, ...]:
    schedule = text(table, "schedule", where, "weekdays")
    if schedule not in SCHEDULES:
        raise ScenarioError(f"{where}: schedule {schedule!r} is unknown", f"use one of {', '.join(SCHEDULES)}")
    weekday = whole(table, "first_weekday", where, 0, WORKING_DAYS - 1) or 0
    earliest = 0 if last_day is None else math.floor(last_day) + 1
    start = whole(table, "first_day", where, 0, COUNT_MAX)
    if start is None:
        start = earliest
    elif start < earliest:
        raise ScenarioError(f"{where}: first_day {start} is before the phase before it has ended (day {last_day:g})")
    if schedule != "weekdays":
        per_day = 2 if schedule == "bid" else 1
        return tuple(every_day(fractions, start, per_day).tolist())
    of_week = (weekday + start) % DAYS_PER_WEEK
    if of_week >= WORKING_DAYS:
        start += DAYS_PER_WEEK - of_week
        of_week = 0
    return tuple(weekdays(fractions, of_week, start).tolist())


def _beams(
    table: Mapping[str, Any], where: str, modality: Modality
) -> tuple[tuple[Beam, ...], tuple[float, ...] | None]:
    on, starts = numbers(table, "beam_on_s", where), numbers(table, "beam_start_s", where)
    weights = numbers(table, "beam_weights", where)
    if on is None:
        if starts or weights:
            raise ScenarioError(f"{where}: beam_start_s or beam_weights without beam_on_s")
        return (), None
    for time in on:
        checked("beam_on_s", time, where)
    for key, values in (("beam_start_s", starts), ("beam_weights", weights)):
        if values is not None and len(values) != len(on):
            raise ScenarioError(f"{where}: {len(values)} {key} for {len(on)} beams")
    if weights is not None and (min(weights) < 0 or sum(weights) <= 0):
        raise ScenarioError(f"{where}: beam_weights must not be negative, and not all 0")
    if starts is not None:
        ends = [s + t for s, t in zip(starts, on, strict=True)]
        if starts[0] < 0 or any(start < end for end, start in zip(ends[:-1], starts[1:], strict=True)):
            raise ScenarioError(
                f"{where}: beams overlap in time", "beam_start_s must not come before the last beam ends"
            )
    beams = tuple(
        Beam(
            number=i,
            name=f"beam {i}",
            modality=modality,
            meterset=None if weights is None else weights[i - 1],
            on_s=time,
            time_source="user",
        )
        for i, time in enumerate(on, 1)
    )
    return beams, starts
