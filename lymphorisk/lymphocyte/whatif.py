"""What if: a changed course against the given one, on the same draws.

Both forecasts share seed and draws, so each drawn patient is compared with himself and the
difference is far tighter than either forecast. A change of one pool's dose changes that pool only:
blood's dose is the caller's to recompute when the plan itself changes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lymphorisk.dvh.curve import DoseDistribution
from lymphorisk.errors import ScenarioError
from lymphorisk.lymphocyte.course import Course, mapped
from lymphorisk.lymphocyte.ensemble import AlcForecast
from lymphorisk.lymphocyte.pools import POOLS
from lymphorisk.lymphocyte.summary import Band, band
from lymphorisk.plan.schedule import weekdays

CHANGE = re.compile(r"^(?P<what>[A-Za-z_]+)\s*(?P<sign>[-=*])\s*(?P<number>\d+(?:\.\d+)?)\s*(?:Gy)?$")


@dataclass(frozen=True, slots=True)
class Difference:
    """Changed minus given, draw by draw.

    Attributes
    ----------
    nadir : Band
        Change of the nadir. [10^9/L]
    nadir_ratio : Band
        Nadir after the change over the nadir before.
    days_below_0_5 : Band
        Change of the days below 0.5 x10^9/L. [d]
    probability : mapping of str to float
        Change of the probability of grade ``"2"``, ``"3"``, ``"4"`` or worse.
    probability_se : mapping of str to float
        Standard error of that change, by the paired draws.
    """

    nadir: Band
    nadir_ratio: Band
    days_below_0_5: Band
    probability: Mapping[str, float]
    probability_se: Mapping[str, float]

    def to_dict(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "nadir": self.nadir.to_dict(),
            "nadir_ratio": self.nadir_ratio.to_dict(),
            "days_below_0_5": self.days_below_0_5.to_dict(),
            "probability": dict(self.probability),
            "probability_se": dict(self.probability_se),
        }


def difference(given: AlcForecast, changed: AlcForecast) -> Difference:
    """Paired difference of two forecasts with the same seed and number of draws."""
    from lymphorisk.lymphocyte.grade import GRADE_BELOW
    from lymphorisk.lymphocyte.summary import BELOW

    if (given.seed, given.draws, len(given.day)) != (changed.seed, changed.draws, len(changed.day)):
        raise ScenarioError("forecasts of different seeds, draws or horizons are not paired")
    a, b, w = given.counts.min(axis=1), changed.counts.min(axis=1), given.weights
    probability, error = {}, {}
    for g, edge in sorted(GRADE_BELOW.items()):
        step = (b < edge).astype(np.float64) - (a < edge)
        mean = float(w @ step)
        probability[str(g)] = mean
        error[str(g)] = float(np.sqrt(np.sum(w**2 * (step - mean) ** 2)))
    days = (changed.counts < BELOW["0.5"]).sum(axis=1) - (given.counts < BELOW["0.5"]).sum(axis=1)
    return Difference(band(b - a, w), band(b / a, w), band(days.astype(np.float64), w), probability, error)


def changed_course(course: Course, text: str, names: Mapping[str, str] | None = None) -> Course:
    """The course with one change.

    Parameters
    ----------
    course : Course
    text : str
        ``Spleen-5Gy`` (5 Gy less over the whole course), ``Nodes=0`` (a uniform dose over the whole course
        in Gy), ``Gut*0.5``, or ``fractions=15`` (same dose in other fractions on weekdays).
    names : mapping of str to str, optional
        Further names of pools, lower case, such as organs.

    Raises
    ------
    ScenarioError
        The text does not say a change.
    """
    found = CHANGE.match(text.strip())
    if found is None:
        raise ScenarioError(f"what-if {text!r} is not understood", "write Spleen-5Gy, Nodes=0, Gut*0.5 or fractions=15")
    what, sign, number = found["what"].lower(), found["sign"], float(found["number"])
    if what == "fractions" and sign == "=":
        return refractionated(course, int(number))
    pool = (names or {}).get(what, what)
    if pool not in POOLS:
        raise ScenarioError(f"what-if {text!r}: {found['what']!r} is no lymphocyte pool", f"use {', '.join(POOLS)}")
    if sign == "-":
        return lowered(course, pool, number)
    if sign == "*":
        return mapped(course, {pool: lambda d: d.scaled(number)})
    per_fraction = number / course.fractions
    return mapped(course, {pool: lambda _: DoseDistribution(np.array([per_fraction]), np.ones(1))})


def lowered(course: Course, pool: str, course_gy: float) -> Course:
    """`course_gy` less to every part of a pool over the whole course, spread over the fractions, never below zero."""
    step = course_gy / course.fractions
    return mapped(course, {pool: lambda d: DoseDistribution(np.maximum(d.dose_gy - step, 0.0), d.share.copy())})


def refractionated(course: Course, fractions: int, times_d: NDArray[np.float64] | None = None) -> Course:
    """A one-phase course with its total dose in `fractions` fractions, on weekdays unless times are given. [d]"""
    if len(course.phases) != 1 or fractions < 1:
        raise ScenarioError("only a course of one phase can be given in another number of fractions")
    phase = course.phases[0]
    factor = phase.fractions / fractions
    new = mapped(course, {pool: lambda d: d.scaled(factor) for pool in POOLS}).phases[0]
    times = weekdays(fractions) + phase.times_d[0] if times_d is None else times_d
    return replace(course, phases=(replace(new, times_d=times),))
