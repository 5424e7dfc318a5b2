"""Where a patient's counts will be: the course with what lies between it and a count."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lymphorisk.errors import ScenarioError
from lymphorisk.frozen import FrozenDict
from lymphorisk.lymphocyte.grade import GRADE_BELOW
from lymphorisk.lymphocyte.summary import QUANTILES, Band, band, quantiles
from lymphorisk.plan.frame import read_only

#: Days between counts, as most series report them. [d]
COUNT_EVERY_D = 7
#: Days after the last fraction in which the lowest weekly count is still looked for, as cohorts do. [d]
WATCHED_AFTER_D = 14


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """Forecast of measured counts, beside that of the course.

    Attributes
    ----------
    day : ndarray, shape (t,)
        Days from the first fraction. [d]
    quantiles : mapping of str to ndarray, each of shape (t,)
        Of one count on each day, ``p025`` to ``p975``. [10^9/L]
    lowest : Band
        Of the lowest of weekly counts up to `until_d`. [10^9/L]
    until_d : float
        Two weeks after the last fraction, or the horizon. [d]
    grade_probability : mapping of str to float
        CTCAE grade or worse by the lowest weekly count: ``"2"``, ``"3"``, ``"4"``, and ``"1"`` when the LLN is known.
    counts : ndarray, shape (n, t)
        One count a day of each draw. [10^9/L]
    weights : ndarray, shape (n,)
        Weight of each draw, sum 1.
    """

    day: NDArray[np.float64]
    quantiles: Mapping[str, NDArray[np.float64]]
    lowest: Band
    until_d: float
    grade_probability: Mapping[str, float]
    counts: NDArray[np.float64] = field(repr=False)
    weights: NDArray[np.float64] = field(repr=False)

    def at(self, day: float) -> Band:
        """Band of a count on any day of the horizon. [10^9/L]"""
        if not self.day[0] <= day <= self.day[-1]:
            raise ScenarioError(f"day {day:g} lies outside the forecast", "raise the horizon")
        return band(self.counts[:, round(day - self.day[0])], self.weights)

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, keys as in the JSON result."""
        return {
            **{("median" if name == "p50" else name): q.tolist() for name, q in self.quantiles.items()},
            "lowest_weekly": self.lowest.to_dict(),
            "until_d": self.until_d,
            "grade_probability": dict(self.grade_probability),
        }


def measured_of(
    day: NDArray[np.float64],
    counts: NDArray[np.float64],
    deviation: NDArray[np.float64],
    last_fraction_d: float,
    weights: NDArray[np.float64],
    lln: float | None = None,
) -> Measured:
    """Measured counts of courses of shape (n, t) [10^9/L] on daily `day` [d] with their deviations, weights summing
    to 1."""
    seen = counts * np.exp(deviation)
    until = min(last_fraction_d + WATCHED_AFTER_D, float(day[-1]))
    lowest = seen[:, : int(until - day[0]) + 1 : COUNT_EVERY_D].min(axis=1)
    below = dict(sorted({str(g): edge for g, edge in GRADE_BELOW.items()}.items()))
    if lln is not None:
        below = {"1": lln, **below}
    found = quantiles(seen, weights, np.array(list(QUANTILES.values())))
    for array in (found, seen):
        read_only(array)
    return Measured(
        day=day,
        quantiles=FrozenDict(dict(zip(QUANTILES, found, strict=True))),
        lowest=band(lowest, weights),
        until_d=until,
        grade_probability=FrozenDict({g: float(weights @ (lowest < edge)) for g, edge in below.items()}),
        counts=seen,
        weights=weights,
    )
