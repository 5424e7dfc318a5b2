"""The lymphocytes' doses of a plan, as a regimen uses them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from lymphorisk.errors import ScenarioError
from lymphorisk.findings import Finding
from lymphorisk.lymphocyte.conditioning import FractionKill, HostDraws, plan_kills, whole_body_kills
from lymphorisk.lymphocyte.course import PhaseExposure
from lymphorisk.plan import Patient
from lymphorisk.plan.conditioning import RadiationCourse


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
    """

    label: str
    phases: tuple[PhaseExposure, ...]
    findings: tuple[Finding, ...] = ()
    inputs: tuple[tuple[str, str, str], ...] = ()
    patient: Patient = field(default_factory=Patient)

    @property
    def events(self) -> tuple[tuple[float, int], ...]:
        """Every fraction in order: its day on the plan's calendar [d] and its phase."""
        return tuple(sorted((float(t), i) for i, phase in enumerate(self.phases) for t in phase.times_d))

    @property
    def days(self) -> tuple[float, ...]:
        """Days of all fractions on the plan's calendar, rising. [d]"""
        return tuple(day for day, _ in self.events)


def even_dose(phase: PhaseExposure) -> float | None:
    """The dose every pool and the blood get alike in one fraction; None when they differ. [Gy]"""
    parts = [phase.blood, *phase.pools.values()]
    dose = parts[0].mean_gy
    even = all(np.ptp(p.dose_gy) == 0.0 and np.isclose(p.mean_gy, dose, rtol=1e-9, atol=0.0) for p in parts)
    return dose if even else None


def fraction_kills(course: RadiationCourse, plan: PlanExposure | None, draws: HostDraws) -> tuple[FractionKill, ...]:
    """What each fraction of a course kills; a plan that gives every cell one dose is whole-body radiation."""
    if course.whole_body_gy is not None:
        return whole_body_kills(course.days, course.whole_body_gy, draws)
    if plan is None:
        raise ScenarioError(f"radiation {course.label!r}: its plan {course.plan!r} was not read")
    if len(plan.events) != len(course.days):
        raise ScenarioError(f"radiation {course.label!r}: {len(course.days)} days, {len(plan.events)} fractions")
    out: list[FractionKill] = []
    for i, phase in enumerate(plan.phases):
        days = [day for day, (_, of) in zip(course.days, plan.events, strict=True) if of == i]
        even = even_dose(phase)
        if even is None:
            out += plan_kills(phase, days, draws, course.dose_factor)
        else:
            out += whole_body_kills(days, even * course.dose_factor, draws)
    return tuple(out)
