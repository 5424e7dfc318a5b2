"""Simulated patients: one draw each, thousands at a time.

Patients of one course run together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lymphorisk.errors import ScenarioError
from lymphorisk.lymphocyte.course import Course
from lymphorisk.lymphocyte.ensemble import daily
from lymphorisk.lymphocyte.measured import COUNT_EVERY_D
from lymphorisk.lymphocyte.observation import deviations, observation
from lymphorisk.lymphocyte.population import Draws, Population, draw
from lymphorisk.lymphocyte.realisation import PATIENT_DIMENSIONS, realise

#: Patients propagated at a time: bounds memory to about 100 MB over half a year.
CHUNK = 2048


@dataclass(frozen=True, slots=True, eq=False)
class SimulatedCounts:
    """Counts of n patients.

    Attributes
    ----------
    nadir, nadir_day : ndarray, shape (n,)
        Lowest daily count to the end of the window [10^9/L] and its day [d].
    measured_nadir : ndarray, shape (n,)
        Lowest of weekly measured counts in the same window. [10^9/L]
    at : ndarray, shape (n, k)
        Course on the days asked for. [10^9/L]
    measured_at : ndarray, shape (n, k)
        One measured count on those days. [10^9/L]
    """

    nadir: NDArray[np.float64]
    nadir_day: NDArray[np.float64]
    measured_nadir: NDArray[np.float64]
    at: NDArray[np.float64]
    measured_at: NDArray[np.float64]


def simulate(
    courses: Sequence[Course],
    which: NDArray[np.intp],
    baseline_alc: NDArray[np.float64],
    people: Population,
    *,
    age_y: NDArray[np.float64] | None = None,
    seed: int = 1,
    window_d: float = 0.0,
    days: Sequence[float] = (),
    draws: Draws | None = None,
    from_count: bool = True,
) -> SimulatedCounts:
    """One random patient for each row.

    Parameters
    ----------
    courses : sequence of Course
        Distinct courses.
    which : ndarray of int, shape (n,)
        Course of each patient.
    baseline_alc : ndarray, shape (n,)
        Count before radiotherapy. [10^9/L]
    people : Population
    age_y : ndarray, shape (n,), optional
        Ages; unknown ages are drawn. [y]
    seed : int
    window_d : float
        Days after the last fraction in which the nadir is still looked for. [d]
    days : sequence of float
        Days on which counts are wanted, from the first fraction; whole days. [d]
    draws : Draws, optional
        Draws made before, in place of new ones.
    from_count : bool
        Whether `baseline_alc` is one count of each patient, or his usual level.
    """
    n = len(which)
    if baseline_alc.shape != (n,) or (n and not (which.min() >= 0 and which.max() < len(courses))):
        raise ScenarioError("each simulated patient needs a course and a baseline count")
    drawn = draw(people, n, seed, PATIENT_DIMENSIONS) if draws is None else draws
    out = SimulatedCounts(np.empty(n), np.empty(n), np.empty(n), np.empty((n, len(days))), np.empty((n, len(days))))
    asked = np.asarray(days, dtype=np.intp)
    for c, course in enumerate(courses):
        members = np.flatnonzero(which == c)
        for rows in (members[i : i + CHUNK] for i in range(0, len(members), CHUNK)):
            part = _rows(drawn, rows)
            end = int(np.ceil(course.last_fraction_d + window_d))
            day = daily(max(end, *days) if len(days) else end)
            ages = None if age_y is None else age_y[rows]
            counts = realise(course, part, people, ages).ratio(day) * baseline_alc[rows, None]
            inside = counts[:, : end + 1]
            low = inside.argmin(axis=1)
            out.nadir[rows] = inside[np.arange(len(rows)), low]
            out.nadir_day[rows] = day[low]
            seen = counts * np.exp(deviations(observation(part.values, from_count), day, seed, c, int(rows[0])))
            out.measured_nadir[rows] = seen[:, : end + 1 : COUNT_EVERY_D].min(axis=1)
            out.at[rows], out.measured_at[rows] = counts[:, asked], seen[:, asked]
    return out


def _rows(drawn: Draws, rows: NDArray[np.intp]) -> Draws:
    return Draws({k: v[rows] for k, v in drawn.values.items()}, {k: v[rows] for k, v in drawn.z.items()})
