"""The lymphocytes' doses of a plan, as a regimen uses them."""

from __future__ import annotations

from dataclasses import dataclass, field

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


#: All pools and the blood within this ratio of their mean doses count as one even dose (the usual homogeneity of
#: total-body irradiation is +-10 %).
EVEN_RATIO = 0.8


def is_whole_body(course: RadiationCourse, plan: PlanExposure | None) -> bool:
    """Whether a course kills with the whole-body set: as told, else when every pool gets nearly the same dose."""
    if course.kinetics != "auto" or plan is None:
        return course.kinetics == "whole_body" or plan is None
    means = [d.mean_gy for phase in plan.phases for d in (phase.blood, *phase.pools.values())]
    return max(means) > 0.0 and min(means) >= EVEN_RATIO * max(means)


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
