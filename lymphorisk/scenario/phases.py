"""Phases of a scenario: fractions, calendar, beams."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from lymphorisk.errors import ScenarioError
from lymphorisk.plan import Beam, Phase, every_day, weekdays
from lymphorisk.plan.schedule import DAYS_PER_WEEK, WORKING_DAYS
from lymphorisk.plan.words import Modality, is_particle, modality_of
from lymphorisk.units import HOURS_PER_DAY, checked

if TYPE_CHECKING:
    from lymphorisk.scenario.schema import PhaseTable, Plan
    from lymphorisk.tomlfile import Key, Written

#: Keys that only a phase can say when there are several.
OF_ONE_PHASE = ("fractions", "days", "times_h", "cycles", "cycle_days")


@dataclass(frozen=True, slots=True)
class Given:
    """A phase as it is written, with what it takes from ``[plan]``.

    Attributes
    ----------
    keys : PhaseTable
    written : Written
    place : tuple
        Of its own table.
    own : frozenset of str
        The keys its own table has.
    several : int
        Its number among several phases; 0 of the only one.
    """

    keys: PhaseTable
    written: Written
    place: tuple[Key, ...]
    own: frozenset[str]
    several: int

    def at(self, key: str = "") -> tuple[Key, ...]:
        """Where a key stands: in the phase, or in the plan."""
        if not key:
            return self.place
        return (*self.place, key) if key in self.own else ("plan", key)

    def error(self, key: str, what: str, hint: str = "") -> ScenarioError:
        """An error at a key of the phase."""
        return self.written.error(self.at(key), what, hint)


def phases_given(written: Written, plan: Plan) -> list[Given]:
    """The phases as written; what a phase does not say it takes from [plan]."""
    from lymphorisk.scenario.schema import Fractionation, PhaseTable

    names = Fractionation.__struct_fields__
    common = {name: value for name in names if name != "label" and (value := getattr(plan, name)) is not None}
    if plan.phase is None:
        return [Given(PhaseTable(**common, label=plan.label), written, ("plan",), frozenset(), 0)]
    for key in OF_ONE_PHASE:
        if key in common:
            raise written.error(("plan", key), "stands beside [[plan.phase]]", f"give {key} in each phase")
    out: list[Given] = []
    for n, phase in enumerate(plan.phase):
        own: dict[str, Any] = {
            name: value for name in PhaseTable.__struct_fields__ if (value := getattr(phase, name)) is not None
        }
        given = frozenset(name for name in own if name not in ("label", "organs") or own[name])
        out.append(
            Given(
                PhaseTable(**{**common, **own}),
                written,
                ("plan", "phase", n),
                given,
                n + 1 if len(plan.phase) > 1 else 0,
            )
        )
    return out


def last_day_of(phases: Sequence[Phase]) -> float | None:
    """Time of the last fraction so far, None before the first phase. [d]"""
    return max(day for phase in phases for day in phase.days or (0.0,)) if phases else None


def phase_from(given: Given, last_day: float | None) -> Phase:
    """A phase from its table."""
    keys = given.keys
    modality: Modality = modality_of(keys.modality) if keys.modality else "photon"
    days = _cycled(given, _days(given, last_day))
    rbe = keys.rbe
    if rbe is not None and rbe <= 0:
        raise given.error("rbe", f"= {rbe:g} is not above 0")
    if rbe is not None and rbe != 1 and not is_particle(modality):
        raise given.error("rbe", f"= {rbe:g} of {modality}s: that is no physical dose", "give doses in Gy")
    if rbe is not None and rbe != 1 and modality == "ion":
        raise given.error(
            "rbe",
            f"= {rbe:g}: the RBE of ions varies in space, one number cannot be divided out",
            "give the physical doses, and rbe = 1",
        )
    beams, starts = _beams(given, modality)
    return Phase(
        label=keys.label or (f"phase {given.several}" if given.several else "scenario"),
        fractions=len(days),
        beams=beams,
        modality=modality,
        rbe_in_dose=rbe or 1.0,
        prescription_gy=keys.prescription_gy,
        days=days,
        beam_start_s=starts,
    )


def _days(given: Given, last_day: float | None) -> tuple[float, ...]:
    keys, fractions = given.keys, given.keys.fractions
    if keys.days is not None and keys.times_h is not None:
        raise given.error("", ": days and times_h are both given", "give one of them")
    key = "days" if keys.days is not None else "times_h"
    times = keys.days if keys.days is not None else keys.times_h
    if times is None:
        if fractions is None:
            raise given.error("", ": fractions is missing", "give fractions, or days, or times_h")
        with given.written.at(given.at("fractions"), "fractions"):
            checked("fractions", fractions)
        return _scheduled(given, fractions, last_day)
    days = tuple(t / HOURS_PER_DAY for t in times) if key == "times_h" else tuple(times)
    if fractions is not None and fractions != len(days):
        raise given.error(key, f": {len(days)} {key} for {fractions} fractions")
    if days[0] < 0 or any(b <= a for a, b in pairwise(days)):
        raise given.error(key, "must rise from 0 or more")
    if last_day is not None and days[0] <= last_day:
        raise given.error(
            key,
            f": starts on day {days[0]:g}, before the phase before it has ended (day {last_day:g})",
            "days count from the start of the whole course",
        )
    return days


def _cycled(given: Given, days: tuple[float, ...]) -> tuple[float, ...]:
    """The days again in every cycle, `cycle_days` apart."""
    cycles, apart = given.keys.cycles, given.keys.cycle_days
    if cycles is None and apart is None:
        return days
    if cycles is None or apart is None:
        raise given.error(
            "cycles" if apart is None else "cycle_days",
            "stands alone",
            "cycles = 4 and cycle_days = 21 give the fractions again every 21 days",
        )
    if days[-1] - days[0] >= apart:
        raise given.error("cycle_days", f"= {apart:g}: a cycle of {days[-1] - days[0]:g} d has not ended by then")
    return tuple(day + cycle * apart for cycle in range(cycles) for day in days)


def _scheduled(given: Given, fractions: int, last_day: float | None) -> tuple[float, ...]:
    keys = given.keys
    earliest = 0 if last_day is None else math.floor(last_day) + 1
    start = earliest if keys.first_day is None else keys.first_day
    if start < earliest:
        raise given.error("first_day", f"= {start} is before the phase before it has ended (day {last_day:g})")
    if keys.schedule not in (None, "weekdays"):
        per_day = 2 if keys.schedule == "bid" else 1
        return tuple(every_day(fractions, start, per_day).tolist())
    of_week = ((keys.first_weekday or 0) + start) % DAYS_PER_WEEK
    if of_week >= WORKING_DAYS:
        start += DAYS_PER_WEEK - of_week
        of_week = 0
    return tuple(weekdays(fractions, of_week, start).tolist())


def _beams(given: Given, modality: Modality) -> tuple[tuple[Beam, ...], tuple[float, ...] | None]:
    on, starts, weights = given.keys.beam_on_s, given.keys.beam_start_s, given.keys.beam_weights
    if on is None:
        if starts or weights:
            raise given.error("", ": beam_start_s or beam_weights without beam_on_s")
        return (), None
    for key, values in (("beam_start_s", starts), ("beam_weights", weights)):
        if values is not None and len(values) != len(on):
            raise given.error(key, f": {len(values)} {key} for {len(on)} beams")
    if weights is not None and (min(weights) < 0 or sum(weights) <= 0):
        raise given.error("beam_weights", "must not be negative, and not all 0")
    if starts is not None:
        ends = [s + t for s, t in zip(starts, on, strict=True)]
        if starts[0] < 0 or any(start < end for end, start in zip(ends[:-1], starts[1:], strict=True)):
            raise given.error(
                "beam_start_s", ": beams overlap in time", "beam_start_s must not come before the last beam ends"
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
    return beams, None if starts is None else tuple(starts)
