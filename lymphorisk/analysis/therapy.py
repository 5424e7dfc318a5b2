"""The calendar of a drug or of cells beside radiotherapy: the count on each day, and the dose in the days after it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from lymphorisk import parameters
from lymphorisk.analysis.options import Options
from lymphorisk.lymphocyte import AlcForecast, Course
from lymphorisk.lymphocyte.summary import Band
from lymphorisk.plan.therapy import therapies_of

#: What the calendar is, in every output.
NOTE = (
    "The count that the forecast gives on a day, and the radiation dose of the fractions after it. How a drug or cells "
    "act at that count or dose is not in it; no day is advised."
)


@dataclass(frozen=True, slots=True)
class TherapyDay:
    """One day of a therapy.

    Attributes
    ----------
    name : str
    day : int
        From the first fraction. [d]
    after_course_d : float
        From the last fraction; below zero before it. [d]
    count : Band or None
        Of the course on that day [10^9/L]; None beyond the forecast, or before the first fraction.
    p_low : float or None
        Probability of less than the upper edge of CTCAE grade 3.
    blood_gy, nodes_gy : float
        Mean physical dose to blood and to the lymphocytes of nodes by the fractions in the days after. [Gy]
    fractions_after : int
        How many they are.
    in_window : bool
        Whether the day lies in the window after the course.
    """

    name: str
    day: int
    after_course_d: float
    count: Band | None
    p_low: float | None
    blood_gy: float
    nodes_gy: float
    fractions_after: int
    in_window: bool


@dataclass(frozen=True, slots=True)
class TherapyWindow:
    """The days of a window after the course [d], its source, and the counts at its ends and on its highest day."""

    first_d: float
    last_d: float
    source: str
    first_count: Band
    last_count: Band
    best_d: float
    best_count: Band


@dataclass(frozen=True, slots=True)
class TherapyCalendar:
    """Days of all therapies of a course; `after_d` is the length of what is looked at after a dose [d]."""

    days: tuple[TherapyDay, ...]
    window: TherapyWindow | None
    after_d: float
    low_count: float

    def to_dict(self) -> dict[str, Any]:
        """As plain data."""
        w = self.window
        return {
            "days": [
                {
                    "name": d.name,
                    "day": d.day,
                    "days_after_course": d.after_course_d,
                    "count": None if d.count is None else d.count.to_dict(),
                    "p_below": d.p_low,
                    "blood_gy_after": d.blood_gy,
                    "nodes_gy_after": d.nodes_gy,
                    "fractions_after": d.fractions_after,
                    "in_window": d.in_window,
                }
                for d in self.days
            ],
            "window": None
            if w is None
            else {
                "first_day": w.first_d,
                "last_day": w.last_d,
                "source": w.source,
                "count_first": w.first_count.to_dict(),
                "count_last": w.last_count.to_dict(),
                "highest_day": w.best_d,
                "count_highest": w.best_count.to_dict(),
            },
            "days_looked_at_after": self.after_d,
            "p_below_count": self.low_count,
            "note": NOTE,
        }


def therapy_calendar(options: Options, course: Course, count: AlcForecast) -> TherapyCalendar | None:
    """The calendar of the therapies among the options; None without any.

    Raises
    ------
    ScenarioError
        As `plan.therapy`.
    """
    if not options.therapy:
        return None
    numbers = parameters.load("therapy")
    after, low = numbers["after_dose"].number, numbers["low_count"].number
    last = course.last_fraction_d
    first_d, last_d = (
        float(np.floor(last)) + numbers[f"window.after_course.{end}"].number for end in ("first", "last")
    )
    days = []
    for therapy in therapies_of(options.therapy):
        for day in therapy.days(options.first_day):
            known = count.day[0] <= day <= count.day[-1]
            given = [
                (phase, int(((phase.times_d > day) & (phase.times_d <= day + after)).sum())) for phase in course.phases
            ]
            days.append(
                TherapyDay(
                    name=therapy.name,
                    day=day,
                    after_course_d=day - last,
                    count=count.at(day) if known else None,
                    p_low=count.probability_below(day, low) if known else None,
                    blood_gy=sum(n * phase.blood.mean_gy for phase, n in given),
                    nodes_gy=sum(n * phase.pools["nodes"].mean_gy for phase, n in given),
                    fractions_after=sum(n for _, n in given),
                    in_window=first_d <= day <= last_d,
                )
            )
    window = None
    if last_d <= count.day[-1]:
        inside = [float(d) for d in np.arange(first_d, last_d + 1)]
        best = max(inside, key=lambda d: (count.at(d).p50, -d))
        source = numbers["window.after_course.last"].source
        window = TherapyWindow(first_d, last_d, source, count.at(first_d), count.at(last_d), best, count.at(best))
    return TherapyCalendar(tuple(sorted(days, key=lambda d: (d.day, d.name))), window, after, low)
