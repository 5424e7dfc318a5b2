"""Other schedules of one plan: the same geometry with another total dose in another number of fractions.

``schedule=3x8`` (fractions x Gy) and ``schedule=24/3`` (Gy / fractions) name a schedule; ``isoeffect=5`` is so many
fractions with the BED of the plan's own; ``schedules=NAME`` is a list on record (topic ``schedules`` of the
parameters), and ``schedules=isoeffect`` its numbers of fractions with the plan's BED.

Every organ's dose is scaled by the total dose, blood's too, which is linear in the dose; fields, margins and beam-on
times are held, which a person who changes the fractionation would not do. BED and EQD2 are of the prescription, by the
linear-quadratic model with a stated alpha/beta of the tumour; they say nothing of lymphocytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from lymphorisk import parameters
from lymphorisk.analysis.prepared import Prepared
from lymphorisk.dvh.metrics import bed, eqd2
from lymphorisk.errors import ScenarioError
from lymphorisk.lymphocyte import AlcForecast, Course
from lymphorisk.parameters.windows import DoseWindow, windows_of
from lymphorisk.plan import Phase
from lymphorisk.units import checked, nearest

if TYPE_CHECKING:
    from lymphorisk.analysis.result import Analysis

ASKED = re.compile(r"^\s*(?P<kind>schedule|isoeffect|schedules)\s*=\s*(?P<value>.+?)\s*$", re.IGNORECASE)
TIMES = re.compile(r"^(?P<fractions>\d+)\s*[x×]\s*(?P<gy>\d+(?:\.\d+)?)\s*(?:Gy)?$", re.IGNORECASE)
IN_FRACTIONS = re.compile(r"^(?P<total>\d+(?:\.\d+)?)\s*(?:Gy)?\s*/\s*(?P<fractions>\d+)$", re.IGNORECASE)
HINT = "write schedule=3x8, schedule=24/3, isoeffect=5 or schedules=NAME"
ISOEFFECT = "isoeffect"
ALPHA_BETA = "alpha_beta"


@dataclass(frozen=True, slots=True)
class Schedule:
    """A total dose in a number of fractions, on weekdays.

    Attributes
    ----------
    total_gy : float
        Prescribed dose of the course. [Gy]
    fractions : int
    """

    total_gy: float
    fractions: int

    def __post_init__(self) -> None:
        checked("fractions", self.fractions)
        checked("prescription_gy", self.total_gy)

    @property
    def text(self) -> str:
        """As a person writes it.

        Examples
        --------
        >>> Schedule(24.0, 3).text
        '3 x 8 Gy'
        """
        return f"{self.fractions} x {self.total_gy / self.fractions:.3g} Gy"

    @property
    def bed_gy(self) -> float:
        """Biologically effective dose of the prescription. [Gy]

        Examples
        --------
        >>> Schedule(24.0, 3).bed_gy
        43.2
        """
        return round(float(bed(self.total_gy, alpha_beta(), self.fractions)), 9)

    @property
    def eqd2_gy(self) -> float:
        """The prescription in 2 Gy fractions. [Gy]

        Examples
        --------
        >>> Schedule(60.0, 30).eqd2_gy
        60.0
        """
        return round(float(eqd2(self.total_gy, alpha_beta(), self.fractions)), 9)


@dataclass(frozen=True, slots=True)
class Cost:
    """What a schedule does to the count.

    Attributes
    ----------
    schedule : Schedule
    forecast : AlcForecast
        On the draws of the plan's own forecast.
    """

    schedule: Schedule
    forecast: AlcForecast

    def to_dict(self) -> dict[str, Any]:
        """As plain data."""
        f = self.forecast
        return {
            "fractions": self.schedule.fractions,
            "total_gy": self.schedule.total_gy,
            "alpha_beta_gy": alpha_beta(),
            "bed_gy": self.schedule.bed_gy,
            "eqd2_gy": self.schedule.eqd2_gy,
            "alc_nadir": f.nadir.to_dict(),
            "grade_probability": dict(f.grade_probability),
            "days_below_0_5": f.days_below["0.5"].to_dict(),
        }


def alpha_beta() -> float:
    """The alpha/beta that BED and EQD2 of a prescription are given with. [Gy]"""
    return parameters.load("schedules")[ALPHA_BETA].number


def names() -> tuple[str, ...]:
    """Lists of schedules on record."""
    known = parameters.load("schedules")
    return tuple(dict.fromkeys(name.split(".")[0] for name in known if name != ALPHA_BETA))


def listed(name: str) -> tuple[Schedule, ...]:
    """The schedules of a list, as printed in its source.

    Raises
    ------
    ScenarioError
        No list of that name.
    """
    wanted = name.strip().lower()
    if wanted not in names() or wanted == ISOEFFECT:
        near = nearest(wanted, names())
        raise ScenarioError(
            f"no schedules called {name[:40]!r}", f"did you mean {near}?" if near else f"one of {', '.join(names())}"
        )
    found = parameters.load("schedules")
    pairs = [p.pair for key, p in found.items() if key.startswith(f"{wanted}.")]
    return tuple(Schedule(total, int(fractions)) for total, fractions in pairs)


def is_schedule(text: str) -> bool:
    """Whether a what-if asks for another schedule."""
    return ASKED.match(text) is not None


def own_schedule(phases: Sequence[Phase]) -> Schedule:
    """The plan's own schedule.

    Raises
    ------
    ScenarioError
        Several phases, or no prescribed dose.
    """
    if len(phases) > 1:
        raise ScenarioError(
            f"other schedules for a course of {len(phases)} phases are ambiguous", "ask about one phase"
        )
    (phase,) = phases
    if phase.emitter is not None:
        raise ScenarioError("other schedules are of beams, not of an internal emitter")
    if phase.given_prescription_gy is None:
        raise ScenarioError(
            "another schedule needs the prescribed dose of the plan", "in a scenario: prescription_gy in [plan]"
        )
    return Schedule(phase.given_prescription_gy, phase.fractions)


def isoeffective(own: Schedule, fractions: int) -> Schedule:
    """So many fractions with the BED of a schedule: n d (1 + d / (alpha/beta)) solved for d.

    Examples
    --------
    >>> isoeffective(Schedule(60.0, 30), 30)
    Schedule(total_gy=60.0, fractions=30)
    >>> round(isoeffective(Schedule(60.0, 30), 5).bed_gy, 6)
    72.0
    """
    wanted = float(bed(own.total_gy, alpha_beta(), own.fractions))
    half = alpha_beta() / 2
    dose = np.sqrt(half**2 + 2 * half * wanted / fractions) - half
    return Schedule(round(float(fractions * dose), 9), fractions)


def schedules_asked(text: str, phases: Sequence[Phase]) -> tuple[Schedule, ...]:
    """The schedules a what-if means, for a plan.

    Raises
    ------
    ScenarioError
        It means none, or the plan has no schedule of its own to start from.
    """
    found = ASKED.match(text)
    if found is None:
        raise ScenarioError(f"what-if {text[:60]!r} is not understood", HINT)
    kind, value, own = found["kind"].lower(), found["value"], own_schedule(phases)
    if kind == "schedules":
        if value.strip().lower() == ISOEFFECT:
            numbers = parameters.load("schedules")[f"{ISOEFFECT}.fractions"].value
            assert isinstance(numbers, tuple)
            return tuple(isoeffective(own, int(n)) for n in numbers)
        return listed(value)
    if kind == ISOEFFECT and value.isdigit() and int(value) > 0:
        return (isoeffective(own, checked_whole(value)),)
    if kind == "schedule" and (times := TIMES.match(value)):
        n = checked_whole(times["fractions"])
        return (Schedule(n * float(times["gy"]), n),)
    if kind == "schedule" and (over := IN_FRACTIONS.match(value)):
        return (Schedule(float(over["total"]), checked_whole(over["fractions"])),)
    raise ScenarioError(f"what-if {text[:60]!r} is not understood", HINT)


def checked_whole(text: str) -> int:
    """A number of fractions that a course may have."""
    checked("fractions", int(text))
    return int(text)


def texts_of(texts: Iterable[str], phases: Sequence[Phase]) -> list[tuple[str, Schedule | None]]:
    """What-ifs one by one, lists of schedules spelled out; None where no schedule is asked for."""
    out: list[tuple[str, Schedule | None]] = []
    for text in texts:
        if is_schedule(text):
            out += [
                (f"schedule={s.fractions}x{s.total_gy / s.fractions:.4g}Gy", s) for s in schedules_asked(text, phases)
            ]
        else:
            out.append((text, None))
    return out


def given_in(plan: Prepared, schedule: Schedule) -> tuple[Prepared, float]:
    """The plan in the fractions of a schedule, and the factor on every dose of it."""
    own = own_schedule(plan.source.plan.phases)
    same = schedule.fractions == own.fractions
    return (plan if same else plan.with_fractions(schedule.fractions)), schedule.total_gy / own.total_gy


def scaled(course: Course, factor: float) -> Course:
    """A course with every dose times a factor."""
    return replace(course, phases=tuple(phase.scaled(factor) for phase in course.phases))


def own_schedule_of(a: Analysis) -> Schedule | None:
    """The schedule of an analysed plan; None with several phases or without a prescription."""
    if len(a.phases) != 1 or a.phases[0].prescription_gy is None:
        return None
    return Schedule(a.phases[0].prescription_gy, a.phases[0].fractions)


def windows_met(a: Analysis) -> tuple[DoseWindow, ...]:
    """The dose windows of reviews that a fraction of the plan, or its BED, lies in; none without a prescription."""
    own = own_schedule_of(a)
    return () if own is None else windows_of(own.total_gy / own.fractions, own.bed_gy)
