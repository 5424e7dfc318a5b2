"""What if the days were others: a break, or an early end; the dose of a fraction stays, so that no blood is solved."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from lymphorisk.errors import ScenarioError
from lymphorisk.lymphocyte import Course, PhaseExposure
from lymphorisk.plan.calendar import with_break

CHANGE = re.compile(
    r"^\s*(?P<what>break|stop)\s*=\s*(?P<number>\d{1,3})\s*(?:@\s*(?P<after>\d{1,3}))?\s*$", re.IGNORECASE
)
HINT = "write break=14@10 (14 days without treatment after fraction 10) or stop=12 (treatment ends after fraction 12)"
WORDS = re.compile(r"^\s*(break|stop)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class OtherDays:
    """A break of some days after a fraction, or the last fraction that is given."""

    after: int
    break_days: int | None = None


def other_days(text: str) -> OtherDays | None:
    """The change of days that a text means; None when it speaks of something else.

    Raises
    ------
    ScenarioError
        A break or an end that says no numbers.

    Examples
    --------
    >>> other_days("break=14@10"), other_days("stop=12"), other_days("Spleen-5Gy")
    (OtherDays(after=10, break_days=14), OtherDays(after=12, break_days=None), None)
    """
    if WORDS.match(text) is None:
        return None
    found = CHANGE.match(text)
    number = 0 if found is None else int(found["number"])
    if found is None or number < 1 or (found["what"].lower() == "break") != bool(found["after"]):
        raise ScenarioError(f"what-if {text[:60]!r} is not understood", HINT)
    return OtherDays(number) if found["after"] is None else OtherDays(int(found["after"]), number)


def course_with(course: Course, change: OtherDays, first_weekday: int) -> Course:
    """The same fractions on other days, or fewer of them.

    Raises
    ------
    ScenarioError
        The course has no such fraction.
    """
    times = sorted({float(t) for phase in course.phases for t in phase.times_d})
    if not 1 <= change.after < len(times):
        raise ScenarioError(f"what-if after fraction {change.after}: the course has {len(times)}", HINT)
    if change.break_days is None:
        last = times[change.after - 1]
        kept = [_at(phase, phase.times_d[phase.times_d <= last]) for phase in course.phases if phase.times_d[0] <= last]
        return replace(course, phases=tuple(kept))
    new = dict(zip(times, with_break(times, change.after, change.break_days, first_weekday), strict=True))
    return replace(course, phases=tuple(_at(p, np.array([new[float(t)] for t in p.times_d])) for p in course.phases))


def _at(phase: PhaseExposure, times_d: NDArray[np.float64]) -> PhaseExposure:
    return replace(phase, times_d=times_d)
