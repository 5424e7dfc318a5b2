"""The neutrophil to lymphocyte ratio over time: a research output.

    NLR(t) = NLR_0 N(t) / R(t)

R is the lymphocytes' count over its baseline (`realisation`), N the neutrophils'. Neutrophils live for hours, so their
count follows the marrow that makes them a transit time ago. Marrow is cut into parts of equal share by their dose; in
each part the production p, 1 before treatment, follows

    a fraction of dose d:  p <- p exp(-d / D0)
    between:               p' = r (1 - p) - kappa p          kappa: loss rate under a cytotoxic drug, r: regrowth

and N(t) is the mean of p(t - transit) over the parts. In courses of several phases the part with most dose in one is
taken to be that with most dose in the others, as with a boost.

Every number of the neutrophils is assumed: no kinetics of neutrophils with dose was read. Not in it: marrow that makes
more where other marrow is lost, infection, growth factors, steroids (which raise neutrophils).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lymphorisk.dvh.curve import DoseDistribution
from lymphorisk.lymphocyte.course import Course
from lymphorisk.lymphocyte.drugs import chemo_parameter
from lymphorisk.lymphocyte.population import Draws, Population, draw
from lymphorisk.lymphocyte.realisation import PATIENT_DIMENSIONS, realise
from lymphorisk.lymphocyte.recovery import LN2
from lymphorisk.lymphocyte.subsets import BAND, DRAWS, HORIZON_D
from lymphorisk.lymphocyte.summary import quantiles
from lymphorisk.plan.frame import read_only

Real = NDArray[np.float64]
#: Parts of equal share the marrow is cut into.
PARTS = 32
#: Days between the values reported. [d]
EVERY_D = 7.0


@dataclass(frozen=True, slots=True, eq=False)
class RatioForecast:
    """Neutrophil to lymphocyte ratio.

    Attributes
    ----------
    day : ndarray, shape (t,)
        [d]
    ratio, neutrophils : mapping of str to ndarray, each of shape (t,)
        ``p05``, ``median``, ``p95`` of the ratio, and of the neutrophils over their baseline.
    known : bool
        Whether the ratio before treatment is the patient's; otherwise typical patients'.
    end_d : float
        Day of the last fraction. [d]
    """

    day: Real
    ratio: Mapping[str, Real]
    neutrophils: Mapping[str, Real]
    known: bool
    end_d: float

    def at_end(self) -> dict[str, float]:
        """Band of the ratio on the reported day next to the last fraction."""
        i = int(np.abs(self.day - self.end_d).argmin())
        return {name: float(values[i]) for name, values in self.ratio.items()}

    def to_dict(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "day": self.day.tolist(),
            **{name: values.tolist() for name, values in self.ratio.items()},
            "neutrophils_over_baseline": {name: values.tolist() for name, values in self.neutrophils.items()},
            "before_of": "the patient" if self.known else "typical patients",
            "at_end": self.at_end(),
        }


def parts_of(dose: DoseDistribution) -> Real:
    """Dose of the marrow's parts of equal share, rising, shape (PARTS,). [Gy]

    Examples
    --------
    >>> d = parts_of(DoseDistribution(np.array([0.0, 2.0]), np.array([0.75, 0.25])))
    >>> int((d > 0).sum()), float(d[-1])
    (8, 2.0)
    """
    middle = (np.arange(PARTS) + 0.5) / PARTS
    at = np.searchsorted(np.cumsum(dose.share) / dose.share.sum(), middle)
    return np.asarray(dose.dose_gy[np.minimum(at, len(dose.dose_gy) - 1)])


def neutrophils(course: Course, draws: Draws, days: Real) -> Real:
    """Neutrophils over their baseline, shape (n, t).

    Parameters
    ----------
    course : Course
    draws : Draws
        Of the topic ``neutrophils``.
    days : ndarray, shape (t,)
        Increasing. [d]

    Notes
    -----
    Zero dose and no drug keep the baseline; more marrow dose never raises the count.
    """
    v = draws.values
    parts = [parts_of(phase.distribution("marrow")) for phase in course.phases]
    drug = chemo_parameter(course.chemo, course.drugs) is not None
    lost = v["drug.loss_rate"] if drug else np.zeros(draws.size)
    back, last = LN2 / v["regrowth.half_time"], course.last_fraction_d
    out = np.ones((draws.size, len(days)))
    # each draw has its own transit: events and reports are met in the draw's marrow time
    when = days[None, :] - v["transit"][:, None]
    production = np.ones((draws.size, PARTS))
    now = 0.0
    times, kinds = course.events()
    ends = [*zip(times.tolist(), kinds.tolist(), strict=True), (last, None), (np.inf, None)]
    for time, kind in sorted(ends, key=lambda e: (e[0], e[1] is None)):
        rate = back + lost * (now < last)
        level = back / rate
        seen = (when >= now) & (when < time)
        for column in np.flatnonzero(seen.any(axis=0)):
            rows = seen[:, column]
            left = np.exp(-rate[rows] * (when[rows, column] - now))
            mean = production[rows].mean(axis=1)
            out[rows, column] = level[rows] + (mean - level[rows]) * left
        left = np.exp(-rate * (time - now))[:, None]
        production = level[:, None] + (production - level[:, None]) * left
        if kind is not None:
            production = production * np.exp(-parts[kind][None, :] / v["d0"][:, None])
        now = time
    return out


def ratio_forecast(
    course: Course,
    people: Population,
    beliefs: Population,
    *,
    before: float | None = None,
    age_y: float | None = None,
    seed: int = 1,
    draws: int = DRAWS,
    horizon_d: float = HORIZON_D,
) -> RatioForecast:
    """Forecast of the ratio.

    Parameters
    ----------
    course, people, age_y, seed, draws, horizon_d
        As for `ensemble.forecast`.
    beliefs : Population
        The topic ``neutrophils`` with its ranges.
    before : float, optional
        The patient's own ratio before treatment; typical patients' without it.
    """
    days = np.arange(0.0, horizon_d + 1.0, EVERY_D)
    drawn, own = draw(people, draws, seed, PATIENT_DIMENSIONS), draw(beliefs, draws, seed, ("ratio",))
    first = np.full(draws, before) if before else own.values["ratio"] * own.patient("ratio", own.values["spread.ratio"])
    n = neutrophils(course, own, days)
    ratio = first[:, None] * n / realise(course, drawn, people, age_y).ratio(days)
    level, at = np.full(draws, 1.0 / draws), np.array(list(BAND.values()))
    return RatioForecast(
        read_only(days),
        dict(zip(BAND, quantiles(ratio, level, at), strict=True)),
        dict(zip(BAND, quantiles(n, level, at), strict=True)),
        before is not None,
        course.last_fraction_d,
    )
