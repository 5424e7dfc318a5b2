"""The lymphocytes' doses of a plan, as a regimen uses them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from lymphorisk.analysis.emitters import rate_mgy_h
from lymphorisk.conditioning.host import FractionKill, HostDraws, plan_kills, whole_body_kills
from lymphorisk.conditioning.regimen import RadiationCourse
from lymphorisk.dvh import mixture
from lymphorisk.errors import ScenarioError
from lymphorisk.findings import Finding
from lymphorisk.lymphocyte.course import PhaseExposure
from lymphorisk.parameters import load
from lymphorisk.plan import Patient


@dataclass(frozen=True, slots=True)
class Residue:
    """An internal emitter of a plan: starts of its cycles on the plan's calendar [d], blood dose of one cycle [Gy], and
    the effective half-life in blood [h]."""

    days: tuple[float, ...]
    blood_gy: float
    half_life_h: float

    def rate_mgy_h(self, at_d: float = 0.0) -> float:
        """Dose rate of blood on a day. [mGy/h]"""
        since = [at_d - day for day in self.days]
        return sum(rate_mgy_h(self.blood_gy, self.half_life_h, s) for s in since if s >= 0.0)


@dataclass(frozen=True, slots=True, eq=False)
class PlanExposure:
    """A plan's doses to blood and pools, one entry a phase, and what was noticed on the way.

    Attributes
    ----------
    label : str
    phases : tuple of PhaseExposure
    findings : tuple of Finding
    inputs : tuple of (role, UID or file kind, SHA-256)
    patient : Patient
        Facts the plan's files hold.
    emitters : tuple of Residue
        Internal emitters of the plan, by what they leave.
    """

    label: str
    phases: tuple[PhaseExposure, ...]
    findings: tuple[Finding, ...] = ()
    inputs: tuple[tuple[str, str, str], ...] = ()
    patient: Patient = field(default_factory=Patient)
    emitters: tuple[Residue, ...] = ()

    @property
    def events(self) -> tuple[tuple[float, int], ...]:
        """Every fraction in order: its day on the plan's calendar [d] and its phase."""
        return tuple(sorted((float(t), i) for i, phase in enumerate(self.phases) for t in phase.times_d))

    @property
    def days(self) -> tuple[float, ...]:
        """Days of all fractions on the plan's calendar, rising. [d]"""
        return tuple(day for day, _ in self.events)


def is_whole_body(course: RadiationCourse, plan: PlanExposure | None) -> bool:
    """Whether a course kills with the whole-body set: as told, else when all lymphocytes get nearly the same dose."""
    if plan is None or course.kinetics != "auto":
        return plan is None or course.kinetics == "whole_body"
    return is_even(plan)


def is_even(plan: PlanExposure) -> bool:
    """Whether blood and all pools get nearly the same dose in every phase, and by beams."""
    if any(phase.low_rate is not None for phase in plan.phases):
        return False
    even_cv = load("dose")["even_cv"].number
    for phase in plan.phases:
        parts = [phase.blood, *phase.pools.values()]
        everything = mixture([(1.0 / len(parts), d) for d in parts])
        sd = float(np.sqrt(everything.share @ (everything.dose_gy - everything.mean_gy) ** 2))
        if not everything.mean_gy > 0.0 or sd > even_cv * everything.mean_gy:
            return False
    return True


def largest_gy(plan: PlanExposure) -> float:
    """Mean dose of the phase that gives most in one fraction, over blood and pools alike. [Gy]"""
    parts = [[phase.blood, *phase.pools.values()] for phase in plan.phases]
    return max(sum(d.mean_gy for d in of) / len(of) for of in parts)


def rate_at_infusion(courses: Sequence[RadiationCourse], plans: Mapping[str, PlanExposure]) -> float | None:
    """Dose rate of blood by all internal emitters on day 0 [mGy/h]; None without any."""
    rates = [
        course.dose_factor * _moved(residue, plans[course.plan], course).rate_mgy_h()
        for course in courses
        if course.plan
        for residue in plans[course.plan].emitters
    ]
    return sum(rates) if rates else None


def _moved(residue: Residue, plan: PlanExposure, course: RadiationCourse) -> Residue:
    """An emitter with its cycles on the days of the regimen: each moves as the first of its dose does. [d]"""
    pairs = list(zip(plan.days, course.days, strict=True))
    days = []
    for start in residue.days:
        planned, given = next(pair for pair in pairs if pair[0] >= start)
        days.append(start + given - planned)
    return replace(residue, days=tuple(days))


def fraction_kills(course: RadiationCourse, plan: PlanExposure | None, draws: HostDraws) -> tuple[FractionKill, ...]:
    """What each fraction of a course kills."""
    if course.whole_body_gy is not None:
        return whole_body_kills(course.days, course.whole_body_gy, draws)
    if plan is None:
        raise ScenarioError(f"radiation {course.label!r}: its plan {course.plan!r} was not read")
    if len(plan.events) != len(course.days):
        raise ScenarioError(f"radiation {course.label!r}: {len(course.days)} days, {len(plan.events)} fractions")
    whole_body = is_whole_body(course, plan)
    out: list[FractionKill] = []
    for i, phase in enumerate(plan.phases):
        days = [day for day, (_, of) in zip(course.days, plan.events, strict=True) if of == i]
        out += plan_kills(phase, days, draws, course.dose_factor, whole_body=whole_body)
    return tuple(out)
